"""How many threads a worker should compute with: the physical cores that this process may really use."""

import math
import os
from pathlib import Path

import psutil

SPIN_ENTRY = "session.intra_op.spin_duration_us"
SPIN_MICROSECONDS = "20"
"""How long ONNX Runtime's idle threads look for work before they sleep. Its default is far longer, which makes decoding
twice as slow where the cores are busy: a spinning thread takes the core that another one needs
(``bench/engine_threads.py``)."""

CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cores(quota: Path = CGROUP_QUOTA) -> int:
    """Physical cores, less those that an affinity mask or a container's quota takes away; at least 1."""
    logical = psutil.cpu_count() or 1
    physical = psutil.cpu_count(logical=False) or logical
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else logical
    share = math.ceil(allowed * physical / logical)
    return max(1, min(physical, share, _quota_cores(quota)))


def _quota_cores(quota: Path) -> int:
    """Whole cores of a cgroup v2 quota, ``"200000 100000"`` being two; many where there is none."""
    try:
        limit, period = quota.read_text().split()
        return max(1, int(limit) // int(period))
    except (OSError, ValueError, ZeroDivisionError):
        return 1 << 16
