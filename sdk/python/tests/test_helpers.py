import contextlib
import io
import subprocess
import unittest
from pathlib import Path

from support import ProjectTest

import resilmesh
from resilmesh import _hooks, decorators, interaction, utils
from resilmesh.ast import AST
from resilmesh.git import Git
from resilmesh.template import generate_files_from_template


class Decorators(unittest.TestCase):
    def test_a_function_stays_as_it_is(self):
        def hook(instance, extra=1):
            """What it does.

            And more."""
            return instance + extra

        self.assertIs(decorators.setup_consumer("t", order=3, owns_both=True)(hook), hook)
        self.assertEqual(hook(1), 2)
        found = _hooks.registered(__name__)[-1]
        self.assertEqual(
            (found.type, found.role, found.topic, found.order, found.owns_both, found.title),
            ("setup", "consumer", "t", 3, True, "What it does."),
        )
        self.assertEqual(found.call(instance=4, plug=None), 5)

    def test_parentheses_may_be_left_out(self):
        for name in ("setup_consumer", "setup", "trigger", "pull", "scaffold_trigger"):

            @getattr(decorators, name)
            def hook():
                return name

            self.assertEqual(hook(), name)
            (found,) = [h for h in _hooks.registered(__name__) if h.func is hook]
            self.assertEqual((found.topic, found.title, found.line), (None, "hook", hook.__code__.co_firstlineno))

    def test_all_of_them_are_there(self):
        roles = ("consumer", "producer", "trigger", "executor")
        names = [f"{verb}_{role}" for verb in ("setup", "teardown", "check", "scaffold") for role in roles]
        names += ["setup", "teardown", "check", "scaffold", "watch", "produce", "trigger", "execute", "publish", "pull"]
        names += ["process"]
        for name in names:
            getattr(decorators, name)()(lambda: None)
            self.assertIs(getattr(resilmesh, name), getattr(decorators, name))
            self.assertIn(name, decorators.__all__)


def example(somearg: str):
    return somearg


def deco(*args, **kwargs):
    return lambda func: func


class Code(ProjectTest):
    def test_functions_are_appended_and_decorated(self):
        code = AST(code="\n# A comment.\nimport stuff\n\n@decorate(arg, kwarg=0)\ndef myfunc(param):\n    pass\n")
        self.assertTrue(code.has_function("myfunc") and code.has_import("stuff"))
        self.assertFalse(code.has_function("otherfunc") or code.has_import("otherstuff"))
        code.append_function(example)
        self.assertFalse(code.append_function(example))
        copy = code.append_function(example, name="example2")
        self.assertTrue(code.add_import(AST))
        self.assertFalse(code.add_import(AST))
        self.assertTrue(code.has_import("meshroom.ast") and code.has_import("resilmesh.ast"))
        copy.decorate(deco, "first", arg=1, kwarg="a'b", none=None)
        package = "meshroom" if "meshroom" in __import__("sys").modules else "resilmesh"
        self.assertEqual(
            str(code),
            "# A comment.\n"
            f"from test_helpers import deco\nfrom {package}.ast import AST\nimport stuff\n\n"
            "@decorate(arg, kwarg=0)\ndef myfunc(param):\n    pass\n\n"
            "def example(somearg: str):\n    return somearg\n\n"
            "@deco('first', arg=1, kwarg=\"a'b\")\ndef example2(somearg: str):\n    return somearg",
        )
        copy.decorate(deco)
        self.assertIn("\n\n@deco()\ndef example2", str(code))
        compile(str(code), "code", "exec")

    def test_what_stands_first_stays_first(self):
        code = AST(code='"""Words."""\nfrom __future__ import annotations\nx = 1')
        code.add_imports(AST, io, Path)
        text = str(code)
        self.assertTrue(text.startswith('"""Words."""\nfrom __future__ import annotations\n'))
        self.assertTrue(text.endswith("import io\n" + text.split("import io\n")[1]) and text.endswith("\n\nx = 1"))
        compile(text, "code", "exec")

    def test_the_package_of_the_file_is_used(self):
        for package in ("resilmesh", "meshroom"):
            code = AST(code=f"from {package}.model import Plug\n")
            code.add_import(decorators.setup)
            self.assertIn(f"from {package}.decorators import setup\n", str(code))
        star = AST(code="from meshroom.decorators import *\n")
        self.assertFalse(star.add_import(decorators.setup))

    def test_files_are_written_whole(self):
        path = self.folder / "deep/code.py"
        code = AST(path)
        code.append_function("def f():\n    return 1\n")
        code.save()
        self.assertEqual(path.read_text(), "def f():\n    return 1\n")
        self.assertEqual([file.name for file in path.parent.iterdir()], ["code.py"])
        with self.assertRaises(ValueError):
            AST(code="x = 1").save()

    def test_mistakes_are_said(self):
        with self.assertRaisesRegex(ValueError, "the code:1"):
            AST(code="def f(:")
        with self.assertRaisesRegex(ValueError, "def"):
            AST(code="").append_function(lambda: 1)
        with self.assertRaisesRegex(ValueError, "plain value"):
            AST(code="").append_function(example).decorate(deco, path=Path("x"))
        with self.assertRaises(ValueError):
            AST(code="def f(): pass").append_function("def f(): pass", exist_ok=False)


