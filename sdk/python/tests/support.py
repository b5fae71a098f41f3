"""A folder, and a program that answers as a test says."""

import json
import os
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from resilmesh import _host, _process, model  # noqa: E402


def product(name, integrations=0, **document):
    return {"name": name, "path": f"/p/products/{name}", "document": document, "integrations": integrations}


def instance(name, of, **settings):
    return {"name": name, "product": of, "path": f"/p/instances/{of}/{name}", "settings": settings}


def plug(**document):
    ends = {"src_instance": "hg1", "src_product": "hostguard", "dst_instance": "lw1", "dst_product": "logwell"}
    match = {"topic": "events", "mode": "push", "format": "cef", "status": "down"}
    return {**ends, **match, "path": "/p/instances/hostguard/hg1/plugs/lw1/events.yaml", "document": document}


def integration(role="consumer", path="/p/products/logwell/integrations/hostguard/events_consumer", **document):
    ends = {"product": "logwell", "target_product": "hostguard", "topic": "events", "role": role}
    facts = {"mode": "push", "format": None, "is_generic": False, "owns_both": False, "owns_self": True}
    return {**ends, **facts, "path": path, "document": document}


class ProjectTest(unittest.TestCase):
    """A test in a folder of its own, with a program that answers."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(os.path.realpath(folder.name))
        self.program = self.folder / "resilmesh"
        fake = Path(__file__).resolve().parent / "fake_resilmesh.py"
        self.program.write_text(f"#!/bin/sh\nexec {sys.executable} {fake} \"$@\"\n")
        self.program.chmod(0o755)
        self.questions = self.folder / "questions"
        before = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(before)))
        os.environ.update(
            RESILMESH=str(self.program),
            FAKE_ANSWERS=str(self.folder / "answers"),
            FAKE_QUESTIONS=str(self.questions),
        )
        model.set_project_dir(self.folder)
        self.addCleanup(setattr, _host, "chosen", None)
        self.addCleanup(self.end_programs)
        self.answer()

    def answer(self, **values):
        """What is answered from now on: each by what it is asked for."""
        self.answer_fully(**{what: {"value": value} for what, value in values.items()})

    def answer_fully(self, **answers):
        (self.folder / "answers").write_text(json.dumps(answers))
        self.end_programs()

    def asked(self):
        """What was asked for, without what was left open."""
        lines = self.questions.read_text().splitlines() if self.questions.exists() else []
        self.questions.unlink(missing_ok=True)
        found = [json.loads(line) for line in lines]
        for question in found:
            self.assertEqual(question.pop("folder"), str(self.folder))
        return [{key: value for key, value in question.items() if value is not None} for question in found]

    @staticmethod
    def end_programs():
        for process in _process._started.values():
            process._process.stdin.close()
            process._process.stdout.close()
            process._process.wait()
        _process._started.clear()
