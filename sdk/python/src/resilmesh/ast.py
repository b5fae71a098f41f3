"""Reading and changing Python files. What is not changed stays as it stands, comments too."""

from __future__ import annotations

import ast as _ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Callable

__all__ = ["AST", "Function"]

_PACKAGES = ("resilmesh", "meshroom")


class AST:
    """The text of a Python file; of one that is not there yet, an empty text."""

    def __init__(self, path: Path | str | None = None, code: str | None = None):
        from pathlib import Path

        if path and code is not None:
            raise ValueError("either a path or a code, not both")
        self.path = Path(path) if path else None
        if self.path is not None:
            code = self.path.read_text(encoding="utf-8") if self.path.is_file() else ""
        self._set((code or "").strip("\n"))

    def _set(self, text: str) -> None:
        try:
            self._tree = _ast.parse(text)
        except SyntaxError as error:
            place = f"{self.path or 'the code'}:{error.lineno}"
            raise ValueError(f"{place}: {error.msg}") from error
        self._text = text

    def has_function(self, name: str) -> bool:
        """Whether there is a function of that name."""
        return self._function(name) is not None

    def _function(self, name: str) -> _ast.FunctionDef | _ast.AsyncFunctionDef | None:
        for node in self._tree.body:
            if isinstance(node, (_ast.FunctionDef, _ast.AsyncFunctionDef)) and node.name == name:
                return node
        return None

    def has_import(self, name: str) -> bool:
        """Whether a module or name is imported."""
        wanted = _names_of(name)
        for node in self._tree.body:
            if isinstance(node, _ast.Import) and any(alias.name in wanted for alias in node.names):
                return True
            if isinstance(node, _ast.ImportFrom):
                if node.level == 0 and node.module in wanted:
                    return True
                if any(alias.name in wanted for alias in node.names):
                    return True
        return False

    def _has_all_of(self, module: str) -> bool:
        """Whether everything of a module is imported: with `*`."""
        return any(
            isinstance(node, _ast.ImportFrom)
            and node.module in _names_of(module)
            and any(alias.name == "*" for alias in node.names)
            for node in self._tree.body
        )

    def add_import(self, x: Any, exist_ok: bool = True) -> str | bool:
        """Imports a function, class or module. False if it is imported already."""
        module = getattr(x, "__module__", None)
        name = x if isinstance(x, str) else x.__name__
        if self.has_import(name) or (module and self._has_all_of(module)):
            if exist_ok:
                return False
            raise ValueError(f"{self.path or 'the code'} imports {name} already")
        line = f"from {self._own_name(module)} import {name}" if module and not isinstance(x, str) else f"import {name}"
        self._insert(line)
        return line

    def add_imports(self, *x: Any) -> None:
        """Imports several."""
        for one in x:
            self.add_import(one)

    def _own_name(self, module: str) -> str:
        """A module of this package under the name of the package that the file uses."""
        import sys

        package, dot, rest = module.partition(".")
        if package not in _PACKAGES:
            return module
        for node in self._tree.body:
            used = node.module if isinstance(node, _ast.ImportFrom) else None
            if used and used.partition(".")[0] in _PACKAGES:
                return used.partition(".")[0] + dot + rest
        return ("meshroom" if "meshroom" in sys.modules else "resilmesh") + dot + rest

    def _insert(self, line: str) -> None:
        """Puts an import before all others."""
        lines = self._text.split("\n") if self._text else []
        at, first = len(lines), None
        for number, node in enumerate(self._tree.body):
            is_docstring = number == 0 and isinstance(node, _ast.Expr) and isinstance(node.value, _ast.Constant)
            if not is_docstring and not (isinstance(node, _ast.ImportFrom) and node.module == "__future__"):
                at, first = _first_line(node) - 1, node
                break
            at = node.end_lineno or len(lines)
        follows_import = first is None or isinstance(first, (_ast.Import, _ast.ImportFrom))
        self._set("\n".join([*lines[:at], line, *([] if follows_import else [""]), *lines[at:]]).strip("\n"))

    def append_function(
        self, func: Callable[..., Any] | str, name: str | None = None, exist_ok: bool = True
    ) -> Function | bool:
        """Copies a function to the end, under another name if one is given. False if there is one."""
        source = func if isinstance(func, str) else _source(func)
        text, own_name = _one_function(source, name)
        if self.has_function(own_name):
            if exist_ok:
                return False
            raise ValueError(f"{self.path or 'the code'} has a function {own_name} already")
        self._set(f"{self._text}\n\n{text}".strip("\n"))
        return Function(self, own_name)

    def save(self, path: Path | str | None = None) -> None:
        """Writes the file, whole or not at all."""
        import os
        from pathlib import Path
        from tempfile import mkstemp

        target = Path(path) if path else self.path
        if target is None:
            raise ValueError("save needs a path: this was made from a text")
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with open(handle, "w", encoding="utf-8") as file:
                file.write(f"{self._text}\n")
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, target.stat().st_mode & 0o777 if target.exists() else 0o644)
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise

    def __str__(self) -> str:
        return self._text


