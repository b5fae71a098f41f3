"""Secrets of the project that belong to no instance or plug. Those are at `Instance` and `Plug`."""

from __future__ import annotations

from resilmesh import _host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["delete_secret", "get_gpg_id", "get_secret", "read_secrets", "set_secret", "write_secrets"]


def get_secret(key: str, prompt_if_not_exist: str | bool = False) -> Any:
    """A secret; None if there is none, and the user is not to be asked."""
    return get("free", key, prompt_if_not_exist)


def set_secret(key: str, value: Any) -> Any:
    """Keeps a secret, and returns it."""
    _host.ask("set_secret", owner="free", key=key, value=value)
    return value


def delete_secret(key: str) -> None:
    """Deletes a secret, if there is one."""
    _host.ask("delete_secret", owner="free", key=key)


def read_secrets() -> dict[str, Any]:
    """All secrets by name. Hooks are refused: they get those of what they are called for."""
    return dict(_host.ask("read_secrets"))


def write_secrets(secrets: dict[str, Any], master_key: str | None = None) -> None:
    """Keeps these secrets, and deletes all others. The passphrase is `resilmesh`'s own concern."""
    for key in read_secrets().keys() - secrets.keys():
        delete_secret(key)
    for key, value in secrets.items():
        set_secret(key, value)


def get_gpg_id() -> str:
    """The address under which Meshroom made the project's key, if it made one."""
    from getpass import getuser
    from hashlib import md5

    path = str(_host.folder()).encode()
    return f"{getuser()}-{md5(path).hexdigest()[:8]}@meshroom"


def get(owner: Any, key: str, prompt: str | bool | None) -> Any:
    """A secret of somebody."""
    text = f"{key}: " if prompt is True else prompt or None
    return _host.ask("get_secret", owner=owner, key=key, prompt=text)
