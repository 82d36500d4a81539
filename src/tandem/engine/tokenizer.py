"""Opening a ``tokenizer.json``: the one place that knows how the tokenizers package fails."""

from tokenizers import Tokenizer

from tandem.core.errors import CorruptFile


def read_tokenizer(tokenizer_json: str) -> Tokenizer:
    """The tokenizer, which neither cuts nor pads. Raises `CorruptFile` where the text is none."""
    try:
        tokenizer = Tokenizer.from_str(tokenizer_json)
    except Exception as error:  # the package raises bare Exception for a bad file
        raise CorruptFile(f"tokenizer.json cannot be read: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
