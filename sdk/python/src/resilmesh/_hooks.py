"""The table of hooks: decorators fill it while modules are imported."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

#: What hooks of each kind may ask for by naming a parameter.
PARAMETERS = {
    "setup": ("plug", "integration", "instance"),
    "teardown": ("plug", "integration", "instance"),
    "check": ("plug", "integration", "instance"),
    "scaffold": ("integration",),
    "publish": ("integration",),
    "pull": ("path",),
    "watch": ("plug", "instance", "integration", "topic", "mode"),
    "produce": ("plug", "instance", "integration", "topic", "mode", "data"),
    "trigger": ("plug", "instance", "integration", "topic", "mode", "data"),
    "execute": ("plug", "instance", "integration", "topic", "mode", "data"),
    "process": ("event", "events", "instance", "settings", "secrets"),
}


class Hook:
    """A function with what it is called for."""

    def __init__(self, func: Callable[..., Any], type: str, module: str, line: int, **match: Any):
        self.func = func
        self.type: str = type
        self.module = module
        self.line = line
        self.role: str | None = match.get("role")
        self.topic: str | None = match.get("topic")
        self.mode: str | None = match.get("mode")
        self.format: str | None = match.get("format")
        self.order: int | str | None = match.get("order")
        self.title: str = match.get("title") or _first_line(func) or func.__name__
        self.keep_when_overloaded: bool = bool(match.get("keep_when_overloaded"))
        self.owns_both: bool = bool(match.get("owns_both"))
        self.into: str | None = match.get("into")
        self.batch: bool = bool(match.get("batch"))

    def get_title(self) -> str:
        """What it is called in messages."""
        return self.title

    def call(self, **values: Any) -> Any:
        """Calls it with those of the values that its parameters name."""
        return self.func(**_fitting(self.func, values))

    def place(self) -> tuple[int, int]:
        """What hooks are sorted by, if they are sorted by their file and line before."""
        if self.order == "first":
            return (0, 0)
        if self.order == "last":
            return (3, 0)
        return (2, 0) if self.order is None else (1, int(self.order))

    def __repr__(self) -> str:
        return f"<{self.type} hook {self.func.__name__!r} of {self.module}:{self.line}>"


_hooks: dict[str, list[Hook]] = {}  # module -> its hooks


def register(func: Callable[..., Any], type: str, depth: int = 2, **match: Any) -> None:
    """Called by a decorator, which is called by a module: that many calls up from here."""
    module = sys._getframe(depth)
    original = _unwrapped(func)
    code = getattr(original, "__code__", None)
    inside = code is not None and code.co_filename == module.f_code.co_filename
    line = code.co_firstlineno if code is not None and inside else module.f_lineno
    name = module.f_globals.get("__name__", "")
    _hooks.setdefault(name, []).append(Hook(func, type, name, line, **match))


def registered(module: str) -> list[Hook]:
    """The hooks of a module, in the order of its lines."""
    return sorted(_hooks.get(module, ()), key=lambda hook: hook.line)


def find(module: Any, name: str, line: int) -> Callable[..., Any]:
    """The function of that name, whose first decorator is in that line."""
    hooks = _hooks.get(module.__name__, [])
    for hook in hooks:
        if hook.line == line:
            return hook.func
    named = [hook for hook in hooks if _unwrapped(hook.func).__name__ == name]
    if named:
        return min(named, key=lambda hook: abs(hook.line - line)).func
    function: Callable[..., Any] | None = getattr(module, name, None)
    if not callable(function):
        raise LookupError(f"{module.__file__} has no function {name} in line {line}")
    return function


def arguments(function: Callable[..., Any], call: dict[str, Any]) -> dict[str, Any]:
    """What a hook gets: what its parameters name of what a call brings."""
    from resilmesh import _wire

    kind = call["kind"]
    offered = PARAMETERS[kind]
    wanted, needed, all_of_them = _parameters(function)
    live = offered[-1] in ("mode", "data")
    values = {}
    for name in offered:
        given = call.get(name)
        if (name in wanted or all_of_them) and (given is not None or (live and name in ("plug", "data"))):
            values[name] = _wire.value(name, given)
    for name in needed:
        if name not in values:
            what = "a watch hook" if kind == "watch" else f"an {kind} hook" if kind == "execute" else f"a {kind} hook"
            brought = ", ".join(other for other in offered if call.get(other) is not None)
            raise TypeError(f"{function.__name__}() wants {name!r}; {what} gets only {brought or 'nothing'} here")
    return values


def _fitting(function: Callable[..., Any], values: dict[str, Any]) -> dict[str, Any]:
    wanted, _, all_of_them = _parameters(function)
    return {name: value for name, value in values.items() if all_of_them or name in wanted}


def _parameters(function: Callable[..., Any]) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """Names of parameters, those among them that must be given, and whether any name will do."""
    original = _unwrapped(function)
    code = getattr(original, "__code__", None)
    if code is None:
        return _parameters_of_other(function)
    if code.co_posonlyargcount:
        raise TypeError(f"{original.__name__}() has parameters without names: a hook's are given by name")
    positional = code.co_argcount
    names = code.co_varnames[: positional + code.co_kwonlyargcount]
    defaults = len(getattr(original, "__defaults__", None) or ())
    keywords = getattr(original, "__kwdefaults__", None) or {}
    needed = names[: positional - defaults] + tuple(name for name in names[positional:] if name not in keywords)
    return names, needed, bool(code.co_flags & 0x08)


def _parameters_of_other(function: Callable[..., Any]) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """The same, for what is no plain function."""
    from inspect import Parameter, signature

    parameters = signature(function).parameters.values()
    named = [p for p in parameters if p.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)]
    return (
        tuple(p.name for p in named),
        tuple(p.name for p in named if p.default is Parameter.empty),
        any(p.kind is Parameter.VAR_KEYWORD for p in parameters),
    )


def _unwrapped(function: Any) -> Any:
    """The function inside those that `functools.wraps` marks as wrappers of it."""
    seen = 0
    while hasattr(function, "__wrapped__") and seen < 100:
        function, seen = function.__wrapped__, seen + 1
    return function


def _first_line(function: Any) -> str:
    text: str = (getattr(function, "__doc__", None) or "").strip()
    return text.split("\n", 1)[0].strip()
