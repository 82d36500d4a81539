"""Everything that can go wrong, as one tree. A class exists only where someone catches it separately.

    TandemError
    ├── BadRequest               the caller's request cannot be served as it stands      400
    │   ├── Unsupported          this model cannot honour a parameter that would change the answer
    │   └── ContextLengthExceeded
    ├── NotFound                 no model, response or file of that name                 404
    ├── Forbidden                a rule forbids it                                       403
    ├── OverBudget               it would cost more than the owner allows                402
    ├── Busy                     the queue is full; try again later                      429
    ├── Unavailable              it cannot answer now                                    503
    │   ├── Unreachable          a far side cannot be reached, or broke off
    │   ├── ProviderRefused      a far side refused our key, our request or its own work
    │   ├── NotEnoughMemory      the model does not fit beside what runs already
    │   └── WorkerDied           the process that was answering ended
    ├── CatalogError             a model could not be obtained                           502
    │   ├── Offline              the source cannot be reached
    │   ├── CorruptFile          what arrived is not what was pinned
    │   └── ConversionFailed     the file cannot become a model
    └── SettingsError            tandem.toml, the environment or a flag is wrong

A message says what happened, to which thing, and what to do about it. It never holds prompt text.
"""


class TandemError(Exception):
    """The root of the tree. ``str(error)`` is a sentence for people."""

    code: str = "internal_error"

    @property
    def message(self) -> str:
        """The sentence for people."""
        return str(self.args[0]) if self.args else self.code


class BadRequest(TandemError):
    """The request cannot be served as it stands. ``param`` names the field, such as ``messages[0].content``."""

    code = "invalid_value"

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        if code is not None:
            self.code = code


class Unsupported(BadRequest):
    """The model cannot honour a parameter that would change the answer."""

    code = "unsupported_value"


class ContextLengthExceeded(BadRequest):
    """The prompt and the room for its answer do not fit into the model's context."""

    code = "context_length_exceeded"


class NotFound(TandemError):
    """No model, response or file of that name. ``param`` names the field that held the name."""

    code = "not_found"

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        if code is not None:
            self.code = code


class Forbidden(TandemError):
    """A rule forbids it; the message names the rule. ``code`` may be the rule's own (``private_stays_here``)."""

    code = "forbidden"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class OverBudget(TandemError):
    """It would cost more than the owner allows; the message names the budget and the rule."""

    code = "over_budget"


class Busy(TandemError):
    """The queue is full. ``retry_after_seconds`` is an honest guess, at least 1."""

    code = "rate_limit_exceeded"

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(TandemError):
    """The model cannot answer now."""

    code = "unavailable"


class Unreachable(Unavailable):
    """A far side cannot be reached, is silent for too long, or broke off."""

    code = "unreachable"


class ProviderRefused(Unavailable):
    """A far side refused our key or a model, or failed in itself. ``status`` is its HTTP status."""

    code = "provider_refused"

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class NotEnoughMemory(Unavailable):
    """The model does not fit beside what runs already."""

    code = "not_enough_memory"


class WorkerDied(Unavailable):
    """The process that was answering ended; it is being started again."""

    code = "worker_died"


class CatalogError(TandemError):
    """A model could not be obtained."""

    code = "catalog_error"


class Offline(CatalogError):
    """The source cannot be reached."""

    code = "offline"


class CorruptFile(CatalogError):
    """What arrived is not what was pinned, or cannot be read as what it says it is."""

    code = "corrupt_file"


class ConversionFailed(CatalogError):
    """The file cannot become a model."""

    code = "conversion_failed"


class SettingsError(TandemError):
    """tandem.toml, the environment or a flag is wrong; all mistakes are in one message."""

    code = "settings_error"
