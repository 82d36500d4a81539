"""Many models, near and far, answering as one: policies, fallback before the first word, the ledger's line."""

from tandem.gateway.gateway import Books, Gateway, Near, Rules
from tandem.gateway.names import Names

__all__ = ["Books", "Gateway", "Names", "Near", "Rules"]
