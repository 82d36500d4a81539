"""What a sealed process can still do, tried out in real ones."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from support.models import model_folder
from support.sealed import FAILURES, SEAL_IT, SOURCE, linux, sealed
from tandem.core.errors import Unavailable
from tandem.engine.seal import SealReport, close_network, probe_seal, seal


@linux
@pytest.mark.parametrize("locks", [(), ("seccomp",), ("seccomp", "landlock")])
def test_no_kind_of_socket_opens_behind_the_filter(locks: tuple[str, ...]) -> None:
    code = (
        SEAL_IT
        + """
families = ["AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG"]
print(json.dumps({name: attempt(lambda: socket.socket(getattr(socket, name), socket.SOCK_DGRAM)) for name in families}))
"""
    )
    assert set(sealed(code, *locks).values()) == {"EPERM"}


@linux
def test_an_inner_network_without_the_filter_reaches_nobody() -> None:
    code = (
        SEAL_IT
        + """
def connect():
    with socket.socket() as probe:
        probe.connect(("127.0.0.1", 9))
print(json.dumps([report.kind, attempt(connect), [name for _, name in socket.if_nameindex()]]))
"""
    )
    assert sealed(code, "namespace") == ["namespace", "ENETUNREACH", ["lo"]]


@linux
@pytest.mark.parametrize("locks", [(), ("seccomp",), ("namespace",)])
def test_a_server_on_this_very_machine_cannot_be_reached(locks: tuple[str, ...]) -> None:
    code = """
listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
if os.fork():
    import time; os.wait(); os._exit(0)
before = attempt(lambda: socket.create_connection(("127.0.0.1", port), timeout=5).close())
close_network("require", locks)
after = attempt(lambda: socket.create_connection(("127.0.0.1", port), timeout=5).close())
print(json.dumps([before, after == "open"]))
"""
    assert sealed(code, *locks) == ["open", False]


@linux
@pytest.mark.parametrize("locks", [(), ("seccomp",), ("namespace",)])
def test_names_cannot_be_resolved(locks: tuple[str, ...]) -> None:
    code = SEAL_IT + 'print(json.dumps(attempt(lambda: socket.getaddrinfo("example.org", 443))))'
    assert sealed(code, *locks) != "open"


@linux
@pytest.mark.parametrize("locks", [(), ("seccomp",)])
def test_the_ways_around_the_socket_call_are_shut_too(locks: tuple[str, ...]) -> None:
    code = (
        SEAL_IT
        + '''
params = ctypes.create_string_buffer(120)
import fcntl, subprocess
child = """
import socket
try:
    socket.socket()
except OSError as error:
    print(error.strerror, end="")
"""
print(json.dumps({
    "io_uring": attempt(call(425, 8, params)),
    "datagram pair": attempt(lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)),
    "typing into the terminal": attempt(lambda: fcntl.ioctl(0, 0x5412, b"x")),
    "typing, with high bits set": attempt(call(16 if os.uname().machine == "x86_64" else 29, 0, 0x100005412, b"x")),
    "ptrace": attempt(call(101 if os.uname().machine == "x86_64" else 117, 0, 0, 0, 0)),
    "a child": subprocess.run([sys.executable, "-c", child], capture_output=True, text=True).stdout,
}))
'''
    )
    outcome = sealed(code, *locks)
    assert outcome == {
        "io_uring": "EPERM",
        "datagram pair": "EPERM",
        "typing into the terminal": "EPERM",
        "typing, with high bits set": "EPERM",
        "ptrace": "EPERM",
        "a child": "Operation not permitted",
    }


@linux
@pytest.mark.parametrize("locks", [("namespace", "seccomp"), ("seccomp", "landlock")])
def test_other_processes_of_the_same_user_cannot_be_read(locks: tuple[str, ...]) -> None:
    code = (
        SEAL_IT
        + """
