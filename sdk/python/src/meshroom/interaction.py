"""Another name of `resilmesh.interaction`."""

import sys

from resilmesh import interaction as _same
from resilmesh.interaction import *  # noqa: F403  for editors: at run time this module is the other one

sys.modules[__name__] = _same
