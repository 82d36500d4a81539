"""Run inside a network namespace that has loopback and nothing else; prints what happened as JSON.

    python without_network.py DATA_FOLDER

The kernel counts every attempt to leave (`OutNoRoutes`, for IPv4 and IPv6), native code's included; an audit hook
would see Python's attempts only.
"""

import ctypes
import fcntl
import json
import os
import socket
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

NEW_USER, NEW_NET = 0x10000000, 0x40000000
SIOCSIFFLAGS, UP_RUNNING = 0x8914, 0x1 | 0x40


def isolate() -> None:
    """Leave the machine's network for an empty one, and raise loopback there. Raises ``OSError`` where not allowed."""
    uid, gid = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_USER | NEW_NET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", UP_RUNNING))


def attempts_to_leave() -> int:
    """How often this namespace's kernel found no way out for a packet."""
    lines = Path("/proc/net/snmp").read_text().splitlines()
    names, values = (line.split()[1:] for line in lines if line.startswith("Ip:"))
    count = int(dict(zip(names, values, strict=True))["OutNoRoutes"])
    six = Path("/proc/net/snmp6")
    if six.exists():
        rows = dict(line.split() for line in six.read_text().splitlines())
        count += int(rows.get("Ip6OutNoRoutes", "0"))
    return count


def knocked() -> bool:
    """Whether this way of counting sees an attempt at all."""
    before = attempts_to_leave()
    with socket.socket() as probe:
        probe.settimeout(1)
        with suppress(OSError):
            probe.connect(("192.0.2.1", 80))
    return attempts_to_leave() > before


def use(home: Path) -> dict[str, object]:
    """Serve, chat, stream, embed, ask and list; tells how long each took in seconds."""
    import subprocess

    import openai

    from support.served import served

    took: dict[str, float] = {}
    clock = time.monotonic()

    def lap(name: str) -> None:
        nonlocal clock
        took[name] = round(time.monotonic() - clock, 2)
        clock = time.monotonic()

    with served(home) as url:
        lap("start")
        client = openai.OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0)
        question: Any = {"role": "user", "content": "What is the capital of France?"}
        reply = client.chat.completions.create(model="auto", messages=[question], max_tokens=16, temperature=0)
        lap("chat")
        list(client.chat.completions.create(model="auto", messages=[question], max_tokens=16, stream=True))
        lap("stream")
        vector = client.embeddings.create(model="minilm-l6", input="cat").data[0].embedding
        lap("embed")
    for command in (["ask", "Hi"], ["models", "list"], ["models", "list", "--json"]):
        done = subprocess.run([sys.executable, "-m", "tandem", *command], capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr.decode()
        lap(" ".join(command))
    return {"text": reply.choices[0].message.content, "dimensions": len(vector), "seconds": took}


if __name__ == "__main__":
    isolate()
    data_folder = Path(sys.argv[1])
    os.environ["TANDEM_HOME"] = str(data_folder)
    seen = use(data_folder)
    left = attempts_to_leave()
    sys.stdout.write(json.dumps({**seen, "attempts": left, "counter_works": knocked()}))
