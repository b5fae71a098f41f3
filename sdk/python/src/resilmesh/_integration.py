"""Integrations of products with one another."""

from __future__ import annotations

from resilmesh import _host
from resilmesh._documents import REQUIRED, Document
from resilmesh._settings import COUNTERPART, MODES, ROLES, ProductSetting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Callable

    from resilmesh._hooks import Hook
    from resilmesh._plug import Plug
    from resilmesh._product import Product
    from resilmesh.decorators import HookOrder, Mode, Role


class Integration(Document):
    """How a product plays its part towards another one. Any attribute may be set; `save` writes them."""

    __module__ = "resilmesh.model"
    _fields = {
        "product": REQUIRED,
        "target_product": REQUIRED,
        "topic": REQUIRED,
        "role": REQUIRED,
        "mode": "push",
        "format": None,
        "documentation_url": "",
        "settings": [],
        "description": "",
        "is_generic": False,
    }
    _allowed = {"mode": MODES, "role": ROLES}

    if TYPE_CHECKING:
        product: str
        target_product: str
        topic: str
        role: Role
        mode: Mode
        format: str | None
        documentation_url: str
        settings: list[ProductSetting]
        description: str
        is_generic: bool
        _path: str | None
        _owns: tuple[bool, bool] | None
        _saved: dict[str, Any] | None

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, **values: Any):
        object.__setattr__(self, "_path", None)
        object.__setattr__(self, "_owns", None)
        object.__setattr__(self, "_saved", None)
        super().__init__(**values)

    @classmethod
    def _from_wire(cls, wire: dict[str, Any]) -> Integration:
        known = ("product", "target_product", "topic", "role", "mode", "format", "is_generic")
        values = {key: value for key, value in wire["document"].items() if value is not None}
        for derived in ("path", "plugs", "owns_both", "owns_self"):
            values.pop(derived, None)
        integration = cls(**{**values, **{name: wire.get(name) for name in known}})
        integration._path, integration._owns = wire["path"], (wire["owns_both"], wire["owns_self"])
        integration._saved = integration.model_dump()
        return integration

    def _converted(self, name: str, value: Any) -> Any:
        if name == "settings":
            return [ProductSetting.model_validate(setting) for setting in value or ()]
        if name in ("mode", "role", "topic", "product", "target_product"):
            # Another name: another file, and other hooks.
            object.__setattr__(self, "_path", None)
            object.__setattr__(self, "_owns", None)
        return value

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """As in the integration's file."""
        out = super().model_dump(**options)
        out.pop("is_generic", None)
        return out

    def _named(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("product", "target_product", "topic", "role", "mode")}

    @staticmethod
    def load(filepath: Path | str) -> Integration:
        """The integration in a file: `.../PRODUCT/integrations/TARGET/TOPIC_ROLE[_pull].yml`."""
        from os.path import abspath, basename, dirname, splitext

        file = abspath(str(filepath))
        stem = splitext(basename(file))[0]
        mode = "pull" if stem.endswith("_pull") else "push"
        topic, _, role = (stem[: -len("_pull")] if mode == "pull" else stem).rpartition("_")
        product = basename(dirname(dirname(dirname(file))))
        names = {"product": product, "target_product": basename(dirname(file)), "topic": topic}
        wire = _host.ask("get_integration", role=role, mode=mode, **names)
        if wire is None:
            raise ValueError(f"there is no integration {filepath}")
        return Integration._from_wire(wire)

    def save(self) -> Integration:
        """Writes the integration's file."""
        document = self.model_dump()
        wire = _host.ask("save_integration", integration=self._named(), document=document)
        self.is_generic = False
        # Which hooks are for it is asked for when somebody wants to know.
        self._path, self._owns = wire["path"], None
        self._saved = document
        return self

    def _save_if_changed(self) -> None:
        """Writes what a hook has changed and not saved."""
        if self._saved is not None and self._saved != self.model_dump():
            self.save()

    @property
    def path(self) -> Path:
        """Its file, without extension."""
        from pathlib import Path

        from resilmesh._project import path_in_project

        if self._path:
            return Path(self._path)
        stem = f"{self.topic}_{self.role}" + ("_pull" if self.mode == "pull" else "")
        return path_in_project(f"products/{self.product}/integrations/{self.target_product}/{stem}")

    @property
    def _code(self) -> Path:
        path = self.path
        return path.parent / f"{path.name}.py"

    @property
    def plugs(self) -> list[Plug]:
        """The plugs between instances of its products, for its topic and mode."""
        from resilmesh._project import list_instances, list_plugs

        own, other = (
            {instance.name for instance in list_instances(product=product)}
            for product in (self.product, self.target_product)
        )
        src, dst = (own, other) if self.role in ("producer", "trigger") else (other, own)
        found = list_plugs(topic=self.topic, mode=self.mode)
        return [plug for plug in found if plug.src_instance in src and plug.dst_instance in dst]

    @property
    def owns_both(self) -> bool:
        """Whether its setup hooks set up both ends."""
        return self._ownership()[0]

    @property
    def owns_self(self) -> bool:
        """Whether its setup hooks set up its own end."""
        return self._ownership()[1]

    def _ownership(self) -> tuple[bool, bool]:
        if self._owns is None:
            wire = _host.ask("get_integration", **self._named())
            self._owns = (wire["owns_both"], wire["owns_self"]) if wire else (False, False)
        return self._owns

    def get_product(self) -> Product:
        """The product that plays the part."""
        from resilmesh._project import get_product

        return get_product(self.product)

    def get_target_product(self) -> Product:
        """The product at the other end."""
        from resilmesh._project import get_product

        return get_product(self.target_product)

    def get_or_prompt(self, attribute: str, prompt: str) -> Any:
        """An attribute; the user is asked for it, once, if it has no value."""
        from resilmesh import interaction

        value = getattr(self, attribute, None)
        if not value:
            value = interaction.prompt(prompt)
            setattr(self, attribute, value)
            self.save()
        return value

    def matches(self, integration: Integration) -> bool:
        """Whether the two can be the ends of a plug."""
        return (
            self.topic == integration.topic
            and integration.role == COUNTERPART[self.role]
            and self.mode == integration.mode
            and (self.format == integration.format or self.format is None or integration.format is None)
        )

    def scaffold(self) -> Integration:
        """Writes its first files, as `create integration` does."""
        wire = _host.ask("scaffold_integration", integration=self._named(), format=self.format)
        return Integration._from_wire(wire)

    def publish(self) -> bool:
        """Sends it to its vendor."""
        names = self._named()
        _host.ask("publish", **names)
        return True

    def add_setup_step(
        self,
        title: str,
        func: Callable[..., Any] | str,
        order: HookOrder | None = None,
        owns_both: bool = False,
    ) -> Integration:
        """Writes a setup hook into the integration's Python file, once for each name of a function."""
        from resilmesh.decorators import setup

        return self.add_function(func, setup, title=title, order=order, owns_both=owns_both or None)

    def add_teardown_step(
        self, title: str, func: Callable[..., Any] | str, order: HookOrder | None = None
    ) -> Integration:
        """Writes a teardown hook into the integration's Python file, once for each name of a function."""
        from resilmesh.decorators import teardown

        return self.add_function(func, teardown, title=title, order=order)

    def add_function(
        self, func: Callable[..., Any] | str, decorator: Callable[..., Any], **decorator_kwargs: Any
    ) -> Integration:
        """Writes a decorated function into the integration's Python file, once for each name."""
        from resilmesh.ast import AST, write_hook

        write_hook(AST(self._code), func, decorator, **decorator_kwargs)
        self._owns = None
        return self

    def get_hooks(self, type: str | None = None) -> list[Hook]:
        """Its hooks, whose modules are imported for that; in the order of their calls."""
        from resilmesh._modules import of_integration

        return of_integration(self, type)

    def __str__(self) -> str:
        owns = "can setup both" if self.owns_both else "can setup self" if self.owns_self else "no setup hook"
        arrow = (
            f"--[{self.topic}:{self.mode}]->"
            if self.role in ("producer", "trigger")
            else f"<-[{self.topic}:{self.mode}]--"
        )
        return f"{self.product} {arrow} {self.target_product} ({self.role}, {owns})"

    def __repr__(self) -> str:
        return f"<Integration {self.product} {self.target_product} {self.topic} {self.role} {self.mode}>"

    def __hash__(self) -> int:
        return hash(tuple(self._named().values()))
