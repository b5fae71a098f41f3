"""Plugs."""

from __future__ import annotations

from resilmesh import _host
from resilmesh._documents import REQUIRED, Document
from resilmesh._instance import _text
from resilmesh._settings import MODES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Iterator

    from resilmesh._instance import Instance
    from resilmesh._integration import Integration
    from resilmesh._product import Product
    from resilmesh._settings import ProductSetting
    from resilmesh.decorators import Mode


class Plug(Document):
    """What connects two instances for a topic. `save` writes it."""

    __module__ = "resilmesh.model"
    _fields = {
        "src_instance": REQUIRED,
        "dst_instance": REQUIRED,
        "topic": REQUIRED,
        "mode": REQUIRED,
        "format": None,
        "src_config": {},
        "dst_config": {},
        "status": "down",
        "kind": None,
        "owner": None,
        "settings": {},
    }
    _allowed = {"mode": MODES, "status": ("up", "down"), "kind": ("trigger", None)}

    if TYPE_CHECKING:
        src_instance: str
        dst_instance: str
        topic: str
        mode: Mode
        format: str | None
        src_config: dict[str, Any]
        dst_config: dict[str, Any]
        status: str
        kind: str | None
        owner: str | None
        settings: dict[str, Any]
        _path: str | None
        _products: tuple[str, str] | None
        _saved: dict[str, Any] | None

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, **values: Any):
        object.__setattr__(self, "_path", None)
        object.__setattr__(self, "_products", None)
        object.__setattr__(self, "_saved", None)
        super().__init__(**values)

    @classmethod
    def _from_wire(cls, wire: dict[str, Any]) -> Plug:
        known = ("src_instance", "dst_instance", "topic", "mode", "format", "status")
        values = {key: value for key, value in wire["document"].items() if value is not None}
        plug = cls(**{**values, **{name: wire.get(name) for name in known}})
        plug._path, plug._products = wire["path"], (wire["src_product"], wire["dst_product"])
        plug._saved = plug.model_dump()
        return plug

    def _converted(self, name: str, value: Any) -> Any:
        return {} if value is None and name in ("settings", "src_config", "dst_config") else value

    def _named(self) -> dict[str, Any]:
        ends = {"src_instance": self.src_instance, "dst_instance": self.dst_instance}
        return {**ends, "topic": self.topic, "mode": self.mode}

    @staticmethod
    def load(filepath: Path | str) -> Plug:
        """The plug in a file: `.../INSTANCE/plugs/OTHER/TOPIC[_pull].yaml`."""
        from os.path import abspath, basename, dirname, splitext

        from resilmesh._project import get_plug

        file = abspath(str(filepath))
        topic = splitext(basename(file))[0]
        mode: Mode = "pull" if topic.endswith("_pull") else "push"
        folder = dirname(file)
        source = basename(dirname(dirname(folder)))
        return get_plug(topic[: -len("_pull")] if mode == "pull" else topic, source, basename(folder), mode)

    def save(self) -> Plug:
        """Writes the plug's file."""
        document = self.model_dump()
        self._path = _host.ask("save_plug", plug=self._named(), document=document)["path"]
        self._saved = document
        return self

    def _save_if_changed(self) -> None:
        """Writes what a hook has changed and not saved."""
        if self._saved is not None and self._saved != self.model_dump():
            self.save()

    def delete(self) -> None:
        """Deletes the plug's file."""
        _host.ask("delete_plug", **self._named())
        self._saved = None

    @property
    def path(self) -> Path:
        """Its file."""
        from pathlib import Path

        if self._path:
            return Path(self._path)
        name = f"{self.topic}_pull.yaml" if self.mode == "pull" else f"{self.topic}.yaml"
        return self.get_src_instance().path / "plugs" / self.dst_instance / name

    def get_secret(self, key: str, prompt_if_not_exist: str | bool | None = None) -> Any:
        """A secret of this plug; None if there is none, and the user is not to be asked."""
        from resilmesh.secrets import get

        return get({"plug": self._named()}, key, prompt_if_not_exist)

    def set_secret(self, key: str, value: Any) -> Any:
        """Keeps a secret of this plug, and returns it."""
        _host.ask("set_secret", owner={"plug": self._named()}, key=key, value=value)
        return value

    def delete_secret(self, key: str) -> None:
        """Deletes a secret of this plug, if there is one."""
        _host.ask("delete_secret", owner={"plug": self._named()}, key=key)

    def get_src_instance(self) -> Instance:
        """The instance that gives."""
        from resilmesh._project import get_instance

        return get_instance(self.src_instance, self._products[0] if self._products else None)

    def get_dst_instance(self) -> Instance:
        """The instance that takes."""
        from resilmesh._project import get_instance

        return get_instance(self.dst_instance, self._products[1] if self._products else None)

    def get_src_product(self) -> Product:
        """The product of the instance that gives."""
        return self.get_src_instance().get_product()

    def get_dst_product(self) -> Product:
        """The product of the instance that takes."""
        return self.get_dst_instance().get_product()

    def get_producer(self) -> Integration:
        """The integration at the end that gives."""
        return self.get_matching_integrations()[0]

    def get_consumer(self) -> Integration:
        """The integration at the end that takes."""
        return self.get_matching_integrations()[1]

    get_trigger = get_producer
    get_executor = get_consumer

    def get_matching_integrations(self) -> tuple[Integration, Integration]:
        """The integrations of both ends, source's first. ValueError if neither end has one."""
        from resilmesh._integration import Integration

        source, destination = _host.ask("matching_integrations", **self._named())
        if source is None and destination is None:
            raise ValueError(f"no integration of the products is for {self}")
        names = (self.get_src_instance().product, self.get_dst_instance().product)
        roles = ("trigger", "executor") if self.kind == "trigger" else ("producer", "consumer")

        def end(wire: dict[str, Any] | None, own: int) -> Integration:
            if wire is not None:
                return Integration._from_wire(wire)
            match = {"topic": self.topic, "role": roles[own], "mode": self.mode, "format": self.format}
            return Integration(product=names[own], target_product=names[1 - own], is_generic=True, **match)

        return end(source, 0), end(destination, 1)

    def get_unconfigured_settings(self) -> list[tuple[str, ProductSetting]]:
        """Settings of both integrations that have no value yet, each with `src` or `dst`."""
        source, destination = self.get_matching_integrations()
        src = [("src", setting) for setting in source.settings if setting.name not in self.src_config]
        dst = [("dst", setting) for setting in destination.settings if setting.name not in self.dst_config]
        return src + dst if self.mode == "pull" else dst + src

    def up(self) -> None:
        """Sets it up."""
        _host.ask("bring_up", **self._named())

    def down(self) -> None:
        """Takes it down."""
        _host.ask("take_down", **self._named())

    def watch(self) -> Iterator[Any]:
        """What its watch hook shows."""
        return _host.items("call_hook", kind="watch", **self._call())

    def produce(self, data: str | bytes) -> Any:
        """Calls its produce hook."""
        return _host.ask("call_hook", kind="produce", data=_text(data), **self._call())

    def trigger(self, data: dict[str, Any] | None = None) -> Any:
        """Calls its trigger hook."""
        return _host.ask("call_hook", kind="trigger", data=data or {}, **self._call())

    def execute(self, data: dict[str, Any] | None = None) -> Any:
        """Calls its execute hook."""
        return _host.ask("call_hook", kind="execute", data=data or {}, **self._call())

    def _call(self) -> dict[str, Any]:
        instance = {"product": self._products[0] if self._products else None, "name": self.src_instance}
        return {"topic": self.topic, "instance": instance, "dst_instance": self.dst_instance, "mode": self.mode}

    def __str__(self) -> str:
        return f"{self.src_instance} --[{self.topic}:{self.mode}]-> {self.dst_instance}" + (
            f" ({self.format})" if self.format else ""
        )

