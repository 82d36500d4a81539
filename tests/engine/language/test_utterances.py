"""What is said: text, thoughts, log-probabilities and forms, from logits that want a given text."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from support.asking import SCHEMA, THINKING, TOOLS, ask, prompt_text
from support.folders import CHATML, write_folder
from support.speaking import calls_of, end_of, greedy, hear, text_of, thoughts_of, tokens_of, wanting
from tandem.core.chat import Message, ResponseFormat, Sampling, TextDelta
from tandem.core.errors import BadRequest, ContextLengthExceeded
from tandem.engine.language import Language


@pytest.fixture
def language(tmp_path: Path) -> Language:
    return Language.open(write_folder(tmp_path / "tiny"))


def test_the_end_token_ends_the_answer_and_is_not_counted(language: Language) -> None:
    events, utterance = hear(language, ask(), "Hello 🐢!")
    assert text_of(events) == "Hello 🐢!"
    assert end_of(events).reason == "stop"
    assert utterance.completion_tokens == len(tokens_of(language, "Hello 🐢!"))
    assert utterance.reasoning_tokens == 0


def test_the_limit_ends_the_answer_exactly(language: Language) -> None:
    events, utterance = hear(language, ask(sampling=greedy(max_tokens=4)), "abcdefgh")
    assert text_of(events) == "abcd"
    assert (end_of(events).reason, utterance.completion_tokens) == ("length", 4)


def test_an_answer_that_only_repeats_itself_ends_where_no_limit_was_given(language: Language) -> None:
    rounds = "Well, then. " * 60

    events, utterance = hear(language, ask(sampling=greedy()), rounds)
    asked_for, _ = hear(language, ask(sampling=greedy(max_tokens=len(tokens_of(language, rounds)))), rounds)

    assert end_of(events).reason == "length"
    assert 192 <= utterance.completion_tokens <= 256
    assert text_of(asked_for) == rounds


def test_a_long_answer_that_goes_on_changing_is_no_loop(language: Language) -> None:
    counted = "".join(f"{number}. " for number in range(250))
    events, _ = hear(language, ask(sampling=greedy()), counted)
    assert text_of(events) == counted
    assert end_of(events).reason == "stop"


def test_a_character_cut_by_the_limit_is_one_replacement(language: Language) -> None:
    events, _ = hear(language, ask(sampling=greedy(max_tokens=3)), "a🐢")
    assert text_of(events) == "a\ufffd"


def test_a_stop_string_across_tokens_is_never_shown_and_is_named(language: Language) -> None:
    events, _ = hear(language, ask(sampling=greedy(stop=("STOP", "###"))), "one STO two STOP three")
    assert text_of(events) == "one STO two "
    assert end_of(events).stop_sequence == "STOP"


def test_text_held_for_a_stop_string_comes_out_at_the_end(language: Language) -> None:
    events, _ = hear(language, ask(sampling=greedy(stop=("STOP",))), "one STO")
    assert text_of(events) == "one STO"
    assert end_of(events).stop_sequence is None


def test_benchmarks_decode_exactly_what_they_ask_for(language: Language) -> None:
    events, utterance = hear(language, ask(sampling=greedy(max_tokens=50), ignore_eos=True), "ab")
    assert utterance.completion_tokens == 50
    assert end_of(events).reason == "length"


def test_tokens_beyond_the_tokenizer_are_never_chosen(language: Language) -> None:
    utterance = language.speak(ask(), language.prepare(ask()), 0)
    beyond = language.vocabulary_size - 1
    assert utterance.next_token(wanting(language, beyond, second=5)) == 5


def test_a_choice_that_was_not_asked_for_is_refused(language: Language) -> None:
    with pytest.raises(BadRequest):
        language.speak(ask(), language.prepare(ask()), 1)


def test_log_probabilities_are_the_raw_models_with_exact_bytes(language: Language) -> None:
    sampling = Sampling(temperature=0.5, seed=1, logprobs=True, top_logprobs=2, frequency_penalty=1.0, max_tokens=9)
    events, _ = hear(language, ask(sampling=sampling), "a🐢")
    told = [one for event in events if isinstance(event, TextDelta) for one in event.logprobs]
    assert b"".join(one.chosen.raw for one in told) == "a🐢".encode()
    assert [one.chosen.text for one in told[:2]] == ["a", "\ufffd"]
    logits = wanting(language, 3, second=4).astype(np.float64)
    exact = 20.0 - (logits.max() + math.log(np.exp(logits - logits.max()).sum()))
    for one in told:
        assert one.chosen.logprob == pytest.approx(exact, abs=1e-5)
        assert one.top[0] == one.chosen
        assert len(one.top) == 2
        assert one.top[0].logprob > one.top[1].logprob


def test_log_probabilities_come_with_their_text_and_those_of_a_stop_string_do_not(language: Language) -> None:
    events, _ = hear(language, ask(sampling=greedy(logprobs=True, stop=("STOP",))), "ab STcd STOPx")
    shown = [event for event in events if isinstance(event, TextDelta)]
    assert text_of(events) == "ab STcd "
    assert b"".join(one.chosen.raw for event in shown for one in event.logprobs) == b"ab STcd "
    assert all(not event.logprobs[0].top for event in shown if event.logprobs)


def test_a_template_that_opens_the_thought_begins_with_reasoning(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, template=THINKING, plain_controls=("<think>", "</think>"))
    language = Language.open(folder)
    assert "reasoning" in language.abilities
    events, utterance = hear(language, ask(sampling=greedy(stop=("So",))), "So, two and two.\n</think>\n\nFour.")
    assert thoughts_of(events) == "So, two and two."
    assert text_of(events) == "Four."
    assert utterance.reasoning_tokens == len(tokens_of(language, "So, two and two.\n</think>"))
    assert utterance.reasoning_tokens < utterance.completion_tokens


def test_a_model_that_opens_its_thoughts_itself_is_heard(tmp_path: Path) -> None:
    language = Language.open(write_folder(tmp_path, plain_controls=("<think>", "</think>")))
    events, _ = hear(language, ask(), "<think>\nHm.\n</think>\n\nFour.")
    assert (thoughts_of(events), text_of(events)) == ("Hm.", "Four.")
    events, _ = hear(language, ask(), "Four.")
    assert (thoughts_of(events), text_of(events)) == ("", "Four.")


def test_thoughts_cut_by_the_limit_stay_thoughts(tmp_path: Path) -> None:
    language = Language.open(write_folder(tmp_path, template=THINKING, special=("<think>", "</think>", "<|im_end|>")))
    events, _ = hear(language, ask(sampling=greedy(max_tokens=3)), "abcdef")
    assert (thoughts_of(events), text_of(events), end_of(events).reason) == ("abc", "", "length")


@pytest.mark.parametrize("template", [THINKING, CHATML])
def test_a_schema_binds_what_comes_after_the_thoughts(tmp_path: Path, template: str) -> None:
    language = Language.open(write_folder(tmp_path, template=template, plain_controls=("<think>", "</think>")))
    opened = "" if template == THINKING else "<think>"
    events, _ = hear(language, ask(response_format=SCHEMA), f"{opened}Yes, I {{think}}.</think>\n\nSure: ")
    assert thoughts_of(events) == "Yes, I {think}."
    assert json.loads(text_of(events)) in ({"ok": True}, {"ok": False})


def test_a_model_that_could_think_but_does_not_is_bound_from_its_first_token(tmp_path: Path) -> None:
    language = Language.open(write_folder(tmp_path, plain_controls=("<think>", "</think>")))
    events, _ = hear(language, ask(response_format=SCHEMA), "Sure!")
    assert json.loads(text_of(events)) in ({"ok": True}, {"ok": False})


@pytest.mark.parametrize("seed", range(6))
def test_a_drawn_answer_in_a_format_thinks_first_or_keeps_the_format_from_its_first_token(
    tmp_path: Path, seed: int
) -> None:
    language = Language.open(write_folder(tmp_path, plain_controls=("<think>", "</think>")))
    request = ask(response_format=SCHEMA, sampling=Sampling(temperature=1.0, seed=seed, max_tokens=900))
    utterance = language.speak(request, language.prepare(request), 0)
    think, unthink = tokens_of(language, "<think>")[0], tokens_of(language, "</think>")[0]
    brace = tokens_of(language, "{")[0]
    logits = np.zeros(language.vocabulary_size, dtype=np.float32)
    logits[[think, brace]] = 9.0
    logits[unthink] = 4.0
    events: list[object] = []
    while not utterance.finished:
        utterance.next_token(logits)
        events += utterance.take_events()
    visible = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert json.loads(visible) in ({"ok": True}, {"ok": False})


def test_a_prompt_that_could_never_fit_is_refused_before_it_is_read(language: Language) -> None:
    for request in (ask("x" * 50_000), ask(messages=(), raw_prompt="x" * 50_000)):
        with pytest.raises(ContextLengthExceeded, match="more than"):
            language.prepare(request)


def test_thoughts_that_a_client_sends_back_as_text_are_no_longer_text(tmp_path: Path) -> None:
    template = "{% for m in messages %}{{ m.role }}:{{ m.content }}|{{ m.reasoning_content }};{% endfor %}"
    language = Language.open(write_folder(tmp_path, template=template))
    turns = (
        Message(role="assistant", content="<think>\nhm\n</think>\n\nFour."),
        Message(role="user", content="<think>"),
    )
    assert prompt_text(language, ask(messages=turns)) == "assistant:Four.|hm;user:<think>|;"


def test_a_schema_binds_greedy_and_seeded_answers_alike(language: Language) -> None:
    for sampling in (greedy(), Sampling(temperature=1.3, top_p=0.95, seed=3, logit_bias={7: 2.0}, max_tokens=200)):
        events, _ = hear(language, ask(response_format=SCHEMA, sampling=sampling), "Certainly! Here it is")
        assert json.loads(text_of(events)) in ({"ok": True}, {"ok": False})
        assert end_of(events).reason == "stop"


def test_any_json_object_is_an_object(language: Language) -> None:
    events, _ = hear(language, ask(response_format=ResponseFormat(kind="json_object")), '{"a": [1, 2]}')
    assert text_of(events) == '{"a": [1, 2]}'


def test_an_answer_in_a_format_obeys_stop_strings_and_limits_too(language: Language) -> None:
    events, _ = hear(language, ask(response_format=SCHEMA, sampling=greedy(stop=('"ok"',))), '{"ok": true}')
    assert (text_of(events), end_of(events).stop_sequence) == ("{", '"ok"')
    events, _ = hear(language, ask(response_format=SCHEMA, sampling=greedy(max_tokens=3)), '{"ok": true}')
    assert end_of(events).reason == "length"


@pytest.mark.parametrize(("tokens", "reason"), [(40, "length"), (400, "stop")])
def test_an_answer_that_the_limit_made_end_is_whole_and_says_that_it_was_the_limit(
    language: Language, tokens: int, reason: str
) -> None:
    suns = ResponseFormat(kind="json_schema", schema_json='{"type": "array", "items": {"type": "string"}}')
    request = ask(response_format=suns, sampling=greedy(max_tokens=tokens))
    events, utterance = hear(language, request, "[" + '"sun", ' * 20 + '"moon"]')
    said = json.loads(text_of(events))
    assert said[0] == "sun"
    assert (said[-1] == "moon") == (reason == "stop")
    assert end_of(events).reason == reason
    assert utterance.completion_tokens <= tokens


def test_a_complete_form_ends_even_where_the_end_token_is_banned(language: Language) -> None:
    number = ResponseFormat(kind="json_schema", schema_json='{"type": "integer"}')
    events, _ = hear(language, ask(response_format=number, ignore_eos=True), "7" * 40)
    assert text_of(events) == "7" * 15
    assert end_of(events).reason == "stop"


def test_a_bias_that_forbids_the_whole_format_is_refused(language: Language) -> None:
    everything = dict.fromkeys(range(language.vocabulary_size - 3), -math.inf)
    request = ask(response_format=SCHEMA, sampling=greedy(logit_bias=everything))
    utterance = language.speak(request, language.prepare(request), 0)
    with pytest.raises(BadRequest) as caught:
        utterance.next_token(wanting(language, 3))
    assert caught.value.param == "logit_bias"


def test_tools_and_a_schema_go_together(tmp_path: Path) -> None:
    template = "{{ tools | tojson }}<tool_call>" + CHATML
    language = Language.open(write_folder(tmp_path, template=template, plain_controls=("<tool_call>", "</tool_call>")))
    request = ask(tools=TOOLS, response_format=SCHEMA)
    events, _ = hear(language, request, '{"ok": true}')
    assert (text_of(events), calls_of(events)) == ('{"ok": true}', [])
    events, _ = hear(language, request, '<tool_call>\n{"name": "clock", "arguments": {}}\n</tool_call>')
    assert (text_of(events), calls_of(events)) == ("", [("clock", "{}")])
