"""Importing the modules of products: by the host's own importer, or in a script by Python's."""

from __future__ import annotations

import sys

from resilmesh import _hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from resilmesh._hooks import Hook
    from resilmesh._integration import Integration
    from resilmesh._product import Product


def of_product(product: Product) -> list[Hook]:
    """The hooks in a product's own modules, in the order of their calls."""
    found: list[Hook] = []
    for file in sorted(product.path.glob("*.py")):
        module = from_file(file, product.path)
        if module is not None:
            found += _hooks.registered(module.__name__)
    return sorted(found, key=_hooks.Hook.place)


def of_integration(integration: Integration, type: str | None) -> list[Hook]:
    """The hooks of an integration, in the order of their calls."""
    product = integration.get_product()
    module = from_file(integration._code, product.path)
    own = [hook for hook in _hooks.registered(module.__name__)] if module else []
    own = [hook for hook in own if type in (None, hook.type) and _serves(hook, integration, None)]
    replaced = {hook.type for hook in own}
    kept = [
        hook
        for hook in of_product(product)
        if type in (None, hook.type)
        and _serves(hook, integration, integration.role)
        and (hook.keep_when_overloaded or hook.type not in replaced)
    ]
    return sorted(kept + own, key=_hooks.Hook.place)


def _serves(hook: Hook, integration: Integration, role: str | None) -> bool:
    return (
        (role is None or hook.role in (None, role))
        and hook.type != "pull"
        and hook.topic in (None, integration.topic)
        and hook.mode in (None, integration.mode)
        and hook.format in (None, integration.format)
    )


def from_file(path: Path | str, package_dir: Path | str | None = None) -> ModuleType | None:
    """The module in a file, imported once; None if there is no such file."""
    from importlib import import_module, util
    from os.path import abspath, basename, dirname, isfile, relpath

    file = abspath(str(path))
    if not isfile(file):
        return None
    folder = abspath(str(package_dir)) if package_dir else dirname(file)
    inside = relpath(file, folder).replace("\\", "/")
    try:
        from resilmesh_host import products  # type: ignore[import-not-found]

        return products.import_file(basename(folder), folder, inside)  # type: ignore[no-any-return]
    except ImportError as error:
        if error.name != "resilmesh_host":
            raise
    package = "resilmesh_products_" + "".join(c if c.isalnum() else f"_{ord(c):x}_" for c in folder)
    parts = inside[: -len(".py")].split("/")
    for depth in range(len(parts)):
        name = ".".join([package, *parts[:depth]])
        if name not in sys.modules:
            spec = util.spec_from_loader(name, None, is_package=True)
            assert spec is not None
            spec.submodule_search_locations = ["/".join([folder, *parts[:depth]])]
            sys.modules[name] = util.module_from_spec(spec)
    return import_module(".".join([package, *parts]))
