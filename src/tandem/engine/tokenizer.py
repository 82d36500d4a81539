"""Opening a ``tokenizer.json``: the one place that knows how the tokenizers package fails."""

import msgspec
from tokenizers import Tokenizer

from tandem.core.errors import CorruptFile


class Model(msgspec.Struct, frozen=True):
    """How words are cut into tokens, without the vocabulary and the merges."""

    type: str | None = None
    dropout: float | None = None


class TokenizerParts(msgspec.Struct, frozen=True):
    """What a ``tokenizer.json`` says beside its vocabulary, which as Python objects would take 17 MB and 40 ms."""

    model: Model = Model()
    added_tokens: list[dict[str, object]] | None = None
    normalizer: object = None
    pre_tokenizer: object = None
    decoder: object = None


def read_tokenizer(tokenizer_json: str) -> Tokenizer:
    """The tokenizer, which neither cuts nor pads. Raises `CorruptFile` where the text is none."""
    try:
        tokenizer = Tokenizer.from_str(tokenizer_json)
    except Exception as error:  # the package raises bare Exception for a bad file
        raise CorruptFile(f"tokenizer.json cannot be read: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def read_parts(tokenizer_json: str) -> TokenizerParts:
    """The parts of a tokenizer that `read_tokenizer` could open. Raises `CorruptFile` where they have no usual form."""
    try:
        return msgspec.json.decode(tokenizer_json, type=TokenizerParts)
    except msgspec.DecodeError as error:
        raise CorruptFile(f"tokenizer.json has no usual form: {error}") from error
