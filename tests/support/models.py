"""Where tests find the real models: a folder named by TANDEM_TEST_MODELS, else the installed catalog, else a skip."""

import os
from pathlib import Path

import pytest
from platformdirs import user_data_path


def models_home() -> Path:
    """The folder that holds installed models by id."""
    if named := os.environ.get("TANDEM_TEST_MODELS"):
        return Path(named)
    home = os.environ.get("TANDEM_HOME")
    return (Path(home) if home else user_data_path("tandem", appauthor=False)) / "models"


def model_folder(model: str) -> Path:
    """The folder of an installed model; skips the test where it is not there."""
    folder = models_home() / model
    if not folder.is_dir():
        pytest.skip(f"{model} is not installed: run `tandem models pull {model}`")
    return folder
