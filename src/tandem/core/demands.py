"""What a request cannot do without, as the error that a caller reads where nobody can honour it, and back."""

from tandem.core.chat import Demand
from tandem.core.errors import Unsupported


def refuse(demand: Demand) -> Unsupported:
    """The error of a demand that nobody can honour."""
    return Unsupported(demand.why, param=demand.param, code=demand.code)


def demanded(refusal: Unsupported) -> Demand:
    """The demand that a refusal was about: the same sentence, for whoever may still honour it."""
    return Demand(param=refusal.param or "", why=refusal.message, code=refusal.code)
