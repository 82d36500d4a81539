"""After set-up nothing needs a network: all works in a namespace that has none, and nobody even tries to leave."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.models import model_folder, models_home

pytestmark = [pytest.mark.model, pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")]
SCRIPT = Path(__file__).parents[1] / "support" / "without_network.py"


def test_everything_works_without_a_network_and_no_connection_is_tried(tmp_path: Path) -> None:
    for model in ("smollm2-135m", "minilm-l6"):
        model_folder(model)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path / "home")],
        env={**os.environ, "TANDEM_TEST_MODELS": str(models_home()), "TANDEM_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    if "unshare" in done.stderr:
        pytest.skip("this machine does not allow a network namespace to this user")
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)

    assert seen["counter_works"]
    assert seen["attempts"] == 0
    assert "Paris" in seen["text"]
    assert seen["dimensions"] == 384
    # Nothing waits for a time-out: a listing is quick, an answer takes what it takes.
    assert seen["seconds"]["models list"] < 3
