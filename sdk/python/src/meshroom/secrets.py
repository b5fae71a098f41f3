"""Another name of `resilmesh.secrets`."""

import sys

from resilmesh import secrets as _same
from resilmesh.secrets import *  # noqa: F403  for editors: at run time this module is the other one

sys.modules[__name__] = _same
