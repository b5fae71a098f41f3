import json
import unittest

import support
from support import ProjectTest

import meshroom.decorators
import meshroom.model
import resilmesh.decorators
from resilmesh import model, secrets
from resilmesh.model import Cap, Capability, Instance, Integration, Plug, Product, ProductSetting

SCHEMA = {
    "type": "object",
    "required": ["host"],
    "properties": {
        "host": {"type": "string", "description": "where"},
        "port": {"type": "integer", "default": 443},
        "verify": {"type": ["boolean", "null"]},
        "api_token": {"type": "string"},
        "Password": {"type": "string"},
        "hidden": {"type": "string", "secret": True},
        "ratio": {"type": "number", "default": 0.5},
        "list_of": {"type": "array", "items": {"type": "string"}},
        "rows": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "integer"}}}},
        "deep": {
            "type": "object",
            "required": ["plain"],
            "properties": {"client_secret": {"type": "string"}, "plain": {"type": "string"}},
        },
        "untyped": {},
    },
}


#: What JSON Schemas of APIs say besides types.
RICH = {
    "$defs": {
        "proxy": {
            "type": "object",
            "required": ["host"],
            "properties": {"host": {"type": "string"}, "port": {"type": "integer", "default": 3128}},
        }
    },
    "properties": {
        "region": {"title": "Region", "enum": ["eu", "us", None]},
        "level": {"oneOf": [{"const": 1, "title": "low"}, {"const": 2}]},
        "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": 3},
        "pin": {"type": "string", "writeOnly": True},
        "code": {"type": "string", "format": "password"},
        "proxy": {"$ref": "#/$defs/proxy", "description": "the way out"},
        "rules": {
            "items": {
                "type": "object",
                "properties": {
                    "port": {"type": "integer"},
                    "words": {"type": "array", "items": {"type": ["null", "string"]}},
                },
            }
        },
        "zones": {"type": "array", "items": {"enum": ["a", "b"]}},
        "both": {
            "allOf": [{"$ref": "#/$defs/proxy"}, {"type": "object", "properties": {"tls": {"type": "boolean"}}}]
        },
    },
}


class Alias(unittest.TestCase):
    def test_both_packages_are_the_same(self):
        self.assertIs(meshroom.model, model)
        self.assertIs(meshroom.model.Plug, model.Plug)
        self.assertIs(meshroom.decorators.setup_consumer, resilmesh.decorators.setup_consumer)
        for name in ("ast", "git", "interaction", "secrets", "template", "utils"):
            __import__(f"meshroom.{name}")
            self.assertIs(getattr(meshroom, name), getattr(resilmesh, name))

    def test_types_can_be_imported(self):
        from meshroom.model import Mode, Role

        self.assertIn("pull", Mode.__args__)
        self.assertIn("executor", Role.__args__)


class Capabilities(unittest.TestCase):
    def test_they_match_what_is_at_the_other_end(self):
        own = Capability(topic="events", role="consumer")
        for other, matches in (
            (Capability(topic="events", role="producer", format="cef"), True),
            (Capability(topic="events", role="consumer"), False),
            (Capability(topic="events", role="producer", mode="pull"), False),
            (Capability(role="producer"), True),
            (Capability(topic="events", role="trigger"), False),
        ):
            self.assertEqual(own.matches(other), matches, other)
        one, two = (Capability(topic="t", role=role, format=f) for role, f in (("trigger", "a"), ("executor", "b")))
        self.assertFalse(one.matches(two))

    def test_they_have_a_text(self):
        self.assertEqual(str(Capability(topic="events", role="consumer")), "events consumer")
        self.assertEqual(
            str(Capability(topic="alerts", role="consumer", mode="pull", format="json")), "alerts consumer (pull json)"
        )
        self.assertEqual(str(Capability(role="trigger")), "- trigger")

    def test_words_that_are_none_are_refused(self):
        for wrong in ({"role": "eater"}, {"role": "consumer", "mode": "shove"}, {}):
            with self.assertRaises(ValueError):
                Capability(topic="x", **wrong)


