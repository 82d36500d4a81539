"""A third lock on the worker, where the kernel has Landlock: no TCP, no abstract sockets, no way into other processes.

A filter cannot see paths, so by itself it leaves ``/proc/PID/mem`` of the user's other programs open; a process in a
Landlock domain may not trace those outside it, which closes that door. Numbers are those of ``linux/landlock.h``.
"""

import ctypes
import errno
import os
import struct

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_ASK_VERSION = 1
_PR_SET_NO_NEW_PRIVS = 38
_MAKE_CHAR, _MAKE_SOCK, _MAKE_BLOCK = 1 << 6, 1 << 9, 1 << 11
_BIND_TCP, _CONNECT_TCP = 1, 2
_ABSTRACT_UNIX, _SIGNAL = 1, 2


def restrict_reach() -> str:
    """Enter a domain without files of device or socket kind, TCP, or a hold on processes outside.

    Holds for the calling thread and all that it starts. Returns "" where it holds, else the reason that it does not.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)
    if version < 1:
        return f"landlock: {_why()}"
    rules = struct.pack("<Q", _MAKE_CHAR | _MAKE_SOCK | _MAKE_BLOCK)
    if version >= 4:
        rules += struct.pack("<Q", _BIND_TCP | _CONNECT_TCP)
    if version >= 6:
        rules += struct.pack("<Q", _ABSTRACT_UNIX | _SIGNAL)
    ruleset = libc.syscall(_CREATE_RULESET, rules, len(rules), 0)
    if ruleset < 0:
        return f"landlock: {_why()}"
    try:
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        return "" if libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0 else f"landlock: {_why()}"
    finally:
        os.close(ruleset)


def _why() -> str:
    return errno.errorcode.get(ctypes.get_errno(), "refused")
