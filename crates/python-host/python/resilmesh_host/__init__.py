"""The host's own Python part. What `src/interpreter.rs` calls is here by name."""

from resilmesh_host.calls import interrupt, run
from resilmesh_host.failures import describe
from resilmesh_host.life import end, start, welcome

__all__ = ["describe", "end", "interrupt", "run", "start", "welcome"]
