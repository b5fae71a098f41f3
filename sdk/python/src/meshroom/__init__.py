"""Another name of `resilmesh`: hooks written for Meshroom find what they import, and it is the same."""

from resilmesh import __version__ as __version__
