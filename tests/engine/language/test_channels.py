"""Thoughts, answer and calls told apart, however the stream is cut."""

from hypothesis import given
from hypothesis import strategies as st

from tandem.engine.language.channels import CallMark, CallMarks, Channels, Segment

HERMES = CallMarks(marks=(CallMark("<tool_call>", "</tool_call>"),))
BARE = CallMarks(marks=(CallMark("<|python_tag|>"),), bare=True)
WORDS = CallMarks(marks=(CallMark("functools[", keeps=1),))
fragments = st.sampled_from(
    ["<think>", "</think>", "<tool_call>", "</tool_call>", "<", "<t", ">", "a", "b c", "\n", " ", '{"x": 1}', "hink>"]
)


def told(channels: Channels, pieces: list[str]) -> list[Segment]:
    found = [segment for piece in pieces for segment in channels.feed(piece)]
    return found + channels.flush()


def joined(segments: list[Segment]) -> list[tuple[str, str]]:
    """Neighbours of one kind as one; calls stay apart."""
    out: list[tuple[str, str]] = []
    for segment in segments:
        if out and out[-1][0] == segment.kind != "call":
            out[-1] = (segment.kind, out[-1][1] + segment.text)
        else:
            out.append((segment.kind, segment.text))
    return out


@given(st.lists(fragments, max_size=14), st.data(), st.booleans())
def test_where_the_stream_is_cut_makes_no_difference(parts: list[str], data: st.DataObject, thinking: bool) -> None:
    text = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    whole = told(Channels(thinking=thinking, may_think=True, marks=HERMES), [text])
    cut = told(Channels(thinking=thinking, may_think=True, marks=HERMES), pieces)
    assert joined(cut) == joined(whole)


def test_thoughts_end_at_the_mark_and_line_breaks_around_it_go() -> None:
    pieces = ["Let me ", "see.\n", "</th", "ink>\n\n", "Four", "."]
    segments = joined(told(Channels(thinking=True), pieces))
    assert segments == [("reasoning", "Let me see."), ("text", "Four.")]


def test_an_answer_may_open_its_thoughts_itself_but_only_at_the_beginning() -> None:
    pieces = ["\n<think>", "hm</think>So <think> is a tag"]
    assert joined(told(Channels(may_think=True), pieces)) == [("reasoning", "hm"), ("text", "So <think> is a tag")]


def test_a_model_that_does_not_think_may_write_the_tag() -> None:
    assert joined(told(Channels(), ["<think>", "a</think>"])) == [("text", "<think>a</think>")]


def test_calls_come_whole_with_the_text_around_them() -> None:
    text = 'Looking.<tool_call>\n{"name": "a"}\n</tool_call>\n<tool_call>{"name": "b"}</tool_call>'
    assert joined(told(Channels(marks=HERMES), list(text))) == [
        ("text", "Looking."),
        ("call", '\n{"name": "a"}\n'),
        ("call", '{"name": "b"}'),
    ]


def test_an_unfinished_call_keeps_its_mark_for_those_who_show_it_as_text() -> None:
    segments = told(Channels(marks=HERMES), ["a <tool_call>{"])
    assert segments[-1] == Segment("call", "{", "<tool_call>{")


def test_a_bare_object_is_a_call_only_at_the_beginning() -> None:
    assert joined(told(Channels(marks=BARE), ['{"name"', ': "a"}'])) == [("call", '{"name": "a"}')]
    assert joined(told(Channels(marks=BARE), ['So {"name"', ': "a"}'])) == [("text", 'So {"name": "a"}')]


def test_a_mark_in_words_counts_only_as_a_whole() -> None:
    assert joined(told(Channels(marks=WORDS), ["import func", "tools\n"])) == [("text", "import functools\n")]
    segments = told(Channels(marks=WORDS), ["functools", "[1]"])
    assert segments == [Segment("call", "[1]", "functools[1]")]


def test_text_that_is_only_the_beginning_of_a_mark_is_shown_in_the_end() -> None:
    assert joined(told(Channels(marks=HERMES), ["1 <", "tool"])) == [("text", "1 <tool")]
