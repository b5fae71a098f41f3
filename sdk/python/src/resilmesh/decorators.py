"""Say what a function is called for.

In the modules of a product (`products/P/*.py`) `setup_consumer` and its like; in the module of an
integration (`products/P/integrations/Q/TOPIC_ROLE.py`) `setup` and `teardown`, which take topic, role
and mode from the file's name; the others in either. A decorator leaves the function as it is: it can
be called, and tested, like any other.

A hook gets what its parameters name: `plug`, `integration`, `instance`, `path`, `data`, `topic`, `mode`.
"""

from __future__ import annotations

from resilmesh._hooks import Hook, register

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Literal, Protocol, TypeVar, Union

    F = TypeVar("F", bound=Callable[..., Any])
    Mode = Literal["push", "pull"]
    Role = Literal["consumer", "producer", "trigger", "executor"]
    HookOrder = Union[int, Literal["first", "last"]]

    class Decorator(Protocol):
        """Gives back the very function that it decorates."""

        def __call__(self, func: F, /) -> F: ...

__all__ = [
    "Hook",
    "Retry",
    "check",
    "check_consumer",
    "check_executor",
    "check_producer",
    "check_trigger",
    "execute",
    "process",
    "produce",
    "publish",
    "pull",
    "scaffold",
    "scaffold_consumer",
    "scaffold_executor",
    "scaffold_producer",
    "scaffold_trigger",
    "setup",
    "setup_consumer",
    "setup_executor",
    "setup_producer",
    "setup_trigger",
    "teardown",
    "teardown_consumer",
    "teardown_executor",
    "teardown_producer",
    "teardown_trigger",
    "trigger",
    "watch",
]


def _decorator(type: str, title: Any = None, **match: Any) -> Decorator:
    def decorate(func: F) -> F:
        register(func, type, title=title, **match)
        return func

    for name, func in (("title", title), ("topic", match.get("topic"))):
        if callable(func):
            # The decorator was written without parentheses: this is its function.
            register(func, type, depth=3, **{**match, "title": title, name: None})
            return func  # type: ignore[no-any-return]
    return decorate


def setup_consumer(
    topic: str | None = None,
    title: str | None = None,
    mode: Mode | None = None,
    format: str | None = None,
    keep_when_overloaded: bool = False,
    order: HookOrder | None = None,
    owns_both: bool = False,
) -> Decorator:
    """Sets up the consumer's end of a plug."""
    match = dict(topic=topic, mode=mode, format=format, order=order)
    return _decorator("setup", title, role="consumer", keep_when_overloaded=keep_when_overloaded, owns_both=owns_both, **match)


def setup_producer(
    topic: str | None = None,
    title: str | None = None,
    mode: Mode | None = None,
    format: str | None = None,
    keep_when_overloaded: bool = False,
    order: HookOrder | None = None,
    owns_both: bool = False,
) -> Decorator:
    """Sets up the producer's end of a plug."""
    match = dict(topic=topic, mode=mode, format=format, order=order)
    return _decorator("setup", title, role="producer", keep_when_overloaded=keep_when_overloaded, owns_both=owns_both, **match)


def setup_trigger(
    topic: str | None = None,
    title: str | None = None,
    mode: Mode | None = None,
    format: str | None = None,
    keep_when_overloaded: bool = False,
    order: HookOrder | None = None,
    owns_both: bool = False,
) -> Decorator:
    """Sets up the trigger's end of a plug."""
    match = dict(topic=topic, mode=mode, format=format, order=order)
    return _decorator("setup", title, role="trigger", keep_when_overloaded=keep_when_overloaded, owns_both=owns_both, **match)


def setup_executor(
    topic: str | None = None,
    title: str | None = None,
    mode: Mode | None = None,
    format: str | None = None,
    keep_when_overloaded: bool = False,
    order: HookOrder | None = None,
    owns_both: bool = False,
) -> Decorator:
    """Sets up the executor's end of a plug."""
    match = dict(topic=topic, mode=mode, format=format, order=order)
    return _decorator("setup", title, role="executor", keep_when_overloaded=keep_when_overloaded, owns_both=owns_both, **match)


