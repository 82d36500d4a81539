"""``tandem ask``: one answer, streamed; from a server that runs here already, else from a model loaded for it."""

import argparse
import sys
import uuid
from contextlib import AsyncExitStack, aclosing

from tandem.cli.console import note, print_json, progress_shown
from tandem.cli.words import Words
from tandem.core.chat import ChatReply, ChatRequest, Message, Started, TextDelta, collect
from tandem.core.ports import Responder
from tandem.settings import read_settings


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser, words: Words
) -> None:
    """Describe the command."""
    parser = commands.add_parser("ask", parents=[common], help=words("one answer, streamed"))
    parser.add_argument("text", metavar="TEXT|-", help=words("what to ask; - reads standard input"))
    parser.add_argument("--model", default="auto", help=words("a model or a policy (default: auto)"))
    parser.add_argument("--json", action="store_true", help=words("one JSON document when the answer is complete"))
    parser.add_argument("--private", action="store_true", help=words("nothing of it may leave this machine"))
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace, words: Words) -> int:
    """Ask, and print the answer as it comes."""
    from tandem.app import answering

    try:
        text = _asked(options.text)
    except UnicodeError:
        note(words("The question is not UTF-8 text. Save it as UTF-8 and ask again."))
        return 2
    if not text.strip():
        note(words("Nothing was asked. Give the text, or - to read standard input."))
        return 2
    settings = read_settings(options.config)
    request = ChatRequest(
        id=f"ask-{uuid.uuid4().hex}",
        model=options.model,
        messages=(Message(role="user", content=text),),
        private=options.private,
    )
    async with AsyncExitStack() as stack:
        with progress_shown() as progress:
            responder = await stack.enter_async_context(answering(settings, options.model, progress))
        if options.json:
            print_json(_document(await collect(responder.respond(request))))
        else:
            await _stream(responder, request)
    return 0


def _asked(text: str) -> str:
    """The question, from standard input where it is ``-``. Raises `UnicodeError` for bytes that are no UTF-8."""
    if text == "-":
        return sys.stdin.buffer.read().decode("utf-8-sig")
    text.encode("utf-8")  # bytes of an argument that were no UTF-8 arrive as lone surrogates
    return text


async def _stream(responder: Responder, request: ChatRequest) -> None:
    async with aclosing(responder.respond(request)) as events:
        async for event in events:
            match event:
                case TextDelta(text=text):
                    print(text, end="", flush=True)
                case Started(note=remark) if remark:
                    note(remark)
                case _:
                    continue
    print()


def _document(reply: ChatReply) -> dict[str, object]:
    choice, usage = reply.choices[0], reply.usage
    return {
        "model": reply.started.model,
        "place": reply.started.place,
        "because": list(reply.started.because),
        "fallbacks": reply.started.fallbacks,
        "note": reply.started.note,
        "text": choice.text,
        "reasoning": choice.reasoning or None,
        "finish_reason": choice.finish_reason,
        "usage": {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.total_tokens,
            "cached_tokens": usage.cached_tokens,
        },
    }
