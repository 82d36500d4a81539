"""The one way a conversion fails: the file cannot become a model here, and the message says why."""

from __future__ import annotations


class ConversionFailed(Exception):
    """The source file is damaged, or of a kind this converter does not know."""
