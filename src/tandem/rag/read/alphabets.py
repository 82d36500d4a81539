"""What tells one single-byte encoding from another: the letters a language really uses, and its commonest words."""

from typing import NamedTuple

# Signs that any text may hold, as people type them.
COMMON_SIGNS = "„”“‚’‘–—…«»•·§°©®™€£×→✓ \u00a0"  # noqa: RUF001 - the signs are the matter


class Language(NamedTuple):
    """Letters beyond ASCII (both cases), words written in ASCII letters alone, and encodings it is written in."""

    letters: str
    words: frozenset[str]
    encodings: tuple[str, ...]


_CENTRAL = ("cp1250", "iso8859-2", "cp852", "mac_latin2")
_WEST = ("cp1252", "iso8859-15", "latin-1", "cp850", "mac_roman", "cp437")
_CYRILLIC = ("cp1251", "koi8-u", "koi8-r", "cp866", "iso8859-5", "mac_cyrillic")


def _language(letters: str, words: str, encodings: tuple[str, ...]) -> Language:
    return Language(letters + letters.upper(), frozenset(words.split()), encodings)


_RUSSIAN = "абвгдежзийклмнопрстуфхцчшщъыьэюяё"
LANGUAGES: dict[str, Language] = {
    "pl": _language("ąćęłńóśźż", "jest nie na do w z i oraz przez dla jak ale czy tak od po przy lub tego", _CENTRAL),
    "cs": _language("áčďéěíňóřšťúůýž", "je se na v a to do pro jako ale nebo jsou od po podle jeho by tak", _CENTRAL),
    "sk": _language("áäčďéíĺľňóôŕšťúýž", "je sa na v a to do pre ako ale alebo od po ktor by tak aj", _CENTRAL),
    "hu": _language("áéíóöőúüű", "az a hogy nem is egy van meg mint csak vagy ezt ami", _CENTRAL),
    "hr": _language("čćđšž", "je i u na se da za od su s kao ili nije ali te bi", _CENTRAL),
    "ro": _language("ăâîşţ", "de la cu pe nu este care sau din mai ca pentru un o al", _CENTRAL),
    "de": _language("äöüß", "der die das und ist nicht ein eine mit von zu den auf im sich auch", _WEST),
    "fr": _language("àâçéèêëîïôùûüœæÿ", "le la les et est un une des que qui dans pour pas sur par du", _WEST),
    "es": _language("áéíñóúü¿¡ºª", "el la los las de que en un una por con para es no se su", _WEST),
    "pt": _language("ãáâàçéêíóôõúüºª", "o a os as de que em um uma por com para se do da no na", _WEST),
    "it": _language("àèéìòù", "il la le di che e un una per con non si del della sono", _WEST),
    "nordic": _language("åäöæøéüþðíóúý", "och att det som en er det og ikke til av er han de med", _WEST),
    "tr": _language("çğıöşüâîûİ", "bir ve bu da de ile olarak daha gibi kadar ama", ("cp1254", "iso8859-9", "cp857")),
    "el": _language("αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώϊϋΐΰ", "", ("cp1253", "iso8859-7", "cp737")),
    "ru": _language(_RUSSIAN, "", _CYRILLIC),
    "uk": _language(_RUSSIAN.replace("ъыэё", "") + "ґєії", "", _CYRILLIC),
    "lt": _language("ąčęėįšųūžāēģīķļņ", "ir yra kad su tai bet un ir ar no ka par", ("cp1257", "iso8859-13")),
}
