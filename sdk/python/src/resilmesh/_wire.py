"""What a call brings, as objects of the model."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def value(name: str, given: Any) -> Any:
    """The argument of that name."""
    if given is None:
        return {} if name == "data" else None
    if name in ("plug", "instance", "integration"):
        from resilmesh import model

        kinds: dict[str, Any] = {"plug": model.Plug, "instance": model.Instance, "integration": model.Integration}
        return kinds[name]._from_wire(given)
    if name == "path":
        from pathlib import Path

        return Path(given)
    return given
