"""How many threads a worker should compute with: the physical cores that this process may really use."""

import math
import os
from pathlib import Path

import psutil

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
