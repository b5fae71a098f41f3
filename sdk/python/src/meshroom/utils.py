"""Another name of `resilmesh.utils`."""

import sys

from resilmesh import utils as _same
from resilmesh.utils import *  # noqa: F403  for editors: at run time this module is the other one

sys.modules[__name__] = _same
