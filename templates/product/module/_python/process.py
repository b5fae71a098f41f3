"""What {{ name }} makes of events."""

from resilmesh.decorators import process


@process("ecs_events", "enriched_events")
def tag(event):
    """Notes that it has seen an event."""
    tags = event.setdefault("tags", [])
    if isinstance(tags, list):
        tags.append("{{ name }}")
    return event
