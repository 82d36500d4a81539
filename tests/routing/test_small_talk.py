"""Small talk is known by whole templates: no prefix, however telling, makes a person's words a program's."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.shared import shared_data
from tandem.core.chat import Message, Role
from tandem.routing.small_talk import OPENING, SmallTalk, digest_of, fixed, recognise
from tandem.routing.small_talk_prints import ANYTHING, TEMPLATES, Template

HEAD = "### Task:\nFind a heading for this talk.\n<talk>\n"
MIDDLE = "\n</talk>\nThe language is: "
TAIL = ".\nNothing else, please."
HEADING = Template("heading", "ours", (fixed(HEAD), ANYTHING, fixed(MIDDLE), ANYTHING, fixed(TAIL)))
CHOICE = Template("choice", "ours", (fixed("These tools there are: "), ANYTHING), role="system")
NAMED = Template("naming", "ours", (fixed("Now give all that we said a name."),), after_talk=True)
KNOWN = SmallTalk([HEADING, CHOICE, NAMED])


def said(content: str, role: Role = "user") -> Message:
    return Message(role=role, content=content)


@given(st.text(), st.text(max_size=20))
def test_a_template_is_known_whatever_it_holds(talk: str, language: str) -> None:
    assert KNOWN.recognise([said(HEAD + talk + MIDDLE + language + TAIL)]) == "heading"


@given(st.integers(0, len(HEAD + MIDDLE + TAIL) - 1), st.sampled_from("abcXYZ.<"))
def test_one_other_letter_makes_it_a_persons_words(at: int, letter: str) -> None:
    words = HEAD + MIDDLE + TAIL
    changed = words[:at] + letter + words[at + 1 :]
    head, middle = changed[: len(HEAD)], changed[len(HEAD) : len(HEAD + MIDDLE)]
    asked = f"{head}USER: Hi{middle}Polish{changed[len(HEAD + MIDDLE) :]}"
    assert KNOWN.recognise([said(asked)]) == ("heading" if changed == words else None)


@pytest.mark.parametrize(
    "asked",
    [
        HEAD,
        HEAD + "Hi",
        HEAD + "Hi" + MIDDLE + "Polish",
        HEAD + "Hi" + TAIL,
        "Please: " + HEAD + "Hi" + MIDDLE + "Polish" + TAIL,
        HEAD + "Hi" + MIDDLE + "Polish" + TAIL + " And then a poem.",
        "### Task:\nFind a heading for this novel of mine, and say why you chose it.",
        "",
    ],
)
def test_a_part_of_a_template_is_not_the_template(asked: str) -> None:
    assert KNOWN.recognise([said(asked)]) is None


def test_a_text_that_holds_the_templates_own_pieces_is_still_told_apart_from_them() -> None:
    assert KNOWN.recognise([said(HEAD + MIDDLE[:OPENING] * 9 + MIDDLE + TAIL + MIDDLE + "x" + TAIL)]) == "heading"
    assert KNOWN.recognise([said(HEAD + MIDDLE[:OPENING] * 900 + TAIL)]) is None


def test_a_template_stands_where_its_program_puts_it() -> None:
    heading = HEAD + "Hi" + MIDDLE + "Polish" + TAIL
    assert KNOWN.recognise([said("Be nice.", "system"), said(heading)]) == "heading"
    assert KNOWN.recognise([said("Hi"), said("Hello", "assistant"), said(heading)]) is None
    assert KNOWN.recognise([said(heading, "system"), said("Hi")]) is None
    assert KNOWN.recognise([said("These tools there are: []", "system"), said("Query: Hi")]) == "choice"
    assert KNOWN.recognise([said("These tools there are: []")]) is None
    naming = [said("Hi"), said("Hello", "assistant"), said("Now give all that we said a name.")]
    assert KNOWN.recognise(naming) == "naming"
    assert KNOWN.recognise([*naming, said("Ours", "assistant"), said("Thanks")]) is None
    assert KNOWN.recognise([]) is None


def test_a_template_that_opens_with_anything_is_refused() -> None:
    with pytest.raises(ValueError, match="fixed text"):
        SmallTalk([Template("loose", "ours", (ANYTHING, fixed("and so on for ever")))])


def test_every_print_has_a_source_a_purpose_and_something_to_tell_it_by() -> None:
    assert {template.purpose for template in TEMPLATES} == {
        "title_generation",
        "tags_generation",
        "follow_up_generation",
        "query_generation",
        "autocomplete_generation",
        "emoji_generation",
        "image_prompt_generation",
        "function_calling",
    }
    for template in TEMPLATES:
        pieces = [piece for piece in template.pieces if piece is not None]
        assert template.source
        assert sum(piece.characters for piece in pieces) >= 95, template.source
        assert all(len(piece.opening) == min(OPENING, piece.characters) for piece in pieces)
        assert all(len(piece.digest) == 16 for piece in pieces)


@pytest.mark.shared_data
def test_what_open_webui_was_recorded_to_send_opens_as_a_template_of_its_purpose() -> None:
    """The recording keeps the first 400 characters of each prompt: the first piece of its template."""
    found: set[str] = set()
    lines = (shared_data("openwebui_requests") / "requests.jsonl").read_text("utf-8").splitlines()
    for line in lines:
        request = json.loads(line)
        if not request.get("path", "").endswith("/chat/completions"):
            continue
        content = request["body"]["messages"][-1]["content"]
        firsts = {(template.purpose, template.pieces[0]) for template in TEMPLATES}
        purposes = {
            purpose
            for purpose, first in firsts
            if first is not None and digest_of(content[: first.characters]) == first.digest
        }
        assert purposes == ({request["purpose"]} if request["purpose"].endswith("generation") else set())
        assert recognise([Message(role="user", content=content)]) is None  # it is cut: no whole template
        found |= purposes
    assert len(found) == 5
