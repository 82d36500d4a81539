"""What the words beside a number say that it is. One in eleven random numbers passes a NIP's checksum; words decide.

The nearest clause that holds a cue is believed; between two numbers, words belong to the second; a number without words
of its own takes those of its neighbour, as in a list. Inflected forms are met by their stems.
"""

import re
from functools import lru_cache
from typing import Final

from tandem.routing.private.words import words

Kinds = frozenset[str]

_TABLE: Final = {
    "PESEL": "pesel* ewidencyjn*",
    "NIP": (
        "nip nipu nipem nipie nipy nipów vat vatu vatem vatin* vatid podatkow* podatnik* tin tax taxpayer* "
        "taxid taxnumber"
    ),
    "REGON": "regon* statystyczn*",
    "ID_CARD": "dowód dowod* dowód* tożsamoś* tozsamos* legitym* identity idcard* osobist*",
    "PASSPORT": "paszport* passport*",
    "ACCOUNT": (
        "konto konta koncie kontem kontu kont rachun* account* acct iban* nrb przelew* przelej* przele* "
        "wpłac* wpłat* bankow* routing sortcode bban"
    ),
    "CARD": (
        "karta karty kartę karte kartą karcie kart kartami visa* mastercard* maestro amex* card cards "
        "cardnumber creditcard* cc credit debit* płatnicz* platnicz* kredytow* debetow* diners* discover jcb "
        "pan cvv cvc"
    ),
    "PHONE": (
        "tel telefon* telephon* phone* mobile* cell* komórk* komork* kom komórkow* fax* faks* zadzwo* dzwo* "
        "oddzwo* przedzwo* call* sms* złap* osiągaln* odbier* whatsapp* contact* kontakt* infolini* reach* "
        "ring hotline* gsm handy téléphone* teléfono* mobil dial* desk text* viber telegram blik blikiem "
        "messag* msisdn smartphone* landline* stacjonarn* voicemail"
    ),
    "SSN": "ssn* social security itin",
    "IP": "ip ipv4 ipv6 host* serwer* server* adresip",
    "BIRTH": (
        "ur urodz* urodzin* born birth* dob birthday* birthdate* dateofbirth geboren geburtsdatum née "
        "nacimiento naissance"
    ),
    "VERSION": "wersj* version* ver v release* build firmware* wydani* sekcj* section* rozdzia* chapter* punkt* oid*",
    "@us.ein": "ein employer*",
    "@gb.nhs": "nhs",
    "@gb.utr": "utr",
    "@br.cpf": "cpf",
    "@in_.aadhaar": "aadhaar* aadhar* uidai आधार",
    "@se.personnummer": "personnummer* samordning*",
    "@dk.cpr": "cpr*",
    "@no.fodselsnummer": "fødselsnummer* fodselsnummer* fnr",
    "@nl.bsn": "bsn burgerservice* sofi sofinummer*",
    "@de.idnr": "steuer* idnr identifikationsn*",
    "@ro.cnp": "cnp",
    "@bg.egn": "egn егн",
    "@ee.ik": "isikukood*",
    "@lt.asmens": "asmens",
    "@lv.pvn": "personas",
    "@hr.oib": "oib",
    "@si.emso": "emšo emso jmbg",
    "@gr.amka": "amka αμκα",
    "@ie.pps": "pps ppsn",
    "@pt.nif": "nif contribuinte*",
    "@tr.tckimlik": "kimlik* tckn",
    "@il.idnr": "teudat תעודת",
    "@ca.sin": "sin insurance",
    "@au.tfn": "tfn",
    "@jp.in_": "マイナンバー",
    "@mx.rfc": "rfc",
    "@ar.dni": "dni documento",
    "@za.idnr": "african*",
    "@th.pin": "thai* บัตร",
    "@ua.rntrc": "рнокпп іпн rntrc",
    "@ru.inn": "инн",
    "@sg.nric": "nric singapore*",
    "@de.personalausweis": "personalausweis* ausweis*",
    "ORDER": (
        "symbol* licencj* licenc* licens* samoch* błęd* błąd error* norm normy drukark* urządze* sprzęt* "
        "device* dysk* bateri* silnik* opon* zamienn* towar* zamówie* zamowie* order* faktur* invoice* "
        "paragon* receipt* przesył* przesyl* paczk* paczce track* shipment* shipping parcel* isbn* issn* ean "
        "ean13 gtin* upc sku imei* serial* seryjn* produkt* product* artykuł* katalog* catalog* ticket* "
        "zgłosze* zgłosz* sygnatur* krs krsu krs-u ref referenc* transakc* transact* polis* polic* batch lot "
        "lotu parti* hash* commit* sha sha1 sha256 md5 uuid guid timestamp* epoch unix* licznik* meter "
        "rejestrac* księg* ksieg* działk* vin flight* booking* rezerwac* reserv* bilet* voucher* kupon* "
        "coupon* gwarancj* warrant* barcode kreskow* doi asin bdo pkd teryt zlecen* zleceni* reklamac* "
        "przelewu identyfikator identifier sekwenc* losow* random* liczb* cena ceny cenę cenie price* "
        "populac* population case pojazd* tablic* plate* magazyn* stock quantity sztuk* indeks* index* row "
        "rows rekord* record* bit bits bytes bajt* bajtów piksel* pixel* nadani* nadawcz*"
    ),
    "PAPER": (
        "umow* contract* aneks* deal sprawy postępowan* wniosek wniosku dostaw* delivery kod kodu kodem code "
        "część części czesci part model* klienta tytuł* suma sumę sumy kwot* amount"
    ),
}
_NEGATIVE: Final = frozenset({"ORDER", "PAPER", "VERSION"})
_NUMBERED: Final = frozenset(words("numer numeru numerem numerze nr number no num kod kodu kodem symbol symbolu"))
_NOBODY: Final = frozenset(
    words("o to jest is mój moj moja my jego jej was pacjenta osoby dokumentu dokument osobowy identyfikacyjny")
)
NONE: Final[Kinds] = frozenset()
_OTHER: Final[Kinds] = frozenset({"ORDER"})
REACH: Final = 72


