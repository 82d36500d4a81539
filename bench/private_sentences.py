"""Sentences with private numbers at known places, and as many without: made afresh from a seed, never read from a set.

Templates and values are this file's own. Hard negatives are numbers that pass the same checksums but are orders,
invoices, parts, books and hashes, and numbers of the right shape whose control digit is wrong.
"""

import random
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from stdnum import iban, luhn
from stdnum.pl import nip, pesel, regon


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text and its private spans as (label, start, end), in code points."""

    text: str
    spans: tuple[tuple[str, int, int], ...]


def sentences(seed: int, count: int, *, held_out: bool = False) -> list[Sentence]:
    """``count`` sentences, about two in five of them hard negatives; ``held_out`` takes templates kept for measuring."""
    lots = random.Random(seed)
    positive, negative = (_HELD_OUT, _HELD_OUT_NEGATIVES) if held_out else (_TEMPLATES, _NEGATIVES)
    return [_filled(lots, lots.choice(positive if lots.random() < 0.6 else negative)) for _ in range(count)]


def _filled(lots: random.Random, template: str) -> Sentence:
    text, spans = "", list[tuple[str, int, int]]()
    for at, part in enumerate(template.split("|")):
        if at % 2 == 0:
            text += part
            continue
        value = _MAKERS[part](lots)
        label = _LABELS.get(part)
        if label:
            spans.append((label, len(text), len(text) + len(value)))
        text += value
    return Sentence(text, tuple(spans))


def _digits(lots: random.Random, count: int) -> str:
    return "".join(lots.choices(string.digits, k=count))


def _until(make: Callable[[], str], holds: Callable[[str], bool]) -> str:
    while not holds(made := make()):
        pass
    return made


def _pesel(lots: random.Random) -> str:
    year, day = lots.randrange(1930, 2020), lots.randrange(1, 29)
    month = lots.randrange(1, 13) + (20 if year >= 2000 else 0)
    body = f"{year % 100:02}{month:02}{day:02}{_digits(lots, 4)}"
    number = body + pesel.calc_check_digit(body)
    return lots.choice([number, number, number, number, f"{number[:6]} {number[6:]}", f"{number[:6]}-{number[6:]}"])


def _bad_pesel(lots: random.Random) -> str:
    number = _pesel(random.Random(lots.random())).replace(" ", "").replace("-", "")
    return number[:-1] + str((int(number[-1]) + lots.randrange(1, 10)) % 10)


def _nip_digits(lots: random.Random) -> str:
    return _until(lambda: str(lots.randrange(1, 10)) + _digits(lots, 9), nip.is_valid)


def _nip(lots: random.Random) -> str:
    number = _nip_digits(lots)
    return lots.choice([
        number, number, f"{number[:3]}-{number[3:6]}-{number[6:8]}-{number[8:]}", f"PL{number}", f"PL {number}",
        f"{number[:3]}-{number[3:5]}-{number[5:7]}-{number[7:]}", f"{number[:3]} {number[3:6]} {number[6:8]} {number[8:]}",
    ])  # fmt: skip


def _bad_nip(lots: random.Random) -> str:
    return _until(lambda: str(lots.randrange(1, 10)) + _digits(lots, 9), lambda number: not nip.is_valid(number))


def _regon(lots: random.Random) -> str:
    nine = _until(lambda: _digits(lots, 9), regon.is_valid)
    return nine if lots.random() < 0.7 else _until(lambda: nine + _digits(lots, 5), regon.is_valid)


def _nine(lots: random.Random) -> str:
    return _until(lambda: _digits(lots, 9), regon.is_valid)


def _bad_regon(lots: random.Random) -> str:
    return _until(lambda: _digits(lots, 9), lambda number: not regon.is_valid(number))


def _id_sum(code: str) -> int:
    return sum(int(char, 36) * weight for char, weight in zip(code, (7, 3, 1, 9, 7, 3, 1, 7, 3), strict=True)) % 10


def _id_card(lots: random.Random) -> str:
    letters = "".join(lots.choices("ABCDEFGHIJKLMNPRSTUVWXYZ", k=3))
    code = _until(lambda: letters + _digits(lots, 6), lambda code: _id_sum(code) == 0)
    return lots.choice([code, code, f"{code[:3]} {code[3:]}"])


def _bad_id_card(lots: random.Random) -> str:
    return _until(
        lambda: "".join(lots.choices("ABCDEFGHIJKLMNPRSTUVWXYZ", k=3)) + _digits(lots, 6),
        lambda code: _id_sum(code) > 0,
    )


def _iban(lots: random.Random) -> str:
    country, size = lots.choice(
        [("PL", 24), ("PL", 24), ("DE", 18), ("ES", 20), ("LT", 16), ("BE", 12), ("CZ", 20), ("PT", 21)]
    )
    body = _digits(lots, size)
    number = country + iban.calc_check_digits(f"{country}00{body}") + body
    spaced = " ".join(number[at : at + 4] for at in range(0, len(number), 4))
    return lots.choice([number, spaced, number.lower()])


def _account(lots: random.Random) -> str:
    body = _digits(lots, 24)
    number = iban.calc_check_digits(f"PL00{body}") + body
    return lots.choice([number, number[:2] + "".join(f" {number[at : at + 4]}" for at in range(2, 26, 4))])


def _card(lots: random.Random) -> str:
    prefix, size = lots.choice(
        [
            ("4", 16),
            ("4", 16),
            ("51", 16),
            ("55", 16),
            ("2221", 16),
            ("34", 15),
            ("37", 15),
            ("6011", 16),
            ("3530", 16),
            ("36", 14),
        ]
    )
    body = prefix + _digits(lots, size - len(prefix) - 1)
    number = body + luhn.calc_check_digit(body)
    if size != 16:
        return number
    return lots.choice([number, *(sign.join(number[at : at + 4] for at in range(0, 16, 4)) for sign in " -")])


def _bad_card(lots: random.Random) -> str:
    return _until(lambda: "4" + _digits(lots, 15), lambda number: not luhn.is_valid(number))


def _imei(lots: random.Random) -> str:
    body = "35" + _digits(lots, 12)
    return body + luhn.calc_check_digit(body)


def _ssn(lots: random.Random) -> str:
    area = _until(lambda: f"{lots.randrange(1, 900):03}", lambda area: area != "666")
    sign = lots.choice(["-", "-", "-", " "])
    return f"{area}{sign}{lots.randrange(1, 100):02}{sign}{lots.randrange(1, 10000):04}"


def _email(lots: random.Random) -> str:
    name = lots.choice(
        ["anna.lis", "jk", "biuro", "m_wrona", "o'hara", "kontakt+faktury", "x.y.z", "first.last"]
    ) + _digits(lots, lots.randrange(3))
    host = lots.choice(
        [
            "wp.pl",
            "poczta.onet.pl",
            "gmail.com",
            "firma-abc.com.pl",
            "uni.edu",
            "żółw.pl",
            "mail.co.uk",
            "xn--bcher-kva.example",
        ]
    )
    return f"{name}@{host}"


def _ip(lots: random.Random) -> str:
    if lots.random() < 0.25:
        return ":".join(f"{lots.randrange(0x1000, 0xFFFF):x}" for _ in range(8))
    return f"{lots.randrange(1, 224)}.{lots.randrange(256)}.{lots.randrange(256)}.{lots.randrange(1, 255)}"


def _phone(lots: random.Random) -> str:
    kind = lots.randrange(7)
    if kind < 3:
        number = lots.choice(["50", "51", "53", "57", "60", "66", "69", "72", "78", "79", "88"]) + _digits(lots, 7)
        shown = lots.choice(
            [number, f"{number[:3]} {number[3:6]} {number[6:]}", f"{number[:3]}-{number[3:6]}-{number[6:]}"]
        )
        return lots.choice(["", "", "+48 ", "+48", "0048 "]) + shown
    area = _until(lambda: f"{lots.randrange(201, 990)}", lambda code: code[1:] != "11" and code[1] != "9")
    exchange, line = f"{lots.randrange(200, 999)}", _digits(lots, 4)
    if kind < 5:
        return lots.choice(
            [
                f"({area}) {exchange}-{line}",
                f"{area}-{exchange}-{line}",
                f"+1 {area} {exchange} {line}",
                f"{area}.{exchange}.{line}",
            ]
        )
    if kind == 5:
        return f"+44 20 7{_digits(lots, 3)} {_digits(lots, 4)}"
    return f"+49 30 {lots.randrange(200000, 999999)}{_digits(lots, 2)}"


def _isbn(lots: random.Random) -> str:
    body = "97883" + _digits(lots, 7)
    check = (10 - sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(body)) % 10) % 10
    return f"{body}{check}"


def _hex(lots: random.Random) -> str:
    return "".join(lots.choices("0123456789abcdef", k=40))


def _version(lots: random.Random) -> str:
    return f"{lots.randrange(1, 20)}.{lots.randrange(30)}.{lots.randrange(10)}.{lots.randrange(2000, 9000)}"


def _stamp(lots: random.Random) -> str:
    return str(lots.randrange(1_500_000_000, 1_800_000_000))


_MAKERS: Final[dict[str, Callable[[random.Random], str]]] = {
    "pesel": _pesel, "badpesel": _bad_pesel, "nip": _nip, "nipdigits": _nip_digits, "badnip": _bad_nip, "regon": _regon, "nine": _nine,
    "badregon": _bad_regon, "id": _id_card, "idlike": _id_card, "badid": _bad_id_card, "iban": _iban, "account": _account, "card": _card,
    "badcard": _bad_card, "imei": _imei, "ssn": _ssn, "email": _email, "ip": _ip, "phone": _phone, "isbn": _isbn, "hex": _hex,
    "version": _version, "stamp": _stamp, "n10": lambda lots: _digits(lots, 10), "n11": lambda lots: _digits(lots, 11), "n4": lambda lots: _digits(lots, 4),
}  # fmt: skip
_LABELS: Final = {
    "pesel": "PESEL", "nip": "NIP", "regon": "REGON", "id": "ID_CARD", "iban": "IBAN", "account": "IBAN", "card": "CREDIT_CARD",
    "ssn": "SSN", "email": "EMAIL", "ip": "IP_ADDRESS", "phone": "PHONE",
}  # fmt: skip
_TEMPLATES: Final = (
    "Proszę wystawić fakturę na firmę, NIP: |nip|, REGON |regon|.",
    "Nabywca: Zakład Usługowy Promyk, nr NIP |nip|, płatność przelewem.",
    "Mój numer PESEL: |pesel| i proszę go nie zapisywać",
    "pesel=|pesel|; dowod=|id|",
    "Legitymuję się dowodem osobistym |id| wydanym w 2019 roku.",
    "W umowie brakuje serii i numeru dowodu: |id|. Proszę uzupełnić.",
    "REGON naszej spółki to |regon|, a NIP |nip|.",
    "Kontrahent podał REGON-em |regon| w formularzu.",
    "Zarejestrowana pod numerem NIP-u |nip| działalność jest zawieszona.",
    "Rachunek do zwrotu kaucji: |account|",
    "Proszę przelać na IBAN |iban| do piątku.",
    "Pay the deposit to |iban| and confirm by |email|.",
    "Card |card|, expires 09/27, please refund the hotel.",
    "Zapłaciłem kartą |card| i nie dostałem potwierdzenia.",
    "My social security number is |ssn|, is that enough to file?",
    "SSN: |ssn|\nPhone: |phone|",
    "Oddzwońcie na |phone| po szesnastej albo napiszcie: |email|",
    "You can text |phone| or mail |email| any time.",
    "Zgłoszenie: tel. kom. |phone|, PESEL |pesel|.",
    "The request came from |ip| at night.",
    "Block |ip| in the firewall and tell |email|.",
    '{"customer": {"nip": "|nip|", "regon": "|regon|", "mail": "|email|"}}',
    "Dane spadkodawcy: PESEL |pesel|; zmarł w maju.",
    "Sprawdź w VIES podatnika |nip|, numer VAT aktywny?",
    "Skan dowodu (|id|) wysłałam na |email|.",
    "Nowy dowód ma numer |id|, stary |id|.",
    "Numer klienta i numer karty kredytowej |card| podałem konsultantowi.",
    "Zleć przelew z konta |account| na konto |iban|.",
)
_NEGATIVES: Final = (
    "Zamówienie nr |nipdigits| zostało spakowane.",
    "Faktura |nipdigits| z 12.03.2024 czeka na korektę.",
    "Numer przesyłki |n11|, kurier będzie jutro.",
    "Czy |badpesel| to poprawny PESEL?",
    "Walidator odrzuca NIP |badnip|, dlaczego?",
    "REGON |badregon| ma złą cyfrę kontrolną.",
    "Dowód |badid| nie przechodzi walidacji sumy.",
    "Część zamienna o symbolu katalogowym |idlike| jest niedostępna.",
    "Numer seryjny drukarki: |idlike|.",
    "Reklamacja dotyczy produktu |idlike|, model z 2022 roku.",
    "ISBN |isbn|, wydanie drugie.",
    "Commit |hex| breaks the build.",
    "Upgrade the driver to version |version| first.",
    "IMEI |imei| telefonu zgłoszono jako skradziony.",
    "The charge on |badcard| is a test of Luhn failing.",
    "Timestamp |stamp| is in seconds since the epoch.",
    "Order |nipdigits| shipped, invoice |n10| follows.",
    "Zgłoszenie serwisowe |nine| zamknięto.",
    "KRS 0000|n4|12, sąd rejonowy",
    "W 2023 roku sprzedano 1 250 000 sztuk, w 2024 o 12,5% więcej.",
    "Wylosuj liczbę z przedziału od 1000000000 do 9999999999.",
    "Tracking number |nine| says delivered.",
    "Podziel |n10| przez 37 i podaj resztę.",
    "Księga wieczysta i działka |n4|/12, powierzchnia 640 m2.",
    "Rezerwacja |nipdigits| na dwie osoby, przyjazd 2024-07-12.",
    "Bilet nr |n11| upoważnia do wejścia.",
    "Umowa nr |nipdigits| wygasa w grudniu.",
    "The population rose from 38 036 118 to 38 179 800.",
)
_HELD_OUT: Final = (
    "Dzień dobry, podaję dane do umowy najmu: |pesel|, seria dowodu |id|, kontakt |phone|.",
    "Szanowni Państwo, w załączeniu wniosek osoby o numerze PESEL |pesel|.",
    "Czy firma z NIP-em |nip| figuruje na białej liście z rachunkiem |account|?",
    "Dane do faktury: Hurtownia Wanda sp. z o.o., ul. Leśna 4, NIP |nip|",
    "Wpis do CEIDG, NIP: |nip|; REGON: |regon|; PKD 62.01.Z",
    "Jednostka o statystycznym numerze REGON: |regon| zmieniła siedzibę.",
    "Okazała dowód osobisty seria i numer |id| na recepcji.",
    "Dokument tożsamości pacjenta to |id|.",
    "Numer ID card: |id|, issued by the mayor of Gdynia.",
    "|pesel| - wpisz to do formularza jako PESEL pacjenta",
    "Zwrot na konto |account| proszę, nie na kartę |card|.",
    "Could you wire the rest to |iban|? Thanks!",
    "Amex |card| was declined twice yesterday",
    "Charge it to |card| please",
    "He filled in |ssn| as his SSN on the W-4.",
    "Employee record: name withheld, SSN |ssn|, e-mail |email|, cell |phone|",
    "Zadzwoń do mnie: |phone|.",
    "Telefon: |phone|; fax: |phone|",
    "Our new landline is |phone| if the app fails.",
    "Najłatwiej złapać mnie pod |phone| po 17.",
    "Reply-To: <|email|>",
    "Konto użytkownika |email| zablokowano po próbie z adresu IP |ip|.",
    "sshd[411]: Failed password for root from |ip| port 5022",
    "Host |ip| unreachable, ping |ip| instead",
    "NIP kontrahenta |nip|, termin płatności 14 dni",
    "Podatnik (|nip|) złożył korektę VAT.",
    "<pesel>|pesel|</pesel><regon>|regon|</regon>",
    "Ubezpieczony/a: PESEL |pesel| · tel. |phone|",
)
_HELD_OUT_NEGATIVES: Final = (
    "Twoje zamówienie |nipdigits| czeka w paczkomacie.",
    "Proszę o duplikat faktury nr |nipdigits|.",
    "List polecony o numerze nadania |n11| zaginął.",
    "Dlaczego |badpesel| nie jest prawidłowym numerem PESEL?",
    "Dla NIP |badnip| system zwraca błąd.",
    "Numer REGON |badregon| jest niepoprawny.",
    "Wpisałem dowód |badid| i formularz go odrzucił.",
    "Szukam zamiennika dla filtra o numerze części |idlike|.",
    "Kod produktu |idlike|, opakowanie zbiorcze.",
    "Licencja |idlike| wygasa jutro.",
    "Książka ma ISBN |isbn|.",
    "git checkout |hex|",
    "Firmware |version| fixes the crash.",
    "Telefon z IMEI |imei| jest zablokowany.",
    "Numer |badcard| nie przechodzi algorytmu Luhna.",
    "created_at: |stamp|",
    "Invoice no. |nipdigits| is overdue.",
    "Sprawa o sygnaturze |nine| została umorzona.",
    "KRS: 0000|n4|34",
    "Zużyto 12 450 kWh, stan licznika |nine|.",
    "What is |n10| modulo 97?",
    "Ticket #|nine| was closed as duplicate.",
    "Polisa nr |nipdigits| obejmuje zalanie.",
    "Przelew na 1 500 000,00 zł wyszedł dziś.",
    "Lot LO|n4| odleciał o 12:45.",
    "Rezerwacja hotelu: kod |n10|.",
    "The ZIP is 90210-1234 and the year 2024.",
    "Wynik losowania: 12 34 45 46 47 49",
)
