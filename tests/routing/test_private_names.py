"""Which names identify somebody, which are weak, and which capitals are no name at all."""

import json

import pytest

from support.shared import shared_data
from tandem.routing.private import Detector, Finding

DETECTOR = Detector(terms=["Heron"])


def names(text: str) -> list[tuple[str, bool]]:
    return [(text[one.start : one.end], one.weak) for one in DETECTOR.find(text) if one.label == "PERSON"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Write a reference letter for Anna Nowak.", "Anna Nowak"),
        ("Jan Kowalski ma depresję. Jak z nim rozmawiać?", "Jan Kowalski"),
        ("Dear Tom, thank you for the parcel.", "Tom"),
        ("Cześć Tomek!\nDziękuję za wczoraj.", "Tomek"),
        ("Can you come on Monday?\nRegards, Emily", "Emily"),
        ("Dzwoniła pani Nowak w sprawie rachunku.", "Nowak"),
        ("Mr. Henderson was late again.", "Henderson"),
        ("My neighbour Robert plays the drums at night.", "Robert"),
        ("moja koleżanka Zofia nie przyszła", "Zofia"),
        ("The patient Olivia was admitted.", "Olivia"),
        ("Klient Kamiński nie zapłacił.", "Kamiński"),
        ("Juliusz A Kwiatkowski lives there.", "Juliusz A Kwiatkowski"),
        ('user = {"name": "John Harding"}', "John Harding"),
        ("Our sales director John Harding missed his targets.", "John Harding"),
        ("JOHN HARDING owes us money.", "JOHN HARDING"),
        ("My neighbour Jan Kowalski, who was in a film and in the football league, is loud.", "Jan Kowalski"),
        ("Send Jan Kowalski information about the test.", "Jan Kowalski"),
    ],
)
def test_a_name_that_identifies_somebody_is_strong(text: str, name: str) -> None:
    assert names(text) == [(name, False)]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Mary has three apples and gives away one.", "Mary"),
        ("Przetłumacz: Magda lubi koty.", "Magda"),
        ("In the proof, Brzozowski is quoted; see what Kowalski did.", "Kowalski"),
        ("Spotkanie z J. Kowalskim", "J. Kowalskim"),
        ("Who is Tom Cruise?", "Tom Cruise"),
        ("Opowiedz o Robercie Lewandowskim", "Robercie Lewandowskim"),
        ("The song was written by Sandra Milton.", "Sandra Milton"),
        ("Film nakręcił reżyser Adam Zawadzki.", "Adam Zawadzki"),
    ],
)
def test_a_name_that_identifies_nobody_by_itself_is_weak(text: str, name: str) -> None:
    assert (name, True) in names(text)


def test_full_names_of_printed_prose_are_weak_and_those_of_a_letter_strong() -> None:
    report = "The midfielder scored twice in the league. Peter Hallam left the club after the championship."
    letter = "Our employee Peter Hallam left after the championship. Please calculate his salary for the league office."

    assert names(report) == [("Peter Hallam", True)]
    assert names(letter) == [("Peter Hallam", False)]


def test_what_is_said_between_quotation_marks_does_not_make_a_report_a_letter() -> None:
    report = 'The senator won the election. "My voters and our friends know me," said Peter Hallam.'

    assert names(report) == [("Peter Hallam", True)]


@pytest.mark.parametrize(
    "text",
    [
        "Hello World",
        'int main() { cout << "Hello World"; }',
        "Name: FILE",
        "press UP, DOWN, LEFT or START",
        "Prove it in Lean, please.",
        "Kim jest autor tej książki?",
        "Time Limit: 2 s, Memory Limit: 256 MB",
        "1. Patient Information\n2. Findings",
        "Which colour is envy?\nA. Yellow\nB. Green\nC. Red",
        "JOSH CELLARS CHARD 12.99",
        "Allen County lies north of the river.",
        "Hi ChatGPT, how are you?",
        "Hi Claude, how are you?",
        "This is Danish design.",
    ],
)
def test_capitals_that_are_no_name_are_left_alone(text: str) -> None:
    assert names(text) == []


def test_a_name_repeated_alone_and_the_rest_of_a_cut_name_keep_their_weight() -> None:
    assert names("Anna Brzozowska wyszła. Potem Brzozowskiej nie było.") == [
        ("Anna Brzozowska", False),
        ("Brzozowskiej", True),
    ]
    assert DETECTOR.find("Ask Mary Heron today") == (Finding("PERSON", 4, 8), Finding("TERM", 9, 14))


@pytest.mark.parametrize(
    "text",
    [
        "git clone git@github.com:owner/project.git",
        "private void OnTriggerEnter2D(Collider2D other)",
        '"first_pass": "-pass 1 -an -sn -c:v libaom-av1"',
        "mobile development;79900;101473;;;;1",
    ],
)
def test_programs_and_tables_hold_nothing_private(text: str) -> None:
    assert DETECTOR.find(text) == ()


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("write to git@firma.pl about it", "EMAIL"),
        ("jan.kowalski@example.com", "EMAIL"),
        ('db_pass = "-x9!kLm22"', "SECRET"),
        ("secret key Xk29QpLmZ8rTv4Bn", "SECRET"),
        ("name;phone;6012345", "PHONE"),
        ("server at 10.20.30.40", "IP_ADDRESS"),
    ],
)
def test_what_resembles_them_and_is_private_is_still_found(text: str, label: str) -> None:
    assert label in [one.label for one in DETECTOR.find(text)]


def test_ordinary_prompts_are_seldom_kept_here_by_a_name_alone() -> None:
    rows = (shared_data("tasktype") / "tasktype.jsonl").read_text("utf-8").strip().split("\n")
    kept = [
        row for row in map(_text_of, rows) if {one.label for one in DETECTOR.find(row) if not one.weak} == {"PERSON"}
    ]

    assert len(kept) <= len(rows) // 20


def _text_of(line: str) -> str:
    row = json.loads(line)
    return str(row.get("text") or row.get("prompt"))
