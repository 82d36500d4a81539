"""Whether a model fits: the need, the room, and the decision between them."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.core.errors import CorruptFile, NotEnoughMemory
from tandem.engine.memory import (
    MIB,
    MemoryNeed,
    MemoryRoom,
    ThisMachine,
    check_fit,
    group_room,
    missing_bytes,
    model_need,
)

NEED = MemoryNeed(weights=100 * MIB, kv=50 * MIB, process=30 * MIB)


def folder_of(path: Path, *, weights: int, context: int | None = None) -> Path:
    path.mkdir()
    (path / "model.onnx").write_bytes(b"x" * 1000)
    (path / "model.onnx.data").write_bytes(b"x" * (weights - 1000))
    (path / "tokenizer.json").write_bytes(b"x" * 5000)
    if context is not None:
        decoder = {"filename": "model.onnx", "head_size": 64, "num_hidden_layers": 30, "num_key_value_heads": 3}
        config = {"model": {"decoder": decoder, "context_length": context, "vocab_size": 49152, "type": "llama"}}
        (path / "genai_config.json").write_text(json.dumps(config))
    return path


def test_a_model_that_fits_exactly_is_let_in() -> None:
    check_fit("m", NEED, MemoryRoom(available=180 * MIB, group=180 * MIB, allowance=180 * MIB))


def test_a_model_that_does_not_fit_is_refused_with_numbers_and_a_remedy() -> None:
    with pytest.raises(NotEnoughMemory) as caught:
        check_fit("smollm2-135m", NEED, MemoryRoom(available=179 * MIB))

    assert caught.value.message == (
        "smollm2-135m needs about 180 MiB (weights 100 MiB, KV cache 50 MiB, process 30 MiB), "
        "but this machine has 179 MiB left. Close other programs or models, or choose a smaller model."
    )


@pytest.mark.parametrize(
    ("room", "named"),
    [
        (MemoryRoom(available=900 * MIB, group=20 * MIB), "this container has 20 MiB"),
        (MemoryRoom(available=900 * MIB, group=90 * MIB, allowance=10 * MIB), "max_ram has 10 MiB left. Close other"),
        (MemoryRoom(available=900 * MIB, allowance=-10 * MIB), "raise max_ram in the [device] table of tandem.toml"),
    ],
)
def test_the_refusal_names_the_limit_that_binds(room: MemoryRoom, named: str) -> None:
    with pytest.raises(NotEnoughMemory) as caught:
        check_fit("m", NEED, room)
    assert named in caught.value.message


@given(st.integers(0, 10**12), st.none() | st.integers(-(10**12), 10**12), st.none() | st.integers(-(10**12), 10**12))
def test_no_limit_is_ever_passed(available: int, group: int | None, allowance: int | None) -> None:
    room = MemoryRoom(available=available, group=group, allowance=allowance)
    missing = missing_bytes(NEED, room)

    fits = all(limit >= NEED.total for limit in (available, group, allowance) if limit is not None)
    assert (missing == 0) == fits
    assert missing == 0 or missing == NEED.total - room.tightest


def test_the_need_counts_weights_and_one_full_conversation(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "chat", weights=100 * MIB, context=8192)

    need = model_need(folder, kv_bytes=2**40)

    assert need.weights == 150 * MIB
    assert need.kv == 2 * 30 * 3 * 64 * 4 * 8192  # 360 MiB: SmolLM2's KV of a full context in float32


def test_the_kv_bound_holds_where_the_context_is_longer(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "chat", weights=2000, context=131072)
    assert model_need(folder, kv_bytes=MIB).kv == MIB


def test_an_embedding_model_needs_no_kv(tmp_path: Path) -> None:
    assert model_need(folder_of(tmp_path / "embedder", weights=2000), kv_bytes=MIB).kv == 0


def test_an_unreadable_configuration_is_corrupt(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "chat", weights=2000)
    (folder / "genai_config.json").write_text("{")
    with pytest.raises(CorruptFile, match="Pull or import the model again"):
        model_need(folder, kv_bytes=MIB)


def write(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def test_the_tightest_group_of_version_2_counts_with_its_cache_as_free(tmp_path: Path) -> None:
    write(
        tmp_path / "a", {"memory.max": "1000\n", "memory.current": "700\n", "memory.stat": "anon 1\ninactive_file 50\n"}
    )
    write(tmp_path / "a" / "b", {"memory.max": "max\n", "memory.current": "600\n"})
    (tmp_path / "membership").write_text("0::/a/b\n")

    assert group_room(tmp_path / "membership", tmp_path) == 350


def test_version_1_is_read_from_its_own_hierarchy(tmp_path: Path) -> None:
    unlimited = {"memory.limit_in_bytes": "9223372036854771712", "memory.usage_in_bytes": "5"}
    limited = {"memory.limit_in_bytes": "1000", "memory.usage_in_bytes": "900", "memory.stat": "total_inactive_file 30"}
    write(tmp_path / "memory", unlimited)
    write(tmp_path / "memory" / "job", limited)
    (tmp_path / "membership").write_text("3:cpuset:/x\n4:memory:/job\n0::/\n")

    assert group_room(tmp_path / "membership", tmp_path) == 130


def test_a_containers_outer_path_that_is_not_mounted_falls_back_to_its_root(tmp_path: Path) -> None:
    write(tmp_path, {"memory.max": "1000", "memory.current": "100"})
    (tmp_path / "membership").write_text("0::/docker/0123/not/here\n")

    assert group_room(tmp_path / "membership", tmp_path) == 900


def test_without_groups_there_is_no_such_limit(tmp_path: Path) -> None:
    (tmp_path / "membership").write_text("0::/\n")

    assert group_room(tmp_path / "membership", tmp_path) is None
    assert group_room(tmp_path / "absent", tmp_path) is None


def test_this_machine_has_room_and_this_process_takes_some() -> None:
    machine = ThisMachine()
    assert machine.room().available > 0
    assert MIB < machine.resident(os.getpid()) < machine.room().available + machine.resident(os.getpid())
    assert machine.resident(2**22 + 1) == 0
