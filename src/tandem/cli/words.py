"""What the command line says to people, in English and Polish. The language follows the locale."""

from collections.abc import Mapping

from tandem.settings import Language

_POLISH: Mapping[str, str] = {
    "who would answer, and why; nothing is sent": "kto by odpowiedział i dlaczego; nic nie jest wysyłane",
    "one JSON object a line, with text or messages": "jeden obiekt JSON w wierszu, z text albo messages",
    "a policy (default: the configured one)": "polityka (domyślnie: ustawiona)",
    "Give one of the two: the text, or --jsonl with a file.": "Podaj jedno z dwojga: tekst albo --jsonl z plikiem.",
    "Nobody may answer.": "Nikomu nie wolno odpowiedzieć.",
    "on this device": "na tym urządzeniu",
    "in the cloud": "w chmurze",
    "{model} answers, {place}.": "Odpowiada {model}, {place}.",
    "policy": "polityka",
    "order": "kolejność",
    "task": "zadanie",
    "difficulty": "trudność",
    "prompt tokens, about": "tokenów pytania, około",
    "This is what would leave:": "To wyszłoby na zewnątrz:",
    "the rules that choose who answers": "reguły, które wybierają, kto odpowiada",
    "validate every policy and prove its privacy": "sprawdź każdą politykę i udowodnij jej prywatność",
    "hash": "skrót",
    "rules, later ones weigh more": "reguły, późniejsze ważą więcej",
    "Guards of every policy: {guards}": "Strażnicy każdej polityki: {guards}",
    "Proved: of {decisions} decisions gone through, {locked} were about text that must stay; none sent it away.": (
        "Udowodniono: z {decisions} przejrzanych decyzji {locked} dotyczyło tekstu, który ma zostać; żadna go nie "
        "wysłała."
    ),
    "NOT proved: these facts would send away text that must stay.": (
        "NIE udowodniono: te fakty wysłałyby tekst, który ma zostać."
    ),
    "Tandem answers on {url}": "Tandem odpowiada pod {url}",
    "Press Ctrl-C to stop.": "Ctrl-C zatrzymuje.",
    "models": "modele",
    "answer on one port": "odpowiadaj na jednym porcie",
    "the address to listen on (default: 127.0.0.1)": "adres nasłuchu (domyślnie: 127.0.0.1)",
    "the port to listen on (default: 8000)": "port nasłuchu (domyślnie: 8000)",
    "A small model on your device and a large one far away, riding as one.": (
        "Mały model na Twoim urządzeniu i duży daleko stąd, jadące razem."
    ),
    "a configuration file instead of ./tandem.toml": "plik konfiguracji zamiast ./tandem.toml",
    "tell more on standard error": "mów więcej na standardowym wyjściu błędów",
    "one answer, streamed": "jedna odpowiedź, strumieniem",
    "what to ask; - reads standard input": "o co zapytać; - czyta standardowe wejście",
    "a model or a policy (default: auto)": "model albo polityka (domyślnie: auto)",
    "one JSON document when the answer is complete": "jeden dokument JSON, gdy odpowiedź jest cała",
    "nothing of it may leave this machine": "nic z tego nie może opuścić tej maszyny",
    "what can run here, and getting it": "co może tu działać i jak to zdobyć",
    "one JSON document on standard output": "jeden dokument JSON na standardowym wyjściu",
    "every model of the catalog": "wszystkie modele katalogu",
    "ask Foundry's catalog over the network again": "zapytaj ponownie katalog Foundry przez sieć",
    "the execution providers that Foundry Local could use here instead": (
        "zamiast tego: dostawcy wykonania, których Foundry Local może tu użyć"
    ),
    "registered": "zarejestrowany",
    "not registered": "niezarejestrowany",
    "one model, whole": "jeden model, w całości",
    "fetch models and make them ready": "pobierz modele i przygotuj",
    "make FILE.gguf, or a folder with genai_config.json, a model of the catalog": (
        "uczyń PLIK.gguf lub folder z genai_config.json modelem katalogu"
    ),
    "its name in the catalog (default: from the file)": "nazwa w katalogu (domyślnie: z pliku)",
    "for GGUF files": "dla plików GGUF",
    "remove an installed model": "usuń zainstalowany model",
    "what works here, what does not, and the remedy": "co tu działa, co nie, i co z tym zrobić",
    "seal": "pieczęć",
    "home page": "strona domowa",
    "{model} is not here yet: fetching it once.": "Modelu {model} jeszcze tu nie ma: pobieram go jeden raz.",
    "{model} was made by an earlier version: making it anew once.": (
        "Model {model} zrobiła wcześniejsza wersja: robię go raz na nowo."
    ),
    "Read but not yet used in this version: {sections}. Every answer comes from this device.": (
        "Odczytane, lecz jeszcze nieużywane w tej wersji: {sections}. Każda odpowiedź powstaje na tym urządzeniu."
    ),
    "Id": "Id",
    "Kind": "Rodzaj",
    "State": "Stan",
    "Size": "Rozmiar",
    "Context": "Kontekst",
    "Source": "Źródło",
    "Licence": "Licencja",
    "installed": "jest",
    "loaded": "wczytany",
    "not installed": "do pobrania",
    "chat": "rozmowa",
    "embedding": "wektory",
    "{model} is ready in {path}": "{model} jest gotowy w {path}",
    "{model} is removed; {size} are free again.": "{model} usunięty; zwolniono {size}.",
    "Check": "Sprawdzenie",
    "Result": "Wynik",
    "Remedy": "Co zrobić",
    "ok": "dobrze",
    "attention": "uwaga",
    "Error": "Błąd",
    "stopped": "przerwano",
    "The question is not UTF-8 text. Save it as UTF-8 and ask again.": (
        "Pytanie nie jest tekstem UTF-8. Zapisz je w UTF-8 i zapytaj ponownie."
    ),
    "yes": "tak",
    "no": "nie",
    "Nothing was asked. Give the text, or - to read standard input.": (
        "Nie zadano pytania. Podaj tekst albo -, by czytać standardowe wejście."
    ),
    "what left this machine, answer by answer, and the proof": (
        "co opuściło tę maszynę, odpowiedź po odpowiedzi, i dowód"
    ),
    "the latest receipts": "ostatnie pokwitowania",
    "how many at most; 0 means all (default: 20)": "ile najwyżej; 0 oznacza wszystkie (domyślnie: 20)",
    "2026-11-23, or 24h, 7d, 4w back from now": "2026-11-23 albo 24h, 7d, 4w wstecz od teraz",
    "a receipt a line, oldest first, for others to verify": (
        "pokwitowanie w wierszu, od najstarszego, by mógł je sprawdzić kto inny"
    ),
    "find a changed, removed or moved receipt": "znajdź pokwitowanie zmienione, usunięte lub przestawione",
    "an export of `tandem receipts list --jsonl` instead": "zamiast tego: eksport z `tandem receipts list --jsonl`",
    "trust this key instead of this machine's own; may be given again": (
        "ufaj temu kluczowi zamiast kluczowi tej maszyny; można podać kilka"
    ),
    "NUMBER:HASH that you kept earlier: the chain must go through it; may be given again": (
        "NUMER:SKRÓT zachowany wcześniej: łańcuch musi przez niego przechodzić; można podać kilka"
    ),
    "NUMBER:HASH that you verified earlier: only what came later is looked at": (
        "NUMER:SKRÓT sprawdzony wcześniej: badane jest tylko to, co przyszło później"
    ),
    "check each signature by itself too: slower": "sprawdź też każdy podpis z osobna: wolniej",
    "No.": "Nr",
    "Time": "Czas",
    "Outcome": "Skutek",
    "Model": "Model",
    "Place": "Miejsce",
    "Left": "Wyszło",
    "Rules": "Reguły",
    "answered": "odpowiedź",
    "refused": "odmowa",
    "failed": "niepowodzenie",
    "broken": "przerwana",
    "left": "klient odszedł",
    "device": "urządzenie",
    "cloud": "chmura",
    "lost": "utracone",
    "pruned": "usunięte",
    "The chain of receipts is broken.": "Łańcuch pokwitowań jest przerwany.",
    "{lines} receipts: the chain is whole.": "Pokwitowań: {lines}. Łańcuch jest cały.",
    "It ends at {end}. Kept elsewhere, this finds what is cut off later.": (
        "Kończy się na {end}. Zachowane gdzie indziej, wykryje to, co zostanie później odcięte."
    ),
    "Lines 1 to {seq} were let go by the owner, as a receipt says.": (
        "Wiersze od 1 do {seq} usunął właściciel, jak mówi pokwitowanie."
    ),
    "{count} answers left no line: the disk took none, as a receipt says.": (
        "Odpowiedzi bez wiersza: {count}. Dysk ich nie przyjął, jak mówi pokwitowanie."
    ),
    "{end} lies before the first line that is here: not checked.": (
        "{end} leży przed pierwszym wierszem, który tu jest: nie sprawdzono."
    ),
    "Line {seq} is not what was signed.": "Wiersz {seq} nie jest tym, co podpisano.",
    "Line {seq} is missing.": "Brakuje wiersza {seq}.",
    "The last line, {seq}, is missing.": "Brakuje ostatniego wiersza, {seq}.",
    "Lines {since} to {seq} are missing.": "Brakuje wierszy od {since} do {seq}.",
    "Line {seq} does not follow the line before it: it was moved, doubled or put in.": (
        "Wiersz {seq} nie następuje po poprzednim: przestawiono go, powtórzono albo wstawiono."
    ),
    "Line {seq} is signed by a key that is not trusted here.": (
        "Wiersz {seq} podpisano kluczem, któremu się tu nie ufa."
    ),
    "Lines {since} to {seq} are missing at the end.": "Na końcu brakuje wierszy od {since} do {seq}.",
    "The signed end of the chain was taken away: lines after line {seq} may have been cut off.": (
        "Zabrano podpisany koniec łańcucha: wiersze po wierszu {seq} mogły zostać odcięte."
    ),
    "Line {seq} is not the one whose hash was kept.": "Wiersz {seq} nie jest tym, którego skrót zachowano.",
    "Line {seq} is in a form that this Tandem does not know.": "Wiersz {seq} ma postać, której ten Tandem nie zna.",
}


class Words:
    """Says a sentence in one language. An English sentence is its own key."""

    def __init__(self, language: Language = "en") -> None:
        self.language = language

    def __call__(self, sentence: str, **values: object) -> str:
        """The sentence in this language, with its values filled in."""
        text = _POLISH.get(sentence, sentence) if self.language == "pl" else sentence
        return text.format(**values) if values else text


def size(count: int | None) -> str:
    """Bytes for people: ``98 MB``; an empty text where not known."""
    if count is None:
        return ""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}" if count < 10 * scale else f"{count / scale:.0f} {unit}"
    return f"{count} B"
