"""Another name of `resilmesh.template`."""

import sys

from resilmesh import template as _same
from resilmesh.template import *  # noqa: F403  for editors: at run time this module is the other one

sys.modules[__name__] = _same
