"""Where tests find the public data sets: beside the checkout, or where TANDEM_SHARED_DATA says."""

import os
from pathlib import Path

import pytest


def shared_data(name: str) -> Path:
    """The folder of one data set; skips the test where it is not there."""
    named = os.environ.get("TANDEM_SHARED_DATA")
    home = Path(named) if named else Path(__file__).parents[3] / "shared" / "data"
    folder = home / name
    if not folder.is_dir():
        pytest.skip(f"the data set {name} is not beside the checkout (set TANDEM_SHARED_DATA to its parent folder)")
    return folder
