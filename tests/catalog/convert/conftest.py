"""The real source files, where this machine has them."""

import os
from pathlib import Path

import pytest

from support.models import models_home


def _named_or_pulled(variable: str, pattern: str, remedy: str) -> Path:
    if named := os.environ.get(variable):
        return Path(named)
    home = models_home().parent
    found = sorted(home.rglob(pattern)) if home.is_dir() else []
    if not found:
        pytest.skip(f"no {pattern} here: set {variable}, or run `{remedy}` with its source kept")
    return found[0]


@pytest.fixture(scope="session")
def smollm2_gguf() -> Path:
    """SmolLM2-135M-Instruct.Q4_1.gguf."""
    return _named_or_pulled("TANDEM_TEST_GGUF", "SmolLM2-135M-Instruct.Q4_1.gguf", "tandem models pull smollm2-135m")


@pytest.fixture(scope="session")
def minilm_source() -> Path:
    """The folder with MiniLM's model.safetensors, config.json and tokenizer.json."""
    found = _named_or_pulled("TANDEM_TEST_MINILM", "model.safetensors", "tandem models pull minilm-l6")
    return found if found.is_dir() else found.parent
