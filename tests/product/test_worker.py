"""The model's process is sealed, and its death costs one answer, not the endpoint."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import openai
import pytest

from support.models import model_folder
from support.served import served

pytestmark = [pytest.mark.model, pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    model_folder("smollm2-135m")
    return tmp_path / "home"


def doctor(home: Path) -> dict[str, list[dict[str, object]]]:
    done = subprocess.run(
        [sys.executable, "-m", "tandem", "doctor", "--json"],
        env={**os.environ, "TANDEM_HOME": str(home), "TANDEM_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return json.loads(done.stdout)


def test_a_worker_lives_behind_the_seal_that_the_doctor_tells(home: Path) -> None:
    with served(home) as url:
        client = openai.OpenAI(base_url=f"{url}/v1", api_key="unused")
        client.chat.completions.create(model="auto", messages=[{"role": "user", "content": "Hi"}], max_tokens=2)
        workers = doctor(home)["workers"]
        assert workers
        for worker in workers:
            status = Path(f"/proc/{worker['pid']}/status").read_text()
            if worker["seal"] == "namespace":
                mine = Path("/proc/self/ns/net").readlink()
                assert Path(f"/proc/{worker['pid']}/ns/net").readlink() != mine
            else:
                assert worker["seal"] == "seccomp"
                assert "Seccomp:\t2" in status


def test_killing_the_worker_ends_the_stream_with_an_error_and_the_next_answer_is_right(home: Path) -> None:
    with served(home) as url:
        client = openai.OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0)
        stream = client.chat.completions.create(
            model="auto",
            messages=[{"role": "user", "content": "Write a very long story about a river."}],
            max_tokens=2000,
            temperature=0,
            stream=True,
        )
        next(iter(stream))
        victim = next(int(str(w["pid"])) for w in doctor(home)["workers"] if w["model"] == "smollm2-135m")
        os.kill(victim, signal.SIGKILL)
        with pytest.raises(openai.APIError):
            for _ in stream:
                pass
        reply = client.chat.completions.create(
            model="auto",
            messages=[{"role": "user", "content": "What is the capital of France?"}],
            max_tokens=24,
            temperature=0,
        )
        assert "Paris" in (reply.choices[0].message.content or "")
        assert all(w["pid"] != victim for w in doctor(home)["workers"])
