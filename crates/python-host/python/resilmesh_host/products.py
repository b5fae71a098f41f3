"""Imports the modules of products.

Each product has a package of its own, so that products may have modules of the same names. Names
may have any characters: a dot becomes `%2E` in the module's name. Code is always compiled from the
text: compiled files that lie in a product's folder are neither read nor written.
"""

import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import SourceFileLoader, spec_from_file_location
from os.path import isdir, isfile

ROOT = "resilmesh_products"

_packages = {}  # name of a product's package -> its folder


class Loader(SourceFileLoader):
    def get_code(self, fullname):
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class Finder:
    """Finds packages of products and what is in them."""

    @staticmethod
    def find_spec(name, path=None, target=None):
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
                return spec_from_file_location(name, file, loader=Loader(name, file))
            if isdir(f"{folder}/{tail}"):
                return _in_folder(name, f"{folder}/{tail}")
        return None  # a module in C, for instance: left to Python's own finder


def _in_folder(name, folder):
    file = f"{folder}/__init__.py"
    if isfile(file):
        loader = Loader(name, file)
        return spec_from_file_location(name, file, loader=loader, submodule_search_locations=[folder])
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [folder]
    return spec


def install():
    sys.meta_path.insert(1, Finder)


def import_file(product, folder, file):
    """The module of a file of a product."""
    from importlib import import_module

    parts = file[: -len(".py")].split("/")
    if parts[-1] == "__init__":
        parts.pop()
    return import_module(".".join([package(product, folder), *map(_escaped, parts)]))


def package(product, folder):
    """The name of a product's package."""
    base = name = f"{ROOT}.{_escaped(product)}"
    number = 1
    # Products of one name in two places: in the project, and built in.
    while _packages.setdefault(name, folder) != folder:
        number += 1
        name = f"{base}%{number}"
    return name


def _escaped(text):
    return text.replace("%", "%25").replace(".", "%2E")


def _unescaped(text):
    return text.replace("%2E", ".").replace("%25", "%")
