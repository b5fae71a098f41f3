"""Settings from JSON Schemas, as APIs publish them."""

from __future__ import annotations

from resilmesh._settings import TYPES, ProductSetting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    #: The references that led to a schema.
    Via = tuple[str, ...]


def settings_of(schema: dict[str, Any], rules: tuple[Any, ...]) -> list[ProductSetting]:
    """A setting for each property; `rules` say which names are secret."""
    reader = _Reader(schema, rules)
    whole, via = reader.plain("(the schema)", schema, ())
    return _properties(whole, reader, "", via)


#: What a schema may say that settings cannot: it is not checked.
BOUNDS = (
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "not",
    "if",
    "dependentRequired",
    "patternProperties",
)


class _Reader:
    """What reading a schema needs to know of the whole of it."""

    def __init__(self, root: dict[str, Any], rules: tuple[Any, ...]):
        self.root = root
        self.rules = rules

    def warn(self, name: str, text: str) -> None:
        from logging import getLogger

        getLogger("resilmesh").warning("setting `%s`: %s", name, text)

    def target(self, name: str, reference: str) -> dict[str, Any]:
        """What a reference stands for; an empty schema if it leads elsewhere."""
        first, *parts = reference.split("/")
        found: Any = self.root if first == "#" else None
        for part in parts:
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            self.warn(name, f"`{reference}` leads out of the schema, and is taken for a text")
            return {}
        return found

    def plain(self, name: str, schema: dict[str, Any], via: Via) -> tuple[dict[str, Any], Via]:
        """The schema without references and alternatives, and the references that led to it."""
        while True:
            if "$ref" in schema:
                reference, rest = str(schema["$ref"]), _without(schema, "$ref")
                if reference in via:
                    self.warn(name, f"`{reference}` holds itself, and is followed once")
                    return {"type": "object", **rest}, via
                via = (*via, reference)
                schema = {**self.target(name, reference), **rest}
                continue
            key = next((key for key in ("allOf", "anyOf", "oneOf") if _parts(schema, key)), None)
            if key is None:
                return schema, via
            parts, rest = _parts(schema, key), _without(schema, key)
            if all("const" in part for part in parts):
                values = [part["const"] for part in parts]
                schema = {"type": _type_of(values[0]), **rest, "enum": values}
            elif key == "allOf":
                each = [self.plain(name, part, via) for part in parts]
                schema = {**_merged([part for part, _ in each]), **rest}
                via = tuple({reference for _, more in each for reference in more})
            else:
                if len(parts) > 1:
                    self.warn(name, f"the first alternative of `{key}` is taken")
                schema = {**parts[0], **rest}


def _without(schema: dict[str, Any], key: str) -> dict[str, Any]:
    return {word: value for word, value in schema.items() if word != key}


def _parts(schema: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The schemas at a key that say more than that there may be nothing."""
    return [part for part in schema.get(key) or () if isinstance(part, dict) and part.get("type") != "null"]


def _merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """One schema that says what all of them say."""
    merged: dict[str, Any] = {}
    for part in parts:
        for word, value in part.items():
            there = merged.get(word)
            if isinstance(there, dict) and isinstance(value, dict):
                value = {**there, **value}
            elif word == "required" and isinstance(there, list) and isinstance(value, list):
                value = there + value
            merged[word] = value
    return merged


def _properties(schema: dict[str, Any], reader: _Reader, path: str, via: Via) -> list[ProductSetting]:
    required = _required_names(schema)
    return [
        _setting(name, property, name in required, reader, f"{path}.{name}" if path else str(name), via)
        for name, property in (schema.get("properties") or {}).items()
        if isinstance(property, dict)
    ]


def _setting(
    name: str, schema: dict[str, Any], required: bool, reader: _Reader, path: str, via: Via
) -> ProductSetting:
    schema, via = reader.plain(path, schema, via)
    kind = _kind(schema)
    lost = [word for word in BOUNDS if word in schema]
    if lost:
        reader.warn(path, f"{', '.join(f'`{word}`' for word in lost)} cannot be checked")
    choices = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    items: list[ProductSetting] | str = []
    if kind == "array" and isinstance(schema.get("items"), dict):
        each, through = reader.plain(f"{path}[]", schema["items"], via)
        items = _items(each, reader, f"{path}[]", through)
        choices = choices or each.get("enum") or []
    return ProductSetting(
        name=name,
        type=kind,
        title=schema.get("title") or "",
        description=schema.get("description") or "",
        default=schema.get("default"),
        choices=[choice for choice in choices if choice is not None],
        # In a nested object `required` is a list of names, which is about its properties.
        required=required or schema.get("required") is True,
        secret=_says_secret(schema) or _is_secret(name, reader.rules),
        items=items,
        properties=_properties(schema, reader, path, via) if kind == "object" else [],
    )


def _kind(schema: dict[str, Any]) -> str:
    """The type; without one, what its other words are about."""
    known = schema.get("type")
    if known is None:
        choices = schema.get("enum") or [schema.get("const")]
        about = {"properties": "object", "items": "array"}
        known = next((kind for word, kind in about.items() if word in schema), None) or _type_of(choices[0])
    kind = ProductSetting._type(known)
    return kind if kind in TYPES else "string"


def _type_of(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "float", list: "array", dict: "object"}
    return names.get(type(value), "string")


def _items(schema: dict[str, Any], reader: _Reader, path: str, via: Via) -> list[ProductSetting] | str:
    if not schema:
        return []
    if schema.get("properties"):
        return _properties(schema, reader, path, via)
    kind = _kind(schema)
    return kind if kind != "object" else []


def _required_names(schema: dict[str, Any]) -> tuple[str, ...]:
    names = schema.get("required")
    return tuple(names) if isinstance(names, (list, tuple, set)) else ()


def _says_secret(schema: dict[str, Any]) -> bool:
    return bool(schema.get("secret") or schema.get("writeOnly")) or schema.get("format") == "password"


def _is_secret(name: str, rules: tuple[Any, ...]) -> bool:
    import re

    return any(name == rule or re.search(rule, name, re.IGNORECASE) for rule in rules)
