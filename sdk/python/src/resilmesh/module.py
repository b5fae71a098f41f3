"""What a module runs with, for what is done once before events come: to read rules, to open a connection.

There is something in it in the workers of a module only; everywhere else it is empty.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: The name of the instance.
instance: str = ""

#: The settings of the instance, without secret ones.
settings: dict[str, Any] = {}

#: The values of its secret settings.
secrets: dict[str, Any] = {}
