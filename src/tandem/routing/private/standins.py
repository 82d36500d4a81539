"""Stand-ins for private text: put in before a request leaves, taken out of the answer as it streams.

One ``Pseudonyms`` serves one request. The same value has the same stand-in throughout; a stand-in is of the same kind
and shape, shares nothing with what it stands for, and occurs nowhere in the request.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from tandem.core.errors import Forbidden
from tandem.routing.private.aliases import Alias, aliases, words_of
from tandem.routing.private.finding import Finding, settle
from tandem.routing.private.invent import candidates
from tandem.routing.private.restoring import Restorer

_ATTEMPTS: Final = 400
_LEAST_SHARED: Final = 4
_LEAST_REPEATED: Final = 5
_NUMERIC: Final = frozenset(
    {
        "PESEL",
        "NIP",
        "REGON",
        "IBAN",
        "BANK_ACCOUNT",
        "CREDIT_CARD",
        "PHONE",
        "SSN",
        "NATIONAL_ID",
        "ID_CARD",
        "PASSPORT",
    }
)


class Pseudonyms:
    """``texts`` are all texts of the request, so that no stand-in is a word that the request already has."""

    def __init__(self, texts: Sequence[str] = ()) -> None:
        self._known = "\n".join(map(_bare, texts))
        self._stand_ins: dict[tuple[str, str], str] = {}
        self._words: dict[str, Alias] = {}
        self._originals: dict[str, str] = {}
        self._variants: dict[str, str] = {}

    def hide(self, text: str, findings: Iterable[Finding]) -> str:
        """``text`` with a stand-in for each finding, and for what repeats one elsewhere in it.

        Raises ``Forbidden`` where no stand-ins could be found with which the text can be restored exactly.
        """
        self._known += "\n" + _bare(text)
        found = settle(findings, text)
        found = settle([*found, *self._repeated(text, found)], text)
        hidden = "".join(self._replaced(text, found))
        if found and _restored(self._exactly(), hidden) != text:
            raise Forbidden("This text cannot be hidden so that it could be put back exactly. It stays on the device.")
        return hidden

    def restorer(self, *, in_json: bool = False) -> Restorer:
        """What puts the originals back into an answer; ``in_json`` for the arguments of a tool call."""
        exact = self._exactly()
        others = {
            variant: original
            for variant, original in self._variants.items()
            if not any(variant in name or name in variant for name in exact)
        }
        return Restorer(exact | others, in_json=in_json)

    def differences(self) -> list[tuple[str, str]]:
        """The label and the stand-in of everything hidden, in the order of its first appearance; never an original."""
        return [(label, stand_in) for (label, _), stand_in in self._stand_ins.items()]

    def _exactly(self) -> dict[str, str]:
        return dict(self._originals)

    def _replaced(self, text: str, found: Sequence[Finding]) -> Iterator[str]:
        done = 0
        for item in found:
            yield text[done : item.start]
            yield self._stand_in(item.label, text[item.start : item.end])
            done = item.end
        yield text[done:]

    def _stand_in(self, label: str, original: str) -> str:
        known = self._stand_ins.get((label, original))
        if known is not None:
            return known
        if label == "PERSON":
            stand_in = self._person(original)
        else:
            stand_in = self._first_free(candidates(label, original, len(self._stand_ins)), original)
        self._keep(label, original, stand_in)
        return stand_in

    def _keep(self, label: str, original: str, stand_in: str) -> None:
        self._stand_ins[label, original] = stand_in
        self._originals[stand_in] = original
        self._known += f"\n{_bare(stand_in)}"
        if label in _NUMERIC:
            self._variants.setdefault(_joined(stand_in), _joined(original))
        elif label == "EMAIL":
            self._variants.setdefault(stand_in.lower(), original)

    def _person(self, name: str) -> str:
        """A name word by word, so that ``Kowalski`` alone is still who ``Jan Kowalski`` was."""
        spans = words_of(name)
        pieces: list[str] = []
        done = 0
        for at, (start, end) in enumerate(spans):
            first = at == 0 and len(spans) > 1
            pieces += (name[done:start], self._alias(name[start:end], first=first))
            done = end
        return "".join([*pieces, name[done:]]) if spans else self._first_free(candidates("TERM", name, 0), name)

    def _alias(self, word: str, *, first: bool) -> str:
        known = self._words.get(word)
        if known is not None:
            return known.stand_in
        for alias in aliases(word, first=first, number=len(self._words)):
            if self._is_free(alias.stand_in, _stem(word)):
                self._words[word] = alias
                self._variants |= {form: other for form, other in alias.pairs.items() if len(form) > 3}
                for form, other in alias.pairs.items():
                    self._words.setdefault(other, Alias(original=other, stand_in=form, pairs={form: other}))
                return alias.stand_in
        raise Forbidden("No stand-in was found for a name. The request stays on the device.")

    def _first_free(self, offered: Iterator[str], original: str) -> str:
        for attempt, stand_in in zip(range(_ATTEMPTS), offered, strict=False):
            if self._is_free(stand_in, original, least=_LEAST_SHARED + attempt // 100):
                return stand_in
        raise Forbidden("No stand-in was found for a private value. The request stays on the device.")

    def _is_free(self, stand_in: str, original: str, *, least: int = _LEAST_SHARED) -> bool:
        """Whether nothing in the request is like it and it tells nothing of what it stands for."""
        bare = _bare(stand_in)
        if not bare or bare in self._known or stand_in in self._originals:
            return False
        if any(name in stand_in or stand_in in name for name in self._originals):
            return False
        return not _share(bare, _bare(original), least)

    def _repeated(self, text: str, found: Sequence[Finding]) -> Iterator[Finding]:
        """Where values that were found somewhere stand once more, in other capitals or with other separators."""
        values = dict.fromkeys((item.label, text[item.start : item.end]) for item in found)
        values |= dict.fromkeys(self._stand_ins)
        for label, value in values:
            letters = [char for char in unicodedata.normalize("NFC", value) if char.isalnum()]
            if len(letters) < _LEAST_REPEATED:
                continue
            loose = r"[\s.\-/]?".join(map(re.escape, letters)) if label in _NUMERIC else re.escape(value)
            for match in re.finditer(loose, text, re.IGNORECASE):
                yield Finding(label, *match.span())


def _restored(originals: dict[str, str], hidden: str) -> str:
    restorer = Restorer(originals)
    return restorer.feed(hidden) + restorer.end()


def _bare(text: str) -> str:
    """Letters and digits alone, in small letters and compatibility form."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))


def _joined(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def _stem(word: str) -> str:
    """A name without the endings that half of all names share, such as -skiego or -owicz."""
    return (
        re.sub(
            r"(?:[sc]|dz)k(?:i|a|iego|iemu|im|iej|ą)\Z|(?:e|o)?wicz\w{0,3}\Z|\w{0,2}\Z", "", word, flags=re.IGNORECASE
        )
        or word
    )


def _share(one: str, other: str, least: int) -> bool:
    """Whether ``least`` letters or digits in a row are in both; shorter texts count whole."""
    if len(other) < least:
        return bool(other) and other in one
    return any(other[at : at + least] in one for at in range(len(other) - least + 1))
