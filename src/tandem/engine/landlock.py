"""A third lock on the worker, where the kernel has Landlock: it writes no file and reaches no other process.

A filter cannot see paths, so by itself it leaves files and ``/proc/PID/mem`` of the user's other programs open: what a
worker may not send, it could leave for another program to send. Numbers are those of ``linux/landlock.h``.
"""

import ctypes
import errno
import os
import struct

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_BENEATH_PATH = 1
_PR_SET_NO_NEW_PRIVS = 38
_WRITE_FILE = 1 << 1
_REMOVE_AND_MAKE = (1 << 13) - (1 << 4)
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_BIND_TCP, _CONNECT_TCP = 1, 2
_ABSTRACT_UNIX, _SIGNAL = 1, 2


def restrict_reach() -> str:
    """Enter a domain that writes nothing but ``/dev/null``, has no TCP and no hold on processes outside.

    Holds for the calling thread and all that it starts; files open already are not concerned. Returns "" where it
    holds, else the reason that it does not. Kernels know parts of it since 5.13 (files), 6.2, 6.7 (TCP) and 6.12.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)
    if version < 1:
        return _why()
    rules = _rules(version)
    ruleset = libc.syscall(_CREATE_RULESET, rules, len(rules), 0)
    if ruleset < 0:
        return _why()
    try:
        _allow_writing(libc, ruleset, os.devnull)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        return "" if libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0 else _why()
    finally:
        os.close(ruleset)


def _rules(version: int) -> bytes:
    """What the domain takes charge of, as far as the kernel knows it: all of it is then refused unless allowed."""
    files = _WRITE_FILE | _REMOVE_AND_MAKE | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    rules = struct.pack("<Q", files)
    if version >= 4:
        rules += struct.pack("<Q", _BIND_TCP | _CONNECT_TCP)
    if version >= 6:
        rules += struct.pack("<Q", _ABSTRACT_UNIX | _SIGNAL)
    return rules


def _allow_writing(libc: ctypes.CDLL, ruleset: int, path: str) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        libc.syscall(_ADD_RULE, ruleset, _BENEATH_PATH, struct.pack("<Qi", _WRITE_FILE, place), 0)
    finally:
        os.close(place)


def _why() -> str:
    return errno.errorcode.get(ctypes.get_errno(), "refused")
