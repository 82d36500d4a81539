"""The filter as the kernel reads it: numbers, layouts and jumps."""

import os

import pytest

from support.sealed import linux, sealed
from tandem.engine.seccomp import ARCHITECTURES, filter_program

x86 = pytest.mark.skipif(os.uname().machine != "x86_64", reason="machine code of x86_64")


@linux
@x86
def test_other_calling_conventions_do_not_slip_past_the_filter() -> None:
    """Machine code calls ``socket`` the 32-bit way (``socketcall`` by interrupt 0x80) and by the x32 numbers."""
    code = r"""
import mmap, struct
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
def run(machine_code):
    page.seek(0); page.write(machine_code)
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
old = b"\x53\xb8" + struct.pack("<I", 359) + b"\xbb\x02\0\0\0\xb9\x01\0\0\0\x31\xd2\xcd\x80\x5b\xc3"
x32 = b"\xb8" + struct.pack("<I", 0x40000000 + 41) + b"\xbf\x02\0\0\0\xbe\x01\0\0\0\x31\xd2\x0f\x05\xc3"
child = os.fork()
if child == 0:
    os._exit(0 if run(old) > 2 else 1)
spoken = os.waitpid(child, 0)[1] == 0  # a kernel without 32-bit calls stops the child here
close_network("require", locks)
print(json.dumps([run(old) if spoken else -1, run(x32)]))
"""
    assert sealed(code, "seccomp") == [-1, -1]


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_both_processors_forbid_the_same_calls_by_their_own_numbers(machine: str) -> None:
    architecture = ARCHITECTURES[machine]
    assert architecture.forbidden.keys() == ARCHITECTURES["x86_64"].forbidden.keys()
    assert len(set(architecture.forbidden.values())) == len(architecture.forbidden)
    assert {"socket", "connect", "bind", "io_uring_setup", "ptrace", "pidfd_getfd", "setns"} < set(
        architecture.forbidden
    )

    assert {run_filter(machine, number) for number in architecture.forbidden.values()} == {"refused"}
    assert run_filter(machine, architecture.socketpair, 1, 1 | 0o2004000) == "allowed"
    assert run_filter(machine, architecture.socketpair, 1, 2) == "refused"
    assert run_filter(machine, architecture.socketpair, 2, 1) == "refused"
    assert run_filter(machine, architecture.ioctl, 0, 0x5412) == "refused"
    assert run_filter(machine, architecture.ioctl, 0, 0x541C) == "refused"
    assert run_filter(machine, architecture.ioctl, 0, 0x5401) == "allowed"
    assert run_filter(machine, 0) == "allowed"
    assert run_filter(machine, 0, audit=0x40000003) == "refused"


def run_filter(machine: str, number: int, first: int = 0, second: int = 0, audit: int | None = None) -> str:
    """Interpret the filter as the kernel would, for processors that this machine does not have."""
    architecture = ARCHITECTURES[machine]
    words = {0: number, 4: architecture.audit if audit is None else audit, 16: first, 24: second}
    program, at, value = filter_program(architecture), 0, 0
    while True:
        code, if_true, if_false, constant = program[at]
        at += 1
        match code:
            case 0x20:
                value = words[constant]
            case 0x54:
                value &= constant
            case 0x15:
                at += if_true if value == constant else if_false
            case 0x35:
                at += if_true if value >= constant else if_false
            case _:
                return "allowed" if constant == 0x7FFF0000 else "refused"
