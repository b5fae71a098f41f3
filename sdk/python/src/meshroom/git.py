"""Another name of `resilmesh.git`."""

import sys

from resilmesh import git as _same
from resilmesh.git import *  # noqa: F403  for editors: at run time this module is the other one

sys.modules[__name__] = _same
