"""On what, with what and when the numbers were made."""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import psutil

from bench.stable import REPOSITORY


def machine_facts(threads: int) -> Mapping[str, str]:
    """What a reader needs to judge the numbers, by name."""
    memory = psutil.virtual_memory().total / 2**30
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "processor": f"{_processor()}, {psutil.cpu_count(logical=False)} cores, {psutil.cpu_count()} threads",
        "vector instructions": ", ".join(_flags()) or "not told",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Python": platform.python_version(),
        "model threads": f"{threads} for every contender",
        "load average at the start": f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "not told",
    }


def command_line() -> str:
    """How this run was started, with folders shown by their last part."""
    shown = [Path(word).name if os.sep in word else word for word in sys.argv[1:]]
    return " ".join(["python -m bench", *shown])


def _commit() -> str:
    words = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty", "--abbrev=12"]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "not told"


def _processor() -> str:
    return _cpuinfo().get("model name") or platform.processor() or platform.machine()


def _flags() -> list[str]:
    wanted = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm")
    flags = _cpuinfo()
    there = (flags.get("flags") or flags.get("Features") or "").split()
    return [flag for flag in wanted if flag in there]


def _cpuinfo() -> Mapping[str, str]:
    file = Path("/proc/cpuinfo")
    if not file.exists():
        return {}
    rows = (line.split(":", 1) for line in file.read_text().split("\n\n")[0].splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in rows}