def teardown_consumer(
    topic: str | None = None,
    title: str | None = None,
    mode: Mode | None = None,
    format: str | None = None,
    keep_when_overloaded: bool = False,
    order: HookOrder | None = None,
    owns_both: bool = False,
) -> Decorator:
    """Takes down the consumer's end of a plug."""
    match = dict(topic=topic, mode=mode, format=format, order=order)
    return _decorator("teardown", title, role="consumer", keep_when_overloaded=keep_when_overloaded, owns_both=owns_both, **match)


def teardown_producer(
    topic: str | None = None,
    title: str | None = None,
    mode: Mode | None = None,
    format: str | None = None,
    keep_when_overloaded: bool = False,
    order: HookOrder | None = None,
    owns_both: bool = False,
) -> Decorator:
    """Takes down the producer's end of a plug."""
    match = dict(topic=topic, mode=mode, format=format, order=order)
    return _decorator("teardown", title, role="producer", keep_when_overloaded=keep_when_overloaded, owns_both=owns_both, **match)


def teardown_trigger(
    topic: str | None = None,
    title: str | None = None,
    mode: Mode | None = None,
    format: str | None = None,
    keep_when_overloaded: bool = False,
    order: HookOrder | None = None,
    owns_both: bool = False,
) -> Decorator:
    """Takes down the trigger's end of a plug."""
    match = dict(topic=topic, mode=mode, format=format, order=order)
    return _decorator("teardown", title, role="trigger", keep_when_overloaded=keep_when_overloaded, owns_both=owns_both, **match)


def teardown_executor(
    topic: str | None = None,
    title: str | None = None,
    mode: Mode | None = None,
    format: str | None = None,
    keep_when_overloaded: bool = False,
    order: HookOrder | None = None,
    owns_both: bool = False,
) -> Decorator:
    """Takes down the executor's end of a plug."""
    match = dict(topic=topic, mode=mode, format=format, order=order)
    return _decorator("teardown", title, role="executor", keep_when_overloaded=keep_when_overloaded, owns_both=owns_both, **match)


def check_consumer(
    topic: str | None = None,
    title: str | None = None,
    mode: Mode | None = None,
    format: str | None = None,
    keep_when_overloaded: bool = False,
    order: HookOrder | None = None,
    owns_both: bool = False,
) -> Decorator:
    """Tells whether the consumer's end of a plug is as it was set up."""
    match = dict(topic=topic, mode=mode, format=format, order=order)
    return _decorator("check", title, role="consumer", keep_when_overloaded=keep_when_overloaded, owns_both=owns_both, **match)


def check_producer(
    topic: str | None = None,
    title: str | None = None,
    mode: Mode | None = None,
    format: str | None = None,
    keep_when_overloaded: bool = False,
    order: HookOrder | None = None,
    owns_both: bool = False,
) -> Decorator:
    """Tells whether the producer's end of a plug is as it was set up."""
    match = dict(topic=topic, mode=mode, format=format, order=order)
    return _decorator("check", title, role="producer", keep_when_overloaded=keep_when_overloaded, owns_both=owns_both, **match)


def check_trigger(
    topic: str | None = None,
    title: str | None = None,
    mode: Mode | None = None,
    format: str | None = None,
    keep_when_overloaded: bool = False,
    order: HookOrder | None = None,
    owns_both: bool = False,
) -> Decorator:
    """Tells whether the trigger's end of a plug is as it was set up."""
    match = dict(topic=topic, mode=mode, format=format, order=order)
    return _decorator("check", title, role="trigger", keep_when_overloaded=keep_when_overloaded, owns_both=owns_both, **match)


def check_executor(
    topic: str | None = None,
    title: str | None = None,
    mode: Mode | None = None,
    format: str | None = None,
    keep_when_overloaded: bool = False,
    order: HookOrder | None = None,
    owns_both: bool = False,
) -> Decorator:
    """Tells whether the executor's end of a plug is as it was set up."""
    match = dict(topic=topic, mode=mode, format=format, order=order)
    return _decorator("check", title, role="executor", keep_when_overloaded=keep_when_overloaded, owns_both=owns_both, **match)


