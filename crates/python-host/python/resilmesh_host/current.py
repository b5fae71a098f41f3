"""Which call the running code belongs to."""

from _contextvars import ContextVar, copy_context

from _resilmesh_host import channel

_call = ContextVar("resilmesh_call", default=None)


def enter(call):
    """This thread runs this call from now on."""
    _call.set(call)


def call():
    """The call; of a thread that is not known, the only one that runs."""
    found = _call.get()
    return channel.only_call() if found is None else found


def follow(threading):
    """Lets threads that a hook starts belong to its call."""
    start = threading.Thread.start

    def start_in_call(self):
        if _call.get() is not None:
            run, context = self.run, copy_context()
            self.run = lambda: context.run(run)
        start(self)

    threading.Thread.start = start_in_call
