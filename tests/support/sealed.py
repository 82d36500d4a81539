"""Python code that seals itself in a process of its own and tells what it could still do."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tandem.engine import seal as seal_module

SOURCE = Path(seal_module.__file__).parents[2]
FAILURES = """
import ctypes, errno, json, os, socket, sys
from tandem.engine.seal import close_network
def attempt(act):
    try:
        act()
    except OSError as error:
        return errno.errorcode.get(error.errno, type(error).__name__)
    return "open"
def call(number, *arguments):
    def act():
        if libc.syscall(number, *arguments) < 0:
            raise OSError(ctypes.get_errno(), "")
    return act
libc = ctypes.CDLL(None, use_errno=True)
locks = json.loads(sys.argv[1])
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="seals are known for Linux only")


def sealed(code: str, *locks: str) -> Any:  # noqa: ANN401 - JSON
    """What ``code`` prints (JSON) in a process of its own; ``locks`` is what it may seal itself with."""
    done = subprocess.run(
        [sys.executable, "-c", FAILURES + code, json.dumps(locks or ["namespace", "landlock", "seccomp"])],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd="/",
        env={"PYTHONPATH": str(SOURCE), "PATH": os.environ["PATH"], "HOME": "/nonexistent"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


SEAL_IT = "report = close_network('require', locks)\n"
