"""Takes the network away from this process before a model is loaded, and proves it.

Call `seal` first thing in a worker's main, while there is one thread and nothing is open but standard input, output
and error: every other descriptor is closed. What is sealed cannot be opened again, by this process or its children.
"""

import ctypes
import errno
import json
import os
import platform
import socket
import stat
import subprocess
import sys
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from tandem.core.errors import Unavailable
from tandem.engine.landlock import restrict_reach
from tandem.engine.seccomp import install_filter

SealMode = Literal["auto", "require", "off"]
SealKind = Literal["namespace", "seccomp", "none"]
Lock = Literal["namespace", "seccomp", "landlock"]

EVERY_LOCK: frozenset[Lock] = frozenset({"namespace", "seccomp", "landlock"})
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_PROBE_SECONDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SealReport:
    """Which seal holds, and why, for people: the locks that closed and the reason for each that did not."""

    kind: SealKind
    detail: str


def seal(mode: SealMode) -> SealKind:
    """Take the network away from this process. Raises `Unavailable` where ``mode`` is ``require`` and no seal holds."""
    return close_network(mode).kind


def close_network(mode: SealMode, locks: Collection[Lock] = EVERY_LOCK) -> SealReport:
    """Close each of ``locks`` that this machine has, then try to get out, and claim only what was seen to hold.

    ``namespace`` means an empty network of its own, with the filter on top where that holds too; ``seccomp`` means the
    filter alone; ``none`` that the network is open. Raises `Unavailable` as `seal` does.
    """
    if mode == "off":
        return SealReport(kind="none", detail='switched off by sealed = "off"')
    report = _close(locks) if sys.platform == "linux" else SealReport(kind="none", detail=_no_seal_here())
    if mode == "require" and report.kind == "none":
        raise Unavailable(
            f"No seal holds on this machine ({report.detail}). Allow unprivileged user namespaces or seccomp filters, "
            'or set sealed = "auto" in the [device] table of tandem.toml to run without a seal.'
        )
    return report


def probe_seal(locks: Collection[Lock] = EVERY_LOCK) -> SealReport:
    """What a worker started now would get, found by sealing a short-lived process. Blocks for about 0.1 s."""
    command = [sys.executable, "-P", "-m", "tandem.engine.seal", *sorted(locks)]
    try:
        done = subprocess.run(
            command, capture_output=True, check=True, timeout=_PROBE_SECONDS, stdin=subprocess.DEVNULL
        )
        return SealReport(**json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return SealReport(kind="none", detail=f"the probe failed: {type(error).__name__}")


def _no_seal_here() -> str:
    return f"{platform.system() or sys.platform} has no seal that Tandem knows"


def _close(locks: Collection[Lock]) -> SealReport:
    os.closerange(3, 1 << 20)
    before = _network_namespace()
    notes = {
        "namespace": _leave_network() if "namespace" in locks else "not asked for",
        "landlock": restrict_reach() if "landlock" in locks else "not asked for",
        "seccomp": install_filter(platform.machine()) if "seccomp" in locks else "not asked for",
    }
    detail = "; ".join(f"{lock}: {note or 'holds'}" for lock, note in notes.items())
    if leak := _way_out():
        return SealReport(kind="none", detail=f"{detail}; {leak}")
    if not notes["namespace"] and before != _network_namespace():
        return SealReport(kind="namespace", detail=detail)
    return SealReport(kind="none" if notes["seccomp"] else "seccomp", detail=detail)


def _leave_network() -> str:
    """Move into a new user namespace and an empty network. Root's ids are mapped from outside, where it still may."""
    libc = ctypes.CDLL(None, use_errno=True)
    mapper = _IdentityMapper() if os.geteuid() == 0 else None
    uid, gid = os.geteuid(), os.getegid()
    left = libc.unshare(_NEW_USER | _NEW_NETWORK) == 0
    why = "" if left else f"{errno.errorcode.get(ctypes.get_errno(), 'refused')}"
    mapped = mapper.finish(go=left) if mapper else False
    if left and not mapped:
        _map_own_ids(uid, gid)
    return why


class _IdentityMapper:
    """A forked child that stays outside and gives each id its own name inside: root still reads others' files."""

    def __init__(self) -> None:
        self._go_read, self._go_write = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            self._map_and_exit()
        os.close(self._go_read)

    def finish(self, *, go: bool) -> bool:
        """Let the child map (or not) and wait for it. True where it did."""
        if go:
            os.write(self._go_write, b"1")
        os.close(self._go_write)
        return os.waitstatus_to_exitcode(os.waitpid(self._child, 0)[1]) == 0

    def _map_and_exit(self) -> None:
        os.close(self._go_write)
        status = 1
        try:
            if os.read(self._go_read, 1):
                for name in ("uid_map", "gid_map"):
                    ranges = [line.split() for line in Path("/proc/self", name).read_text().splitlines()]
                    identity = "".join(f"{first} {first} {count}\n" for first, _, count in ranges)
                    Path(f"/proc/{os.getppid()}", name).write_text(identity)
                status = 0
        except OSError:
            status = 1
        finally:
            os._exit(status)


def _map_own_ids(uid: int, gid: int) -> None:
    """Keep one's own name inside. Where that is refused files stay readable all the same; only names look foreign."""
    for name, line in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        try:
            Path("/proc/self", name).write_text(line)
        except OSError:
            return


def _network_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/net").readlink())
    except OSError:
        return ""


def _way_out() -> str:
    """A way to the network that is still open, for people; "" where there is none. Sends no packet."""
    for descriptor in range(3):
        if _is_network_socket(descriptor):
            return f"descriptor {descriptor} is a network socket that was inherited"
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((address, 9))
        except OSError:
            continue
        return f"a {family.name} socket could still be connected"
    return ""


def _is_network_socket(descriptor: int) -> bool:
    try:
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return False
        with socket.socket(fileno=os.dup(descriptor)) as inherited:
            return inherited.family != socket.AF_UNIX
    except OSError:
        return False


if __name__ == "__main__":
    wanted: list[Lock] = [lock for lock in sorted(EVERY_LOCK) if lock in sys.argv[1:]]
    sys.stdout.write(json.dumps(asdict(close_network("auto", wanted))))