memory = attempt(lambda: open(f"/proc/{os.getppid()}/mem", "rb"))
print(json.dumps([memory, report.kind == "namespace" or "landlock: holds" in report.detail]))
"""
    )
    outcome, guarded = sealed(code, *locks)
    if not guarded:
        pytest.skip("this kernel has neither user namespaces nor Landlock")
    assert outcome == "EACCES"


@linux
def test_other_processes_of_the_same_user_cannot_be_signalled() -> None:
    code = SEAL_IT + "print(json.dumps([attempt(lambda: os.kill(os.getppid(), 0)), report.detail]))"
    outcome, detail = sealed(code)
    if "landlock: holds" not in detail:
        pytest.skip("this kernel has no Landlock")
    assert outcome == "EPERM"


@linux
def test_every_inherited_descriptor_but_the_standard_three_is_closed() -> None:
    code = """
left, right = socket.socketpair()
close_network("require", locks)
print(json.dumps([attempt(lambda: left.send(b"x")), sorted(int(n) for n in os.listdir("/proc/self/fd"))[:3]]))
"""
    assert sealed(code) == ["EBADF", [0, 1, 2]]


@linux
def test_a_network_socket_as_standard_input_is_no_seal() -> None:
    code = """
listener = socket.create_server(("127.0.0.1", 0))
connected = socket.create_connection(listener.getsockname())
os.dup2(connected.fileno(), 0)
report = close_network("auto", locks)
print(json.dumps([report.kind, "descriptor 0 is a network socket" in report.detail]))
"""
    assert sealed(code) == ["none", True]


@linux
def test_the_parent_sees_another_network_in_a_sealed_process() -> None:
    code = "from tandem.engine.seal import seal; print(seal('require'), flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", FAILURES + code, "[]"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(SOURCE)},
    )
    assert child.stdout is not None
    kind = child.stdout.readline().decode().strip()
    inner = Path(f"/proc/{child.pid}/ns/net").readlink()
    child.communicate()

    assert (inner != Path("/proc/self/ns/net").readlink()) == (kind == "namespace")


@linux
def test_an_unprivileged_user_is_sealed_and_still_has_their_name_and_files() -> None:
    if os.geteuid() != 0:
        pytest.skip("the other tests already run as an unprivileged user")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        mine = Path(folder, "mine")
        mine.write_text("ok")
        mine.chmod(0o600)
        os.chown(mine, 65534, 65534)
        code = f"""
os.setgroups([]); os.setgid(65534); os.setuid(65534)
libc.prctl(4, 1, 0, 0, 0)  # dumpable, as a process is that was started by this user
report = close_network("require", locks)
mine = {str(mine)!r}
print(json.dumps([report.kind, os.geteuid(), os.stat(mine).st_uid, open(mine).read(), attempt(socket.socket)]))
"""
        assert sealed(code) == [probe_seal().kind, 65534, 65534, "ok", "EPERM"]


@linux
def test_nothing_can_be_written_or_removed_where_the_kernel_has_landlock(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("before")
    code = (
        SEAL_IT
        + f"""
kept, new = {str(kept)!r}, {str(tmp_path / "new")!r}
open("/dev/null", "w").write("fine")
print(json.dumps([report.detail, {{
    "make": attempt(lambda: open(new, "w")),
    "append": attempt(lambda: open(kept, "a")),
    "truncate": attempt(lambda: os.truncate(kept, 0)),
    "remove": attempt(lambda: os.remove(kept)),
    "rename": attempt(lambda: os.rename(kept, new)),
    "folder": attempt(lambda: os.mkdir(new)),
    "link": attempt(lambda: os.symlink(kept, new)),
    "read": attempt(lambda: open(kept).read()),
}}]))
"""
    )
    detail, outcome = sealed(code)
    if "landlock: holds" not in detail:
        pytest.skip("this kernel has no Landlock")
    assert outcome.pop("read") == "open"
    assert set(outcome.values()) == {"EACCES"}
    assert kept.read_text() == "before"


@linux
def test_root_still_reads_other_peoples_files_after_sealing(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    private = tmp_path / "private"
    private.write_text("ok")
    os.chown(private, 1234, 1234)
    private.chmod(0o600)
    code = SEAL_IT + f"print(json.dumps([open({str(private)!r}).read(), os.stat({str(private)!r}).st_uid]))"
    assert sealed(code) == ["ok", 1234]


@linux
def test_where_namespaces_are_refused_the_filter_holds_alone_and_the_reason_is_told() -> None:
    """An outer user namespace may forbid inner ones: the kernel then answers as a container's profile does."""
    code = """
if libc.unshare(0x10000000) == 0:
    open("/proc/sys/user/max_user_namespaces", "w").write("0")
report = close_network("require", locks)
print(json.dumps([report.kind, report.detail, attempt(socket.socket)]))
"""
    kind, detail, outcome = sealed(code)
    assert (kind, outcome) == ("seccomp", "EPERM")
    assert detail.startswith(("namespace: ENOSPC", "namespace: EPERM"))
    assert detail.endswith("seccomp: holds")


