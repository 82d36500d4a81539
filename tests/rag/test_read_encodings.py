import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.rag.read.document import Unreadable
from tandem.rag.read.encodings import decode

POLISH = "Zażółć gęślą jaźń. To jest próba, której nie można zgubić: „łódź” i źdźbło są na łące."
TEXTS = {
    POLISH: ("cp1250", "mac_latin2"),
    POLISH.replace("„", '"').replace("”", '"'): ("iso8859-2", "cp852"),
    "Příliš žluťoučký kůň úpěl ďábelské ódy": ("cp1250", "iso8859-2", "cp852"),
    "Grüße aus Köln und München, das ist schön": ("cp1252", "latin-1", "cp850", "mac_roman"),
    "El niño comió mañana en España, ¿verdad?": ("cp1252", "iso8859-15"),
    "Où est passé l'élève à côté du château français ?": ("cp1252",),
    "Съешь ещё этих мягких французских булок, да выпей же чаю": ("koi8-r", "cp866"),
    "Małe modele językowe": ("cp852",),
    "Årsregnskap for Tromsø kommune": ("cp1252",),
}


@pytest.mark.parametrize(("text", "encoding"), [(text, e) for text, several in TEXTS.items() for e in several])
def test_a_text_in_an_undeclared_encoding_is_read_right(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)).text == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_read_with_and_without_its_mark(encoding: str) -> None:
    assert decode(POLISH.encode(encoding)).text == POLISH


@pytest.mark.parametrize(
    "raw", ["ą".encode("cp1250"), "日本語テキスト".encode("shift_jis"), "漢字仮名".encode("gb18030")]
)
def test_what_could_be_several_things_is_reported(raw: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        decode(raw)

    assert caught.value.reason == "encoding_unclear"


def test_a_text_saved_twice_is_repaired_and_says_so() -> None:
    twice = POLISH.encode().decode("latin-1").encode()

    found = decode(twice)

    assert found.text == POLISH
    assert [note.code for note in found.notes] == ["mojibake_repaired"]


def test_lines_in_another_encoding_are_repaired_and_named() -> None:
    found = decode(f"{POLISH}\n".encode() * 3 + f"{POLISH}\n".encode("cp1250") * 2)

    assert found.text == f"{POLISH}\n" * 5
    assert [note.detail for note in found.notes] == ["cp1250 in 2 lines, first in line 4"]


def test_one_line_in_two_encodings_is_not_garbled() -> None:
    found = decode(POLISH.encode() + b" " + POLISH.encode("cp1250"))

    assert found.text == f"{POLISH} {POLISH}"


def test_a_character_cut_at_the_end_is_left_out_and_zeros_too() -> None:
    cut, holed = decode("zażó".encode()[:-1]), decode("ala\x00ż".encode() * 5)

    assert (cut.text, cut.notes[0].code) == ("zaż", "truncated_character")
    assert (holed.text, holed.notes[0].code) == ("alaż" * 5, "nul_bytes")


def test_every_kind_of_line_end_counts_one_line() -> None:
    assert decode(b"a\r\nb\rc\nd").text == "a\nb\nc\nd"


@given(st.binary(max_size=400))
def test_no_bytes_make_it_fail_in_another_way(raw: bytes) -> None:
    try:
        text, reason = decode(raw).text, "read"
    except Unreadable as error:
        text, reason = "none", error.reason

    assert text.strip()
    assert reason in {"read", "empty", "binary", "encoding_unclear"}


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), min_size=3))
def test_proper_utf8_is_never_taken_for_anything_else_but_a_text_saved_twice(text: str) -> None:
    if not text.strip():
        return

    found = decode(text.encode())

    assert found.text == text or any(note.code == "mojibake_repaired" for note in found.notes) or "\ufeff" in text
