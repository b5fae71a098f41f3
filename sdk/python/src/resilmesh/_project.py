"""Finding and changing what a project has."""

from __future__ import annotations

from resilmesh import _host
from resilmesh._instance import Instance, _text
from resilmesh._integration import Integration
from resilmesh._plug import Plug
from resilmesh._product import Product
from resilmesh._settings import Capability

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Iterable, Iterator

    from resilmesh.decorators import Mode, Role


def get_project_dir() -> Path:
    """The project's folder."""
    from pathlib import Path

    return Path(_host.folder())


def set_project_dir(path: Path | str) -> None:
    """Works with another project from now on."""
    _host.chosen = str(path)


def path_in_project(path: Path | str) -> Path:
    """The path, if it is inside the project; ValueError else."""
    from os.path import abspath, commonpath, join, realpath
    from pathlib import Path

    folder = realpath(_host.folder())
    wanted = join(str(get_project_dir()), str(path))
    if commonpath([folder, realpath(wanted)]) != folder:
        raise ValueError(f"{path} is outside of the project {folder}")
    return Path(abspath(wanted) if _host.project else wanted)


def init_project(path: Path | str, git: bool | str = True) -> None:
    """Makes a project in a folder."""
    from os.path import abspath

    _host.ask("init_project", path=abspath(str(path)))
    if isinstance(git, str):
        from pathlib import Path

        from resilmesh.git import Git

        Git(Path(path)).init(git)


def validate_meshroom_project(path: Path | str) -> bool:
    """Whether a folder is a project: whether it has a folder `products`."""
    from os.path import isdir, join

    return isdir(join(str(path), "products"))


def validate() -> list[str]:
    """Every mistake of the project."""
    return list(_host.ask("validate"))


def list_products(tags: Iterable[str] | None = None, search: str | None = None) -> Iterator[Product]:
    """The products that have one of the tags, and whose names have this part."""
    if tags is not None and not list(tags):
        return iter(())
    wanted = {"tags": sorted(tags or ()), "search": search}
    return map(Product._from_wire, _host.ask("list_products", **wanted))


#: The products that were asked for.
_known: dict[str, Product] = {}


def get_product(product: str) -> Product:
    """A product; ValueError if there is none of that name.

    It is the same object as before unless its file has changed: what is not saved yet is not lost.
    """
    wire = _host.ask("get_product", name=product)
    if wire is None:
        _known.pop(product, None)
        raise ValueError(f"there is no product {product!r}")
    known = _known.get(product)
    if known is None or (known._path, known._saved) != (wire["path"], wire["document"]):
        known = _known[product] = Product._from_wire(wire)
    return known


def create_product(name: str, **values: Any) -> Product:
    """A product of that name, changed as told, and saved."""
    wire = _host.ask("get_product", name=name)
    product = Product._from_wire(wire) if wire else Product(name=name)
    return product.update(**values)


def scaffold_product(name: str, template: str | None = None, **values: Any) -> Product:
    """Makes a product from a template; existing files are kept."""
    product = Product._from_wire(_host.ask("scaffold_product", name=name, template=template))
    return product.update(**values) if values else product


def scaffold_capability(
    product: str, topic: str, role: Role, mode: Mode = "push", format: str | None = None, **_: Any
) -> Capability:
    """Adds a capability to a product's definition, if it is not there."""
    capability = Capability(topic=topic, role=role, mode=mode, format=format)
    _host.ask("scaffold_capability", product=product, topic=topic, role=role, mode=mode, format=format)
    return capability


def list_integrations(
    product: str | None = None,
    target_product: str | None = None,
    topic: str | None = None,
    role: Role | None = None,
    mode: Mode | None = None,
    format: str | None = None,
) -> list[Integration]:
    """Integrations, from files and generic ones."""
    ends = {"product": product, "target_product": target_product}
    match = {"topic": topic, "role": role, "mode": mode, "format": format}
    return [Integration._from_wire(wire) for wire in _host.ask("list_integrations", **ends, **match)]


def get_integration(
    product: str, target_product: str, topic: str, role: Role, mode: Mode | None = None
) -> Integration | None:
    """An integration, or None."""
    ends = {"product": product, "target_product": target_product}
    wire = _host.ask("get_integration", topic=topic, role=role, mode=mode, **ends)
    return Integration._from_wire(wire) if wire else None


def scaffold_integration(
    product: str,
    target_product: str,
    topic: str,
    role: Role = "producer",
    mode: Mode = "push",
    format: str | None = None,
    **values: Any,
) -> Integration:
    """What `create integration` does."""
    names = {"product": product, "target_product": target_product, "topic": topic, "role": role, "mode": mode}
    integration = Integration._from_wire(_host.ask("scaffold_integration", integration=names, format=format))
    if values:
        for name, value in values.items():
            setattr(integration, name, value)
        integration.save()
    return integration