@linux
def test_a_thread_that_was_there_before_is_sealed_by_the_filter_too() -> None:
    code = """
import queue, threading
orders, outcomes = queue.Queue(), queue.Queue()
def live():
    while orders.get():
        outcomes.put(attempt(lambda: socket.socket().close()))
threading.Thread(target=live, daemon=True).start()
def ask():
    orders.put(True)
    return outcomes.get()
print(json.dumps([ask(), close_network("require", locks).kind, ask()]))
"""
    assert sealed(code) == ["open", "seccomp", "EPERM"]


@linux
def test_off_leaves_the_network_and_the_descriptors_alone() -> None:
    code = """
from tandem.engine.seal import seal
listener = socket.create_server(("127.0.0.1", 0))
kind = seal("off")
print(json.dumps([kind, attempt(lambda: socket.create_connection(listener.getsockname()).close())]))
"""
    assert sealed(code) == ["none", "open"]


@linux
def test_require_without_any_lock_is_refused_with_a_remedy() -> None:
    code = """
from tandem.core.errors import Unavailable
try:
    close_network("require", [])
except Unavailable as error:
    print(json.dumps(error.message))
"""
    assert "Allow unprivileged user namespaces or seccomp filters" in sealed(code, "none")


def test_a_platform_without_seals_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr("platform.system", lambda: "Darwin")

    assert close_network("auto") == SealReport(kind="none", detail="Darwin has no seal that Tandem knows")
    with pytest.raises(Unavailable, match="Darwin has no seal"):
        seal("require")


@linux
def test_the_probe_tells_what_a_worker_would_get_without_touching_this_process() -> None:
    before = Path("/proc/self/ns/net").readlink()
    report = probe_seal(["seccomp"])

    assert report == SealReport(
        kind="seccomp", detail="namespace: not asked for; landlock: not asked for; seccomp: holds"
    )
    assert Path("/proc/self/ns/net").readlink() == before


def test_a_probe_that_cannot_run_claims_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")

    assert probe_seal() == SealReport(kind="none", detail="the probe failed: FileNotFoundError")


@linux
@pytest.mark.model
@pytest.mark.parametrize("locks", [(), ("seccomp",)])
def test_inference_with_threads_works_in_a_sealed_process(locks: tuple[str, ...]) -> None:
    model = str(model_folder("minilm-l6") / "model.onnx")
    code = (
        SEAL_IT
        + f"""
import numpy, onnxruntime, threading
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 2
session = onnxruntime.InferenceSession({model!r}, options, providers=["CPUExecutionProvider"])
ids = numpy.ones((2, 16), dtype=numpy.int64)
lengths = []
def embed():
    (vectors,) = session.run(["embedding"], {{"input_ids": ids, "attention_mask": ids}})
    lengths.append(float(numpy.linalg.norm(vectors[0])))
threads = [threading.Thread(target=embed) for _ in range(2)]
[thread.start() for thread in threads]; [thread.join() for thread in threads]
import asyncio
async def wait(): await asyncio.sleep(0)
asyncio.run(wait())
print(json.dumps([round(length, 4) for length in lengths] + [attempt(socket.socket)]))
"""
    )
    assert sealed(code, *locks) == [1.0, 1.0, "EPERM"]
