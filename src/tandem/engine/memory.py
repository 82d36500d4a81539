"""What a model will need, what this machine can give, and the decision whether it is loaded.

The decision is a pure function of numbers; reading the numbers stands apart from it. A container's limit counts as much
as the machine's own memory: a worker that passes it is killed without a word.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import psutil

from tandem.core.errors import NotEnoughMemory
from tandem.engine.geometry import Geometry

MIB = 2**20
PROCESS_BYTES = 64 * MIB
"""A worker with the runtime's libraries and a tokenizer, before any weights (measured: 56 MiB)."""
WORKING_BYTES = 96 * MIB
"""Activations and logits of one prefill chunk of 256 tokens (measured: 58 MiB for 49,152 words of vocabulary)."""
WEIGHTS_IN_MEMORY = 1.5
"""Bytes in memory for a byte of weights in files, as packed for the processor (measured: int4 1.49, int8 1.16)."""
_NO_LIMIT_BYTES = 1 << 60


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryNeed:
    """What a model will occupy, in bytes: its weights as loaded, its KV, and all else of its process."""

    weights: int
    kv: int
    process: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.kv + self.process


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRoom:
    """What may still be used, in bytes. ``None`` means that there is no such limit.

    ``available`` is what the machine can give without swapping; ``group`` is left under the container's limit;
    ``allowance`` is left of ``max_ram`` after the needs of all loaded models.
    """

    available: int
    group: int | None = None
    allowance: int | None = None

    @property
    def tightest(self) -> int:
        """The least of them; below 0 where more is promised than there is."""
        return min(room for room in (self.available, self.group, self.allowance) if room is not None)

    @property
    def bound_by(self) -> str:
        """What sets the tightest limit, for people."""
        if self.tightest == self.available:
            return "this machine"
        return "max_ram" if self.tightest == self.allowance else "this container"


def missing_bytes(need: MemoryNeed, room: MemoryRoom) -> int:
    """How much too little there is; 0 where the model fits."""
    return max(0, need.total - room.tightest)


def check_fit(model: str, need: MemoryNeed, room: MemoryRoom) -> None:
    """Raises `NotEnoughMemory`, with the numbers and the remedy, where the model does not fit."""
    if not missing_bytes(need, room):
        return
    raised = ", raise max_ram in the [device] table of tandem.toml" if room.bound_by == "max_ram" else ""
    raise NotEnoughMemory(
        f"{model} needs about {_mib(need.total)} (weights {_mib(need.weights)}, KV cache {_mib(need.kv)}, "
        f"process {_mib(need.process)}), but {room.bound_by} has {_mib(max(0, room.tightest))} left. "
        f"Close other programs or models{raised}, or choose a smaller model."
    )


def model_need(folder: Path, kv_bytes: int) -> MemoryNeed:
    """What the model in ``folder`` will occupy; ``kv_bytes`` bounds the KV of all its conversations together.

    The KV counts as one conversation of the model's full context in float32, or the bound where that is less.
    An embedding model has none. Raises `CorruptFile` where its configuration cannot be read.
    """
    weights = sum(file.stat().st_size for file in folder.iterdir() if file.suffix in {".onnx", ".data"})
    return MemoryNeed(
        weights=int(weights * WEIGHTS_IN_MEMORY),
        kv=min(kv_bytes, _full_context_bytes(folder)),
        process=PROCESS_BYTES + WORKING_BYTES,
    )


class ThisMachine:
    """The numbers of this machine and, on Linux, of the control groups around this process."""

    def __init__(self, proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> None:
        self._membership = proc / "self" / "cgroup"
        self._groups = groups

    def room(self) -> MemoryRoom:
        """What can be given now."""
        available = psutil.virtual_memory().available
        return MemoryRoom(available=available, group=group_room(self._membership, self._groups))

    def resident(self, pid: int) -> int:
        """Bytes of physical memory that a process holds; 0 where it is gone or not ours to look at."""
        try:
            return psutil.Process(pid).memory_info().rss
        except psutil.Error:
            return 0


def group_room(membership: Path, groups: Path) -> int | None:
    """The least that any control group around this process (version 1 or 2) has left; ``None`` without a limit.

    Page cache that the kernel can drop at once counts as free. See the kernel's cgroup-v1/memory and cgroup-v2 pages.
    """
    rooms = [room for folder in _memory_groups(membership, groups) if (room := _left_in(folder)) is not None]
    return min(rooms, default=None)


def _full_context_bytes(folder: Path) -> int:
    if not (folder / "genai_config.json").is_file():
        return 0
    geometry = Geometry.read(folder)
    return geometry.kv_bytes_per_token * geometry.context_tokens


def _memory_groups(membership: Path, groups: Path) -> Iterator[Path]:
    """The folders of this process's memory groups, innermost first, up to the root of each hierarchy."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for _, controllers, path in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        if controllers == "":
            hierarchy = groups
        elif "memory" in controllers.split(","):
            hierarchy = groups / "memory"
        else:
            continue
        inner = PurePosixPath(path.lstrip("/"))
        yield from (hierarchy / folder for folder in (inner, *inner.parents))


def _left_in(folder: Path) -> int | None:
    for limit_file, usage_file, cache in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        limit, usage = _number(folder / limit_file), _number(folder / usage_file)
        if limit is not None and usage is not None and limit < _NO_LIMIT_BYTES:
            return max(0, limit - usage + _statistic(folder / "memory.stat", cache))
    return None


def _number(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _statistic(path: Path, name: str) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name} ")), 0)


def _mib(count: int) -> str:
    return f"{count / MIB:,.0f} MiB"
