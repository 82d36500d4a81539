"""Chat templates by Hugging Face's conventions, and what a hostile one may not do."""

import time

import pytest

from tandem.core.errors import BadRequest, CorruptFile
from tandem.engine.language.templates import FALLBACK, ChatTemplate

TURNS = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]


def render(source: str, **variables: object) -> str:
    return ChatTemplate(source, {"bos_token": "<s>", "eos_token": "</s>"}).render({"messages": TURNS, **variables})


def test_blocks_are_trimmed_and_special_tokens_are_at_hand() -> None:
    source = """{{ bos_token }}
    {% for m in messages %}
        {%- if m.role == 'system' %}{% continue %}{% endif %}
[{{ m.role }}] {{ m['content'] }}{{ eos_token }}
    {% endfor %}
    {% if add_generation_prompt %}
[bot]{% endif %}"""
    assert render(source) == "<s>\n[user] Hi</s>\n[bot]"


def test_json_is_written_as_hugging_face_writes_it() -> None:
    assert render("{{ x | tojson }}", x={"a": "<ż&'>"}) == '{"a": "<ż&\'>"}'
    assert render("{{ x | tojson(indent=1) }}", x={"a": 1}) == '{\n "a": 1\n}'


def test_the_idioms_of_real_templates_work() -> None:
    source = (
        "{%- set ns = namespace(last=-1, found=false) %}"
        "{%- for m in messages[::-1] %}"
        "{% if m.content is string and not m.content.startswith('<x>') and not ns.found %}"
        "{% set ns.last = loop.index0 %}{% set ns.found = true %}{% endif %}{% endfor %}"
        "{{ ns.last }} {{ 'a</think>\n b'.split('</think>')[-1].lstrip('\n') }} "
        "{{ tools is defined and tools is not none }}"
        " {{ '%s-%s' | format(1, 2) }} {{ strftime_now('%Y') | length }} {{ ['a', 'b'] | join(', ') }}"
    )
    assert render(source) == "0  b False 1-2 4 a, b"


def test_a_template_may_refuse_a_conversation_in_its_own_words() -> None:
    with pytest.raises(BadRequest, match="turns must alternate") as caught:
        render("{{ raise_exception('turns must alternate') }}")
    assert caught.value.param == "messages"


@pytest.mark.parametrize(
    "source", ["{{ messages[9].content.x }}", "{{ messages + 1 }}", "{{ 1 / 0 }}", "{{ nothing() }}"]
)
def test_a_template_that_fails_is_a_bad_request_without_the_words_of_the_prompt(source: str) -> None:
    with pytest.raises(BadRequest, match="cannot render") as caught:
        render(source)
    assert "Be brief" not in str(caught.value)


def test_a_template_that_does_not_compile_is_a_corrupt_file() -> None:
    with pytest.raises(CorruptFile, match="does not compile"):
        ChatTemplate("{% for %}", {})


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ messages.append(1) }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ raise_exception.__globals__ }}",
        "{{ ''['__class__'] }}{{ (''|attr('__class__')).__mro__[1].__subclasses__() }}",
    ],
)
def test_a_template_cannot_leave_its_sandbox(source: str) -> None:
    try:
        text = render(source)
    except BadRequest:
        return
    assert text == ""


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{{ messages[0].content }}{% endfor %}{% endfor %}",
        "{{ 'x' * 999999999 }}",
        "{{ 'x' | center(999999999) }}",
        "{{ '%999999999d' % 1 }}",
        "{{ '{:999999999}'.format(1) }}",
        "{{ 9 ** 9 ** 9 }}",
        "{% set ns = namespace(x='x' * 1000) %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{% set ns = namespace(x='x' * 1000) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% for i in range(99999) %}{{ 'x' * 1000 }}{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    ],
)
def test_a_template_is_bounded_in_time_and_size(source: str) -> None:
    begun = time.monotonic()
    with pytest.raises(BadRequest):
        render(source)
    assert time.monotonic() - begun < 8


def test_the_fallback_is_plain_paragraphs() -> None:
    assert render(FALLBACK) == "System: Be brief.\n\nUser: Hi\n\nAssistant:"
