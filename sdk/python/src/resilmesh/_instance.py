"""Instances of products."""

from __future__ import annotations

from resilmesh import _host
from resilmesh._documents import REQUIRED, Document

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Iterator

    from resilmesh._plug import Plug
    from resilmesh._product import Product
    from resilmesh._settings import ProductSetting
    from resilmesh.decorators import Mode, Role


class Instance(Document):
    """A product in use. `save` writes its settings."""

    __module__ = "resilmesh.model"
    _fields = {"name": REQUIRED, "product": REQUIRED, "settings": {}}

    if TYPE_CHECKING:
        name: str
        product: str
        settings: dict[str, Any]
        _path: str | None

    def __init__(self, **values: Any):
        object.__setattr__(self, "_path", None)
        super().__init__(**values)

    @classmethod
    def _from_wire(cls, wire: dict[str, Any]) -> Instance:
        instance = cls(name=wire["name"], product=wire["product"], settings=wire["settings"])
        instance._path = wire["path"]
        return instance

    def _converted(self, name: str, value: Any) -> Any:
        return {} if name == "settings" and value is None else value

    def _named(self) -> dict[str, Any]:
        return {"product": self.product, "name": self.name}

    @staticmethod
    def load(path: Path | str) -> Instance:
        """The instance in a folder: `instances/PRODUCT/NAME`."""
        from os.path import abspath, basename, dirname

        from resilmesh._project import get_instance

        folder = abspath(str(path))
        return get_instance(basename(folder), basename(dirname(folder)))

    def save(self) -> Instance:
        """Writes the settings."""
        wire = _host.ask("save_instance", instance=self._named(), settings=self.model_dump().get("settings", {}))
        self._path = wire["path"]
        return self

    @property
    def path(self) -> Path:
        """Its folder."""
        from pathlib import Path

        from resilmesh._project import path_in_project

        return Path(self._path) if self._path else path_in_project(f"instances/{self.product}/{self.name}")

    @property
    def plugs(self) -> list[Plug]:
        """The plugs that start from it."""
        from resilmesh._project import list_plugs

        return list(list_plugs(src_instance=self.name))

    def get_product(self) -> Product:
        """Its product."""
        from resilmesh._project import get_product

        return get_product(self.product)

    def get_settings_schema(self) -> list[ProductSetting]:
        """The settings that its product asks for."""
        from resilmesh._settings import ProductSetting

        found = _host.ask("settings_schema", **self._named())
        return [ProductSetting.model_validate(setting) for setting in found]

    def get_secret(self, key: str, prompt_if_not_exist: str | bool | None = None) -> Any:
        """A secret of this instance; None if there is none, and the user is not to be asked."""
        from resilmesh.secrets import get

        return get({"instance": self._named()}, key, prompt_if_not_exist)

    def set_secret(self, key: str, value: Any) -> Any:
        """Keeps a secret of this instance, and returns it."""
        _host.ask("set_secret", owner={"instance": self._named()}, key=key, value=value)
        return value

    def delete_secret(self, key: str) -> None:
        """Deletes a secret of this instance, if there is one."""
        _host.ask("delete_secret", owner={"instance": self._named()}, key=key)

    def watch(self, topic: str, role: Role | None = None, mode: Mode | None = None) -> Iterator[Any]:
        """What its watch hook shows."""
        return _host.items("call_hook", kind="watch", topic=topic, instance=self._named(), mode=mode)

    def produce(self, topic: str, data: str | bytes, mode: Mode | None = None) -> Any:
        """Calls its produce hook."""
        return self._call("produce", topic, _text(data), mode)

    def trigger(self, topic: str, data: dict[str, Any] | None = None, mode: Mode | None = None) -> Any:
        """Calls its trigger hook."""
        return self._call("trigger", topic, data or {}, mode)

    def execute(self, topic: str, data: dict[str, Any] | None = None, mode: Mode | None = None) -> Any:
        """Calls its execute hook."""
        return self._call("execute", topic, data or {}, mode)

    def _call(self, kind: str, topic: str, data: Any, mode: Mode | None) -> Any:
        return _host.ask("call_hook", kind=kind, topic=topic, instance=self._named(), mode=mode, data=data)

    def __str__(self) -> str:
        return self.name

    __repr__ = __str__


def _text(data: Any) -> Any:
    return data.decode("utf-8", "replace") if isinstance(data, (bytes, bytearray)) else data
