"""What a body carries besides the words that the core holds: texts that can be searched, and things that cannot.

It is walked without recursion, since a stranger chose its depth.
"""

import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import unquote_to_bytes

_SEEN_OR_HEARD = frozenset({"image", "image_url", "input_image", "audio", "input_audio", "video", "video_url"})
"""Parts that are looked at or listened to: never searched, though an SVG picture is text."""
_SEALED = frozenset({"signature", "thought_signature", "encrypted_content", "encrypted_index"})
"""Keys of what a far side sealed for itself and is shown again."""
_PLAIN_KEY = re.compile(r"[A-Za-z_]{1,40}")
_PLAIN_NAME = re.compile(
    r"[A-Za-z_-]{0,64}|5m|1h|(call|chatcmpl|fc|functions|mcptoolu|msg|rs|srvtoolu|tool|toolu)[_.:-][A-Za-z0-9_.:-]{1,128}"
)
"""Words of the formats themselves, and ids as providers make them: what looks random there is no secret."""
_BASE64 = re.compile(r"[A-Za-z0-9+/_\s-]*=*\s*")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_FORMATS = (b"%PDF-", b"%!PS", b"{\\rtf")
"""Formats that may be all ASCII and still hide their words from a search."""
_LEAST_NUMBER = 1_000_000
"""Smaller numbers identify nobody."""
_HEAD = 4096
_CUED = 200
"""Longer values speak for themselves."""


@dataclass(slots=True)
class Attachments:
    """What was found so far. ``texts`` are as in `ChatRequest.attachments_text`, ``unreadable`` as there."""

    texts: list[str] = field(default_factory=list[str])
    unreadable: int = 0

    def search(self, values: Iterable[object]) -> None:
        """Find every text in decoded JSON values, and decode the files among them."""
        waiting = list(values)
        while waiting:
            value = waiting.pop()
            if isinstance(value, str):
                self._text(value)
            elif isinstance(value, int | float):
                self.texts.extend(_digits(value))
            elif isinstance(value, list):
                waiting.extend(cast("list[object]", value))
            elif isinstance(value, dict):
                waiting.extend(self._object(cast("Mapping[str, object]", value)))

    def search_names(self, values: Iterable[object]) -> None:
        """As `search`, for places that hold ids and words of the format: those are passed over."""
        found = Attachments()
        found.search(values)
        self.texts.extend(text for text in found.texts if not _PLAIN_NAME.fullmatch(text))
        self.unreadable += found.unreadable

    def file(self, data: str) -> None:
        """A file in base64 or as a ``data:`` address: its text where it is UTF-8, else something unreadable."""
        if data[:5].lower() == "data:":
            head, _, data = data.partition(",")
            self.texts.append(head)
            if not head.lower().endswith(";base64"):
                self._content(unquote_to_bytes(data))
                return
        if not _BASE64.fullmatch(data):
            self.texts.append(data)
        if not _CONTROL.search(_unpacked(data[:_HEAD]) or b"\0"):
            self._content(_unpacked(data))
        else:
            self.unreadable += 1

    def _content(self, content: bytes | None) -> None:
        try:
            text = None if content is None else content.decode()
        except UnicodeDecodeError:
            text = None
        if text is None or content is None or _CONTROL.search(content) or content.lstrip().startswith(_FORMATS):
            self.unreadable += 1
        else:
            self.texts.append(text)

    def _object(self, found: Mapping[str, object]) -> list[object]:
        """Take in what is special about an object; gives the values in it that are still to be searched."""
        kind = found.get("type")
        self.texts.extend(key for key in found if not _PLAIN_KEY.fullmatch(key))
        if kind in _SEEN_OR_HEARD:
            self.unreadable += 1
            return _addresses(found)
        if isinstance(found.get("file_id"), str) or (kind == "url" and "url" in found):
            self.unreadable += 1
        rest: list[object] = []
        for key, value in found.items():
            if isinstance(value, str) and (key == "file_data" or (key == "data" and kind == "base64")):
                self.file(value)
            elif key not in _SEALED:
                rest.append(value)
                self.texts.extend(_with_cue(key, value))
        return rest

    def _text(self, text: str) -> None:
        if text[:5].lower() == "data:" and "," in text:
            self.file(text)
        elif text:
            self.texts.append(text)


def _digits(number: float) -> list[str]:
    """A number as a person writes it, where it is long enough to identify somebody."""
    if abs(number) < _LEAST_NUMBER:
        return []
    return [str(int(number)) if isinstance(number, float) and number.is_integer() else str(number)]


def _with_cue(key: str, value: object) -> list[str]:
    """A short value after its key: ``phone: 601 722 934`` is a telephone number where the digits alone are nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float) or not _PLAIN_KEY.fullmatch(key):
        return []
    texts = [value] if isinstance(value, str) and 4 <= len(value) <= _CUED else []
    return [f"{key}: {text}" for text in (texts if isinstance(value, str) else _digits(value))]


def _unpacked(data: str) -> bytes | None:
    try:
        return binascii.a2b_base64(data.translate(_URL_SAFE))
    except ValueError:
        return None


_URL_SAFE = {ord("-"): "+", ord("_"): "/"}


def _addresses(part: Mapping[str, object]) -> list[object]:
    """The short strings of a picture or a sound: where it is and what it is called, but not the thing itself."""
    found: list[object] = []
    waiting: list[object] = [part]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            inner = cast("Mapping[str, object]", value)
            waiting.extend(held for key, held in inner.items() if key != "data")
        elif isinstance(value, list):
            waiting.extend(cast("list[object]", value))
        elif isinstance(value, str) and value[:5].lower() != "data:":
            found.append(value)
    return found
