"""Tags events that rules match."""

from resilmesh import module
from resilmesh.decorators import process

from . import sigma

# Read once: rules that cannot be understood keep the module from starting.
RULES = sigma.load(module.settings)


@process(title="tag what rules match")
def tag(event):
    """Adds `rule.*` and tags; whatever is there stays."""
    found = [rule for rule in RULES if rule.matches(event)]
    if found:
        _note(event, found)
    return event


def _note(event, found):
    known = event.get("rule", {})
    if isinstance(known, dict) and "name" not in known and "id" not in known:
        # The gravest first.
        found.sort(key=lambda rule: -rule.gravity)
        known["name"] = _one_or_many([rule.title for rule in found])
        known["id"] = _one_or_many([rule.id for rule in found])
        known.setdefault("ruleset", "sigma")
        event["rule"] = known
    tags = event.setdefault("tags", [])
    if isinstance(tags, list):
        tags += [tag for rule in found for tag in rule.tags if tag not in tags]


def _one_or_many(values):
    return values[0] if len(values) == 1 else values
