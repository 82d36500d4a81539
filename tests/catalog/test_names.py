"""Ids are safe as folder names everywhere, and any name can be made into one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.catalog.names import checked_id, slug
from tandem.core.errors import BadRequest


@pytest.mark.parametrize("good", ["a", "phi-4-mini", "qwen2.5-0.5b", "smollm2-135m_int8", "0", "x" * 64])
def test_a_plain_id_is_taken_as_it_is(good: str) -> None:
    assert checked_id(good) == good


@pytest.mark.parametrize(
    "bad",
    [
        "", ".", "..", "../x", "a/b", "a\\b", "/etc", "C:x", "a..b", "-a", "a-", "A", "ż", "a b", "a\0b", "a\nb",
        "x" * 65, "auto", "auto:mine", "con", "nul", "com1.txt", "aux.model", "lpt9",
    ],
)  # fmt: skip
def test_an_id_that_could_do_harm_is_refused_with_a_better_one(bad: str) -> None:
    with pytest.raises(BadRequest) as told:
        checked_id(bad)

    assert told.value.param == "id"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Qwen2.5 0.5B Instruct", "qwen2.5-0.5b-instruct"),
        ("SmolLM2_135M", "smollm2_135m"),
        ("../../etc/passwd", "etc-passwd"),
        ("Żółw: gęś", "zow-ges"),
        ("模型", "model"),
        ("a--b..c", "a-b.c"),
    ],
)
def test_a_name_becomes_an_id(name: str, expected: str) -> None:
    assert slug(name) == expected


@given(st.text(max_size=200))
def test_every_slug_is_an_id_or_a_word_with_a_meaning_of_its_own(name: str) -> None:
    made = slug(name)
    if made.split(".")[0] in {"auto", "echo", "con", "prn", "aux", "nul"} or made[:3] in {"com", "lpt"}:
        return
    assert checked_id(made) == made