class Settings(unittest.TestCase):
    def test_a_schema_becomes_settings(self):
        found = {setting.name: setting for setting in ProductSetting.from_json_schema(SCHEMA)}
        self.assertEqual(list(found), list(SCHEMA["properties"]))
        self.assertEqual([name for name in found if found[name].secret], ["api_token", "Password", "hidden"])
        self.assertEqual(found["host"].model_dump(), {"description": "where", "name": "host", "required": True})
        self.assertEqual(found["port"].model_dump(), {"default": 443, "name": "port", "type": "integer"})
        self.assertEqual(found["verify"].type, "boolean")
        self.assertEqual((found["ratio"].type, found["ratio"].default), ("float", 0.5))
        self.assertEqual(found["list_of"].model_dump(), {"items": "string", "name": "list_of", "type": "array"})
        self.assertEqual([item.type for item in found["rows"].items], ["integer"])
        self.assertEqual(
            [(p.name, p.required, p.secret) for p in found["deep"].properties],
            [("client_secret", False, True), ("plain", True, False)],
        )
        self.assertFalse(found["deep"].required)
        self.assertEqual(found["untyped"].type, "string")

    def test_rules_say_what_is_secret(self):
        found = ProductSetting.from_json_schema(SCHEMA, force_secret={"HOST", "^por"})
        self.assertEqual([setting.name for setting in found if setting.secret], ["host", "port", "hidden"])
        self.assertEqual(ProductSetting.from_json_schema(None), [])

    def test_a_schema_with_all_that_apis_say(self):
        found = {setting.name: setting.model_dump() for setting in ProductSetting.from_json_schema(RICH)}
        self.assertEqual(found["region"], {"name": "region", "title": "Region", "choices": ["eu", "us"]})
        self.assertEqual(found["level"], {"name": "level", "type": "integer", "choices": [1, 2]})
        self.assertEqual(found["maybe"], {"name": "maybe", "type": "integer", "default": 3})
        self.assertEqual(found["pin"], {"name": "pin", "secret": True})
        self.assertEqual(found["code"], {"name": "code", "secret": True})
        self.assertEqual(
            found["proxy"],
            {
                "name": "proxy",
                "type": "object",
                "description": "the way out",
                "properties": [{"name": "host", "required": True}, {"name": "port", "type": "integer", "default": 3128}],
            },
        )
        self.assertEqual(
            found["rules"]["items"], [{"name": "port", "type": "integer"}, {"name": "words", "type": "array", "items": "string"}]
        )
        self.assertEqual(found["zones"], {"name": "zones", "type": "array", "items": "string", "choices": ["a", "b"]})
        self.assertEqual([own["name"] for own in found["both"]["properties"]], ["host", "port", "tls"])

    def test_what_a_schema_loses_is_logged(self):
        node = {"type": "object", "properties": {"next": {"$ref": "#/definitions/node"}}}
        schema = {
            "definitions": {"node": node},
            "properties": {
                "one": {"oneOf": [{"type": "integer"}, {"type": "string"}]},
                "far": {"$ref": "https://example.org/x.json"},
                "none": {"$ref": "#/definitions/none"},
                "short": {"type": "string", "maxLength": 3, "pattern": "^a"},
                "list": {"$ref": "#/definitions/node"},
            },
        }
        with self.assertLogs("resilmesh") as logs:
            found = {setting.name: setting for setting in ProductSetting.from_json_schema(schema)}
        self.assertEqual(
            [record.getMessage() for record in logs.records],
            [
                "setting `one`: the first alternative of `oneOf` is taken",
                "setting `far`: `https://example.org/x.json` leads out of the schema, and is taken for a text",
                "setting `none`: `#/definitions/none` leads out of the schema, and is taken for a text",
                "setting `short`: `pattern`, `maxLength` cannot be checked",
                "setting `list.next`: `#/definitions/node` holds itself, and is followed once",
            ],
        )
        self.assertEqual((found["one"].type, found["far"].type), ("integer", "string"))
        self.assertEqual(found["list"].properties[0].type, "object")

    def test_a_type_may_be_a_list(self):
        self.assertEqual(ProductSetting(name="x", type=["null", "integer"]).type, "integer")
        with self.assertRaises(ValueError):
            ProductSetting(name="x", type="colour")


