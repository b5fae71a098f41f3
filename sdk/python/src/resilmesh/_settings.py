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

        Those whose names are, or match (in any case), one of `force_secret` become secret.
        """
        rules = tuple(force_secret or ())
        required = _required_names(schema)
        return [
            _setting(name, property, name in required, rules)
            for name, property in ((schema or {}).get("properties") or {}).items()
            if isinstance(property, dict)
        ]


def _setting(name: str, schema: dict[str, Any], required: bool, rules: tuple[Any, ...]) -> ProductSetting:
    kind = ProductSetting._type(schema.get("type", "string"))
    default = schema.get("default")
    return ProductSetting(
        name=name,
        type=kind if kind in TYPES else "string",
        description=schema.get("description") or "",
        default=default,
        # In a nested object `required` is a list of names, which is about its properties.
        required=required or schema.get("required") is True,
        secret=bool(schema.get("secret")) or _is_secret(name, rules),
        items=_items(schema.get("items"), rules) if kind == "array" else [],
        properties=ProductSetting.from_json_schema(schema, rules) if kind == "object" else [],
    )


def _items(schema: Any, rules: tuple[Any, ...]) -> list[ProductSetting] | str:
    if not isinstance(schema, dict) or not schema:
        return []
    if schema.get("properties"):
        return ProductSetting.from_json_schema(schema, rules)
    kind = ProductSetting._type(schema.get("type", "string"))
    return kind if kind in TYPES and kind != "object" else []


def _required_names(schema: dict[str, Any] | None) -> tuple[str, ...]:
    names = (schema or {}).get("required")
    return tuple(names) if isinstance(names, (list, tuple, set)) else ()


def _is_secret(name: str, rules: tuple[Any, ...]) -> bool:
    import re

    return any(name == rule or re.search(rule, name, re.IGNORECASE) for rule in rules)