def publish(
    product: str | None = None,
    target_product: str | None = None,
    topic: str | None = None,
    role: Role | None = None,
    mode: Mode | None = None,
    format: str | None = None,
) -> None:
    """Calls publish hooks of all integrations that match."""
    match = {"product": product, "target_product": target_product, "topic": topic, "role": role, "mode": mode}
    if format is None:
        _host.ask("publish", **match)
        return
    for integration in list_integrations(format=format, **match):  # type: ignore[arg-type]
        if not integration.is_generic:
            integration.publish()


def list_instances(product: str | None = None, search: str | None = None) -> Iterator[Instance]:
    """Instances, sorted by product and name."""
    return map(Instance._from_wire, _host.ask("list_instances", product=product, search=search))


def get_instance(instance: str, product: str | None = None) -> Instance:
    """An instance; ValueError if there is none of that name."""
    wire = _host.ask("get_instance", product=product, name=instance)
    if wire is None:
        raise ValueError(f"there is no instance {instance!r}" + (f" of {product}" if product else ""))
    return Instance._from_wire(wire)


def create_instance(product: str, name: str | None = None) -> Instance:
    """Puts a product into use. Its name is the product's if none is given."""
    return Instance._from_wire(_host.ask("create_instance", product=product, name=name))


def delete_instance(instance: str, product: str | None = None) -> None:
    """Deletes an instance with the plugs that start from it."""
    _host.ask("delete_instance", product=product, name=instance)


def list_plugs(
    src_instance: str | None = None,
    dst_instance: str | None = None,
    topic: str | None = None,
    mode: Mode | None = None,
) -> Iterator[Plug]:
    """Plugs, sorted by source, destination and topic."""
    ends = {"src_instance": src_instance, "dst_instance": dst_instance}
    return map(Plug._from_wire, _host.ask("list_plugs", topic=topic, mode=mode, **ends))


def get_plug(topic: str, src_instance: str, dst_instance: str, mode: Mode | None = None) -> Plug:
    """A plug; ValueError if there is none."""
    ends = {"src_instance": src_instance, "dst_instance": dst_instance}
    wire = _host.ask("get_plug", topic=topic, mode=mode, **ends)
    if wire is None:
        raise ValueError(f"there is no plug {src_instance} --[{topic}:{mode or 'any mode'}]-> {dst_instance}")
    return Plug._from_wire(wire)


def plug(
    topic: str,
    src_instance: str,
    dst_instance: str,
    mode: Mode | None = None,
    format: str | None = None,
    owner: str | None = None,
) -> Plug:
    """Connects two instances. `owner` names the instance that sets up both ends."""
    named = {"src_instance": src_instance, "dst_instance": dst_instance, "topic": topic, "mode": mode}
    return Plug._from_wire(_host.ask("create_plug", plug=named, format=format, owner=owner))


def unplug(topic: str, src_instance: str, dst_instance: str, mode: Mode | None = None) -> None:
    """Deletes a plug's file; ValueError if there is none."""
    get_plug(topic, src_instance, dst_instance, mode).delete()


def up(
    src_instance: str | None = None,
    dst_instance: str | None = None,
    topic: str | None = None,
    mode: Mode | None = None,
) -> None:
    """Sets plugs up."""
    _host.ask("bring_up", src_instance=src_instance, dst_instance=dst_instance, topic=topic, mode=mode)


def down(
    src_instance: str | None = None,
    dst_instance: str | None = None,
    topic: str | None = None,
    mode: Mode | None = None,
) -> None:
    """Takes plugs down."""
    _host.ask("take_down", src_instance=src_instance, dst_instance=dst_instance, topic=topic, mode=mode)


def watch(
    topic: str, instance: str, dst_instance: str | None = None, mode: Mode | None = None
) -> Iterator[Any]:
    """What a watch hook shows."""
    return _host.items("call_hook", **_call("watch", topic, instance, dst_instance, mode))


def produce(
    topic: str, instance: str, dst_instance: str | None, data: str | bytes, mode: Mode | None = None
) -> Any:
    """Calls a produce hook."""
    return _host.ask("call_hook", data=_text(data), **_call("produce", topic, instance, dst_instance, mode))


def trigger(
    topic: str,
    instance: str,
    dst_instance: str | None = None,
    data: dict[str, Any] | None = None,
    mode: Mode | None = None,
) -> Any:
    """Calls a trigger hook."""
    return _host.ask("call_hook", data=data or {}, **_call("trigger", topic, instance, dst_instance, mode))


def execute(
    topic: str,
    instance: str,
    dst_instance: str | None = None,
    data: dict[str, Any] | None = None,
    mode: Mode | None = None,
) -> Any:
    """Calls an execute hook."""
    return _host.ask("call_hook", data=data or {}, **_call("execute", topic, instance, dst_instance, mode))


def _call(kind: str, topic: str, instance: str, dst_instance: str | None, mode: Mode | None) -> dict[str, Any]:
    named = {"instance": {"name": instance}, "dst_instance": dst_instance}
    return {"kind": kind, "topic": topic, "mode": mode, **named}
