"""Products, integrations, instances and plugs: the objects, and functions that find and change them."""

from __future__ import annotations

from resilmesh._host import RequestError
from resilmesh._instance import Instance
from resilmesh._integration import Integration
from resilmesh._plug import Plug
from resilmesh._product import Product
from resilmesh._project import (
    create_instance,
    create_product,
    delete_instance,
    down,
    execute,
    get_instance,
    get_integration,
    get_plug,
    get_product,
    get_project_dir,
    init_project,
    list_instances,
    list_integrations,
    list_plugs,
    list_products,
    path_in_project,
    plug,
    produce,
    publish,
    scaffold_capability,
    scaffold_integration,
    scaffold_product,
    set_project_dir,
    trigger,
    unplug,
    up,
    validate,
    validate_meshroom_project,
    watch,
)
from resilmesh._settings import Cap, Capability, ProductSetting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from resilmesh.decorators import Mode, Role

__all__ = [
    "Cap",
    "Capability",
    "Instance",
    "Integration",
    "Mode",
    "Plug",
    "Product",
    "ProductSetting",
    "RequestError",
    "Role",
    "create_instance",
    "create_product",
    "delete_instance",
    "down",
    "execute",
    "get_instance",
    "get_integration",
    "get_plug",
    "get_product",
    "get_project_dir",
    "init_project",
    "list_instances",
    "list_integrations",
    "list_plugs",
    "list_products",
    "path_in_project",
    "plug",
    "produce",
    "publish",
    "scaffold_capability",
    "scaffold_integration",
    "scaffold_product",
    "set_project_dir",
    "trigger",
    "unplug",
    "up",
    "validate",
    "validate_meshroom_project",
    "watch",
]


def __getattr__(name: str) -> Any:
    """`Mode` and `Role`, which need a module that takes long to import."""
    values = {"Mode": ("push", "pull"), "Role": ("consumer", "producer", "trigger", "executor")}.get(name)
    if values is not None:
        from typing import Literal

        return Literal[values]
    if name == "PROJECT_DIR":
        return get_project_dir()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
