"""How threads and their spinning change a step and a prefill: ``python bench/engine_threads.py FOLDER``.

Each variant runs in a process of its own: ONNX Runtime's threads may spin on after a run and disturb the next variant.
The processor time of a step tells what is left for the endpoint and its client.
"""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, cast

import numpy as np
import psutil

ROUNDS = 5
PREFILL_TOKENS = 128
STEPS = 30
VARIANTS: dict[str, tuple[int, dict[str, str]]] = {
    "one thread": (1, {}),
    "all cores, spinning by default": (0, {}),
    "all cores, spinning 20 us": (0, {"session.intra_op.spin_duration_us": "20"}),
    "all cores, not spinning": (0, {"session.intra_op.allow_spinning": "0"}),
}


def one_run(folder: Path, threads: int, entries: dict[str, str]) -> dict[str, float]:
    """Milliseconds of a prefill and of a step, and processor milliseconds of a step."""
    import onnxruntime

    from tandem.engine.geometry import Geometry
    from tandem.engine.session import SessionModel

    ort = cast("Any", onnxruntime)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    for name, value in entries.items():
        options.add_session_config_entry(name, value)
    geometry = Geometry.read(folder)
    session = ort.InferenceSession(str(folder / geometry.filename), options, providers=["CPUExecutionProvider"])
    sequence = SessionModel(session, geometry).open()
    tokens = [int(token) for token in np.random.default_rng(0).integers(100, 40000, PREFILL_TOKENS)]
    sequence.append(tokens, 1)
    sequence.rewind(0)
    began = perf_counter()
    sequence.append(tokens, 1)
    prefill = perf_counter() - began
    process = psutil.Process()
    before, began = process.cpu_times(), perf_counter()
    for token in tokens[:STEPS]:
        sequence.append([token], 1)
    seconds, after = perf_counter() - began, process.cpu_times()
    processor = after.user + after.system - before.user - before.system
    return {"prefill_ms": prefill * 1e3, "step_ms": seconds / STEPS * 1e3, "step_cpu_ms": processor / STEPS * 1e3}


def main() -> None:
    """Run each variant in turn, in processes of their own."""
    folder = Path(sys.argv[1])
    if len(sys.argv) > 2:
        threads, entries = VARIANTS[sys.argv[2]]
        print(json.dumps(one_run(folder, threads, entries)))
        return
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in VARIANTS}
    for _ in range(ROUNDS):
        for name, done in runs.items():
            command = [sys.executable, __file__, str(folder), name]
            done.append(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))
    for name, done in runs.items():
        figures = {
            key: (round(median(run[key] for run in done), 2), round(min(run[key] for run in done), 2))
            for key in done[0]
        }
        print(json.dumps({name: figures}))


if __name__ == "__main__":
    main()
