"""Where people live: streets with a house number, postcodes with a town, boxes, and what follows a cue."""

import re
from collections.abc import Iterator
from typing import Final

from tandem.routing.private.finding import Finding
from tandem.routing.private.page import Page

_CAPITAL: Final = (
    "[A-Z\u00c0-\u00d6\u00d8-\u00de\u0104\u0106\u0118\u0141\u0143\u015a\u0179\u017b\u010c\u0160\u017d\u0150\u0170]"
)
_TOWN: Final = rf"{_CAPITAL}[\w'\-]{{1,30}}(?:[ \-]{_CAPITAL}[\w'\-]{{1,30}}){{0,2}}"
_HOUSE: Final = (
    r"(?:nr )?[0-9]{1,4}(?: ?[A-Za-z](?![\w.]))?(?![\w]|[.,:][0-9]|%)(?: ?/ ?[0-9]{1,4}[A-Za-z]?)?"
    r"(?:,? ?(?:m\.?|lok\.?|mieszk\w{0,9}\.?|apt\.?) ?[0-9]{1,4}[A-Za-z]?)?"
)
_POLISH_TOWN: Final = (
    rf"(?:[,;]?\s+(?:(?:w )?[0-9]{{2}}[\-\u2013][0-9]{{3}}\s+{_TOWN}|(?<=,\s){_TOWN})"
    r"|,?\s+[0-9]{2}-[0-9]{3}(?![0-9]))?"
)
_STREET: Final = re.compile(
    rf"(?<!\w)(?i:(?:ul|al|os|pl)\. ?|(?:ul|ulic(?:a|y|\u0119|\u0105)|alej(?:a|i|\u0119|ach|e)|osiedl(?:e|u|a)|"
    rf"plac(?:u|em)?|rond(?:o|zie|a)|skwer(?:ze|u)?|bulwar(?:ze|u)?) )"
    rf"(?:[^\W_][\w'.\-]{{0,30}},? ){{1,5}}?{_HOUSE}{_POLISH_TOWN}"
)
_BARE_POLISH: Final = re.compile(
    rf"(?<!\w)(?:{_CAPITAL}[\w'.\-]{{1,30}} ){{1,3}}{_HOUSE},?\s+[0-9]{{2}}-[0-9]{{3}}\s+{_TOWN}"
    rf"|(?<![\w\-])[0-9]{{2}}-[0-9]{{3}}\s+(?={_CAPITAL}[^\W\d_]*[^\W\d_A-Z]){_TOWN}(?:,? (?:ul\.|al\.|os\.|pl\.) "
    rf"?(?:[^\W_][\w'.\-]{{0,30}} ){{1,5}}?{_HOUSE})?"
)
_KINDS: Final = (
    r"(?:Street|St|Avenue|Ave|Av|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Square|Sq|Place|Pl|Way|Terrace|"
    r"Ter|Parkway|"
    r"Pkwy|Highway|Hwy|Crescent|Cres|Trail|Trl|Circle|Cir|Mews|Alley|Hill|Grove|Gardens|Quay|Turnpike)"
)
_UNIT: Final = r"(?:,?\s+(?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|Room|#)\.? ?[\w\-]{1,6})?"
_REST: Final = (
    rf"(?:,?\s+{_TOWN})?(?:,?\s+(?:[A-Z]{{2}},?\s+)?(?:[0-9]{{5}}(?:-[0-9]{{4}})?|"
    r"[A-Z]{1,2}[0-9][0-9A-Z]? [0-9][A-Z]{2})(?![0-9])|,\s+[A-Z]{2}\b(?! [a-z]))?"
)
_ENGLISH: Final = re.compile(
    rf"[0-9](?<![\w.,$\u20ac\u00a3#].)[0-9]{{0,4}}[A-Za-z]?,?\s(?:[0-9]{{1,3}}(?:st|nd|rd|th)\s)?(?:(?:{_CAPITAL}|"
    rf"[0-9]{{1,3}}(?:st|nd|rd|th))[\w'.\-]{{0,30}}\s){{0,4}}?{_KINDS}\b\.?"
    rf"(?: (?:N|S|E|W|NE|NW|SE|SW|North|South|East|West)\b\.?)?{_UNIT}{_REST}"
)
_BOX: Final = re.compile(
    rf"\b(?:P\.? ?O\.? ?Box|PSC|CMR|Unit|Box|skr(?:ytka|\.) poczt(?:owa|\.)|Postfach) ?(?:nr )?[0-9]{{2,6}}(?:,? "
    rf"?Box ?[0-9]{{1,6}})?(?:,?\s+(?:[AFD]PO\s+[A-Z]{{2}}\s+[0-9]{{5}}|{_TOWN},? (?:[A-Z]{{2}} )?[0-9]{{5}}))?"
)
_ABROAD: Final = re.compile(
    rf"(?<!\w)(?:{_CAPITAL}[\w\-]{{0,30}}(?:stra(?:\u00df|ss)e|str\.|weg|platz|allee|gasse|gatan|v\u00e4gen|vej|"
    rf"straat|laan)\s[0-9]{{1,4}}[a-zA-Z]?(?:,\s*(?:[A-Z]{{1,2}}-)?[0-9]{{4,5}}\s+{_TOWN})?"
    rf"|[0-9]{{1,4}}(?:bis|ter)?,?\s(?:rue|avenue|boulevard|place|chemin|all\u00e9e|impasse|quai)\s(?:(?:de|du|des|"
    rf"la|le|l'|d')\s?){{0,2}}{_CAPITAL}[\w'\-]{{1,30}}(?: [\w'\-]{{1,30}}){{0,3}}?(?:,?\s*[0-9]{{5}}\s+{_TOWN}|"
    rf"(?=[,.\n]|\Z))"
    rf"|(?:Calle|Avenida|Plaza|Paseo|Rua|Via|Viale|Piazza|Corso|Largo)\s(?:(?:de|del|la|los|las|da|do|dos|della|"
    rf"di)\s){{0,2}}{_CAPITAL}[\w'\-]{{1,30}}(?: [\w'\-]{{1,30}}){{0,3}}?,?\s(?:n\.? "
    rf"?)?[0-9]{{1,5}}(?:,\s*(?:[0-9]{{4,5}}\s+)?{_TOWN})?)"
)
_CUED: Final = re.compile(
    r"(?i:\baddress(?: is| to|:)|\blives? (?:at|on)|\bliving at|\boffice is (?:at|in)|\blocated at|\bship(?:ped|"
    r"ping)? to:?|\bdeliver(?:y|ed)? (?:to|address):?|\bmoved to|"
    r"\badres(?:em|ie|u)?(?: (?:to|zamieszkania|dostawy|korespondencyjny|zameldowania|domowy))?:?|\bzam(?:\.|"
    r"ieszka\u0142\w*)(?: (?:w|przy|pod adresem))?:?|\bmieszka(?:m|j\u0105cy|j\u0105ca)?(?: na stałe)? (?:przy|na|"
    r"pod)(?: adresem)?)"
    rf"\s*[\"']?(?!(?:IP|URL|MAC|DNS|WWW)\b)(?P<place>(?:[0-9]{{1,6}},?\s)?(?:{_CAPITAL}[\w'.\-]{{0,30}}[ "
    rf"\n]){{1,4}}(?:{_CAPITAL}[\w'.\-]{{0,30}}|"
    rf"[0-9]{{1,6}}[A-Za-z]?(?:/[0-9]{{1,4}})?(?![.:][0-9]))(?:,\s*(?:[0-9]{{2}}-?[0-9]{{3}}\s+)?{_TOWN})?)"
)
_POSTCODE: Final = re.compile(r"[0-9]{2}-[0-9]{3}(?![0-9\-])")
_CUES: Final = frozenset({"add", "liv", "off", "loc", "shi", "del", "mov", "adr", "zam", "mie"})
_BOXES: Final = frozenset({"box", "po", "pob", "psc", "cmr", "uni", "skr", "pos"})
_POLISH_CUES: Final = frozenset({"ul", "al", "os", "pl", "uli", "ale", "osi", "pla", "ron", "skw", "bul"})
_FOREIGN: Final = frozenset(
    {"rue", "ave", "bou", "pla", "che", "all", "imp", "qua", "cal", "pas", "rua", "via", "pia", "cor", "lar"}
)
_FOREIGN_END: Final = re.compile(
    r"(?:stra(?:\u00df|ss)e|str\.|weg|platz|allee|gasse|gatan|v\u00e4gen|vej|straat|laan)\s[0-9]"
)


def find_addresses(page: Page) -> Iterator[Finding]:
    """Streets with their numbers and towns, postcodes with towns, post-office boxes."""
    text = page.text
    if not page.beginnings.isdisjoint(_POLISH_CUES):
        for match in _STREET.finditer(text):
            yield Finding("ADDRESS", *match.span())
    for pattern in _worth_trying(page):
        for match in pattern.finditer(text):
            yield Finding("ADDRESS", match.start(), match.start() + len(match.group().rstrip(" ,.\n")))
    if page.beginnings.isdisjoint(_CUES):
        return
    for match in _CUED.finditer(text):
        if any(map(str.isdigit, match["place"])):
            start = match.start("place")
            yield Finding("ADDRESS", start, start + len(match["place"].rstrip(" ,.\n")))


def _worth_trying(page: Page) -> Iterator[re.Pattern[str]]:
    """The patterns of which something is in the text at all."""
    if _POSTCODE.search(page.text):
        yield _BARE_POLISH
    yield _ENGLISH
    if not page.beginnings.isdisjoint(_BOXES):
        yield _BOX
    if not page.beginnings.isdisjoint(_FOREIGN) or _FOREIGN_END.search(page.text):
        yield _ABROAD
