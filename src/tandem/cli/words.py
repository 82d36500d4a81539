"""What the command line says to people, in English and Polish. The language follows the locale."""

from collections.abc import Mapping

from tandem.settings import Language

_POLISH: Mapping[str, str] = {
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
