"""Tests of {{ name }}'s hook as a function, which need Python and its package `resilmesh` only:

    python3 -m unittest discover -s products/{{ name }}/tests
"""

import importlib.util
import unittest
from pathlib import Path

SPEC = importlib.util.spec_from_file_location("process", Path(__file__).resolve().parent.parent / "process.py")
process = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(process)


class Tag(unittest.TestCase):
    def test_an_event_keeps_what_it_had(self):
        event = {"event": {"id": "one"}, "tags": ["before"]}
        self.assertEqual(process.tag(event), {"event": {"id": "one"}, "tags": ["before", "{{ name }}"]})

    def test_what_is_no_list_stays(self):
        self.assertEqual(process.tag({"tags": "one"}), {"tags": "one"})


if __name__ == "__main__":
    unittest.main()
