"""Imports the modules that are inside the program: this package, `resilmesh` and `meshroom`.

This file is run by itself when Python starts, before anything of the program can be imported.
"""

import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER

from _resilmesh_host import channel


class Importer:
    """Finds and loads them. They win over packages of the same names that are installed."""

    _fits = MAGIC_NUMBER.hex() == channel.magic

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        found = channel.module(name)
        if found is None:
            return None
        return ModuleSpec(name, cls, origin=_shown(name, found[0]), is_package=found[0])

    @staticmethod
    def create_module(spec):
        return None

    @classmethod
    def exec_module(cls, module):
        exec(cls.get_code(module.__spec__.name), module.__dict__)

    @classmethod
    def get_code(cls, name):
        is_package, code, source = channel.module(name)
        if code is not None and cls._fits:
            from marshal import loads

            return loads(code)
        return compile(source, _shown(name, is_package), "exec", dont_inherit=True)

    @staticmethod
    def get_source(name):
        return channel.module(name)[2]

    @staticmethod
    def is_package(name):
        return channel.module(name)[0]


def _shown(name, is_package):
    return "<resilmesh>/" + name.replace(".", "/") + ("/__init__.py" if is_package else ".py")


def install():
    sys.meta_path.insert(0, Importer)
