"""A product's hooks as a vendor writes them: what type checkers must accept, and know."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from meshroom.decorators import watch
from meshroom.model import Plug as SamePlug
from resilmesh.decorators import process, pull, setup_consumer, teardown_consumer, trigger
from resilmesh.interaction import info
from resilmesh.model import Instance, Integration, Plug, create_product, get_plug


@setup_consumer("events", title="open an inlet", order="first", owns_both=True)
def inlet(plug: Plug, integration: Integration, instance: Instance) -> None:
    key: Any = plug.get_secret("intake_key", prompt_if_not_exist="the key")
    plug.settings["intake"] = {"key": key, "of": instance.settings.get("region", "eu")}
    plug.save()
    info("opened for", integration.target_product)


@teardown_consumer("events", mode="push")
def uninlet(plug: SamePlug) -> bool:
    plug.delete_secret("intake_key")
    return plug.mode == "push"


@watch("events")
def see(instance: Instance) -> Iterator[dict[str, Any]]:
    yield {"at": instance.name}


@trigger()
def press(data: dict[str, str]) -> str:
    return data["host"]


@pull(order=1)
def fetch(path: Path) -> None:
    create_product(path.name, tags={"EDR"}).add_capability("producer", "events", mode="pull").save()


@process("ecs_events", "enriched_events")
def tag(event: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any] | None:
    return {**event, "tags": [settings["tag"]]}


def test() -> str:
    """A decorated function is still what it was."""
    uninlet(get_plug("events", "a", "b"))
    return press({"host": "h1"})
