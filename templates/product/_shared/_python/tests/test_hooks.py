"""Tests of {{ name }}'s hooks, which need Python and its package `resilmesh`, but no network:

    python3 -m unittest discover -s products/{{ name }}/tests
"""

import importlib.util
import tempfile
import unittest
from pathlib import Path

SPEC = importlib.util.spec_from_file_location("hooks", Path(__file__).resolve().parent.parent / "hooks.py")
hooks = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(hooks)


class Instance:
    """What a hook sees of an instance."""

    name = "tried"

    def __init__(self, value):
        self.settings = {name: value for name in hooks.SETTINGS}
        self.secrets = {name: value for name in hooks.SECRETS}

    def get_secret(self, name):
        return self.secrets.get(name)


COMPLETE = Instance("something")


class Hooks(unittest.TestCase):
    def test_what_is_missing_is_named(self):
        hooks.check(COMPLETE)
        for name in hooks.SETTINGS + hooks.SECRETS:
            with self.assertRaisesRegex(ValueError, name):
                hooks.check(Instance(None))

    def test_a_complete_instance_can_be_plugged(self):
{% for end in ends %}
        hooks.set_up_{{ end.id }}_{{ end.role }}(COMPLETE)
{% endfor %}
{% if consumes %}

    def test_what_is_handed_over_is_seen(self):
        with tempfile.TemporaryDirectory() as project:
            hooks.get_project_dir = lambda: Path(project)
{% for topic in consumes %}
            hooks.put_{{ topic.id }}(COMPLETE, '{"of": "{{ topic.name }}"}')
            self.assertEqual(list(hooks.see_{{ topic.id }}(COMPLETE)), ['{"of": "{{ topic.name }}"}'])
{% endfor %}
{% endif %}
{% if executes or triggers %}

    def test_commands_say_that_they_are_not_sent_yet(self):
{% for topic in executes %}
        self.assertIs(hooks.execute_{{ topic.id }}(COMPLETE, {"id": "1"})["sent"], False)
{% endfor %}
{% for topic in triggers %}
        self.assertIs(hooks.trigger_{{ topic.id }}(COMPLETE, {"id": "1"})["sent"], False)
{% endfor %}
{% endif %}


if __name__ == "__main__":
    unittest.main()
