"""Speaking with the user."""

from __future__ import annotations

from resilmesh import _host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["box", "debug", "error", "info", "log", "progress", "prompt", "prompt_password"]


def info(message: object, *rest: object) -> None:
    """Shows something that is good to know."""
    _host.say("info", _joined(message, rest))


def log(message: object, *rest: object, file: Any = None) -> None:
    """Shows something, or writes it to a file."""
    if file is None:
        _host.say("info", _joined(message, rest))
    else:
        print(_joined(message, rest), file=file)


def debug(message: object, *rest: object) -> None:
    """Shows something that helps to find a mistake."""
    _host.say("info", _joined(message, rest))


def error(message: object, *rest: object, debug: bool = False) -> None:
    """Shows what is wrong; of an exception, with `debug`, also where it was raised."""
    text = _joined(message, rest)
    if debug and isinstance(message, BaseException):
        from traceback import format_exception

        text += "\n" + "".join(format_exception(type(message), message, message.__traceback__)).rstrip("\n")
    _host.say("error", text)


def progress(text: str, done: float | None = None) -> None:
    """Shows what the hook is doing, and how much of it is done: from 0 to 1."""
    _host.progress(text, done)


def box(*lines: object, block: bool = False) -> None:
    """Shows lines in a frame; with `block` it waits until the user has pressed Enter."""
    if not lines:
        return
    inside = [line for text in lines for line in str(text).split("\n")]
    if block:
        inside.append("Press Enter to continue")
    width = max(map(len, inside))
    framed = [f"│ {line.ljust(width)} │" for line in inside]
    edge = "─" * (width + 2)
    _host.say("info", "\n".join([f"┌{edge}┐", *framed, f"└{edge}┘"]))
    if block:
        _host.ask("wait_for_enter")


def prompt(prompt: str) -> str:
    """What the user types."""
    return str(_host.ask("prompt", message=prompt, hidden=False))


def prompt_password(prompt: str) -> str:
    """What the user types, and nobody sees. Never the passphrase of the project's secrets."""
    return str(_host.ask("prompt", message=prompt, hidden=True))


def _joined(message: object, rest: tuple[object, ...]) -> str:
    return " ".join(map(str, (message, *rest)))
