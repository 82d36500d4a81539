"""Who is measured: each in a process of its own, all on one core, before the same far side."""

import json
import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil

from bench.overhead_mock import FAST, SLOW
from bench.stable import REPOSITORY

KEY = "sk-bench-2f6c1d0a9e8b47c5"
GATEWAY_CORE, OTHER_CORE = 0, 1
_START_SECONDS = 120.0
_TANDEM = """
[server]
api_key_env = "BENCH_KEY"
[device]
preload = false
[[provider]]
name = "mock"
base_url = "{upstream}"
place = "cloud"
[[model]]
provider = "mock"
id = "{fast}"
usd_per_million_input_tokens = 0.28
usd_per_million_output_tokens = 0.42
[[model]]
provider = "mock"
id = "{slow}"
usd_per_million_input_tokens = 0.28
usd_per_million_output_tokens = 0.42
[policy.fast]
models = ["{fast}", "{slow}", "smollm2-135m"]
rules = ["CloudFirst"]
[policy.slow]
models = ["{slow}", "{fast}", "smollm2-135m"]
rules = ["CloudFirst"]
"""
_LITELLM = {
    "litellm_settings": {"fallbacks": [{FAST: [SLOW]}, {SLOW: [FAST]}], "num_retries": 1},
    "general_settings": {"master_key": KEY},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One that answers at ``url``; ``models`` are its names of the fast and the slow far side. ``pid`` 0 is nobody."""

    name: str
    url: str
    models: Mapping[int, str]
    pid: int = 0

    def resident_mib(self) -> float:
        """Memory of the gateway's own process."""
        return psutil.Process(self.pid).memory_info().rss / 2**20 if self.pid else 0.0

    def processor_seconds(self) -> float:
        """Processor time of the gateway's own process so far, all of its threads, by Linux's clock of that process."""
        return time.clock_gettime((~self.pid << 3) | 2) if self.pid else 0.0


@dataclass(slots=True)
class Stalls:
    """Starts processes and ends them. ``models`` is a folder that holds the device's models."""

    models: Path
    _open: ExitStack = field(default_factory=ExitStack)
    _folder: Path = field(default_factory=Path)

    def __enter__(self) -> Self:
        self._folder = Path(self._open.enter_context(tempfile.TemporaryDirectory()))
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def mock(self, python: str) -> Peer:
        """The far side itself, asked without anybody between."""
        process = self._start([python, "-m", "bench.overhead_mock"], core=OTHER_CORE, reads=True)
        assert process.stdout is not None
        url = f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        return Peer(name="direct", url=url, models={0: FAST, 20: SLOW})

    def bare(self, python: str, upstream: str) -> Peer:
        """The pass-through."""
        port = free_port()
        process = self._start([python, "-m", "bench.overhead_pass", upstream, str(port)], core=GATEWAY_CORE)
        return self._ready(Peer(name="bare", url=_url(port), models={0: FAST, 20: SLOW}, pid=process.pid), "/")

    def tandem(self, python: str, upstream: str) -> Peer:
        """`tandem serve` with a key, its ledger, and policies that may fall back to two others."""
        port, home = free_port(), self._folder / "tandem"
        home.mkdir()
        (home / "models").symlink_to(self.models, target_is_directory=True)
        config = home / "tandem.toml"
        config.write_text(_TANDEM.format(upstream=upstream, fast=FAST, slow=SLOW))
        words = [python, "-m", "tandem", "serve", "--config", str(config), "--port", str(port)]
        process = self._start(words, core=GATEWAY_CORE, env={"TANDEM_HOME": str(home), "BENCH_KEY": KEY})
        peer = Peer(name="tandem", url=_url(port), models={0: "auto:fast", 20: "auto:slow"}, pid=process.pid)
        return self._ready(peer, "/healthz")

    def litellm(self, python: str, upstream: str) -> Peer:
        """LiteLLM's proxy with one worker, its key, its log, and a fallback for each model."""
        port, config = free_port(), self._folder / "litellm.yaml"
        rows = [
            {"model_name": name, "litellm_params": {"model": f"openai/{name}", "api_base": upstream, "api_key": "none"}}
            for name in (FAST, SLOW)
        ]
        config.write_text(json.dumps({"model_list": rows, **_LITELLM}))  # JSON is YAML
        words = [
            str(Path(python).parent / "litellm"),
            "--config",
            str(config),
            "--port",
            str(port),
            "--host",
            "127.0.0.1",
        ]
        environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": KEY, "DO_NOT_TRACK": "1"}
        process = self._start(words, core=GATEWAY_CORE, env=environment)
        peer = Peer(name="litellm", url=_url(port), models={0: FAST, 20: SLOW}, pid=process.pid)
        return self._ready(peer, "/health/liveliness")

    def _start(
        self, words: Sequence[str], *, core: int, env: Mapping[str, str] | None = None, reads: bool = False
    ) -> "subprocess.Popen[str]":
        log = self._open.enter_context((self._folder / f"log-{time.monotonic_ns()}").open("w"))
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *words],
            cwd=self._folder if env else REPOSITORY,
            env={**os.environ, "PYTHONPATH": "", **(env or {})},
            stdout=subprocess.PIPE if reads else log,
            stderr=log,
            text=True,
        )
        self._open.callback(_end, process)
        return process

    def _ready(self, peer: Peer, path: str) -> Peer:
        """Wait until it answers anything at all. Raises `TimeoutError` with the end of its log."""
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            if _answers(peer.url.removesuffix("/v1") + path):
                return peer
            time.sleep(0.2)
        raise TimeoutError(f"{peer.name} did not start; its log is the last of {sorted(self._folder.glob('log-*'))}")


def free_port() -> int:
    """A port that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}/v1"


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
