"""Fingerprints of the prompts with which chat programs ask for titles, tags and the like; none of their sentences.

A template is its fixed texts, with anything between them. Of each fixed text only the first 16 characters, its length
and its digest are kept. They were taken from Open WebUI's packages on PyPI (every minor version from 0.5.0 to 0.12.4,
``open_webui/config.py``), and from the public sources of the other programs, in November 2026.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Fixed:
    """A text that is always the same: how it opens, its length in code points, and its digest (see `digest_of`)."""

    opening: str
    characters: int
    digest: str


ANYTHING: None = None
"""Where a template takes in the conversation, a date or a language."""


@dataclass(frozen=True, slots=True)
class Template:
    """One prompt of one program. ``role`` says in which message it stands.

    ``after_talk`` tells of a prompt that follows the conversation itself; all others are alone with at most one turn.
    """

    purpose: str
    source: str
    pieces: tuple[Fixed | None, ...]
    role: Literal["user", "system"] = "user"
    after_talk: bool = False


TEMPLATES: tuple[Template, ...] = (
    Template(
        "title_generation",
        "Open WebUI 0.5.0 to 0.5.7",
        (
            Fixed("Create a concise", 200, "dd2943b2f55a370e"),
            Fixed(" special formatt", 277, "6bd88d170adcd34e"),
            ANYTHING,
            Fixed("\n</chat_history>", 16, "19e7282f08428017"),
        ),
    ),
    Template(
        "title_generation",
        "Open WebUI 0.5.10 to 0.6.5",
        (
            Fixed("### Task:\nGenera", 200, "60be28cc794823ba"),
            Fixed("s that enhance u", 656, "25c2698247d38ef5"),
            ANYTHING,
            Fixed("\n</chat_history>", 16, "19e7282f08428017"),
        ),
    ),
    Template(
        "title_generation",
        "Open WebUI 0.6.9 to 0.10.2",
        (
            Fixed("### Task:\nGenera", 200, "60be28cc794823ba"),
            Fixed("s that enhance u", 1019, "2fc8c23a1aa01a1e"),
            ANYTHING,
            Fixed("\n</chat_history>", 16, "19e7282f08428017"),
        ),
    ),
    Template(
        "title_generation",
        "Open WebUI 0.11.0 to 0.12.4",
        (
            Fixed("### Task:\nGenera", 200, "b69044d06f18079f"),
            Fixed("\n- Do not use em", 796, "a93295e323a48629"),
            ANYTHING,
            Fixed("\n</chat_history>", 16, "19e7282f08428017"),
        ),
    ),
    Template(
        "tags_generation",
        "Open WebUI 0.5.0 to 0.12.4",
        (
            Fixed("### Task:\nGenera", 200, "efb71a6455c4b45a"),
            Fixed("gy, Philosophy, ", 488, "b507ebe51751dd20"),
            ANYTHING,
            Fixed("\n</chat_history>", 16, "19e7282f08428017"),
        ),
    ),
    Template(
        "follow_up_generation",
        "Open WebUI 0.6.15 to 0.8.5",
        (
            Fixed("### Task:\nSugges", 200, "a8f82f502e06c935"),
            Fixed("ssion.\n### Guide", 697, "f7777529cb9592e8"),
            ANYTHING,
            Fixed("\n</chat_history>", 16, "19e7282f08428017"),
        ),
    ),
    Template(
        "follow_up_generation",
        "Open WebUI 0.8.12 to 0.12.0",
        (
            Fixed("### Task:\nSugges", 200, "a8f82f502e06c935"),
            Fixed("ssion.\n### Guide", 742, "5d11ada26e124042"),
            ANYTHING,
            Fixed("\n</chat_history>", 16, "19e7282f08428017"),
        ),
    ),
    Template(
        "follow_up_generation",
        "Open WebUI 0.12.2 to 0.12.4",
        (
            Fixed("### Task:\nPredic", 200, "3f670011856c363b"),
            Fixed("e user's directn", 1187, "69ff970719c87ab8"),
            ANYTHING,
            Fixed("\n</chat_history>", 16, "19e7282f08428017"),
        ),
    ),
    Template(
        "query_generation",
        "Open WebUI 0.5.0 to 0.12.4",
        (
            Fixed("### Task:\nAnalyz", 200, "22c80253d4782f5d"),
            Fixed(" is absolutely c", 934, "bc84abed33456ef2"),
            ANYTHING,
            Fixed(".\n- Always prior", 217, "81f8cb7250209b8c"),
            ANYTHING,
            Fixed("\n</chat_history>", 16, "19e7282f08428017"),
        ),
    ),
    Template(
        "autocomplete_generation",
        "Open WebUI 0.5.0 to 0.12.4",
        (
            Fixed("### Task:\nYou ar", 200, "488f79eda1fa376a"),
            Fixed("and meaning.  \n2", 980, "12cde2754b144ab2"),
            ANYTHING,
            Fixed("\n</chat_history>", 23, "2636a81d6d6812de"),
            ANYTHING,
            Fixed("</type>  \n<text>", 16, "680bed6beb328ecd"),
            ANYTHING,
            Fixed("</text>  \n#### O", 22, "4ca144a7acc5a325"),
        ),
    ),
    Template(
        "emoji_generation",
        "Open WebUI 0.5.0 to 0.12.4",
        (
            Fixed("Your task is to ", 223, "e9bb44dd9c0ff6be"),
            ANYTHING,
            Fixed("```", 3, "b42b92ca5161f568"),
        ),
    ),
    Template(
        "image_prompt_generation",
        "Open WebUI 0.5.7 to 0.12.4",
        (
            Fixed("### Task:\nGenera", 200, "f78bfea25764d312"),
            Fixed("t details, color", 508, "dd11a0e4b84678fb"),
            ANYTHING,
            Fixed("\n</chat_history>", 16, "19e7282f08428017"),
        ),
    ),
    Template(
        "function_calling",
        "Open WebUI 0.5.0 to 0.5.7",
        (
            Fixed("Available Tools:", 17, "2050d73d0d589187"),
            ANYTHING,
            Fixed("\nReturn an empty", 365, "8d8a6029c9bbe27d"),
        ),
        role="system",
    ),
    Template(
        "function_calling",
        "Open WebUI 0.5.10 to 0.12.4",
        (
            Fixed("Available Tools:", 17, "2050d73d0d589187"),
            ANYTHING,
            Fixed("\n\nYour task is t", 734, "b5a9f78927416a20"),
        ),
        role="system",
    ),
    Template(
        "title_generation",
        "LibreChat, its agents package 3.9",
        (
            Fixed("Analyze this con", 182, "330f56a3f78ea577"),
            ANYTHING,
            Fixed("\nAI: ", 5, "32e4d6476f5bf3a4"),
            ANYTHING,
        ),
    ),
    Template(
        "title_generation",
        "LibreChat, its agents package 3.9",
        (
            Fixed("Provide a concis", 143, "46da85c02a3a6a74"),
            ANYTHING,
            Fixed("\nAI: ", 5, "32e4d6476f5bf3a4"),
            ANYTHING,
        ),
    ),
    Template(
        "title_generation",
        "LibreChat 0.7, titles without agents",
        (
            Fixed("Please generate ", 247, "4e0088209dc4c486"),
            ANYTHING,
            Fixed('"\n||>Response:\n"', 16, "3062097b91d0fcc7"),
            ANYTHING,
            Fixed("\n\n||>Title:", 11, "87fc4118552742f7"),
        ),
        role="system",
    ),
    Template(
        "title_generation",
        "LibreChat, titles of assistants",
        (
            Fixed("Please generate ", 95, "5f5320fa41875c4a"),
            ANYTHING,
            Fixed("\nAssistant: ", 12, "72a19a74280bbd25"),
            ANYTHING,
            Fixed("\n\nTitle:", 8, "4054d56b467eafae"),
        ),
    ),
    Template(
        "title_generation",
        "Chatbox, 10 characters",
        (
            Fixed("Name the convers", 260, "42ad18c3a9fb55a3"),
            ANYTHING,
            Fixed("\n```\n\nPlease pro", 203, "ee95f48336a7f58c"),
        ),
    ),
    Template(
        "title_generation",
        "Chatbox, 30 characters",
        (
            Fixed("Based on the cha", 124, "820a5aedda173a6b"),
            ANYTHING,
            Fixed(".\nJust provide t", 70, "360d76c242de7f25"),
            ANYTHING,
            Fixed("\n```\n\nName this ", 59, "c8f38e11f93017e4"),
            ANYTHING,
            Fixed(".\nOnly give the ", 49, "4c18ae89a647e5a0"),
        ),
    ),
    Template(
        "title_generation",
        "big-AGI 1 and 2",
        (
            Fixed("Analyze the give", 231, "1de4ca120556545e"),
            ANYTHING,
            Fixed("```", 3, "b42b92ca5161f568"),
        ),
    ),
    Template(
        "title_generation",
        "big-AGI 1, its user's question first",
        (
            Fixed("Analyze the give", 200, "fb9382af9d029f88"),
            Fixed("t title and noth", 89, "a75e586e12faff8f"),
            ANYTHING,
            Fixed("```", 3, "b42b92ca5161f568"),
        ),
    ),
    Template(
        "title_generation",
        "LobeChat 1",
        (
            Fixed("You are a profes", 200, "165790a0daaa60c7"),
            Fixed("ximum 10 words\n-", 111, "cc2b2651feb611f4"),
            ANYTHING,
            Fixed("\n- The title sho", 106, "9e4a49d9974c0f18"),
        ),
        role="system",
    ),
    Template("title_generation", "NextChat 2", (Fixed("Please generate ", 193, "642b42961b54d72c"),), after_talk=True),
    Template(
        "title_generation", "NextChat 2, later", (Fixed("Please generate ", 204, "8fc3bc61c59b0102"),), after_talk=True
    ),
)
