"""`sys.stdout` and `sys.stderr`: lines of hooks go to `resilmesh`, with the call they come from."""

import os
import sys
from io import RawIOBase, TextIOBase

from resilmesh_host import current
from _resilmesh_host import channel

LONGEST = 64 << 10  # characters of a line; a longer one is cut into pieces
MOST_LINES, MOST_CHARACTERS = 20_000, 8 << 20  # of a call; the rest is left out

process = _pid = os.getpid()  # another one is a copy that a hook made with os.fork()


class _Printed:
    """What a call has printed."""

    def __init__(self):
        self.started = {}  # stream -> the line that has no end yet
        self.lines = self.characters = 0
        self.is_too_much = False

    def tell(self, call, level, text):
        if self.is_too_much:
            return
        self.lines += 1
        self.characters += len(text)
        self.is_too_much = self.lines > MOST_LINES or self.characters > MOST_CHARACTERS
        if not self.is_too_much:
            channel.log(call, level, text)
        else:
            channel.log(call, "warning", "… and more, which is left out: the hook printed too much")


_printed = {None: _Printed()}  # call -> what it has printed


def open_call(call):
    _printed[call] = _Printed()
    _printed[None] = _Printed()


def close_call(call):
    """Tells on what has no end of line yet."""
    printed = _printed.pop(call, None)
    for text in (printed.started if printed else {}).values():
        if text:
            printed.tell(call, "info", text)


def renew():
    """What belongs to no call may print as much again."""
    printed = _printed[None]
    printed.lines = printed.characters = 0
    printed.is_too_much = False


def tell(level, text):
    """Tells people some lines."""
    if os.getpid() != _pid:
        os.write(1, (text + "\n").encode("utf-8", "backslashreplace"))
        return
    call = current.call()
    printed = _printed.get(call) or _printed[None]
    for line in text.split("\n"):
        for start in range(0, len(line) or 1, LONGEST):
            printed.tell(call, level, _sendable(line[start : start + LONGEST]))


def _sendable(text):
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class Stream(TextIOBase):
    """What hooks print on."""

    def __init__(self, name, descriptor):
        self.name = name
        self.mode = "w"
        self._descriptor = descriptor
        self.buffer = _Bytes(self)

    encoding = "utf-8"
    errors = "backslashreplace"
    line_buffering = True

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if os.getpid() != _pid:
            # A process that the hook made with os.fork(): its prints go the way of other programs'.
            os.write(self._descriptor, text.encode("utf-8", "backslashreplace"))
            return len(text)
        call = current.call()
        printed = _printed.get(call) or _printed[None]
        lines = (printed.started.pop(self, "") + text).split("\n")
        for line in lines[:-1]:
            for start in range(0, len(line) or 1, LONGEST):
                printed.tell(call, "info", _sendable(line[start : start + LONGEST]).rstrip("\r"))
        rest = lines[-1]
        while len(rest) >= LONGEST:
            printed.tell(call, "info", _sendable(rest[:LONGEST]))
            rest = rest[LONGEST:]
        if rest:
            printed.started[self] = rest
        return len(text)

    def flush(self):
        """Whole lines are gone already."""

    def writable(self):
        return True

    def isatty(self):
        return False

    def fileno(self):
        return self._descriptor

    def reconfigure(self, **_):
        """As of a text file; there is nothing to configure."""

    def close(self):
        """Stays open for the next hook."""


class _Bytes(RawIOBase):
    """`sys.stdout.buffer` and its like."""

    def __init__(self, stream):
        self._stream = stream

    def writable(self):
        return True

    def write(self, data):
        data = bytes(data)
        self._stream.write(data.decode("utf-8", "backslashreplace"))
        return len(data)


def install():
    sys.stdout = sys.__stdout__ = Stream("<stdout>", 1)
    sys.stderr = sys.__stderr__ = Stream("<stderr>", 2)