class Templates(ProjectTest):
    def test_placeholders_are_replaced_and_files_kept(self):
        source, target = self.folder / "source", self.folder / "target"
        (source / "empty").mkdir(parents=True)
        (source / "deep").mkdir()
        (source / "deep/a.txt").write_text("{{NAME}} and {{N}}")
        (source / "b.txt").write_text("new")
        (source / "c.txt").write_text("new")
        (source / "logo.png").write_bytes(b"\xff{{NAME}}")
        (source / "blob.bin").write_bytes(b"\xff\xfe")
        target.mkdir()
        (target / "b.txt").write_text("old")
        (target / "c.txt").write_text("")
        generate_files_from_template(source, target, {"{{NAME}}": "x", "{{N}}": 5})
        self.assertEqual((target / "deep/a.txt").read_text(), "x and 5")
        self.assertEqual(((target / "b.txt").read_text(), (target / "c.txt").read_text()), ("old", ""))
        self.assertEqual((target / "logo.png").read_bytes(), b"\xff{{NAME}}")
        self.assertTrue((target / "empty").is_dir() and not (target / "blob.bin").exists())
        generate_files_from_template(source, target, {}, overwrite_files=True, overwrite_empty_files=False)
        self.assertEqual(((target / "b.txt").read_text(), (target / "c.txt").read_text()), ("old", "new"))
        generate_files_from_template(str(source), str(target), overwrite_files=True)
        self.assertEqual((target / "b.txt").read_text(), "new")
        with self.assertRaises(ValueError):
            generate_files_from_template(self.folder / "nosuch", target)


class Utils(ProjectTest):
    def test_a_folder_is_replaced(self):
        source, target = self.folder / "source", self.folder / "a/target"
        source.mkdir()
        (source / "new").write_text("new")
        target.mkdir(parents=True)
        (target / "old").write_text("old")
        utils.overwrite_directory(source, target)
        self.assertEqual([file.name for file in target.iterdir()], ["new"])
        for wrong in ((source, source), (source, self.folder), (self.folder, source), (self.folder / "no", target)):
            with self.assertRaises(ValueError):
                utils.overwrite_directory(*wrong)
        self.assertTrue((target / "new").exists() and (source / "new").exists())

    def test_modules_and_files(self):
        (self.folder / "my-api.py").write_text("WORD = 1\n")
        (self.folder / "deep").mkdir()
        (self.folder / "deep/hooks.py").write_text("from ..other import WORD\n")
        (self.folder / "other.py").write_text("WORD = 2\n")
        self.assertEqual(utils.import_module(self.folder / "my-api.py").WORD, 1)
        self.assertEqual(utils.import_module(self.folder / "deep/hooks.py", self.folder).WORD, 2)
        self.assertIs(
            utils.import_module(self.folder / "other.py"), utils.import_module(str(self.folder / "other.py"))
        )
        self.assertIsNone(utils.import_module(self.folder / "nosuch.py"))
        self.assertEqual(utils.read_file(self.folder, "other.py"), "WORD = 2\n")
        self.assertEqual(utils.read_file(self.folder, "nosuch"), "")

    def test_tables(self):
        rows = [{"name": "a", "tags": {"x"}, "n": None}, {"name": "bcd", "tags": (), "n": 5}]
        headers = ["Name", ("T", "tags"), {"Number": lambda row: row["n"]}]
        self.assertEqual(utils.tabulate(rows, headers), "Name  T  Number\na     x  -\nbcd   -  5")
        self.assertEqual(utils.tabulate([]), "")


