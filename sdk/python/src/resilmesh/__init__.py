"""Write hooks for resilmesh in Python, and use a project from Python.

The modules: `decorators` says what a function is called for; `model` has products, integrations,
instances and plugs; `module` has what a module is started with; `secrets`, `interaction`, `template`, `ast`, `git` and `utils` help.
"""

from resilmesh.decorators import *  # noqa: F403

__version__ = "0.1.0"
