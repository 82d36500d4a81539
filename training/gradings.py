"""Prompts put together from parts, with a grade: how likely a small model is to fall short of a large one."""

import random

_STATEMENTS_EN = (
    "the square root of 7 is irrational|every tree has n-1 edges|there is no largest prime|the sum of the angles is 180 degrees|"
    "a continuous function on [0,1] is bounded|the harmonic series diverges|log 2 is irrational|every group of prime order is cyclic|"
    "n^5 - n is divisible by 30|the halting problem is undecidable|2^n > n^2 for n > 4|the two sets have the same cardinality"
)
_STATEMENTS_PL = (
    "pierwiastek z 7 jest niewymierny|liczb pierwszych jest nieskończenie wiele|n^5 - n dzieli się przez 30|suma kątów trójkąta to 180 stopni|"
    "szereg harmoniczny jest rozbieżny|funkcja ciągła na przedziale jest ograniczona|każde drzewo ma n-1 krawędzi|log 2 jest niewymierny|"
    "liczba a^2 + b^2 nie jest kwadratem|problem stopu jest nierozstrzygalny|nierówność Cauchy'ego jest prawdziwa"
)
_SYSTEMS_EN = (
    "a REST API for bookings|a chat server|a payment service|an inventory database|a multi-tenant shop|a search engine|a compiler for a small language|"
    "a rate limiter|a job scheduler|a red-black tree|a B-tree|a thread pool|a key-value store|an event pipeline|a permission system|a game server"
)
_SYSTEMS_PL = (
    "serwer REST do rezerwacji|serwer czatu|usługę płatności|bazę danych magazynu|sklep dla wielu firm|wyszukiwarkę|kompilator małego języka|"
    "ogranicznik zapytań|harmonogram zadań|drzewo AVL|B-drzewo|pulę wątków|magazyn klucz-wartość|potok zdarzeń|system uprawnień|serwer gry"
)
_CHORES_EN = "an alarm for seven|the lights off|a timer|the volume up|a taxi|some music|a reminder for tonight|the door locked|my balance|the weather"
_CHORES_PL = "budzik na siódmą|światło|minutnik|muzykę|taksówkę|przypomnienie na wieczór|rolety|ogrzewanie|saldo|pogodę|telewizor|radio"
_WORDS = "dog|house|tea|window|train|water|friend|school|bread|snow"
_GRADED: tuple[tuple[float, str, str], ...] = (
    (
        0.65,
        "Prove that {}|Show rigorously that {}|prove {}|Give a full proof: {}|Is it true that {}? Prove it.",
        _STATEMENTS_EN,
    ),
    (
        0.65,
        "Udowodnij, że {}|Wykaż, że {}|udowodnij ze {}|Przeprowadź pełny dowód: {}|Czy prawda, że {}? Dowód proszę.",
        _STATEMENTS_PL,
    ),
    (
        0.65,
        "Design {} and write the code with tests|Implement {} in Rust with error handling and unit tests|Write {} with auth, logging and tests|"
        "Build {} that scales to a million users|write {} with login and tests|Refactor {} so that it is thread-safe",
        _SYSTEMS_EN,
    ),
    (
        0.65,
        "Zaprojektuj {} i napisz kod z testami|Zaimplementuj {} w Javie, z obsługą błędów i testami|Napisz {} z logowaniem, rolami i testami|"
        "Zbuduj {}, żeby obsłużyć milion użytkowników|napisz {} z autoryzacja|Przepisz {}, żeby działało wielowątkowo",
        _SYSTEMS_PL,
    ),
    (0.04, "set {}|turn {}|please get me {}|can you check {}|start {}|stop {}", _CHORES_EN),
    (0.04, "ustaw {}|włącz {}|wyłącz {}|zgaś {}|sprawdź {}|poproszę {}", _CHORES_PL),
    (0.08, "translate {} to French|how do you spell {}?|what is a {}|say {}|a word that rhymes with {}", _WORDS),
    (
        0.02,
        "{}|{}!|{} :)|no {}|{}, co tam?|ok, {}",
        "hej|cześć|siema|dzień dobry|dzięki|dziękuję|dobranoc|witaj|super|spoko|do jutra|miłego dnia|pa|jasne|fajnie",
    ),
    (
        0.02,
        "{}|{}!|{} :)|oh {}|{}, how are you?|ok, {}",
        "hi|hello|hey|thanks|thank you|good night|good evening|bye|cool|great|see you|nice|sure",
    ),
)


def graded_phrases(seed: int = 0, of_each: int = 40) -> list[tuple[str, float]]:
    """`of_each` prompts of every kind at most, each with its grade in [0, 1]."""
    rng = random.Random(seed)
    phrases: list[tuple[str, float]] = []
    for grade, openings, objects in _GRADED:
        texts = [opening.replace("{}", thing) for opening in openings.split("|") for thing in objects.split("|")]
        phrases += [(text, grade) for text in rng.sample(texts, min(of_each, len(texts)))]
    return phrases