class Interaction(ProjectTest):
    def test_what_is_shown(self):
        shown = io.StringIO()
        with contextlib.redirect_stderr(shown):
            interaction.info("info", 1, "two")
            interaction.debug("debug")
            interaction.error(ValueError("wrong"))
            interaction.box("one\ntwo", "three", block=True)
            interaction.progress("half", 0.5)
            interaction.log("to a file", file=shown)
        self.assertEqual(
            shown.getvalue(),
            "info 1 two\ndebug\nwrong\n"
            "┌─────────────────────────┐\n│ one                     │\n│ two                     │\n"
            "│ three                   │\n│ Press Enter to continue │\n└─────────────────────────┘\n"
            "half\nto a file\n",
        )
        self.assertEqual(self.asked(), [{"what": "wait_for_enter"}])

    def test_what_is_asked(self):
        import os

        os.environ["PASSWORD"] = "of the vault"
        self.answer(prompt="typed")
        self.assertEqual((interaction.prompt("a?"), interaction.prompt_password("b?")), ("typed", "typed"))
        self.assertEqual(
            self.asked(),
            [{"what": "prompt", "message": "a?", "hidden": False}, {"what": "prompt", "message": "b?", "hidden": True}],
        )


class Repositories(ProjectTest):
    def git(self, *arguments, folder=None):
        done = subprocess.run(["git", *arguments], cwd=folder or self.folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def setUp(self):
        super().setUp()
        import os

        config = self.folder / "gitconfig"
        config.write_text("[user]\nname = t\nemail = t@example.test\n[init]\ndefaultBranch = main\n")
        os.environ.update(GIT_CONFIG_GLOBAL=str(config), GIT_CONFIG_NOSYSTEM="1")
        self.remote = self.folder / "remote.git"
        self.git("init", "--quiet", "--bare", str(self.remote))
        self.first = self.folder / "first"
        Git(self.first).init(str(self.remote))
        (self.first / "a.txt").write_text("a")
        self.assertTrue(Git(self.first).push())

    def test_work_goes_there_and_back(self):
        first, second = Git(self.first), Git(str(self.folder / "deep/second"))
        second.pull(str(self.remote))
        self.assertEqual((second.path / "a.txt").read_text(), "a")
        self.assertFalse(first.push())
        (self.first / "dir").mkdir()
        (self.first / "dir/with space.txt").write_text("b")
        (self.first / "a.txt").write_text("changed")
        self.assertEqual(first.get_updated_files(), ["a.txt", "dir"])
        self.assertEqual(first.get_updated_files(2), ["a.txt", "dir/with space.txt"])
        self.assertTrue(first.push(path="dir"))
        self.assertEqual(first.get_updated_files(), ["a.txt"])
        first.add("a.txt")
        first.commit("by hand")
        self.assertFalse(first.push(False, remote="origin", force=True))
        second.pull()
        self.assertEqual((second.path / "a.txt").read_text(), "changed")
        self.assertEqual(self.git("log", "-1", "--skip=1", "--format=%s", folder=self.first), "Update dir/with space.txt")
        self.assertIn("main", second.status())

    def test_branches(self):
        first = Git(self.first)
        first.create_branch("side")
        self.assertEqual(first.get_branch(), "side")
        first.branch("main")
        self.assertEqual(first.get_branch(), "main")
        other = self.folder / "other.git"
        self.git("init", "--quiet", "--bare", str(other))
        first.copy_branch("main", str(other), "theirs")
        self.assertEqual(self.git("branch", "--list", "--format=%(refname:short)", folder=other), "theirs")
        with self.assertRaises(ValueError):
            first.copy_branch("main:x", str(other), "theirs")

    def test_remotes(self):
        first = Git(self.first)
        self.assertEqual(first.get_remote(), str(self.remote))
        first.remove_remote("origin")
        with self.assertRaisesRegex(RuntimeError, "no remote"):
            first.get_remote()
        first.add_remote("origin", "git@example.test:team/sub/thing.git")
        self.assertEqual(first.get_remote("https"), "https://example.test/team/sub/thing")
        self.assertFalse(first.is_private(str(self.remote)))
        self.assertTrue(first.is_private(str(self.folder / "nosuch.git")))

    def test_nothing_reaches_a_shell_or_an_option(self):
        first = Git(self.first)
        for odd in ("; touch hacked", "$(touch hacked)", "--upload-pack=touch hacked"):
            with self.assertRaises(RuntimeError):
                Git(self.folder / "none").pull(odd)
            with self.assertRaises(RuntimeError):
                first.add(odd)
        self.assertFalse(list(self.folder.rglob("hacked")))
        with self.assertRaisesRegex(RuntimeError, "no git repository"):
            Git(self.folder / "empty").pull()


if __name__ == "__main__":
    unittest.main()
