"""Prompts of about five hundred characters, each another: English and Polish, with private text and without."""

import random
from collections.abc import Sequence

CHARACTERS = 500
_SENTENCES = {
    "en": (
        "Please summarise the notes of our {adjective} meeting about the {thing} in {count} short points.",
        "Explain to a beginner why the {thing} behaves like this, and give {count} examples from daily life.",
        "Write a function that reads the {thing}, sorts it by date and returns the {count} most recent rows.",
        "Keep the tone {adjective} and avoid words that only an expert would know.",
        "The {thing} was changed last week, which made everything after it a little slower than before.",
        "Compare it with the {adjective} variant and say which of them you would choose for a small team.",
        "Most of the visitors asked for the {thing}, although the {adjective} one is much cheaper to run.",
        "If anything is unclear, ask before you begin; otherwise answer in {count} paragraphs.",
    ),
    "pl": (
        "Streść proszę notatki z naszego spotkania, którego tematem był {thing}, w {count} krótkich punktach.",
        "Wyjaśnij początkującym, dlaczego {thing} tak się zachowuje, i podaj {count} przykłady z życia.",
        "Napisz funkcję, która wczytuje dane opisujące {thing} i zwraca {count} najnowsze wiersze.",
        "Zachowaj {adjective} ton i unikaj słów, które zna tylko specjalista.",
        "W zeszłym tygodniu {thing} został zmieniony i od tego czasu wszystko działa trochę wolniej.",
        "Porównaj to z innym wariantem i powiedz, który wybrać dla małego zespołu.",
        "Większość gości pytała o {thing}, choć {adjective} wybór jest znacznie tańszy w utrzymaniu.",
        "Jeśli coś jest niejasne, zapytaj na początku; w przeciwnym razie odpowiedz w kilku akapitach.",
    ),
}
_WORDS = {
    "en": {
        "adjective": ("weekly", "friendly", "older", "formal", "quiet", "detailed"),
        "thing": ("parser", "timetable", "garden plan", "sorting job", "recipe", "search index", "heating system"),
    },
    "pl": {
        "adjective": ("spokojny", "przyjazny", "starszy", "formalny", "dokładny", "prosty"),
        "thing": ("parser", "rozkład jazdy", "plan ogrodu", "przepis", "indeks wyszukiwania", "system ogrzewania"),
    },
}
_PRIVATE = {
    "en": (
        "Write to me at {word}.{number}@example.org or call +48 601 {first} {second}.",
        "Pay it from the account DE89 3704 0044 0532 0130 00, card 4111 1111 1111 1111, please.",
        "Send the parcel to John Smith, 12 Elm Street, and keep the key sk-{number}abcdefghij{number}XYZ to yourself.",
    ),
    "pl": (
        "Mój PESEL to 44051401359, a telefon: +48 601 {first} {second}.",
        "Proszę o przelew na rachunek PL61 1090 1014 0000 0712 1981 2874, NIP 526-000-12-46.",
        "Odpisz do Jana Kowalskiego na adres {word}.{number}@example.pl, ul. Długa {first} w Warszawie.",
    ),
}


def word_of(number: int) -> str:
    """A made-up word of seven small letters, another for every number: it makes a prompt that nobody has seen."""
    letters = [chr(ord("a") + number // 26**place % 26) for place in range(6)]
    return "q" + "".join(letters)


def prompts(language: str, *, private: bool, count: int, seed: int) -> Sequence[str]:
    """``count`` prompts, the same for the same seed. ``language`` is ``en`` or ``pl``."""
    chance = random.Random(seed)
    return [_prompt(language, private, chance) for _ in range(count)]


def _prompt(language: str, private: bool, chance: random.Random) -> str:  # noqa: FBT001
    said: list[str] = []
    while sum(map(len, said)) + len(said) <= CHARACTERS:
        said.append(_filled(chance.choice(_SENTENCES[language]), language, chance))
    if not private:
        return " ".join(said)[:CHARACTERS]
    secret = _filled(chance.choice(_PRIVATE[language]), language, chance)
    said.insert(chance.randrange(2), secret)
    return " ".join(said)[:CHARACTERS]


def _filled(sentence: str, language: str, chance: random.Random) -> str:
    words = _WORDS[language]
    return sentence.format(
        adjective=chance.choice(words["adjective"]),
        thing=chance.choice(words["thing"]),
        count=chance.randint(2, 9),
        word=chance.choice(("anna", "biuro", "team", "office")),
        number=chance.randint(100, 999),
        first=chance.randint(100, 999),
        second=chance.randint(100, 999),
    )