class Products(ProjectTest):
    def test_a_product_is_built_and_saved(self):
        self.answer(save_product=support.product("made"))
        made = Product(name="made", description="made here", tags={"b", "a"}, extra=[1])
        made.add_capability("producer", "events", format="json").add_capability("consumer", "rules", "pull")
        made.add_capability("producer", "events", format="json").save()
        document = {
            "name": "made",
            "description": "made here",
            "tags": ["a", "b"],
            "produces": {"events": [{"format": "json"}]},
            "consumes": {"rules": [{"mode": "pull"}]},
            "extra": [1],
        }
        self.assertEqual(self.asked(), [{"what": "save_product", "name": "made", "document": document}])
        self.assertEqual(made.path.as_posix(), "/p/products/made")

    def test_tags_keep_their_order(self):
        self.answer(get_product=support.product("p", tags=["z", "a"], settings=[{"name": "k", "secret": True}]))
        found = model.get_product("p")
        found.tags.add("m")
        self.assertEqual(found.model_dump()["tags"], ["z", "a", "m"])
        self.assertEqual(found.settings, [ProductSetting(name="k", secret=True)])

    def test_a_product_is_the_same_object_until_its_file_changes(self):
        self.answer(get_product=support.product("shared", vendor="v"))
        found = model.get_product("shared")
        found.add_capability("executor", "isolate")
        self.assertIs(model.get_product("shared"), found)
        self.answer(get_product=support.product("shared", vendor="w"))
        self.assertEqual(model.get_product("shared").model_dump().get("executes"), None)

    def test_unknown_keys_of_entries_are_kept(self):
        entry = {"mode": "pull", "url": "https://x"}
        self.answer(get_product=support.product("p", produces={"events": [entry]}))
        found = model.get_product("p")
        self.assertEqual(found.produces, {"events": [Cap(mode="pull", url="https://x")]})
        self.assertEqual(found.model_dump()["produces"], {"events": [entry]})

    def test_capabilities_come_from_the_object_and_from_hooks(self):
        known = [
            {"topic": "events", "role": "consumer", "mode": "push", "format": None},
            {"topic": "alerts", "role": "consumer", "mode": "pull", "format": "json"},
        ]
        self.answer(
            get_product=support.product("p", 3, consumes={"events": [{}]}), list_capabilities=known
        )
        found = model.get_product("p")
        self.assertEqual([str(c) for c in found.list_capabilities()], ["events consumer", "alerts consumer (pull json)"])
        found.consumes = {}
        found.add_capability("trigger", "isolate")
        self.assertEqual([str(c) for c in found.list_capabilities()], ["isolate trigger", "alerts consumer (pull json)"])
        self.assertEqual([str(c) for c in found.list_capabilities(role="trigger")], ["isolate trigger"])
        self.assertEqual(found.nb_integrations, 3)

    def test_names_are_checked(self):
        for name in ("../x", "a b", "", "..", "a/b", None):
            with self.assertRaises(ValueError, msg=name):
                Product(name=name)
        self.assertEqual(Product(name="two.x").name, "two.x")

    def test_create_and_update(self):
        self.answer(get_product=None, save_product=support.product("made"))
        model.create_product("made", description="d", tags=["T"], vendor="V").update(description="changed")
        documents = [question["document"] for question in self.asked() if question["what"] == "save_product"]
        self.assertEqual(
            documents,
            [
                {"name": "made", "description": word, "tags": ["T"], "vendor": "V"} for word in ("d", "changed")
            ],
        )

    def test_a_logo_is_copied(self):
        made = Product(name="made")
        picture = self.folder / "art.svg"
        picture.write_text("<svg/>")
        made.set_logo(picture)
        self.assertEqual((self.folder / "products/made/logo.svg").read_text(), "<svg/>")

    def test_hooks_are_written_once(self):
        made = Product(name="made")
        for title in ("one", "two"):
            made.add_setup_hook("consumer", title, opened, "events", order=3)
        made.add_teardown_hook("consumer", "shut it", "def shut(plug):\n    pass\n", "events")
        text = (self.folder / "products/made/setup.py").read_text()
        self.assertEqual(text.count("def opened"), 1)
        self.assertIn("@setup_consumer(topic='events', title='one', mode='push', order=3)\ndef opened", text)
        self.assertIn("@teardown_consumer(topic='events', title='shut it', mode='push')\ndef shut", text)
        hooks = made.get_hooks()
        self.assertEqual([(h.type, h.role, h.topic, h.order, h.title) for h in hooks][0][:4], ("setup", "consumer", "events", 3))
        self.assertEqual([hook.type for hook in made.get_hooks("teardown")], ["teardown"])
        with self.assertRaises(ValueError):
            made.add_setup_hook("eater", "x", opened, "events")

    def test_lists(self):
        self.answer(list_products=[support.product("a"), support.product("b")])
        self.assertEqual([p.name for p in model.list_products(tags={"T", "S"}, search="x")], ["a", "b"])
        self.assertEqual(self.asked(), [{"what": "list_products", "tags": ["S", "T"], "search": "x"}])


