"""What is found, exactly where, however it is written; and what is left alone."""

import base64
import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.routing.private import LABELS, Detector, Finding

DETECTOR = Detector(terms=["Projekt Żubr", "acme-42"])


def found(text: str) -> list[tuple[str, str]]:
    return [(item.label, text[item.start : item.end]) for item in DETECTOR.find(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mój PESEL to 44051401359.", [("PESEL", "44051401359")]),
        ("PESEL44051401359", [("PESEL", "44051401359")]),
        ("PESEL 440514\u00a001359", [("PESEL", "440514\u00a001359")]),
        ("pesel 44.05.14.01359", [("PESEL", "44.05.14.01359")]),
        ("PESEL ４４０５１４０１３５９", [("PESEL", "４４０５１４０１３５９")]),
        ("PESEL 44051\u200b401359", [("PESEL", "44051\u200b401359")]),
        ("firma o NIP PL5252248481", [("NIP", "PL5252248481")]),
        ("NIP-em 525-224-84-81 posługuje się", [("NIP", "525-224-84-81")]),
        ("NIP 525-22-48-481", [("NIP", "525-22-48-481")]),
        ("REGON: 012100784", [("REGON", "012100784")]),
        ("dowód osobisty ABA 300000", [("ID_CARD", "ABA 300000")]),
        ("paszport ZS0000177, wydany", [("PASSPORT", "ZS0000177")]),
        ("na konto 61 1090 1014 0000 0712 1981 2874", [("IBAN", "61 1090 1014 0000 0712 1981 2874")]),
        ("iban gb82 west 1234 5698 7654 32", [("IBAN", "gb82 west 1234 5698 7654 32")]),
        ("Account number 12345678", [("BANK_ACCOUNT", "12345678")]),
        ("card 4111-1111-1111-1111, exp", [("CREDIT_CARD", "4111-1111-1111-1111")]),
        ("mail: first+tag@gmail.com.", [("EMAIL", "first+tag@gmail.com")]),
        ("żółw@żółw.pl!", [("EMAIL", "żółw@żółw.pl")]),
        ("x=1&mail=jan.k%40firma.pl", [("EMAIL", "jan.k%40firma.pl")]),
        ("jan.k [at] firma [dot] pl", [("EMAIL", "jan.k [at] firma [dot] pl")]),
        ("Zadzwoń: +48 600 700 800", [("PHONE", "+48 600 700 800")]),
        ("call (212) 555-1234 x17", [("PHONE", "(212) 555-1234 x17")]),
        ("from 10.20.30.40 at night", [("IP_ADDRESS", "10.20.30.40")]),
        ("2001:db8:85a3::8a2e:370:7334", [("IP_ADDRESS", "2001:db8:85a3::8a2e:370:7334")]),
        ("SSN 536-90-4399", [("SSN", "536-90-4399")]),
        ("Data urodzenia: 1980-05-12", [("DATE_OF_BIRTH", "1980-05-12")]),
        ("born on May 12, 1980", [("DATE_OF_BIRTH", "May 12, 1980")]),
        ("ul. 3 Maja 118/1, 42-635 Rzeszów", [("ADDRESS", "ul. 3 Maja 118/1, 42-635 Rzeszów")]),
        ("w Projekcie Żubr? Projektu Zubra!", [("TERM", "Projektu Zubra")]),
        ("NHS number 943 476 5919", [("NATIONAL_ID", "943 476 5919")]),
        ("codice fiscale RSSMRA85T10A562S", [("NATIONAL_ID", "RSSMRA85T10A562S")]),
        ("CPF 111.444.777-35", [("NATIONAL_ID", "111.444.777-35")]),
    ],
)
def test_it_is_found_exactly_where_it_stands(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Sprawdź, czy PESEL 44051401358 ma poprawną sumę.",
        "Zamówienie nr 5252248481 wysłano.",
        "Faktura 5252248481 z maja",
        "Numer przesyłki 44051401359",
        "Numer nadania 44051401359 zaginął",
        "Kod produktu ABA300000",
        "ISBN 9788328302341",
        "commit 6dcb09b5b57875f334f61aebed695e2e4193db5e",
        "wersja 10.20.30.40 sterownika",
        "IMEI 490154203237518",
        "password: str",
        "password = os.environ['DATABASE_PASSWORD']",
        "from 127.0.0.1 to 0.0.0.0",
        "std::vector<int> and std::map",
        "Maria Skłodowska-Curie dostała Nagrodę Nobla w 1903 roku.",
        "Morze Bałtyckie, Uniwersytet Warszawski i Nowy Sącz",
        "The Small Language Model runs on Edge Devices in April.",
        "sprzedano 1 250 000 sztuk w 2024 roku",
        "meeting on 2024-05-12 at 10:30",
    ],
)
def test_what_only_looks_private_is_left_alone(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "secret",
    [
        "sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA75Xk\n-----END RSA PRIVATE KEY-----",
        "postgres://admin:S3cr3t!@db.local:5432/x",
    ],
)
def test_a_secret_is_found_bare_in_json_and_in_base64(secret: str) -> None:
    in_json = json.dumps({"a": secret})
    wrapped = base64.b64encode(f"x {secret} y".encode()).decode()

    assert found(f"look: {secret} !") == [("SECRET", secret)]
    assert found(in_json) == [("SECRET", json.dumps(secret)[1:-1])]
    assert found(f"see {wrapped} .") == [("SECRET", wrapped)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("hasło: kotek123", "kotek123"),
        ("Hasło to Zima2024!", "Zima2024!"),
        ("my password is hunter2x, ok", "hunter2x"),
        ('"hasło": "abc 123"', "abc 123"),
        ("PIN 4821", "4821"),
        ("api_key='abcd1234efgh5678'", "abcd1234efgh5678"),
        ("Authorization: Bearer abc123def456ghi789", "abc123def456ghi789"),
    ],
)
def test_what_a_word_for_a_secret_introduces_is_one(text: str, value: str) -> None:
    assert found(text) == [("SECRET", value)]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Umowa z Krzysztofem Gołębiem", "Krzysztofem Gołębiem"),
        ("Wyślij to Annie Kowalskiej.", "Annie Kowalskiej"),
        ("Nazywam się jan kowalski", "jan kowalski"),
        ("JAN KOWALSKI, lat 40", "JAN KOWALSKI"),
        ("Kowalski Jan", "Kowalski Jan"),
        ("Pani Nowak dzwoniła", "Nowak"),
        ("My name is Emily Watson-Jones.", "Emily Watson-Jones"),
        ("Dr. Xylander will see you", "Xylander"),
        ("rozmawiał z J. Kowalskim wczoraj", "J. Kowalskim"),
        ("Anna Maria Wesołowska-Kowal", "Anna Maria Wesołowska-Kowal"),
    ],
)
def test_a_name_is_found_in_every_case_and_without_its_title(text: str, name: str) -> None:
    assert found(text) == [("PERSON", name)]


