"""Where tests find the real models: a folder named by TANDEM_TEST_MODELS, else the installed catalog, else a skip.

`make test` pulls the models first and sets TANDEM_TEST_NEEDS_MODELS: there, a model that is not found is a failure.
"""

import os
from pathlib import Path
from typing import NoReturn

import pytest
from platformdirs import user_data_path


def models_home() -> Path:
    """The folder that holds installed models by id."""
    if named := os.environ.get("TANDEM_TEST_MODELS"):
        return Path(named)
    home = os.environ.get("TANDEM_HOME")
    return (Path(home) if home else user_data_path("tandem", appauthor=False)) / "models"


def model_folder(model: str) -> Path:
    """The folder of an installed model; the test goes no further where it is not there."""
    folder = models_home() / model
    if not folder.is_dir():
        give_up(f"{model} is not installed: run `tandem models pull {model}`")
    return folder


def give_up(why: str) -> NoReturn:
    """Skip the test, or fail it where models were promised."""
    if os.environ.get("TANDEM_TEST_NEEDS_MODELS"):
        pytest.fail(why, pytrace=False)
    pytest.skip(why)