def scaffold_consumer(
    topic: str | None = None,
    mode: Mode | None = None,
    format: str | None = None,
    order: HookOrder | None = None,
) -> Decorator:
    """Writes the first files of an integration in which the product is a consumer."""
    return _decorator("scaffold", role="consumer", topic=topic, mode=mode, format=format, order=order)


def scaffold_producer(
    topic: str | None = None,
    mode: Mode | None = None,
    format: str | None = None,
    order: HookOrder | None = None,
) -> Decorator:
    """Writes the first files of an integration in which the product is a producer."""
    return _decorator("scaffold", role="producer", topic=topic, mode=mode, format=format, order=order)


def scaffold_trigger(
    topic: str | None = None,
    mode: Mode | None = None,
    format: str | None = None,
    order: HookOrder | None = None,
) -> Decorator:
    """Writes the first files of an integration in which the product is a trigger."""
    return _decorator("scaffold", role="trigger", topic=topic, mode=mode, format=format, order=order)


def scaffold_executor(
    topic: str | None = None,
    mode: Mode | None = None,
    format: str | None = None,
    order: HookOrder | None = None,
) -> Decorator:
    """Writes the first files of an integration in which the product is an executor."""
    return _decorator("scaffold", role="executor", topic=topic, mode=mode, format=format, order=order)


def setup(
    title: str | None = None,
    format: str | None = None,
    order: HookOrder | None = None,
    owns_both: bool = False,
) -> Decorator:
    """Sets up the integration's end of a plug."""
    return _decorator("setup", title, format=format, order=order, owns_both=owns_both)


def teardown(
    title: str | None = None,
    order: HookOrder | None = None,
    owns_both: bool = False,
) -> Decorator:
    """Takes down the integration's end of a plug."""
    return _decorator("teardown", title, order=order, owns_both=owns_both)


def check(
    title: str | None = None,
    format: str | None = None,
    order: HookOrder | None = None,
    owns_both: bool = False,
) -> Decorator:
    """Tells whether the integration's end of a plug is as it was set up."""
    return _decorator("check", title, format=format, order=order, owns_both=owns_both)


def scaffold(
    topic: str | None = None,
    mode: Mode | None = None,
    format: str | None = None,
    order: HookOrder | None = None,
) -> Decorator:
    """Writes the first files of the integration."""
    return _decorator("scaffold", topic=topic, mode=mode, format=format, order=order)


def watch(
    topic: str | None = None,
    mode: Mode | None = None,
    format: str | None = None,
) -> Decorator:
    """Yields data that flows."""
    return _decorator("watch", topic=topic, mode=mode, format=format)


def produce(
    topic: str | None = None,
    mode: Mode | None = None,
    format: str | None = None,
) -> Decorator:
    """Sends the text `data`."""
    return _decorator("produce", topic=topic, mode=mode, format=format)


def trigger(
    topic: str | None = None,
    mode: Mode | None = None,
    format: str | None = None,
) -> Decorator:
    """Gives a command with the map `data`."""
    return _decorator("trigger", topic=topic, mode=mode, format=format)


def execute(
    topic: str | None = None,
    mode: Mode | None = None,
    format: str | None = None,
) -> Decorator:
    """Carries a command out with the map `data`."""
    return _decorator("execute", topic=topic, mode=mode, format=format)


def publish(
    topic: str | None = None,
    role: Role | None = None,
    mode: Mode | None = None,
    format: str | None = None,
) -> Decorator:
    """Sends an integration to its vendor."""
    return _decorator("publish", topic=topic, role=role, mode=mode, format=format)


def pull(title: str | None = None, order: HookOrder | None = None) -> Decorator:
    """Fetches from the vendor into the folder `path`, and into the project."""
    return _decorator("pull", title, order=order)


def process(
    topic: str | None = None,
    into: str | None = None,
    title: str | None = None,
    batch: bool = False,
) -> Decorator:
    """Works on events of `topic`, in the service of a module; what it returns goes to the topic `into`.

    It gets `event`, a dict, and returns what goes on in its place: a dict, a list of dicts, or None for
    nothing. With `batch` it gets `events`, a list, and returns a list with one such entry for each.
    """
    return _decorator("process", title, topic=topic, into=into, batch=batch)


class Retry(Exception):
    """Raised by a `process` hook for an event that it may be able to work on a little later."""
