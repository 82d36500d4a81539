"""A system call filter that takes the network away from this process, its threads and its children, for good.

The one thing worth knowing: a filter sees numbers, not pointers, so it forbids whole system calls and looks only at
arguments that are plain integers. Numbers and layouts are those of the kernel's headers (``asm/unistd_64.h``,
``asm-generic/unistd.h``, ``linux/seccomp.h``, ``linux/filter.h``).
"""

import ctypes
import errno
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

_LOAD, _AND, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT, _SECOND_ARGUMENT_AT = 0, 4, 16, 24
_X32_BIT = 0x40000000
_AF_UNIX, _SOCK_STREAM, _SOCK_TYPE_MASK = 1, 1, 0xF
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_PR_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER, _EVERY_THREAD, _KEEP_SPECULATION = 1, 1, 4

# io_uring opens sockets without the socket call; the second line reaches into other processes; the third changes
# namespaces; the fourth is attack surface that no inference needs.
_FORBIDDEN_X86_64: Mapping[str, int] = MappingProxyType({
    "socket": 41, "connect": 42, "accept": 43, "accept4": 288, "bind": 49, "listen": 50,
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
    "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "pidfd_getfd": 438,
    "unshare": 272, "setns": 308, "mount": 165, "umount2": 166, "pivot_root": 155, "open_by_handle_at": 304,
    "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "add_key": 248, "request_key": 249, "keyctl": 250,
    "init_module": 175, "finit_module": 313, "kexec_load": 246,
})  # fmt: skip
_FORBIDDEN_AARCH64: Mapping[str, int] = MappingProxyType({
    "socket": 198, "connect": 203, "accept": 202, "accept4": 242, "bind": 200, "listen": 201,
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
    "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272, "pidfd_getfd": 438,
    "unshare": 97, "setns": 268, "mount": 40, "umount2": 39, "pivot_root": 41, "open_by_handle_at": 265,
    "bpf": 280, "perf_event_open": 241, "userfaultfd": 282, "add_key": 217, "request_key": 218, "keyctl": 219,
    "init_module": 105, "finit_module": 273, "kexec_load": 104,
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A processor as the kernel's filters see it. ``audit`` is its AUDIT_ARCH constant; all are little-endian."""

    audit: int
    install: int
    socketpair: int
    ioctl: int
    forbidden: Mapping[str, int]
    has_x32: bool = False


ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType({
    "x86_64": Architecture(
        audit=0xC000003E, install=317, socketpair=53, ioctl=16, forbidden=_FORBIDDEN_X86_64, has_x32=True
    ),
    "aarch64": Architecture(audit=0xC00000B7, install=277, socketpair=199, ioctl=29, forbidden=_FORBIDDEN_AARCH64),
})  # fmt: skip

Instruction = tuple[int, int, int, int]
"""``(code, jump if true, jump if false, constant)``: one classic BPF instruction."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def filter_program(architecture: Architecture) -> list[Instruction]:
    """The filter: forbidden calls and foreign calling conventions fail with EPERM, all else is allowed.

    ``socketpair`` makes connected Unix streams only (an event loop needs one): these cannot be pointed at anyone
    else, whereas datagram pairs can. ``ioctl`` may not type into the terminal.
    """
    return list(_instructions(architecture))


def install_filter(machine: str) -> str:
    """Put the filter on every thread of this process. Returns "" where it holds, else the reason that it does not."""
    architecture = ARCHITECTURES.get(machine)
    if architecture is None:
        return f"no filter is known for {machine} processors"
    packed = b"".join(struct.pack("<HBBI", *one) for one in filter_program(architecture))
    program = _Program(len(packed) // 8, packed)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return f"no_new_privs: {errno.errorcode.get(ctypes.get_errno(), 'failed')}"
    # Older kernels slow every later instruction down under a filter unless asked not to; the oldest know no such flag.
    for flags in (_EVERY_THREAD | _KEEP_SPECULATION, _EVERY_THREAD):
        if libc.syscall(architecture.install, _SET_MODE_FILTER, flags, ctypes.byref(program)) == 0:
            return ""
    return f"{errno.errorcode.get(ctypes.get_errno(), 'refused')}"


def _instructions(architecture: Architecture) -> Iterator[Instruction]:
    refuse = (_RETURN, 0, 0, _REFUSE)
    allow = (_RETURN, 0, 0, _ALLOW)
    yield from ((_LOAD, 0, 0, _ARCHITECTURE_AT), (_IF_EQUAL, 1, 0, architecture.audit), refuse)
    yield (_LOAD, 0, 0, _NUMBER_AT)
    if architecture.has_x32:
        yield from ((_IF_AT_LEAST, 0, 1, _X32_BIT), refuse)
    for number in architecture.forbidden.values():
        yield from ((_IF_EQUAL, 0, 1, number), refuse)
    yield from ((_IF_EQUAL, 0, 7, architecture.socketpair), (_LOAD, 0, 0, _FIRST_ARGUMENT_AT))
    yield from ((_IF_EQUAL, 0, 3, _AF_UNIX), (_LOAD, 0, 0, _SECOND_ARGUMENT_AT), (_AND, 0, 0, _SOCK_TYPE_MASK))
    yield from ((_IF_EQUAL, 1, 0, _SOCK_STREAM), refuse, allow)
    yield from ((_IF_EQUAL, 0, 4, architecture.ioctl), (_LOAD, 0, 0, _SECOND_ARGUMENT_AT))
    yield from ((_IF_EQUAL, 1, 0, _TIOCSTI), (_IF_EQUAL, 0, 1, _TIOCLINUX), refuse, allow)