def _split() -> tuple[dict[str, str], dict[str, str], frozenset[int]]:
    whole: dict[str, str] = {}
    stems: dict[str, str] = {}
    for kind, listed in _TABLE.items():
        for word in listed.split():
            (stems if word.endswith("*") else whole)[word.rstrip("*")] = kind
    return whole, stems, frozenset(map(len, stems))


_WHOLE, _STEMS, _STEM_LENGTHS = _split()
_SIZES: Final = tuple(sorted(_STEM_LENGTHS, reverse=True))
_WORD: Final = re.compile(r"[^\W\d_]+")
_CLAUSE: Final = re.compile(r"[,;!?\n()\[\]{}|]|\.\s+(?=[A-ZĄĆĘŁŃÓŚŹŻ])")
_HEADING: Final = re.compile(r"[nrp](?<![a-z].)(?:ip|egon|esel)(?=[\"']? {0,2}[;,|\t\n])")
_NUMBER: Final = re.compile(r"[0-9]{4}")


def words_for(kind: str) -> list[str]:
    """The words and stems of one kind of cue."""
    return [word.rstrip("*") for word in _TABLE[kind].split()]


@lru_cache(maxsize=16_384)
def kind_of(word: str) -> str | None:
    """What one word, in small letters, says about the number beside it."""
    kind = _WHOLE.get(word)
    if kind is not None:
        return kind
    for size in _SIZES:
        if size <= len(word):
            kind = _STEMS.get(word[:size])
            if kind is not None:
                return kind
    return None


def kinds_in(text: str) -> Kinds:
    """Every kind of cue in a piece of text."""
    return frozenset(kind for word in _WORD.findall(text.lower()) if (kind := kind_of(word)) is not None)


def before(text: str, start: int, floor: int) -> Kinds:
    """The cues of the nearest clause in front of ``start`` that has any; nothing before ``floor`` is read."""
    near = text[max(floor, start - REACH) : start]
    for clause in reversed(_CLAUSE.split(near)):
        words = _WORD.findall(clause.lower())
        kinds = frozenset(kind for word in words if (kind := kind_of(word)) is not None)
        if kinds:
            return kinds
        if _names_its_own(words):
            return _OTHER
    return NONE


def _names_its_own(words: list[str]) -> bool:
    """``numer nadania``, ``nr polecenia``: the number of something that no table knows is that thing's number."""
    return len(words) > 1 and words[-2] in _NUMBERED and words[-1] not in _NOBODY and words[-1] not in _NUMBERED


def nearest(text: str, start: int) -> str | None:
    """The kind of the nearest cue in front of ``start``."""
    words = _WORD.findall(text[max(0, start - REACH) : start].lower())
    return next((kind for word in reversed(words) if (kind := kind_of(word)) is not None), None)


def after(text: str, end: int) -> Kinds:
    """The cues of the clause that follows ``end``, up to the next number."""
    near = text[end : end + 32]
    stop = _NUMBER.search(near)
    near = near[: stop.start()] if stop else near
    opened = near.lstrip(" \"')]}-:=")
    opened = opened.removeprefix("(")
    return kinds_in(_CLAUSE.split(opened, maxsplit=1)[0])


class Reader:
    """Reads cues beside the numbers of one text, from left to right, so that a list shares its first cue."""

    __slots__ = ("_columns", "_last", "_last_end", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._last: Kinds = NONE
        self._last_end = 0
        self._columns: Kinds | None = None

    def beside(self, start: int, end: int) -> Kinds:
        """What the words beside ``text[start:end]`` say. Calls come in the order of the text."""
        kinds = before(self._text, start, self._last_end)
        if not kinds and start - self._last_end <= 12:
            kinds = self._last
        if not kinds:
            kinds = after(self._text, end) or self._headings()
        self._last, self._last_end = kinds, end
        return kinds

    def _headings(self) -> Kinds:
        """The columns of a table: ``NIP;REGON`` speaks for every row below it."""
        if self._columns is None:
            self._columns = frozenset(match.group().upper() for match in _HEADING.finditer(self._text.lower()))
        return self._columns


def denies(kinds: Kinds, *labels: str) -> bool:
    """Whether the words name something else, such as an order or a register abroad, and none of ``labels``."""
    return bool(kinds) and kinds.isdisjoint(labels) and any(kind in _NEGATIVE or kind[0] == "@" for kind in kinds)