def opened(plug, instance):
    """A hook that tests copy."""
    return instance


class Instances(ProjectTest):
    def test_an_instance_is_read_and_saved(self):
        self.answer(
            get_instance=support.instance("lw1", "logwell", port=7), save_instance=support.instance("lw1", "logwell")
        )
        found = model.get_instance("lw1")
        self.assertEqual((str(found), found.product, found.settings), ("lw1", "logwell", {"port": 7}))
        found.settings["zone"] = {"x", "y"}
        found.save()
        settings = {"port": 7, "zone": ["x", "y"]}
        named = {"product": "logwell", "name": "lw1"}
        self.assertEqual(self.asked()[1], {"what": "save_instance", "instance": named, "settings": settings})
        self.assertEqual(Instance(name="a", product="b").model_dump(), {"name": "a", "product": "b"})

    def test_its_secrets(self):
        lw1 = Instance(name="lw1", product="logwell")
        self.answer(get_secret="v")
        self.assertEqual(lw1.get_secret("K"), "v")
        self.assertEqual(lw1.get_secret("K", True), "v")
        self.assertEqual(lw1.set_secret("K", {"a": 1}), {"a": 1})
        lw1.delete_secret("K")
        owner = {"instance": {"product": "logwell", "name": "lw1"}}
        self.assertEqual(
            self.asked(),
            [
                {"what": "get_secret", "owner": owner, "key": "K"},
                {"what": "get_secret", "owner": owner, "key": "K", "prompt": "K: "},
                {"what": "set_secret", "owner": owner, "key": "K", "value": {"a": 1}},
                {"what": "delete_secret", "owner": owner, "key": "K"},
            ],
        )

    def test_its_live_hooks(self):
        lw1 = Instance(name="lw1", product="logwell")
        self.answer(call_hook="did it")
        self.assertEqual(lw1.produce("events", b"bytes"), "did it")
        self.assertEqual(lw1.trigger("isolate"), "did it")
        self.assertEqual(lw1.execute("isolate", {"a": 1}, "pull"), "did it")
        named = {"what": "call_hook", "instance": {"product": "logwell", "name": "lw1"}}
        self.assertEqual(
            self.asked(),
            [
                {**named, "kind": "produce", "topic": "events", "data": "bytes"},
                {**named, "kind": "trigger", "topic": "isolate", "data": {}},
                {**named, "kind": "execute", "topic": "isolate", "data": {"a": 1}, "mode": "pull"},
            ],
        )

    def test_free_secrets(self):
        self.answer(get_secret={"a": [1, "é"]}, read_secrets={"old": 1, "kept": 2})
        self.assertEqual(secrets.get_secret("free"), {"a": [1, "é"]})
        secrets.write_secrets({"kept": 3})
        self.assertEqual(
            [(q["what"], q.get("key"), q.get("owner")) for q in self.asked()],
            [
                ("get_secret", "free", "free"),
                ("read_secrets", None, None),
                ("delete_secret", "old", "free"),
                ("set_secret", "kept", "free"),
            ],
        )
        self.assertRegex(secrets.get_gpg_id(), r"-[0-9a-f]{8}@meshroom$")