class Function:
    """A function in a file."""

    def __init__(self, ast: AST, name: str):
        self.ast = ast
        self.name = name

    def decorate(
        self,
        decorator: Callable[..., Any],
        *decorator_args: Any,
        exclude_none: bool = True,
        replace: bool = True,
        **decorator_kwargs: Any,
    ) -> Function:
        """Decorates it, with these arguments, and imports the decorator."""
        words = [_literal(value) for value in decorator_args]
        words += [
            f"{name}={_literal(value)}"
            for name, value in decorator_kwargs.items()
            if value is not None or not exclude_none
        ]
        node = self.ast._function(self.name)
        if node is None:
            raise ValueError(f"there is no function {self.name} any more")
        lines = self.ast._text.split("\n")
        start = _first_line(node) - 1
        kept = lines[start:] if not replace else lines[node.lineno - 1 :]
        self.ast._set("\n".join([*lines[:start], f"@{decorator.__name__}({', '.join(words)})", *kept]))
        self.ast.add_import(decorator)
        return self


def write_hook(code: AST, func: Any, decorator: Callable[..., Any], **arguments: Any) -> None:
    """Appends a hook with the imports that it needs, and saves; once for each name of a function."""
    from resilmesh import model

    function = code.append_function(func)
    if not isinstance(function, Function):
        return
    node = code._function(function.name)
    used = {part.id for part in _ast.walk(node) if isinstance(part, _ast.Name)} if node else set()
    for name in ("Instance", "Integration", "Plug"):
        if name in used:
            code.add_import(getattr(model, name))
    function.decorate(decorator, **arguments)
    code.save()


def _names_of(name: str) -> tuple[str, ...]:
    """A name, and the other name of the same if it is one of this package."""
    package, dot, rest = name.partition(".")
    return tuple(other + dot + rest for other in _PACKAGES) if package in _PACKAGES else (name,)


def _first_line(node: Any) -> int:
    lines: list[int] = [decorator.lineno for decorator in getattr(node, "decorator_list", ())]
    lines.append(node.lineno)
    return min(lines)


def _source(func: Callable[..., Any]) -> str:
    from inspect import getsource

    try:
        return getsource(func)
    except (OSError, TypeError) as error:
        raise ValueError(f"the source of {func!r} cannot be read: {error}") from error


def _one_function(source: str, name: str | None) -> tuple[str, str]:
    """The text of a function, without what stands beside it, and its name."""
    from textwrap import dedent

    source = dedent(source).strip("\n")
    node = next(iter(_ast.parse(source).body), None)
    if not isinstance(node, (_ast.FunctionDef, _ast.AsyncFunctionDef)):
        raise ValueError("only functions that are made with def can be copied")
    lines = source.split("\n")[_first_line(node) - 1 : node.end_lineno]
    if name is not None and name != node.name:
        at = node.lineno - _first_line(node)
        lines[at] = lines[at].replace(f"def {node.name}", f"def {name}", 1)
    return "\n".join(lines), name or node.name


def _literal(value: Any) -> str:
    text = repr(value)
    try:
        _ast.literal_eval(text)
    except (ValueError, SyntaxError):
        raise ValueError(f"a decorator's argument in a file is a plain value, not {text}") from None
    return text
