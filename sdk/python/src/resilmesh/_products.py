"""Imports the modules of products.

Each product has a package of its own, so that products may have modules of the same names. Names
may have any characters: a dot becomes `%2E` in the module's name. Code is always compiled from the
text: compiled files that lie in a product's folder are neither read nor written.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from os.path import isdir, isfile

# As `importlib.util` has it, which takes long to import.
from _frozen_importlib_external import spec_from_file_location

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType
    from typing import Any, Sequence

ROOT = "resilmesh_products"

_packages: dict[str, str] = {}  # name of a product's package -> its folder


class Loader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


class Finder:
    """Finds packages of products and what is in them."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        if name == ROOT:
            return ModuleSpec(name, None, is_package=True)
        if not name.startswith(ROOT + "."):
            return None
        if name in _packages:
            return _in_folder(name, _packages[name])
        tail = _unescaped(name.rpartition(".")[2])
        for folder in path or ():
            file = f"{folder}/{tail}.py"
            if isfile(file):
                return _at(name, file)
            if isdir(f"{folder}/{tail}"):
                return _in_folder(name, f"{folder}/{tail}")
        return None  # a module in C, for instance: left to Python's own finder


def _in_folder(name: str, folder: str) -> ModuleSpec:
    file = f"{folder}/__init__.py"
    if isfile(file):
        return _at(name, file, [folder])
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [folder]
    return spec


def _at(name: str, file: str, folders: list[str] | None = None) -> ModuleSpec:
    loader = Loader(name, file)
    spec = spec_from_file_location(name, file, loader=loader, submodule_search_locations=folders)
    assert spec is not None  # it has a loader
    return spec


def install() -> None:
    """Lets modules of products be imported."""
    if Finder not in sys.meta_path:
        sys.meta_path.insert(0, Finder)


def import_file(product: str, folder: str, file: str) -> ModuleType:
    """The module of a file of a product."""
    from importlib import import_module

    parts = file[: -len(".py")].split("/")
    if parts[-1] == "__init__":
        parts.pop()
    return import_module(".".join([package(product, folder), *map(_escaped, parts)]))


def package(product: str, folder: str) -> str:
    """The name of a product's package."""
    base = name = f"{ROOT}.{_escaped(product)}"
    number = 1
    # Products of one name in two places: in the project, and built in.
    while _packages.setdefault(name, folder) != folder:
        number += 1
        name = f"{base}%{number}"
    return name


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace(".", "%2E")


def _unescaped(text: str) -> str:
    return text.replace("%2E", ".").replace("%25", "%")