class Plugs(ProjectTest):
    def test_a_plug_is_read_and_saved(self):
        self.answer(get_plug=support.plug(settings={"k": 1}, note="kept"), save_plug=support.plug())
        found = model.get_plug("events", "hg1", "lw1")
        self.assertEqual(str(found), "hg1 --[events:push]-> lw1 (cef)")
        self.assertEqual((found.status, found.kind, found.owner, found.src_config), ("down", None, None, {}))
        found.settings["rule"] = 7
        found.save()
        document = {
            "src_instance": "hg1",
            "dst_instance": "lw1",
            "topic": "events",
            "mode": "push",
            "format": "cef",
            "settings": {"k": 1, "rule": 7},
            "note": "kept",
        }
        self.assertEqual(self.asked()[1]["document"], document)

    def test_its_ends(self):
        self.answer(
            get_plug=support.plug(dst_config={"port": 1}),
            matching_integrations=[None, support.integration(settings=[{"name": "port"}, {"name": "zone"}])],
            get_instance=support.instance("hg1", "hostguard"),
            get_product=support.product("hostguard"),
        )
        found = model.get_plug("events", "hg1", "lw1")
        source, destination = found.get_matching_integrations()
        self.assertEqual((source.role, source.is_generic, destination.role), ("producer", True, "consumer"))
        self.assertEqual(found.get_consumer(), destination)
        self.assertEqual(found.get_src_product().name, "hostguard")
        self.assertEqual([(end, s.name) for end, s in found.get_unconfigured_settings()], [("dst", "zone")])

    def test_functions(self):
        self.answer(create_plug=support.plug(), get_plug=support.plug(), list_plugs=[support.plug()])
        model.plug("events", "hg1", "lw1", owner="hg1")
        model.unplug("events", "hg1", "lw1")
        self.assertEqual(len(list(model.list_plugs(topic="events"))), 1)
        model.up("hg1")
        model.down(mode="pull")
        self.assertEqual(
            [question["what"] for question in self.asked()],
            ["create_plug", "get_plug", "delete_plug", "list_plugs", "bring_up", "take_down"],
        )

    def test_words_that_are_none_are_refused(self):
        ends = {"src_instance": "a", "dst_instance": "b", "topic": "t"}
        for wrong in ({"mode": "shove"}, {"mode": "push", "status": "sideways"}, {}):
            with self.assertRaises(ValueError):
                Plug(**ends, **wrong)


class Integrations(ProjectTest):
    def test_attributes_are_kept(self):
        self.answer(get_integration=support.integration(vendor_id="v"), save_integration=support.integration())
        found = model.get_integration("logwell", "hostguard", "events", "consumer")
        self.assertEqual((found.vendor_id, found.owns_self, found.owns_both), ("v", True, False))
        found.note_id = 5
        found.settings = [ProductSetting(name="group", type="object", properties=[ProductSetting(name="key")])]
        found.save()
        self.assertEqual(
            self.asked()[1]["document"],
            {
                "product": "logwell",
                "target_product": "hostguard",
                "topic": "events",
                "role": "consumer",
                "vendor_id": "v",
                "note_id": 5,
                "settings": [{"name": "group", "properties": [{"name": "key"}], "type": "object"}],
            },
        )
        with self.assertRaises(AttributeError):
            found.nothing

    def test_a_value_is_asked_for_once(self):
        self.answer(prompt="typed", save_integration=support.integration())
        own = Integration(product="lab", target_product="lab", topic="t", role="producer")
        self.assertEqual(own.get_or_prompt("url", "where?"), "typed")
        self.assertEqual(own.get_or_prompt("url", "where?"), "typed")
        self.assertEqual([question["what"] for question in self.asked()], ["prompt", "save_integration"])

    def test_steps_are_written_into_its_file(self):
        own = Integration(product="lab", target_product="far", topic="log.events", role="producer", mode="pull")
        own.add_setup_step("open it", opened, order=0, owns_both=True).add_teardown_step("shut", typed_hook)
        text = (self.folder / "products/lab/integrations/far/log.events_producer_pull.py").read_text()
        self.assertIn("@setup(title='open it', order=0, owns_both=True)\ndef opened", text)
        self.assertIn(".model import Plug\n", text)
        self.answer(get_product=support.product("lab") | {"path": str(self.folder / "products/lab")})
        self.assertEqual([hook.title for hook in own.get_hooks()], ["open it", "shut"])

    def test_matching_and_text(self):
        own = Integration._from_wire(support.integration())
        other = Integration(product="hostguard", target_product="logwell", topic="events", role="producer", format="x")
        self.assertTrue(own.matches(other))
        self.assertEqual(str(own), "logwell <-[events:push]-- hostguard (consumer, can setup self)")
        other.mode = "pull"
        self.assertFalse(own.matches(other))
        self.assertEqual(other.path.name, "events_producer_pull")

    def test_overloading(self):
        folder = self.folder / "products/lab"
        (folder / "integrations/far").mkdir(parents=True)
        (folder / "setup.py").write_text(
            "from resilmesh.decorators import *\n\n"
            "@setup_producer('t', order='last')\ndef dropped():\n    pass\n\n"
            "@setup_producer('t', keep_when_overloaded=True, order='first')\ndef kept():\n    pass\n\n"
            "@teardown_producer()\ndef other_kind():\n    pass\n\n"
            "@setup_consumer('t')\ndef other_role():\n    pass\n"
        )
        (folder / "integrations/far/t_producer.py").write_text(
            "from resilmesh.decorators import *\nfrom ...setup import kept\n\n@setup()\ndef own():\n    return kept\n"
        )
        self.answer(get_product=support.product("lab") | {"path": str(folder)})
        own = Integration(product="lab", target_product="far", topic="t", role="producer")
        self.assertEqual([hook.func.__name__ for hook in own.get_hooks()], ["kept", "other_kind", "own"])
        self.assertEqual([hook.func.__name__ for hook in own.get_hooks("setup")], ["kept", "own"])


