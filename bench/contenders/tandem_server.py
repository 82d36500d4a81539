"""`tandem serve` as people run it: a server process, a worker for each model, and this process as the HTTP client."""

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import tandem
from bench.asking import Answer, Ask
from bench.contenders.sse import TIMEOUT_SECONDS, SSEClient
from tandem.presence import running

READY_SECONDS = 60.0


class TandemServer:
    """Options: ``folder`` (its name is the model's id), ``threads``, and ``embedder`` (a folder, or none)."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self._folder = Path(options["folder"]).absolute()
        self._embedder = Path(options["embedder"]).absolute() if options.get("embedder") else None
        self._settings = {
            "TANDEM_OFFLINE": "1",
            "TANDEM_SERVER_PORT": "0",
            "TANDEM_DEVICE_MODEL": self._folder.name,
            "TANDEM_DEVICE_THREADS": options["threads"],
        }
        self._clients: list[SSEClient] = []

    def open(self) -> float:
        """Serve from a data folder that holds nothing but the model; wait until its worker has loaded it."""
        self._home = tempfile.TemporaryDirectory(prefix="bench-tandem-")
        home = Path(self._home.name)
        (home / "models").mkdir()
        for folder in filter(None, (self._folder, self._embedder)):
            (home / "models" / folder.name).symlink_to(folder, target_is_directory=True)
        (home / "tandem.toml").write_text("")
        environment = {
            **os.environ,
            **self._settings,
            "TANDEM_HOME": str(home),
            "TANDEM_CONFIG": str(home / "tandem.toml"),
        }
        self._log = (home / "serve.log").open("w+b")
        began = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tandem", "serve"],
            env=environment,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
        )
        self._url = self._ready(home)
        return began

    def answer_all(self, asks: Sequence[Ask]) -> list[Answer]:
        """One connection and one thread for each question."""
        address = urlsplit(self._url).netloc
        while len(self._clients) < len(asks):
            self._clients.append(SSEClient(address, self._folder.name))
        began = time.perf_counter()
        with ThreadPoolExecutor(len(asks)) as threads:
            going = [
                threads.submit(client.answer, ask, began + ask.after_seconds)
                for client, ask in zip(self._clients, asks, strict=False)
            ]
            return [future.result() for future in going]

    def embed(self, texts: Sequence[str]) -> float:
        """One request with all texts."""
        if self._embedder is None:
            raise ValueError("no embedder was given")
        connection = http.client.HTTPConnection(urlsplit(self._url).netloc, timeout=TIMEOUT_SECONDS)
        body = json.dumps({"model": self._embedder.name, "input": list(texts)}).encode()
        began = time.perf_counter()
        connection.request("POST", "/v1/embeddings", body, {"content-type": "application/json"})
        response = connection.getresponse()
        reply = json.loads(response.read())
        seconds = time.perf_counter() - began
        connection.close()
        if response.status != http.client.OK or len(reply["data"]) != len(texts):
            raise OSError(f"status {response.status}: {str(reply)[:500]}")
        return seconds

    def processes(self) -> Mapping[str, int]:
        """The server and its workers."""
        workers = _workers(urlsplit(self._url).netloc)
        return {"server": self._process.pid, **{f"worker {model}": pid for model, pid in workers.items()}}

    def facts(self) -> Mapping[str, str]:
        """Version and address."""
        return {"tandem-edge": tandem.__version__, "url": self._url, "model": self._folder.name}

    def close(self) -> None:
        """Ask the server to end."""
        for client in self._clients:
            client.close()
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        self._home.cleanup()

    def _ready(self, home: Path) -> str:
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            for presence in running(home):
                if self._folder.name in _workers(urlsplit(presence.url).netloc):
                    return presence.url
            time.sleep(0.005)
        self._log.seek(0)
        said = self._log.read().decode(errors="replace")[-3000:]
        raise OSError(f"tandem serve is not ready after {READY_SECONDS:.0f} s: {said}")


def _workers(address: str) -> Mapping[str, int]:
    """The processes of the models that are loaded now, as the server tells them."""
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", "/readyz")
        told = json.loads(connection.getresponse().read())
    except OSError:
        return {}
    finally:
        connection.close()
    return {worker["model"]: worker["pid"] for worker in told["workers"]}
