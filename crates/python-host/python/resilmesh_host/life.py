"""How the Python side starts, and how it ends."""

import os
import sys
import time

from resilmesh import _products
from resilmesh_host import calls, current, streams


def start(last_words, private):
    """The version of Python, and a program of it.

    `private` are the descriptors that no hook may use.
    """
    _ignore_interrupts()
    _tell_last_words(last_words)
    streams.install()
    _products.install()
    _Afterwards.install()
    os.register_at_fork(after_in_child=lambda: _close(private))
    time.sleep = calls.interruptible(time.sleep)
    version = ".".join(map(str, sys.version_info[:3]))
    return version, _program()


def welcome(project, packages):
    """What `resilmesh` says first."""
    from resilmesh import _host

    _host.project = project
    if packages:
        from site import addsitedir

        for folder in packages:
            addsitedir(folder)


def end():
    """Does what modules have registered for the end."""
    import atexit

    atexit._run_exitfuncs()


def _ignore_interrupts():
    """Ctrl-C on the terminal reaches all of its programs; here `resilmesh` says what is to end.

    A handler, and not SIG_IGN: programs that hooks start would inherit that.
    """
    from _signal import SIGINT, signal

    signal(SIGINT, lambda number, frame: None)


def _tell_last_words(descriptor):
    """When Python dies of a mistake in C, it says so where it was started from."""
    import faulthandler

    faulthandler.enable(descriptor)


def _program():
    """The `python3.X` of this very Python."""
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for prefix in (sys.base_exec_prefix, sys.base_prefix):
        path = os.path.join(prefix, "bin", name)
        if os.access(path, os.X_OK):
            return path
    return None


def _close(descriptors):
    """In a copy that a hook made with os.fork(): closes the ways to `resilmesh`.

    It would not see the end of the host else, as long as the copy lives.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(nowhere, descriptor, inheritable=False)
    os.close(nowhere)


class _Afterwards:
    """Does something with modules right after somebody imports them, and costs nothing before."""

    @classmethod
    def install(cls):
        # What packages of this machine import when Python starts is there already.
        for name in [name for name in _AFTERWARDS if name in sys.modules]:
            _AFTERWARDS.pop(name)(sys.modules[name])
        sys.meta_path.insert(0, cls)

    @staticmethod
    def find_spec(name, path=None, target=None):
        then = _AFTERWARDS.pop(name, None)
        if then is None:
            return None
        from _frozen_importlib_external import PathFinder

        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_then(module):
                load(module)
                then(module)

            spec.loader.exec_module = load_and_then
        return spec


def _log_to_resilmesh(logging):
    """Python's own logging goes to `resilmesh`, with how important it is."""

    class Handler(logging.Handler):
        def emit(self, record):
            number = record.levelno
            level = "error" if number >= 40 else "warning" if number >= 30 else "info" if number >= 20 else "debug"
            try:
                streams.tell(level, self.format(record))
            except Exception:
                self.handleError(record)

    logging.root.addHandler(Handler())
    logging.root.setLevel(logging.INFO)


_AFTERWARDS = {"logging": _log_to_resilmesh, "threading": current.follow}
