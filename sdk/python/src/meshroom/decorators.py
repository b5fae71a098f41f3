"""Another name of `resilmesh.decorators`."""

import sys

from resilmesh import decorators as _same
from resilmesh.decorators import *  # noqa: F403  for editors: at run time this module is the other one

sys.modules[__name__] = _same
