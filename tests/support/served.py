"""A real `tandem serve` in a process of its own, for tests that judge the whole product."""

import os
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from support.models import models_home

START_SECONDS = 120.0


@contextmanager
def served(home: Path, *, environment: Mapping[str, str] | None = None, awaited: str = "/readyz") -> Generator[str]:
    """Serve on a free port from a data folder that sees the installed models; gives the base URL.

    ``awaited`` is the path that answers 200 once the server may be used.
    """
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "models").exists():
        (home / "models").symlink_to(models_home(), target_is_directory=True)
    settings = {"TANDEM_HOME": str(home), "TANDEM_SERVER_PORT": "0", **(environment or {})}
    log = home / "serve.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "tandem", "serve"],
            env={**os.environ, **settings},
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=sink,
        )
        try:
            yield _ready(process, home, log, awaited)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _ready(process: "subprocess.Popen[bytes]", home: Path, log: Path, awaited: str) -> str:
    from tandem.presence import running

    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        for presence in running(home):
            try:
                if httpx.get(f"{presence.url}{awaited}", trust_env=False, timeout=5).status_code == 200:
                    return presence.url
            except httpx.HTTPError:
                break
        time.sleep(0.1)
    raise AssertionError(f"tandem serve is not ready:\n{log.read_text(errors='replace')[-4000:]}")
