"""Another name of `resilmesh.ast`."""

import sys

from resilmesh import ast as _same
from resilmesh.ast import *  # noqa: F403  for editors: at run time this module is the other one

sys.modules[__name__] = _same
