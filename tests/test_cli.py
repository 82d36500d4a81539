"""The command line in processes of its own: what goes where, which status, and no traceback whatever happens."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from support.ledger import a_line
from tandem.ledger.store import SqliteLedger


def tandem(home: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run one command on a data folder, in English, off the network."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TANDEM_", "LC_", "LANG"))}
    environment |= {"TANDEM_HOME": str(home), "TANDEM_OFFLINE": "1", "PIP_CONFIG_FILE": os.devnull} | more
    done = subprocess.run(
        [sys.executable, "-m", "tandem", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        ((), 2, "required: COMMAND"),
        (("ask", ""), 2, "Nothing was asked"),
        (("ask", "-"), 2, "Nothing was asked"),
        (("ask", "hi", "--model", "nope"), 1, "The model 'nope' does not exist here"),
        (("ask", "hi", "--model", "smollm2-135m-int8"), 1, "tandem models pull smollm2-135m-int8"),
        (("ask", "hi", "--config", "absent.toml"), 2, "no configuration file absent.toml"),
        (("serve", "--port", "99999"), 2, "a port lies between"),
        (("serve", "--host", "0.0.0.0", "--port", "0"), 2, "Set a key first"),
        (("models", "show", "smollm2-135"), 1, 'Did you mean "smollm2-135m"?'),
        (("models", "rm", "smollm2-135m"), 1, "nothing to remove"),
        (("models", "pull", "smollm2-135m"), 1, "Unset TANDEM_OFFLINE"),
    ],
)
def test_a_failure_has_its_status_and_a_sentence_on_standard_error(
    tmp_path: Path, arguments: tuple[str, ...], status: int, told: str
) -> None:
    done = tandem(tmp_path / "home", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert told in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="arguments are no bytes on Windows")
def test_a_question_that_is_no_text_is_wrong_use(tmp_path: Path) -> None:
    done = tandem(tmp_path, "ask", "caf\udce9")
    assert (done.returncode, done.stdout) == (2, "")
    assert "not UTF-8" in done.stderr


def test_the_list_is_one_json_document_in_the_shape_of_the_contract(tmp_path: Path) -> None:
    done = tandem(tmp_path, "models", "list", "--json")
    rows = json.loads(done.stdout)
    assert [row["id"] for row in rows][:2] == ["smollm2-135m", "smollm2-135m-int8"]
    for row in rows:
        assert list(row) == [
            "id", "kind", "place", "installed", "loaded", "path", "bytes", "context_tokens", "source", "licence",
        ]  # fmt: skip
    assert done.returncode == 0


def test_the_doctor_gives_a_remedy_for_everything_that_is_not_well(tmp_path: Path) -> None:
    done = tandem(tmp_path, "doctor", "--json")
    report = json.loads(done.stdout)
    assert list(report) == ["checks", "seal", "workers"]
    assert report["seal"] in {"namespace", "seccomp", "none"}
    for check in report["checks"]:
        assert list(check) == ["name", "ok", "detail", "remedy"]
        assert bool(check["remedy"]) != check["ok"], check
    assert next(check for check in report["checks"] if check["name"] == "default model")["ok"] is False
    assert done.returncode == 0


def test_letters_that_the_output_lacks_stop_nothing(tmp_path: Path) -> None:
    polish = {"LANG": "pl_PL.UTF-8", "PYTHONIOENCODING": "ascii"}
    table = tandem(tmp_path, "models", "list", **polish)
    assert (table.returncode, table.stdout.splitlines()[0].split("\t")[5]) == (0, "?r?d?o")


def test_a_data_folder_that_is_a_file_is_told_by_the_doctor(tmp_path: Path) -> None:
    taken = tmp_path / "file"
    taken.touch()
    done = tandem(taken, "doctor", "--json")
    check = next(check for check in json.loads(done.stdout)["checks"] if check["name"] == "data folder")
    assert not check["ok"]
    assert "TANDEM_HOME" in check["remedy"]
    assert done.returncode == 1
    failed = tandem(taken, "models", "pull", "smollm2-135m")
    assert (failed.returncode, str(taken) in failed.stderr) == (1, True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_behind_standard_output_is_a_failure_and_a_reader_that_left_is_not(tmp_path: Path) -> None:
    command = f'"{sys.executable}" -m tandem models list'
    environment = os.environ | {"TANDEM_HOME": str(tmp_path)}
    for tail, status in ((">/dev/full", 1), (">&-", 0), ("| true; exit 0", 0)):
        done = subprocess.run(
            ["sh", "-c", f"{command} {tail}"], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, "Traceback" in done.stderr) == (status, False), done.stderr


def test_a_model_of_foundry_is_shown_with_what_is_remembered_of_its_builds(tmp_path: Path) -> None:
    builds = [
        {"id": "small-generic-cpu:1", "device": "CPU", "provider": "CPUExecutionProvider", "size_bytes": 7},
        {"id": "small-cuda-gpu:1", "device": "GPU", "provider": "CUDAExecutionProvider", "size_bytes": 9},
    ]
    memory = tmp_path / "foundry" / "listing.json"
    memory.parent.mkdir()
    memory.write_text(json.dumps({"asked_at": 1, "offers": [{"alias": "small", "variants": builds}]}), "utf-8")

    shown = json.loads(tandem(tmp_path, "models", "show", "small", "--json").stdout)
    plain = tandem(tmp_path, "models", "show", "small").stdout

    assert [build["provider"] for build in shown["variants"]] == ["CPUExecutionProvider", "CUDAExecutionProvider"]
    assert "small-cuda-gpu:1 GPU CUDAExecutionProvider 9" in plain


def test_the_execution_providers_of_foundry_are_a_list(tmp_path: Path) -> None:
    pytest.importorskip("foundry_local_sdk")
    providers = json.loads(tandem(tmp_path, "models", "list", "--providers", "--json").stdout)

    assert all(set(one) == {"name", "registered"} for one in providers)


def test_doctor_tells_of_providers_without_keys_and_of_receipts_that_were_changed(tmp_path: Path) -> None:
    config = tmp_path / "tandem.toml"
    config.write_text('[[model]]\nprovider = "deepseek"\nid = "ds"\nupstream_id = "deepseek-chat"\n', encoding="utf-8")
    home = tmp_path / "home"
    with SqliteLedger(home) as ledger:
        for number in range(3):
            ledger.record(a_line(number))
    with closing(sqlite3.connect(home / "ledger.sqlite")) as db:
        db.execute("UPDATE line SET body = replace(body, 'req_1', 'req_9')")
        db.commit()

    ran = tandem(home, "doctor", "--json", "--config", str(config))

    checks = {check["name"]: check for check in json.loads(ran.stdout)["checks"]}
    assert (checks["model ds"]["ok"], "DEEPSEEK_API_KEY is not set" in checks["model ds"]["detail"]) == (False, True)
    assert (checks["ledger"]["ok"], checks["ledger"]["detail"]) == (False, "line 2 is changed")
