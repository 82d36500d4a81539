"""How much one file may cost, and the operating system's part in keeping it."""

import sys
from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Per file. ``unpacked_bytes`` bounds what an archive may unpack to, ``depth`` how deep markup may nest.

    ``memory_bytes`` bounds the reading process's address space (Linux) and its resident memory (everywhere).
    """

    file_bytes: int = 128 * MIB
    seconds: float = 120.0
    memory_bytes: int = 1536 * MIB
    unpacked_bytes: int = 256 * MIB
    text_chars: int = 32_000_000
    depth: int = 512

    @property
    def reply_bytes(self) -> int:
        """The longest reply that is accepted from the reading process: its text in UTF-8 with room for places."""
        return self.text_chars * 6 + 64 * MIB


def bind(limits: Limits) -> None:
    """Let the system hold this process to ``limits``: address space, no file written, no core, no more than 64 files.

    Where the system has no such limits (Windows) the parent's watch on time and memory is the only one.
    """
    if sys.platform == "win32":
        return
    import resource

    wanted = [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_AS, limits.memory_bytes),
    ]
    for what, most in wanted:
        _, hard = resource.getrlimit(what)
        bounded = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(what, (bounded, bounded))
        except (OSError, ValueError):
            continue  # macOS refuses some of them


def bind_next_file(limits: Limits) -> None:
    """Let the system end this process when the next file takes more processor time than its share."""
    if sys.platform == "win32":
        return
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + limits.seconds) + 2
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
