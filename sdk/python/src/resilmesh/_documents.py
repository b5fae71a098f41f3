"""What the classes of the model have in common: named fields with defaults, and what else a file says."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, TypeVar

    D = TypeVar("D", bound="Document")

#: A field with this default has to be given.
REQUIRED: Any = object()


class Document:
    """An object that is kept as a map, without what has its default."""

    #: Field -> default. A list, set or map is copied for each object.
    _fields: ClassVar[dict[str, Any]] = {}
    #: Field -> the values that are allowed.
    _allowed: ClassVar[dict[str, tuple[Any, ...]]] = {}
    #: Whether keys that are no fields are kept, as attributes.
    _open: ClassVar[bool] = True

    def __init__(self, **values: Any):
        for name, default in self._fields.items():
            if name in values:
                setattr(self, name, values.pop(name))
            elif default is REQUIRED:
                raise ValueError(f"{type(self).__name__} needs {name}")
            else:
                setattr(self, name, default.copy() if isinstance(default, (list, set, dict)) else default)
        if values and not self._open:
            raise ValueError(f"{type(self).__name__} has no {', '.join(values)}")
        for name, value in values.items():
            setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        allowed = self._allowed.get(name)
        if allowed is not None and value not in allowed:
            words = ", ".join(str(word) for word in allowed if word is not None)
            raise ValueError(f"{name} of {type(self).__name__} is one of {words}, not {value!r}")
        object.__setattr__(self, name, self._converted(name, value))

    def _converted(self, name: str, value: Any) -> Any:
        """The value as the field has it."""
        return value

    def model_dump(self, **_: Any) -> dict[str, Any]:
        """As a map of what JSON knows, without what has its default."""
        out: dict[str, Any] = {}
        for name, value in self.__dict__.items():
            if name.startswith("_") or (name in self._fields and value == self._fields[name]):
                continue
            out[name] = _plain(value)
        return out

    def model_dump_json(self, **options: Any) -> str:
        """As JSON, without what has its default."""
        from json import dumps

        return dumps(self.model_dump(), indent=options.get("indent"))

    def model_copy(self: D, update: dict[str, Any] | None = None, **_: Any) -> D:
        """Another object with the same values, save those of `update`."""
        from copy import deepcopy

        other = deepcopy(self)
        for name, value in (update or {}).items():
            setattr(other, name, value)
        return other

    @classmethod
    def model_validate(cls: type[D], value: Any) -> D:
        """From a map; ValueError if it does not fit."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, dict):
            raise ValueError(f"{cls.__name__} is made from a map, not from {value!r}")
        return cls(**value)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.model_dump() == other.model_dump()

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self.model_dump().items())
        return f"{type(self).__name__}({values})"


def _plain(value: Any) -> Any:
    if isinstance(value, Document):
        return value.model_dump()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(item) for item in value), key=str)
    if hasattr(value, "__fspath__"):
        return str(value)
    return value
