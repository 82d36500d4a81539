"""How many threads a worker computes with."""

from pathlib import Path

import psutil
import pytest

from tandem.engine.cores import usable_cores


@pytest.mark.parametrize(
    ("quota", "most"), [("50000 100000", 1), ("100000 100000", 1), ("250000 100000", 2), ("max 100000", 10**6)]
)
def test_a_containers_quota_bounds_the_threads(tmp_path: Path, quota: str, most: int) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(quota)
    assert 1 <= usable_cores(file) <= most


def test_without_a_quota_the_physical_cores_count(tmp_path: Path) -> None:
    assert 1 <= usable_cores(tmp_path / "missing") <= (psutil.cpu_count(logical=False) or psutil.cpu_count() or 1)