def test_escapes_and_separate_accents_hide_nothing() -> None:
    plain = "Łukasz Żółciński, PESEL 44051401359"
    for written in (json.dumps(plain), json.dumps(json.dumps(plain)), unicodedata.normalize("NFD", plain)):
        labels = [label for label, _ in found(written)]
        assert labels == ["PERSON", "PESEL"], written


def test_overlapping_findings_are_settled_without_losing_any_of_them() -> None:
    detector = Detector(terms=["Kowalski"])
    text = "Napisz do: Jan Kowalski"

    assert detector.find(text) == (Finding("PERSON", 11, 14), Finding("TERM", 15, 23))


@settings(max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.text(max_size=20),
            st.sampled_from(
                ["PESEL 44051401359", "a@b.pl", "Jan Kowalski ", "\\u0142", "%40", "\u200b", "hasło: x1", "+48 "]
            ),
        ),
        max_size=12,
    )
)
def test_findings_are_sorted_apart_and_inside_the_text_whatever_it_is(pieces: list[str]) -> None:
    text = "".join(pieces)
    last = 0
    for item in DETECTOR.find(text):
        assert last <= item.start < item.end <= len(text)
        assert item.label in LABELS
        last = item.end


def test_a_surname_once_told_is_known_again_by_itself_in_another_case() -> None:
    assert found("Rozmawiałem z Anną Brzozowską. Potem Brzozowskiej nie było.") == [
        ("PERSON", "Anną Brzozowską"),
        ("PERSON", "Brzozowskiej"),
    ]


def test_many_texts_are_found_as_one_by_one() -> None:
    texts = ["PESEL 44051401359", "nic", "a@b.pl"]

    assert DETECTOR.find_all(texts) == [DETECTOR.find(text) for text in texts]