def typed_hook(plug: Plug):
    return plug


class Project(ProjectTest):
    def test_paths(self):
        self.assertEqual(model.get_project_dir(), self.folder)
        self.assertEqual(model.path_in_project("products/x"), self.folder / "products/x")
        for outside in ("/etc/passwd", "../x", "products/../../x"):
            with self.assertRaises(ValueError):
                model.path_in_project(outside)
        self.assertFalse(model.validate_meshroom_project(self.folder))
        (self.folder / "products").mkdir()
        self.assertTrue(model.validate_meshroom_project(str(self.folder)))

    def test_missing_things_are_value_errors(self):
        for find in (
            lambda: model.get_product("nosuch"),
            lambda: model.get_instance("nosuch", "p"),
            lambda: model.get_plug("t", "a", "b", "pull"),
            lambda: model.unplug("t", "a", "b"),
        ):
            with self.assertRaises(ValueError):
                find()
        self.assertIsNone(model.get_integration("a", "b", "t", "consumer"))

    def test_refusals_and_items(self):
        self.answer_fully(
            bring_up={"error": {"message": "not now", "hint": "later"}}, call_hook={"items": [1, 2], "value": None}
        )
        with self.assertRaises(model.RequestError) as caught:
            model.up()
        self.assertEqual((str(caught.exception), caught.exception.hint), ("not now", "later"))
        self.assertEqual(list(model.watch("events", "lw1")), [1, 2])
        for event in model.watch("events", "lw1"):
            break
        self.assertEqual(event, 1)
        self.assertEqual(list(model.watch("events", "lw1")), [1, 2])

    def test_a_watch_may_come_at_once(self):
        for whole in ("a\nb", ["a", "b"]):
            self.answer(call_hook=whole)
            self.assertEqual(list(model.watch("events", "lw1")), ["a", "b"])

    def test_a_program_that_dies_or_is_not_there(self):
        self.answer_fully(validate={"dies": True})
        with self.assertRaisesRegex(ValueError, "status 3"):
            model.validate()
        self.program.unlink()
        with self.assertRaisesRegex(ValueError, "could not be started"):
            model.validate()

    def test_it_is_started_once(self):
        self.answer(validate=[])
        self.assertEqual((model.validate(), model.validate()), ([], []))
        self.assertEqual(len(json.dumps(self.asked())), len(json.dumps([{"what": "validate"}] * 2)))


if __name__ == "__main__":
    unittest.main()
