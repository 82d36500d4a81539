"""Numbers in JSON that come to an end: small models repeat a digit until the limit cuts them off."""

DIGITS = 15
"""The longest run of digits that every reader of JSON keeps exactly (below 2**53, RFC 8259 section 6)."""
EXPONENT_DIGITS = 2
"""With more, a number may be larger than any double."""
_DIGITS, _LETTERS, _SIGNS = frozenset(b"0123456789"), frozenset(b"eE"), frozenset(b"+-")


class Numerals:
    """Follows JSON text and knows when the number that is being written has digits enough. Strings may hold any."""

    def __init__(self) -> None:
        self._in_string = False
        self._escaped = False
        self._exponent = False
        self._digits = 0

    @property
    def in_string(self) -> bool:
        """Whether the text so far ends inside a string."""
        return self._in_string

    @property
    def full(self) -> bool:
        """Whether no further digit is wanted now."""
        return self._digits >= (EXPONENT_DIGITS if self._exponent else DIGITS)

    def feed(self, text: bytes) -> None:
        """Take more of the text."""
        for byte in text:
            if self._in_string:
                self._read_string(byte)
            else:
                self._read_value(byte)

    def _read_string(self, byte: int) -> None:
        if self._escaped:
            self._escaped = False
        elif byte == ord("\\"):
            self._escaped = True
        elif byte == ord('"'):
            self._in_string = False

    def _read_value(self, byte: int) -> None:
        if byte in _DIGITS:
            self._digits += 1
            return
        follows_letter = self._exponent and self._digits == 0 and byte in _SIGNS
        self._exponent = follows_letter or (byte in _LETTERS and self._digits > 0)
        self._digits = 0
        self._in_string = byte == ord('"')
