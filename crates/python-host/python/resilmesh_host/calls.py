"""Runs hooks."""

import os
import sys
from _thread import allocate_lock, get_ident

from resilmesh_host import current, streams
from _resilmesh_host import channel

_pid = os.getpid()
_lock = allocate_lock()
_running = {}  # call -> its _Call
_early = {}  # call -> why it is to be interrupted, told before it began
_sleeping = {}  # call -> what it sleeps on
_KEPT = {"setup": "plug", "teardown": "plug", "scaffold": "integration"}  # what is saved when a hook has ended
reasons = {}  # call -> why it was interrupted, and the exception that this is


class _Call:
    def __init__(self):
        self.thread = get_ident()
        self.cancel = None  # for calls that run in an event loop


def run(number, call):
    """Runs a hook in this thread and returns what it returned."""
    current.enter(number)
    streams.open_call(number)
    state = _Call()
    with _lock:
        _running[number] = state
        interrupted = number in _early
    try:
        if interrupted:
            reasons[number] = _early.pop(number)
            raise KeyboardInterrupt
        function, values = _hook_of(call)
        value = _finish(number, state, call["kind"], function(**values))
        kept = _KEPT.get(call["kind"])
        if kept in values:
            values[kept]._save_if_changed()
        return value
    except BaseException:
        if os.getpid() == _pid:
            raise
        _end_of_copy(sys.exc_info()[1])
    finally:
        if os.getpid() != _pid:
            _end_of_copy(None)
        with _lock:
            _running.pop(number, None)
        streams.close_call(number)


def _hook_of(call):
    """The function, and what it is called with."""
    from resilmesh import _hooks, _products

    hook = call["hook"]
    module = _products.import_file(hook["product"], hook["folder"], hook["file"])
    function = _hooks.find(module, hook["function"], hook["line"])
    return function, _hooks.arguments(function, call)


def _finish(number, state, kind, result):
    """What comes of what a hook returned: generators are run to their end, coroutines awaited."""
    kinds = type(result)
    if hasattr(kinds, "__anext__") or hasattr(kinds, "__await__"):
        from resilmesh_host import loops

        return loops.run(number, state, result)
    if hasattr(kinds, "send") and hasattr(kinds, "__next__"):
        return _items(number, result)
    if kind == "watch" and hasattr(kinds, "__iter__") and not isinstance(result, (str, bytes, dict)):
        return _items(number, iter(result))
    return result


def _items(number, iterator):
    while True:
        try:
            item = next(iterator)
        except StopIteration as end:
            return end.value
        channel.item(number, item)


def interrupt(number, why, kind):
    """Raises KeyboardInterrupt in a call; people are told of an exception `kind`."""
    from ctypes import c_ulong, py_object, pythonapi

    with _lock:
        state = _running.get(number)
        if state is None:
            _early[number] = why, kind
            return
        reasons[number] = why, kind
        if state.cancel is not None:
            state.cancel()
        else:
            pythonapi.PyThreadState_SetAsyncExc(c_ulong(state.thread), py_object(KeyboardInterrupt))
    channel.nudge(number)
    sleep = _sleeping.get(number)
    if sleep is not None:
        sleep.set()


def interruptible(sleep):
    """`time.sleep` that ends when its call is interrupted."""

    def sleep_in_call(seconds):
        number = current.call()
        state = _running.get(number)
        if state is None or state.thread != get_ident() or os.getpid() != _pid or not seconds > 0:
            return sleep(seconds)
        from threading import Event

        event = _sleeping[number] = Event()
        try:
            event.wait(min(seconds, 1 << 30))
        finally:
            _sleeping.pop(number, None)

    sleep_in_call.__name__ = sleep_in_call.__qualname__ = "sleep"
    sleep_in_call.__doc__ = sleep.__doc__
    return sleep_in_call


def _end_of_copy(error):
    """Ends a process that a hook made with os.fork() and that came back from the hook."""
    status = 0
    try:
        if isinstance(error, SystemExit):
            status = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        elif error is not None:
            status = 1
            sys.excepthook(type(error), error, error.__traceback__)
    finally:
        os._exit(status)
