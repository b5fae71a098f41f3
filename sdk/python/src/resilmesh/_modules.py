"""The hooks in the modules of products and integrations."""

from __future__ import annotations

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
    from os.path import abspath, basename, dirname, isfile, relpath

    from resilmesh import _products

    file = abspath(str(path))
    if not isfile(file):
        return None
    folder = abspath(str(package_dir)) if package_dir else dirname(file)
    _products.install()
    return _products.import_file(basename(folder), folder, relpath(file, folder).replace("\\", "/"))
