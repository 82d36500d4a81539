"""Commands find a running server by its file, and are not fooled by one that is gone."""

import json
import os
from pathlib import Path

import pytest

from tandem.presence import announced, running


def test_a_server_is_found_while_it_runs_and_not_after(tmp_path: Path) -> None:
    with announced(tmp_path, "http://127.0.0.1:1") as mine:
        assert running(tmp_path) == (mine,)

    assert running(tmp_path) == ()


def test_the_files_of_dead_processes_and_broken_files_are_swept_away(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "1.json").write_text("{broken", encoding="utf-8")
    # Our own pid, but a process that began at another time: the number was used again.
    reused = {"pid": os.getpid(), "began": 1.0, "url": "http://127.0.0.1:1"}
    (folder / "2.json").write_text(json.dumps(reused), encoding="utf-8")
    (folder / "3.json").write_text(json.dumps(reused | {"pid": 2**22 + 1}), encoding="utf-8")

    assert running(tmp_path) == ()
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_does_not_stop_the_server(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "run").touch()

    with announced(tmp_path, "http://127.0.0.1:1"):
        assert running(tmp_path) == ()

    assert "TANDEM_HOME" in caplog.text
