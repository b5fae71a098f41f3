"""Products."""

from __future__ import annotations

from resilmesh import _host
from resilmesh._documents import REQUIRED, Document, _plain
from resilmesh._settings import Cap, Capability, ProductSetting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Callable, Iterable

    from resilmesh._hooks import Hook
    from resilmesh._instance import Instance
    from resilmesh.decorators import HookOrder, Mode, Role

#: Role -> the section of a definition.
SECTIONS = {"consumer": "consumes", "producer": "produces", "trigger": "triggers", "executor": "executes"}


class Product(Document):
    """A product: what `definition.yaml` says, and what is in its folder. `save` writes it."""

    __module__ = "resilmesh.model"
    _fields = {
        "name": REQUIRED,
        "description": "",
        "vendor": "",
        "tags": set(),
        "settings": [],
        "consumes": {},
        "produces": {},
        "triggers": {},
        "executes": {},
    }

    if TYPE_CHECKING:
        name: str
        description: str
        vendor: str
        tags: set[str]
        settings: list[ProductSetting]
        consumes: dict[str, list[Cap]]
        produces: dict[str, list[Cap]]
        triggers: dict[str, list[Cap]]
        executes: dict[str, list[Cap]]
        _path: str | None
        _saved: dict[str, Any]

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, **values: Any):
        object.__setattr__(self, "_path", None)
        object.__setattr__(self, "_saved", {})
        super().__init__(**values)

    @classmethod
    def _from_wire(cls, wire: dict[str, Any]) -> Product:
        values = {key: value for key, value in wire["document"].items() if value is not None}
        product = cls(**{**values, "name": wire["name"]})
        product._path, product._saved = wire["path"], wire["document"]
        return product

    def _converted(self, name: str, value: Any) -> Any:
        if name == "name":
            return _checked_name(value)
        if name == "tags":
            return set(value or ())
        if name == "settings":
            return [ProductSetting.model_validate(item) for item in value or ()]
        if name in SECTIONS.values():
            return {topic: [Cap.model_validate(cap or {}) for cap in caps or [{}]] for topic, caps in (value or {}).items()}
        return value

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """As in `definition.yaml`."""
        out = super().model_dump(**options)
        if "tags" in out:
            # As they stand in the file; new ones follow.
            before = [tag for tag in self._saved.get("tags") or () if tag in self.tags]
            out["tags"] = before + [_plain(tag) for tag in sorted(self.tags - set(before))]
        return out

    @staticmethod
    def load(path: Path | str) -> Product:
        """The product in a folder; a new one if there is none."""
        from os.path import basename, normpath

        name = basename(normpath(str(path)))
        wire = _host.ask("get_product", name=name)
        return Product._from_wire(wire) if wire else Product(name=name)

    def save(self) -> Product:
        """Writes `definition.yaml`."""
        wire = _host.ask("save_product", name=self.name, document=self.model_dump())
        self._path, self._saved = wire["path"], wire["document"]
        return self

    def update(self, description: str | None = None, tags: Iterable[str] | None = None, **values: Any) -> Product:
        """Changes what is given, and saves."""
        for name, value in {"description": description, "tags": tags, **values}.items():
            if value is not None:
                setattr(self, name, value)
        return self.save()

    def set_logo(self, image_path: Path | str) -> Path:
        """Copies a picture into the product's folder, as `logo` with its extension."""
        from pathlib import Path
        from shutil import copy

        image_path = Path(image_path)
        self.path.mkdir(parents=True, exist_ok=True)
        return Path(copy(image_path, self.path / f"logo{image_path.suffix}"))

    @property
    def path(self) -> Path:
        """Its folder."""
        from pathlib import Path

        from resilmesh._project import path_in_project

        return Path(self._path) if self._path else path_in_project(f"products/{self.name}")

    @property
    def nb_integrations(self) -> int:
        """How many integrations it has."""
        wire = _host.ask("get_product", name=self.name)
        return int(wire["integrations"]) if wire else 0

    @property
    def instances(self) -> list[Instance]:
        """Its instances."""
        from resilmesh._project import list_instances

        return list(list_instances(product=self.name))

    def add_capability(self, role: Role, topic: str, mode: Mode = "push", format: str | None = None) -> Product:
        """Adds a capability, if it is not there. `save` is left to the caller."""
        if role not in SECTIONS:
            raise ValueError(f"role is one of {', '.join(SECTIONS)}, not {role!r}")
        entries = getattr(self, SECTIONS[role]).setdefault(topic, [])
        if not any(cap.mode == mode and cap.format == format for cap in entries):
            entries.append(Cap(mode=mode, format=format))
        return self

    def list_capabilities(
        self,
        role: Role | None = None,
        topic: str | None = None,
        format: str | None = None,
        mode: Mode | None = None,
    ) -> list[Capability]:
        """What it can do: as declared here, saved or not, and as its setup hooks tell."""
        found = list(self._declared(self.model_dump()))
        if self._path is not None:
            saved = set(self._declared(self._saved))
            known = map(_capability, _host.ask("list_capabilities", product=self.name))
            found += [capability for capability in known if capability not in saved and capability not in found]
        return [
            capability
            for capability in found
            if role in (None, capability.role)
            and topic in (None, capability.topic)
            and format in (None, capability.format)
            and mode in (None, capability.mode)
        ]

    @staticmethod
    def _declared(document: dict[str, Any]) -> Iterable[Capability]:
        for role, section in SECTIONS.items():
            for topic, entries in (document.get(section) or {}).items():
                for entry in entries or [{}]:
                    entry = entry or {}
                    mode = entry.get("mode") or "push"
                    yield Capability(topic=topic, role=role, mode=mode, format=entry.get("format"))

    def add_setup_hook(
        self,
        role: Role,
        title: str,
        func: Callable[..., Any] | str,
        topic: str | None = None,
        mode: Mode | None = "push",
        order: HookOrder | None = None,
    ) -> Product:
        """Writes a setup hook into the product's `setup.py`, once for each name of a function."""
        return self._add_hook(f"setup_{role}", title, func, topic, mode, order)

    def add_teardown_hook(
        self,
        role: Role,
        title: str,
        func: Callable[..., Any] | str,
        topic: str | None = None,
        mode: Mode | None = "push",
        order: HookOrder | None = None,
    ) -> Product:
        """Writes a teardown hook into the product's `setup.py`, once for each name of a function."""
        return self._add_hook(f"teardown_{role}", title, func, topic, mode, order)

    def _add_hook(self, decorator: str, title: str, func: Any, topic: Any, mode: Any, order: Any) -> Product:
        from resilmesh import decorators
        from resilmesh.ast import AST, write_hook

        if not hasattr(decorators, decorator):
            raise ValueError(f"role is one of {', '.join(SECTIONS)}, not {decorator.partition('_')[2]!r}")
        code = AST(self.path / "setup.py")
        write_hook(code, func, getattr(decorators, decorator), topic=topic, title=title, mode=mode, order=order)
        return self

    def scaffold(self, template: str | Path) -> Product:
        """Fills the product's folder from a template; existing files are kept."""
        wire = _host.ask("scaffold_product", name=self.name, template=str(template))
        return Product._from_wire(wire)

    def pull(self) -> None:
        """Calls the product's pull hooks."""
        _host.ask("pull_product", name=self.name)

    def get_hooks(
        self,
        type: str | None = None,
        topic: str | None = None,
        mode: Mode | None = None,
        role: Role | None = None,
        format: str | None = None,
    ) -> list[Hook]:
        """The hooks in the product's modules, which are imported for that; in the order of their calls."""
        from resilmesh._modules import of_product

        return [
            hook
            for hook in of_product(self)
            if type in (None, hook.type)
            and role in (None, hook.role)
            and topic in (None, hook.topic)
            and mode in (None, hook.mode)
            and format in (None, hook.format)
        ]

    def __hash__(self) -> int:
        return hash(self.name)


def _capability(wire: dict[str, Any]) -> Capability:
    return Capability(**wire)


def _checked_name(name: Any) -> str:
    import re

    if not isinstance(name, str) or not re.fullmatch(r"[\w.-]+", name) or set(name) == {"."}:
        raise ValueError(f"a product's name has letters, digits, dots, dashes and underscores only, not {name!r}")
    return name
