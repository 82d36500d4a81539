"""Arguments of a tool call go out while they are written, and are together what was written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.folders import CHATML, write_folder
from support.speaking import calls_of, end_of, greedy, hear, text_of
from tandem.core.chat import ChatRequest, Message, Tool, ToolCallDelta, ToolChoice
from tandem.engine.language import Language
from tandem.engine.language.calling import CallPiece, CallReader

NAMES = ("write", 'od"d')
NOTE = Tool(name="write", parameters_json='{"type": "object", "properties": {"text": {"type": "string"}}}')
LETTER = json.dumps({"text": 'Dear "Ann"}, {see below} \\\\ \n' * 5, "copies": [{"to": "b"}, 2]}, ensure_ascii=False)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(['"', "\\", "{", "}", '\\"}']),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
arguments = st.dictionaries(st.text(max_size=6), values, max_size=4)


@pytest.fixture(scope="module")
def language(tmp_path_factory: pytest.TempPathFactory) -> Language:
    template = "{# <tool_call> #}{% for tool in tools or [] %}{{ tool | tojson }}{% endfor %}" + CHATML
    folder = write_folder(
        tmp_path_factory.mktemp("hermes"), template=template, plain_controls=("<tool_call>", "</tool_call>")
    )
    return Language.open(folder)


def ask(**more: object) -> ChatRequest:
    return ChatRequest(
        id="r",
        model="m",
        messages=(Message(role="user", content="Write to Ann."),),
        tools=(NOTE,),
        sampling=greedy(max_tokens=900),
        **more,  # pyright: ignore[reportArgumentType]
    )


def joined(pieces: list[CallPiece]) -> list[tuple[str, str]]:
    calls: list[tuple[str, str]] = []
    for piece in pieces:
        name, before = calls.pop() if piece.name is None else (piece.name, "")
        calls.append((name, before + piece.arguments))
    return calls


@given(
    st.lists(st.tuples(st.sampled_from(NAMES), arguments), min_size=1, max_size=3),
    st.booleans(),
    st.booleans(),
    st.data(),
)
def test_calls_cut_anywhere_are_the_calls_that_were_written(
    calls: list[tuple[str, dict[str, object]]], listed: bool, escaped: bool, data: st.DataObject
) -> None:
    texts = [(name, json.dumps(given, ensure_ascii=escaped)) for name, given in calls]
    objects = [f'{{"name": {json.dumps(name)}, "arguments": {text}}}' for name, text in texts]
    said = f"[{', '.join(objects)}]" if listed else "\n" + "\n".join(objects) + "\n"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=30)))
    reader = CallReader(NAMES, most=None)
    pieces: list[CallPiece] = []
    for begin, end in zip([0, *cuts], [*cuts, len(said)], strict=True):
        pieces += reader.feed(said[begin:end])
    assert joined(pieces) == texts
    assert (reader.heard, reader.begun, reader.unread) == (len(said), len(calls), "")


@pytest.mark.parametrize(
    "said",
    [
        '{"name": "unknown", "arguments": {"a": 1}}',
        '{"arguments": {"a": 1}, "name": "write"}',
        '{"name": "write", "arguments": "{}"}',
        '{"name": "write", "arguments": [1]}',
        '{"name": "write"}',
        "Hello {",
        "x" * 5000,
    ],
)
def test_what_has_another_form_is_left_to_be_read_as_a_whole(said: str) -> None:
    reader = CallReader(NAMES, most=None)
    assert [piece for char in said for piece in reader.feed(char)] == []
    assert reader.begun == 0


def test_arguments_go_out_while_they_are_written(language: Language) -> None:
    said = f'Sure.<tool_call>\n{{"name": "write", "arguments": {LETTER}}}\n</tool_call>'
    events, _ = hear(language, ask(), said)

    deltas = [event for event in events if isinstance(event, ToolCallDelta)]
    assert len(deltas) > 20
    assert max(len(delta.arguments) for delta in deltas) < len(LETTER) / 5
    assert calls_of(events) == [("write", LETTER)]
    assert (text_of(events), end_of(events).reason) == ("Sure.", "tool_calls")


def test_so_do_those_of_a_demanded_call(language: Language) -> None:
    said = f'<tool_call>\n{{"name": "write", "arguments": {LETTER}}}\n</tool_call>'
    events, _ = hear(language, ask(tool_choice=ToolChoice(mode="required")), said)
    assert len([event for event in events if isinstance(event, ToolCallDelta)]) > 20
    assert calls_of(events) == [("write", LETTER)]


def test_what_follows_a_call_within_its_marks_is_a_call_or_text(language: Language) -> None:
    head = f'<tool_call>{{"name": "write", "arguments": {LETTER}}}'
    other = '{"name": "write", "arguments": "{\\"text\\": \\"b\\"}"}'
    events, _ = hear(language, ask(), f"{head}\n{other}</tool_call>")
    assert calls_of(events) == [("write", LETTER), ("write", '{"text": "b"}')]
    events, _ = hear(language, ask(), f"{head} and so on</tool_call>")
    assert (calls_of(events), text_of(events)) == ([("write", LETTER)], "and so on")
    events, _ = hear(language, ask(parallel_tool_calls=False), f"{head}\n{other}</tool_call> Done.")
    assert (calls_of(events), text_of(events)) == ([("write", LETTER)], "")


def test_a_call_that_the_limit_cuts_off_says_length(language: Language) -> None:
    said = f'<tool_call>\n{{"name": "write", "arguments": {LETTER}}}\n</tool_call>'
    request = ChatRequest(id="r", model="m", messages=ask().messages, tools=(NOTE,), sampling=greedy(max_tokens=120))
    events, _ = hear(language, request, said)
    ((name, begun),) = calls_of(events)
    assert name == "write"
    assert LETTER.startswith(begun)
    assert begun
    assert end_of(events).reason == "length"
