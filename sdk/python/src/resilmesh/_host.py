"""Asks `resilmesh`: inside a hook through its host, in a script through a process of its own."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

try:
    from _resilmesh_host import channel as _channel  # type: ignore[import-not-found]
except ImportError:
    _channel = None

#: The folder of the project that the host works for.
project: str | None = None

#: Whether this is a worker of a module, which events pass through.
is_worker = False

#: The folder that `set_project_dir` chose.
chosen: str | None = None


class RequestError(ValueError):
    """`resilmesh` could not do, or did not allow, what it was asked for."""

    def __init__(self, message: str, hint: str | None = None):
        super().__init__(message)
        #: What to do about it.
        self.hint = hint


def folder() -> str:
    """The project's folder, absolute if a host runs this."""
    return chosen or project or "."


def inside() -> bool:
    """Whether a host runs this, for the project that is chosen."""
    return _channel is not None and (chosen is None or os.path.abspath(chosen) == project)


def ask(what: str, **details: Any) -> Any:
    """The answer to a question that has one."""
    for kind, value in _replies({"what": what, **details}):
        if kind == "answer":
            return value
    raise RequestError("resilmesh has ended and answers no more")


def items(what: str, **details: Any) -> Iterator[Any]:
    """What comes for a question that has many answers, one by one."""
    for kind, value in _replies({"what": what, **details}, one_by_one=True):
        if kind == "item":
            yield value
        elif isinstance(value, (list, str)):
            yield from value if isinstance(value, list) else value.splitlines()


def say(level: str, text: str) -> None:
    """Shows a line to people."""
    if _channel is not None:
        from resilmesh_host import streams  # type: ignore[import-not-found]

        streams.tell(level, text)
    else:
        import sys

        print(text, file=sys.stderr, flush=True)


def progress(text: str, done: float | None) -> None:
    """Shows how far a hook is."""
    call = _call()
    if call is None:
        say("info", text)
    else:
        _channel.progress(call, text, done)


def _call() -> int | None:
    if _channel is None:
        return None
    from resilmesh_host import current

    return current.call()  # type: ignore[no-any-return]


def _replies(request: dict[str, Any], one_by_one: bool = False) -> Iterator[tuple[str, Any]]:
    source = _of_host(request) if inside() else _of_process(request, one_by_one)
    for kind, value in source:
        if kind == "refused":
            raise _error(value)
        yield kind, value
        if kind == "answer":
            return


def _of_host(request: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    if is_worker:
        raise RequestError(
            "a module cannot ask for anything of the project while events pass through it",
            "its hook gets `settings` and `secrets` by naming these parameters",
        )
    call = _call()
    if call is None:
        raise RequestError(
            "it is not known which hook asks: several run at once",
            "ask in the hook itself, or in a thread that it starts with threading",
        )
    number = _channel.ask(call, request)
    try:
        while True:
            # Not one long wait: an interruption is raised between two.
            reply = _channel.wait(number, 1000)
            if reply is not None:
                yield reply
    finally:
        _channel.forget(number)


def _of_process(request: dict[str, Any], one_by_one: bool) -> Iterator[tuple[str, Any]]:
    from resilmesh import _process

    ask = _process.stream if one_by_one else _process.replies
    return ask(os.path.abspath(folder()), request)


def _error(failure: dict[str, Any]) -> BaseException:
    message = failure.get("message") or "resilmesh could not do this"
    if failure.get("class") == "KeyboardInterrupt":
        return KeyboardInterrupt(message)
    return RequestError(message, failure.get("hint"))
