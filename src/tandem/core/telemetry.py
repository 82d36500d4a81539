"""Keeping vendors' libraries from reporting home, for those that only the process's environment can tell.

Foundry Local 2.2 sends a ProcessInfo event even with its telemetry switched off; it sends nothing where it believes
to run in continuous integration. ONNX Runtime 1.31 and its GenAI library look for a variable of their own.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager

REFUSALS = {"CI": "true", "ORT_DISABLE_TELEMETRY": "1", "ORT_TELEMETRY_DISABLED": "1"}
"""The variables that these libraries read when they start."""


@contextmanager
def telemetry_refused() -> Generator[None]:
    """Set the refusals for the length of a `with` block, around a library's start, and put back what was there."""
    before = {name: os.environ.get(name) for name in REFUSALS}
    os.environ.update(REFUSALS)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
