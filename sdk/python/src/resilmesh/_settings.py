"""Capabilities and settings: what products declare."""

from __future__ import annotations

from resilmesh._documents import REQUIRED, Document

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Collection, Pattern, Union

    from resilmesh.decorators import Mode, Role

MODES = ("push", "pull")
ROLES = ("consumer", "producer", "trigger", "executor")

#: The role at the other end.
COUNTERPART = {"consumer": "producer", "producer": "consumer", "trigger": "executor", "executor": "trigger"}

TYPES = ("string", "integer", "float", "boolean", "array", "object")


class Cap(Document):
    """A capability as it stands in a definition: below its section and topic."""

    __module__ = "resilmesh.model"
    _fields = {"format": None, "mode": "push"}
    _allowed = {"mode": MODES}

    if TYPE_CHECKING:
        format: str | None
        mode: Mode


class Capability(Document):
    """What a product can do: a role for a topic."""

    __module__ = "resilmesh.model"
    _fields = {"topic": None, "role": REQUIRED, "mode": "push", "format": None}
    _allowed = {"mode": MODES, "role": ROLES}

    if TYPE_CHECKING:
        topic: str | None
        role: Role
        mode: Mode
        format: str | None

    def matches(self, capability: Capability) -> bool:
        """Whether data can flow from one to the other."""
        return (
            capability.role == COUNTERPART[self.role]
            and (self.topic == capability.topic or self.topic is None or capability.topic is None)
            and self.mode == capability.mode
            and (self.format == capability.format or self.format is None or capability.format is None)
        )

    def __str__(self) -> str:
        more = [word for word in (None if self.mode == "push" else self.mode, self.format) if word]
        return f"{self.topic or '-'} {self.role}" + (f" ({' '.join(more)})" if more else "")

    __repr__ = __str__


class ProductSetting(Document):
    """A setting that a product or an integration asks its user for."""

    __module__ = "resilmesh.model"
    _fields = {
        "name": REQUIRED,
        "type": "string",
        "items": [],
        "properties": [],
        "default": None,
        "description": "",
        "title": "",
        "choices": [],
        "secret": False,
        "required": False,
    }
    _allowed = {"type": TYPES}

    if TYPE_CHECKING:
        name: str
        type: str
        items: Union[list[ProductSetting], str]
        properties: list[ProductSetting]
        default: Any
        description: str
        title: str
        choices: list[Any]
        secret: bool
        required: bool

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, self._type(value) if name == "type" else value)

    def _converted(self, name: str, value: Any) -> Any:
        if name in ("items", "properties") and isinstance(value, (list, tuple)):
            return [ProductSetting.model_validate(item) for item in value]
        return value

    @staticmethod
    def _type(value: Any) -> Any:
        """The type; of several the first that is one. What JSON calls a number is a float."""
        if isinstance(value, (list, tuple)):
            value = next((name for name in value if name not in (None, "null")), "string")
        return "float" if value == "number" else value

    @staticmethod
    def from_json_schema(
        schema: dict[str, Any] | None = None,
        force_secret: Collection[str | Pattern[str]] | None = frozenset({"password|token|secret"}),
    ) -> list[ProductSetting]:
        """A setting for each property of a JSON Schema.

        Secret become those that say `secret` or `writeOnly`, those of format `password`, and those whose
        names are, or match (in any case), one of `force_secret`. References within the schema are
        followed; of alternatives the first is taken. What is lost is logged as a warning: alternatives,
        references to elsewhere, and bounds such as `pattern` or `maximum`.
        """
        from resilmesh._json_schema import settings_of

        return settings_of(schema or {}, tuple(force_secret or ()))
