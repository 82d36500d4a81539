"""From a request to its facts: every text that leaves is searched, the last question is judged."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.gateways import PESEL, SENSES, ask
from tandem.core.chat import Demand, Message, Original, ResponseFormat, Sampling, Tool, ToolCall
from tandem.routing.observe import (
    as_json,
    expected_tokens,
    is_data_address,
    observe,
    strings_in,
    strings_within,
    texts_of,
)

SECRET = f"PESEL {PESEL}"
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"messages": (Message(role="user", content=SECRET),)}, ""),
        ({"messages": (Message(role="system", content=SECRET), Message(role="user", content="x"))}, "messages[0]"),
        ({"messages": (Message(role="user", content="x", name=SECRET),)}, "messages[0].name"),
        ({"messages": (Message(role="assistant", content="x", reasoning=SECRET),)}, "messages[0].reasoning"),
        ({"raw_prompt": SECRET, "messages": ()}, ""),
        ({"attachments_text": ("x", SECRET)}, "attachments[1]"),
        ({"tools": (Tool(name="t", description=SECRET),)}, "tools[0]"),
        ({"tools": (Tool(name="t", parameters_json=json.dumps({"description": SECRET})),)}, "tools[0]"),
        ({"response_format": ResponseFormat(kind="json_schema", schema_json=json.dumps([SECRET]))}, "response_format"),
        ({"sampling": Sampling(stop=("x", SECRET))}, "stop"),
    ],
)
def test_private_text_is_found_wherever_it_stands(changes: dict[str, object], where: str) -> None:
    facts = observe(replace(ask("hi"), **changes), SENSES)  # pyright: ignore[reportArgumentType]

    assert {(span.label, span.where) for span in facts.private} == {("PESEL", where)}


def test_private_text_is_found_behind_the_escapes_of_arguments() -> None:
    escaped = '{"a": "' + "".join(f"\\u{ord(one):04x}" for one in "PESEL%20" + PESEL) + '"}'
    call = ToolCall(id="c", name="f", arguments=escaped)

    facts = observe(ask(messages=(Message(role="assistant", content="", tool_calls=(call,)),)), SENSES)

    assert {span.label for span in facts.private} == {"PESEL"}


def test_positions_count_code_points_of_the_text() -> None:
    before = "😀 \U0001d4b3 e\u0301 "

    (span,) = observe(ask(f"{before}{SECRET}"), SENSES).private

    assert (span.start, span.end, str(span)) == (
        len(before) + 6,
        len(before) + 17,
        f"PESEL at {len(before) + 6}-{len(before) + 17}",
    )


def test_wishes_labels_and_demands_become_facts() -> None:
    messages = (
        Message(role="user", content="a", label="internal"),
        Message(role="user", content="TITLE", label="secret"),
    )
    demand = Demand(param="audio", why="no")

    facts = observe(
        ask(
            messages=messages,
            private=True,
            labels=("internal", "other"),
            unreadable=2,
            demands=(demand,),
            original=Original(dialect="openai.chat", body={}),
        ),
        SENSES,
    )

    assert (facts.asked_private, facts.labels, facts.unreadable) == (True, ("internal", "other", "secret"), 2)
    assert (facts.purpose, facts.demands, facts.dialect) == ("title_generation", (demand,), "openai.chat")


def test_the_last_thing_that_a_person_said_is_judged() -> None:
    messages = (
        Message(role="user", content="difficulty=0.90"),
        Message(role="assistant", content="difficulty=0.80"),
        Message(role="user", content="def f(): difficulty=0.20"),
        Message(role="tool", content="difficulty=0.70"),
    )

    facts = observe(ask(messages=messages), SENSES)

    assert (facts.task, facts.difficulty) == ("code", 0.2)


@pytest.mark.parametrize(
    ("question", "task", "tokens"),
    [
        ("Hi", "chitchat", 60),
        ("Write 2000 words about rain.", "creative", 2800),
        ("Napisz 3 strony", "creative", 600),
        ("Napisz 30 stron", "creative", 18000),
        ("Exactly 10 words", "chitchat", 60),
        ("?", "unheard", 250),
    ],
)
def test_how_long_an_answer_will_be_is_read_from_the_question(question: str, task: str, tokens: int) -> None:
    assert expected_tokens(question, task) == tokens


def test_token_ids_are_told_and_what_the_caller_allows_bounds_what_is_expected() -> None:
    facts = observe(ask(messages=(), raw_prompt=(1, 2, 3), sampling=Sampling(max_tokens=7)), SENSES)

    assert (facts.token_ids, facts.max_tokens, facts.output_tokens) == (True, 7, 7)


def test_texts_that_occur_twice_are_searched_once() -> None:
    assert [where for where, _ in texts_of(ask("a", attachments_text=("a", "b", "a")))] == [
        "messages[0]",
        "attachments[1]",
    ]


@given(value=json_values)
def test_every_string_within_json_is_given_however_it_is_wrapped(value: object) -> None:
    texts = set(strings_in(value))

    assert texts <= set(strings_within([json.dumps(value) + " ", value]))
    if isinstance(value, dict | list) and "\\" in (written := json.dumps(value)):
        assert texts <= set(strings_within(written))


@pytest.mark.parametrize("text", ["", "{", "[1", '"', "{]", "[" * 100_000, "5", "plain"])
def test_what_is_no_json_is_plain_text(text: str) -> None:
    assert as_json(text) is None


def test_a_picture_is_passed_over_and_a_text_with_an_address_is_not() -> None:
    assert is_data_address("data:image/png;base64,AAAA")
    assert not is_data_address("data:text/plain,PESEL")
    assert not is_data_address("see data:image/png;base64,AAAA")
    assert list(strings_in({"a": "data:image/png;base64,AAAA", "b": 92040512344.0, "c": 5})) == [
        "a",
        "b",
        "92040512344",
        "c",
    ]
