"""Tool calls as each family writes them: read, and enforced."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from support.folders import CHATML, write_folder
from support.speaking import calls_of, end_of, greedy, hear, text_of
from tandem.core.chat import ChatRequest, Message, Sampling, Tool, ToolCallDelta, ToolChoice
from tandem.core.errors import BadRequest
from tandem.engine.language import Language
from tandem.engine.language.dialects import DEEPSEEK, HERMES, LLAMA, MISTRAL, PHI, Call, Dialect, dialect_of

WEATHER = Tool(
    name="get_weather",
    parameters_json=json.dumps(
        {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 8}, "unit": {"enum": ["C", "F"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        }
    ),
)
CLOCK = Tool(name="clock", parameters_json='{"type":"object","properties":{},"additionalProperties":false}')
LISTING = "{% for tool in tools or [] %}{{ tool | tojson }}{% endfor %}" + CHATML
CALL, UNCALL = "<\uff5ctool\u2581call\u2581begin\uff5c>", "<\uff5ctool\u2581call\u2581end\uff5c>"
CALLS, UNCALLS, SEP = (
    "<\uff5ctool\u2581calls\u2581begin\uff5c>",
    "<\uff5ctool\u2581calls\u2581end\uff5c>",
    "<\uff5ctool\u2581sep\uff5c>",
)
FENCED = f'{CALL}function{SEP}get_weather\n```json\n{{"city": "Oslo", "unit": "C"}}\n```{UNCALL}'
FAMILIES: dict[str, tuple[str, tuple[str, ...], tuple[str, ...], str]] = {
    "hermes": (
        "{# <tool_call> #}" + LISTING,
        (),
        ("<tool_call>", "</tool_call>"),
        '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo", "unit": "C"}}\n</tool_call>',
    ),
    "phi": (
        "{# <|tool_call|> #}" + LISTING,
        ("<|tool_call|>", "<|/tool_call|>"),
        (),
        '<|tool_call|>[{"name": "get_weather", "arguments": {"city": "Oslo", "unit": "C"}}]<|/tool_call|>',
    ),
    "phi in words": (
        "{# functools #}" + LISTING,
        (),
        (),
        'functools[{"name": "get_weather", "arguments": {"city": "Oslo", "unit": "C"}}]',
    ),
    "mistral": (
        "{# [TOOL_CALLS] #}" + LISTING,
        ("[TOOL_CALLS]",),
        (),
        '[TOOL_CALLS][{"name": "get_weather", "arguments": {"city": "Oslo", "unit": "C"}}]',
    ),
    "llama": (LISTING, ("<|python_tag|>",), (), '{"name": "get_weather", "parameters": {"city": "Oslo", "unit": "C"}}'),
    "deepseek": (
        f"{{# {CALL} #}}{LISTING}",
        (CALLS, UNCALLS, CALL, UNCALL, SEP),
        (),
        f"{CALLS}{FENCED}{UNCALLS}",
    ),
}


def language_of(family: str, folder: Path) -> Language:
    template, special, plain, _ = FAMILIES[family]
    specials = ("<|im_start|>", *special, "<|im_end|>")
    return Language.open(write_folder(folder, template=template, special=specials, plain_controls=plain))


def ask(*, choice: ToolChoice | None = None, tools: tuple[Tool, ...] = (WEATHER, CLOCK), **more: object) -> ChatRequest:
    return ChatRequest(
        id="r",
        model="m",
        messages=(Message(role="user", content="Weather in Oslo?"),),
        tools=tools,
        tool_choice=choice or ToolChoice(),
        sampling=greedy(max_tokens=400),
        **more,  # pyright: ignore[reportArgumentType]
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_call_in_the_familys_words_becomes_a_call(family: str, tmp_path: Path) -> None:
    language = language_of(family, tmp_path)
    assert "tools" in language.abilities

    events, _ = hear(language, ask(), FAMILIES[family][3])

    assert calls_of(events) == [("get_weather", '{"city": "Oslo", "unit": "C"}')]
    assert text_of(events) == ""
    assert end_of(events).reason == "tool_calls"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("mode", ["required", "named"])
def test_a_demanded_call_comes_whatever_the_model_wants_to_say(family: str, mode: str, tmp_path: Path) -> None:
    language = language_of(family, tmp_path)
    choice = ToolChoice(mode="named", name="get_weather") if mode == "named" else ToolChoice(mode="required")
    tools = (WEATHER,) if mode == "required" else (CLOCK, WEATHER)
    request = ask(choice=choice, tools=tools, parallel_tool_calls=False)

    events, _ = hear(language, request, "I would rather talk about the sea, if you do not mind.")

    (name, arguments), *_ = calls_of(events)
    assert name == "get_weather"
    given = json.loads(arguments)
    assert set(given) == {"city", "unit"}
    assert given["unit"] in {"C", "F"}
    assert end_of(events).reason == "tool_calls"


@pytest.mark.parametrize("family", FAMILIES)
def test_the_grammar_of_a_demanded_call_takes_the_familys_own_words(family: str, tmp_path: Path) -> None:
    language = language_of(family, tmp_path)
    said = FAMILIES[family][3]
    events, utterance = hear(language, ask(choice=ToolChoice(mode="required")), said)
    assert calls_of(events) == [("get_weather", '{"city": "Oslo", "unit": "C"}')]
    wanted = language.prepare(ChatRequest(id="t", model="m", raw_prompt=said)).tokens
    assert utterance.completion_tokens == len(wanted)


@pytest.mark.parametrize("family", ["hermes", "phi", "llama", "deepseek"])
def test_strict_tools_bind_a_call_that_the_model_opens_by_itself(family: str, tmp_path: Path) -> None:
    language = language_of(family, tmp_path)
    strict = Tool(name="get_weather", parameters_json=WEATHER.parameters_json, strict=True)
    wrong = FAMILIES[family][3].replace('"unit": "C"', '"unit": "Kelvin"')

    events, _ = hear(language, ask(tools=(strict,), parallel_tool_calls=False), wrong)

    ((name, arguments),) = calls_of(events)
    assert name == "get_weather"
    assert json.loads(arguments)["unit"] in {"C", "F"}


@pytest.mark.parametrize("family", ["hermes", "phi", "llama", "deepseek"])
def test_strict_tools_leave_plain_words_free(family: str, tmp_path: Path) -> None:
    strict = Tool(name="get_weather", parameters_json=WEATHER.parameters_json, strict=True)
    events, _ = hear(language_of(family, tmp_path), ask(tools=(strict,)), "It rains, {I think}.")
    assert text_of(events) == "It rains, {I think}."
    assert end_of(events).reason == "stop"


ODD_NAMES = ["żółw", 'a"b\\c', "line\nbreak", "%json {}", "<[3]>", "x" * 200]
# DeepSeek writes names bare, so white space and marks end one.
ODD_CALLS = [
    (family, name) for family in FAMILIES for name in ODD_NAMES if family != "deepseek" or not set(name) & set(" \n<")
]


@pytest.mark.parametrize(("family", "name"), ODD_CALLS)
def test_no_name_of_a_tool_breaks_out_of_its_grammar(family: str, name: str, tmp_path: Path) -> None:
    odd = Tool(name=name, parameters_json=CLOCK.parameters_json)
    request = ask(choice=ToolChoice(mode="required"), tools=(odd,), parallel_tool_calls=False)
    request = replace(request, sampling=greedy(max_tokens=800))
    events, _ = hear(language_of(family, tmp_path), request, "Well,")
    assert calls_of(events) == [(name, "{}")]


def test_several_calls_keep_their_order_and_have_their_own_ids(tmp_path: Path) -> None:
    one = '<tool_call>\n{"name": "clock", "arguments": {}}\n</tool_call>'
    events, _ = hear(language_of("hermes", tmp_path), ask(), f"Both.\n{one}\n{FAMILIES['hermes'][3]}")
    begun = [event for event in events if isinstance(event, ToolCallDelta) and event.id]
    assert [call.call_index for call in begun] == [0, 1]
    assert [name for name, _ in calls_of(events)] == ["clock", "get_weather"]
    ids = [call.id or "" for call in begun]
    assert len(set(ids)) == 2
    assert all(id_.startswith("call_") and id_.isascii() for id_ in ids)


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_without_parallel_calls_the_answer_ends_with_the_first(choice: str, tmp_path: Path) -> None:
    mode = ToolChoice(mode="required") if choice == "required" else ToolChoice()
    request = ask(choice=mode, parallel_tool_calls=False)
    one = '<tool_call>\n{"name": "clock", "arguments": {}}\n</tool_call>'
    events, _ = hear(language_of("hermes", tmp_path), request, f"{one}\n{one}")
    assert calls_of(events) == [("clock", "{}")]
    assert end_of(events).reason == "tool_calls"


@pytest.mark.parametrize(
    "said",
    [
        '<tool_call>{"name": "unknown", "arguments": {}}</tool_call>',
        "<tool_call>not json</tool_call>",
        '<tool_call>{"name": "clock", "arguments": [1]}</tool_call>',
        '<tool_call>{"name": "clock", "arg',
    ],
)
def test_what_is_no_call_of_an_offered_tool_is_shown_as_it_was_written(said: str, tmp_path: Path) -> None:
    events, _ = hear(language_of("hermes", tmp_path), ask(), said)
    assert calls_of(events) == []
    assert text_of(events) == said
    assert end_of(events).reason == "stop"


def test_without_tools_the_marks_are_plain_text(tmp_path: Path) -> None:
    said = FAMILIES["hermes"][3]
    events, _ = hear(language_of("hermes", tmp_path), ask(tools=()), said)
    assert text_of(events) == said
    events, _ = hear(language_of("hermes", tmp_path), ask(choice=ToolChoice(mode="none")), said)
    assert text_of(events) == said


def test_a_bare_object_that_is_no_call_is_the_answer(tmp_path: Path) -> None:
    events, _ = hear(language_of("llama", tmp_path), ask(), '{"answer": 42}')
    assert text_of(events) == '{"answer": 42}'


def test_parameters_that_cannot_be_enforced_are_refused_by_name(tmp_path: Path) -> None:
    language = language_of("hermes", tmp_path)
    bad = Tool(name="bad", parameters_json='{"type":"array"}')
    with pytest.raises(BadRequest) as caught:
        language.prepare(ask(tools=(WEATHER, bad), choice=ToolChoice(mode="required")))
    assert caught.value.param == "tools[1].function.parameters"


@pytest.mark.parametrize(
    ("template", "dialect"),
    [
        ("<tool_call>", HERMES),
        ("<|tool|>", PHI),
        ("functools", PHI),
        (CALL, DEEPSEEK),
        ("[TOOL_CALLS]", MISTRAL),
        ("{{ tools }}", LLAMA),
    ],
)
def test_a_template_tells_its_dialect_by_its_marks(template: str, dialect: Dialect) -> None:
    assert dialect_of(template) is dialect


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ('{"name": "a", "arguments": "{\\"x\\": 1}"}', [Call("a", '{"x": 1}')]),
        ('{"type": "function", "function": {"name": "a", "parameters": {}}}', [Call("a", "{}")]),
        ('[{"name": "a"}, {"name": "b", "arguments": {"x": "ż"}}]', [Call("a", "{}"), Call("b", '{"x": "ż"}')]),
        ('{"name": "a"}; {"name": "b"}', [Call("a", "{}"), Call("b", "{}")]),
        ('\n{"name": "a"}\n{"name": "b"}\n', [Call("a", "{}"), Call("b", "{}")]),
        ('{"name": "a"} and so on', None),
        ('{"name": "a", "arguments": {"x": 1e999}}', None),
        ('{"name": "a", "arguments": {"x": NaN}}', None),
        ("[]", None),
        ("", None),
        ("null", None),
        ('[{"name": "a"}, 3]', None),
        ('{"name": "a", "arguments": "no"}', None),
        ("[" * 100_000, None),
    ],
)
def test_calls_are_read_in_every_usual_shape(text: str, calls: list[Call] | None) -> None:
    assert HERMES.read(text) == calls


def test_newer_deepseek_calls_without_fences_are_read_too() -> None:
    assert DEEPSEEK.read(f'{CALL}clock{SEP}{{"a": {{"b": 1}}}}{UNCALL}') == [Call("clock", '{"a": {"b": 1}}')]


def test_seeded_answers_with_a_grammar_stay_within_it(tmp_path: Path) -> None:
    request = ask(choice=ToolChoice(mode="required"), tools=(WEATHER,))
    drawn = ChatRequest(
        id="r",
        model="m",
        messages=request.messages,
        tools=request.tools,
        tool_choice=request.tool_choice,
        parallel_tool_calls=False,
        sampling=Sampling(temperature=1.5, seed=5, max_tokens=400, logit_bias={5: 3.0}, frequency_penalty=1.0),
    )
    events, _ = hear(language_of("hermes", tmp_path), drawn, "x")
    ((name, arguments),) = calls_of(events)
    assert (name, set(json.loads(arguments))) == ("get_weather", {"city", "unit"})
