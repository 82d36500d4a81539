"""What is hidden comes back exactly, however the stream is cut, and nothing of it leaves."""

import json
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.routing.private import Detector, Finding
from tandem.routing.private.checksums import is_id_card, is_luhn, is_polish_account, weighed
from tandem.routing.private.standins import Pseudonyms

DETECTOR = Detector(terms=["Projekt Żubr"])
VALUES = [
    "PESEL 44051401359",
    "PESEL 440514 01359",
    "NIP 525-224-84-81",
    "REGON 012100784",
    "dowód ABA 300000",
    "paszport ZS0000177",
    "konto PL61109010140000071219812874",
    "karta 4111 1111 1111 1111",
    "jan.k@firma.pl",
    "tel. +48 600 700 800",
    "tel. 600-700-801",
    "call (212) 555-7834",
    "IP 10.20.30.40",
    "2001:db8:85a3::8a2e:370:7334",
    "SSN 536-90-4399",
    "hasło: kotek123",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "ur. 12.05.1980",
    "ul. Długa 5, 30-001 Kraków",
    "Projekt Żubr",
    "CPF 111.444.777-35",
    "Annie Kowalskiej",
    "Pan Krzysztof Gołąb",
    "Mr. Ronan Collobert",
    "JAN NOWAK",
    "Maciej Wiśniewski-Kania",
    "Account number 12345678",
]
TEXTS = st.lists(st.one_of(st.sampled_from(VALUES), st.text('abc .,:ąłŻ\n"\\{}é-', max_size=6)), max_size=10).map(
    " ".join
)


def bare(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))


def fed(pseudonyms: Pseudonyms, pieces: list[str], *, in_json: bool = False) -> str:
    restorer = pseudonyms.restorer(in_json=in_json)
    return "".join([*(restorer.feed(piece) for piece in pieces), restorer.end()])


def cut(text: str, at: list[int]) -> list[str]:
    places = sorted({0, len(text), *(place % (len(text) + 1) for place in at)})
    return [text[first:last] for first, last in pairwise(places)]


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.lists(st.integers(0, 2000), max_size=30))
def test_what_was_hidden_comes_back_however_the_stream_is_cut(text: str, places: list[int]) -> None:
    pseudonyms = Pseudonyms([text])
    hidden = pseudonyms.hide(text, DETECTOR.find(text))

    assert fed(pseudonyms, cut(hidden, places)) == text
    assert fed(pseudonyms, list(hidden)) == text


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_nothing_private_is_in_the_hidden_text(text: str) -> None:
    findings = DETECTOR.find(text)
    hidden = bare(Pseudonyms([text]).hide(text, findings))

    for item in findings:
        original = bare(text[item.start : item.end])
        assert len(original) < 4 or original not in hidden


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.lists(st.integers(0, 2000), max_size=30), st.booleans())
def test_a_tool_call_gets_the_originals_escaped_as_json_wants_them(
    text: str, places: list[int], ascii_only: bool
) -> None:
    pseudonyms = Pseudonyms([text])
    hidden = pseudonyms.hide(text, DETECTOR.find(text))
    arguments = json.dumps({"q": hidden}, ensure_ascii=ascii_only)

    assert json.loads(fed(pseudonyms, cut(arguments, places), in_json=True)) == {"q": text}


def test_a_stand_in_without_quotes_becomes_a_json_value() -> None:
    text = 'Adres: "ul. Długa 5\n30-001 Kraków", PESEL 02070803628'
    pseudonyms = Pseudonyms([text])
    findings = [Finding("ADDRESS", 8, 33), Finding("PESEL", 42, 53)]
    pseudonyms.hide(text, findings)
    (_, address), (_, pesel) = pseudonyms.differences()

    written = fed(pseudonyms, [f'{{"a": "{address}", "p": {pesel}}}'], in_json=True)

    assert json.loads(written) == {"a": "ul. Długa 5\n30-001 Kraków", "p": "02070803628"}


def test_the_same_value_has_the_same_stand_in_in_every_message() -> None:
    texts = ["Jan Kowalski, PESEL 44051401359", "Czy Jan Kowalski (44051401359) płaci?"]
    pseudonyms = Pseudonyms(texts)
    one, two = (pseudonyms.hide(text, DETECTOR.find(text)) for text in texts)
    name, pesel = (stand_in for _, stand_in in pseudonyms.differences())

    assert name in one
    assert name in two
    assert pesel in one
    assert pesel in two


def test_a_value_that_was_found_once_is_hidden_everywhere() -> None:
    text = "PESEL 44051401359; wpisano też 440514-01359 i jan@firma.pl oraz JAN@FIRMA.PL"
    hidden = Pseudonyms([text]).hide(text, DETECTOR.find(text))

    assert "44051401359" not in bare(hidden)
    assert "firma" not in hidden.lower()


def test_names_keep_gender_and_case_and_come_back_in_another_case() -> None:
    text = "Umowa z Krzysztofem Malinowskim i Anną Kowalską."
    pseudonyms = Pseudonyms([text])
    hidden = pseudonyms.hide(text, DETECTOR.find(text))
    man, woman = (stand_in for _, stand_in in pseudonyms.differences())

    assert man.endswith("im")
    assert woman.endswith("ą")
    assert fed(pseudonyms, [hidden]) == text
    answer = f"Pismo do {man.split()[1][:-1]}ego."
    assert fed(pseudonyms, [answer]) == "Pismo do Malinowskiego."


def test_stand_ins_look_right_and_are_nobodys() -> None:
    text = (
        "PESEL 44051401359, dowód ABA300000, karta 4111111111111111, konto 61 1090 1014 0000 0712 1981 2874, "
        "mail jan@firma.pl, tel. +48 600 700 800, z 10.20.30.40"
    )
    pseudonyms = Pseudonyms([text])
    pseudonyms.hide(text, DETECTOR.find(text))
    made = dict(pseudonyms.differences())
    pesel = made["PESEL"]

    assert (weighed(pesel, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) + int(pesel[10])) % 10 == 0
    assert pesel[2:4] == "99"
    assert is_id_card(made["ID_CARD"])
    assert made["ID_CARD"].startswith("QQ")
    assert is_luhn(made["CREDIT_CARD"])
    assert is_polish_account(made["IBAN"].replace(" ", ""))
    assert made["EMAIL"].split("@")[1] in {"example.com", "example.org", "example.net", "mail.test", "post.invalid"}
    assert made["PHONE"].startswith("+48 000")
    assert made["IP_ADDRESS"].startswith(("192.0.2.", "198.51.100.", "203.0.113."))


def test_a_stand_in_is_never_a_word_of_the_request() -> None:
    text = "tel. +48 600 700 800"
    first = Pseudonyms([text])
    first.hide(text, DETECTOR.find(text))
    (_, taken) = first.differences()[0]
    other = f"Numer {taken.replace(' ', '')} już istnieje"

    second = Pseudonyms([text, other])
    second.hide(text, DETECTOR.find(text))

    assert bare(second.differences()[0][1]) != bare(taken)


@pytest.mark.parametrize("piece", ["nothing here", "", "żółć 123", '{"a": 1}'])
def test_what_holds_no_stand_in_passes_at_once(piece: str) -> None:
    pseudonyms = Pseudonyms(["PESEL 44051401359"])
    pseudonyms.hide("PESEL 44051401359", DETECTOR.find("PESEL 44051401359"))
    restorer = pseudonyms.restorer()

    assert restorer.feed(piece + "!") == piece + "!"
    assert restorer.end() == ""
