"""Polish names in their cases, and the way back."""

import pytest

from tandem.routing.private.grammar import forms
from tandem.routing.private.names import is_figure, known_given, known_surname


@pytest.mark.parametrize(
    ("name", "female", "expected"),
    [
        ("Jan", False, "Jan Jana Janowi Jana Janem Janie"),
        ("Marek", False, "Marek Marka Markowi Marka Markiem Marku"),
        ("Paweł", False, "Paweł Pawła Pawłowi Pawła Pawłem Pawle"),
        ("Jerzy", False, "Jerzy Jerzego Jerzemu Jerzego Jerzym Jerzym"),
        ("Kowalski", False, "Kowalski Kowalskiego Kowalskiemu Kowalskiego Kowalskim Kowalskim"),
        ("Gołąb", False, "Gołąb Gołębia Gołębiowi Gołębia Gołębiem Gołębiu"),
        ("Anna", True, "Anna Anny Annie Annę Anną Annie"),
        ("Katarzyna", True, "Katarzyna Katarzyny Katarzynie Katarzynę Katarzyną Katarzynie"),
        ("Monika", True, "Monika Moniki Monice Monikę Moniką Monice"),
        ("Zofia", True, "Zofia Zofii Zofii Zofię Zofią Zofii"),
        ("Kowalska", True, "Kowalska Kowalskiej Kowalskiej Kowalską Kowalską Kowalskiej"),
        ("Nowak", True, "Nowak Nowak Nowak Nowak Nowak Nowak"),
    ],
)
def test_a_name_is_declined_as_school_books_say(name: str, female: bool, expected: str) -> None:
    assert list(forms(name, female=female)[:6]) == expected.split()


@pytest.mark.parametrize(
    ("word", "lemma"),
    [("Krzysztofem", "Krzysztof"), ("Małgorzacie", "Małgorzata"), ("Michałowi", "Michał"), ("Zosią", "Zosia")],
)
def test_a_given_name_is_known_in_every_case(word: str, lemma: str) -> None:
    known = known_given(word)
    assert known is not None
    assert known.lemma == lemma


@pytest.mark.parametrize(
    ("word", "lemma"),
    [
        ("Nowakowi", "Nowak"),
        ("Gołębiem", "Gołąb"),
        ("Wójcika", "Wójcik"),
        ("Zielińskiej", "Zielińska"),
        ("Zarembą", "Zaremba"),
    ],
)
def test_a_surname_is_known_in_every_case(word: str, lemma: str) -> None:
    known = known_surname(word)
    assert known is not None
    assert known.lemma[:4] == lemma[:4]


def test_everybodys_figures_are_not_private() -> None:
    assert is_figure(["Marii", "Skłodowskiej", "Curie"])
    assert is_figure(["Adama", "Mickiewicza"])
    assert not is_figure(["Adam", "Kowalski"])
