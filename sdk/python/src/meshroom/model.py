"""Another name of `resilmesh.model`."""

import sys

from resilmesh import model as _same
from resilmesh.model import *  # noqa: F403  for editors: at run time this module is the other one

sys.modules[__name__] = _same
