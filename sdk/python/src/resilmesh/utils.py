"""Small helpers."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType
    from typing import Any, Iterable

__all__ = ["import_module", "overwrite_directory", "read_file", "tabulate"]


def read_file(directory: Path | str, filename: str) -> str:
    """A file's text; empty if it cannot be read."""
    from os.path import join

    try:
        with open(join(str(directory), filename), encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return ""


def overwrite_directory(src_dir: Path | str, dst_dir: Path | str) -> None:
    """Makes a folder a copy of another one; what else was in it is deleted."""
    from os.path import isdir, realpath
    from shutil import copytree, rmtree

    source, target = realpath(str(src_dir)), realpath(str(dst_dir))
    if not isdir(source):
        raise ValueError(f"there is no folder {src_dir}")
    if f"{source}/".startswith(f"{target}/") or f"{target}/".startswith(f"{source}/"):
        raise ValueError(f"{src_dir} and {dst_dir} lie in one another")
    rmtree(target, ignore_errors=True)
    copytree(source, target)


def import_module(path: Path | str, package_dir: Path | str | None = None) -> ModuleType | None:
    """The module in a file, imported once; None if there is no such file.

    `package_dir` is the folder that its relative imports start from: its own, if none is given.
    """
    from resilmesh._modules import from_file

    return from_file(path, package_dir)


def tabulate(
    data: Iterable[Any], headers: Iterable[Any] | None = None, formatters: dict[type, Any] | None = None
) -> str:
    """A table as text. A header is a column's name, or a pair of name and field (or function)."""
    rows = [list(row.values()) if isinstance(row, dict) and headers is None else row for row in data]
    titles, fields = [], []
    for header in headers or ():
        pair = next(iter(header.items())) if isinstance(header, dict) else header
        name, field = (pair, pair.lower().replace(" ", "_")) if isinstance(pair, str) else (pair[0], pair[-1])
        titles.append(str(name))
        fields.append(field)
    table = [[_cell(_field(row, field), formatters or {}) for field in fields] if fields else row for row in rows]
    lines = [titles] if titles else []
    lines += [[str(cell) for cell in row] for row in table]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))] if lines else []
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines
    )


def _field(row: Any, field: Any) -> Any:
    if callable(field):
        return field(row)
    value = row.get(field) if isinstance(row, dict) else getattr(row, field, None)
    return value() if callable(value) else value


def _cell(value: Any, formatters: dict[type, Any]) -> str:
    for kind, form in formatters.items():
        if isinstance(value, kind):
            return str(form(value))
    if value is None:
        return "-"
    if isinstance(value, (list, tuple, set)):
        return ", ".join(_cell(item, formatters) for item in value) or "-"
    return str(value)
