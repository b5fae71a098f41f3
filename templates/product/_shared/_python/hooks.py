"""Hooks of {{ name }}: what resilmesh runs when an instance of it is plugged or used.

A decorator says when its function is called; parameters are filled in by their names. Nothing here
reaches out yet: replace the bodies by calls of the product's own API, one by one.
"""

from resilmesh.decorators import {{ decorators | join(", ") }}
{% if consumes %}
from resilmesh.model import get_project_dir
{% endif %}

# Without these, nothing works. Secrets are kept in the vault, never in files of the project.
SETTINGS = [{% for own in settings if own.required and not own.secret %}{{ "" if loop.first else ", " }}"{{ own.name }}"{% endfor %}]
SECRETS = [{% for own in settings if own.required and own.secret %}{{ "" if loop.first else ", " }}"{{ own.name }}"{% endfor %}]


def check(instance):
    """Fails, naming what is missing, before a plug is half set up."""
    missing = [name for name in SETTINGS if instance.settings.get(name) in (None, "")]
    missing += [name for name in SECRETS if not instance.get_secret(name)]
    if missing:
        raise ValueError(f"{instance.name} lacks {', '.join(missing)}: run `resilmesh configure {instance.name}`")
{% for end in ends %}


@setup_{{ end.role }}("{{ end.topic }}", {{ 'mode="' ~ end.mode ~ '", ' if end.mode else "" }}title="check the settings for {{ end.topic }}")
def set_up_{{ end.id }}_{{ end.role }}(instance):
    check(instance)
{% endfor %}
{% if consumes %}


def spool(instance, topic):
    """The file that stands for the product until its API is called."""
    folder = get_project_dir() / ".resilmesh" / "spool"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / f"{instance.name}.{topic}.jsonl"


def put(instance, topic, record):
    with spool(instance, topic).open("a", encoding="utf-8") as file:
        file.write(record + "\n")
    return record


def seen(instance, topic):
    path = spool(instance, topic)
    if path.exists():
        with path.open(encoding="utf-8") as file:
            for line in file:
                yield line.rstrip("\n")
{% endif %}
{% for topic in consumes %}


@produce("{{ topic.name }}")
def put_{{ topic.id }}(instance, data):
    """Hands over one record: `resilmesh produce {{ topic.name }} INSTANCE`."""
    return put(instance, "{{ topic.name }}", data)


@watch("{{ topic.name }}")
def see_{{ topic.id }}(instance):
    """Shows what was handed over: `resilmesh watch {{ topic.name }} INSTANCE`."""
    yield from seen(instance, "{{ topic.name }}")
{% endfor %}
{% if executes or triggers %}


def command(instance, topic, parameters):
    """The command as it would be sent; nothing is sent yet, and the answer says so."""
    check(instance)
    return {"instance": instance.name, "topic": topic, "parameters": parameters, "sent": False}
{% endif %}
{% for topic in executes %}


@execute("{{ topic.name }}")
def execute_{{ topic.id }}(instance, data):
    """Carries a command out: `resilmesh execute {{ topic.name }} INSTANCE -p KEY=VALUE`."""
    return command(instance, "{{ topic.name }}", data)
{% endfor %}
{% for topic in triggers %}


@trigger("{{ topic.name }}")
def trigger_{{ topic.id }}(instance, data):
    """Gives a command: `resilmesh trigger {{ topic.name }} INSTANCE -p KEY=VALUE`."""
    return command(instance, "{{ topic.name }}", data)
{% endfor %}
