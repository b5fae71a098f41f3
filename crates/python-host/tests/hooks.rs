//! Finding, calling and ending hooks.

mod support;

use resilmesh_hook_api::{Failure, FromHost, HookKind, Integration, Level, Plug, Request, SecretOwner, ToHost};
use serde_json::{Map, json};
use support::{Bench, write};

const HEAD: &str = "from resilmesh.decorators import *\n";

fn hooks(text: &str) -> String {
    format!("{HEAD}\n\n{text}")
}

#[test]
fn a_setup_hook_gets_what_its_parameters_name() {
    let text = hooks(
        "@setup_consumer('events')\ndef inlet(plug, integration, instance, extra=3):\n    print(plug, integration.target_product, instance.name, instance.settings, integration.vendor_id, extra)\n    return {'mode': plug.mode}\n",
    );
    let mut bench = Bench::new(&[("logwell/setup.py", &text)]);
    let mut call = bench.call(HookKind::Setup, "logwell/setup.py:inlet");
    call.plug = Some(Plug {
        src_instance: "hg1".into(),
        src_product: "hostguard".into(),
        dst_instance: "one".into(),
        dst_product: "logwell".into(),
        topic: "events".into(),
        mode: "push".into(),
        format: Some("cef".into()),
        status: "down".into(),
        path: "/nowhere".into(),
        document: Map::new(),
    });
    call.integration = Some(Integration {
        product: "logwell".into(),
        target_product: "hostguard".into(),
        topic: "events".into(),
        role: "consumer".into(),
        mode: "push".into(),
        format: None,
        is_generic: false,
        owns_both: false,
        owns_self: true,
        path: "/nowhere".into(),
        document: json!({"vendor_id": 5}).as_object().cloned().unwrap_or_default(),
    });
    let id = bench.begin(call);
    let outcome = bench.finish(id);
    assert_eq!(outcome.value(), &json!({"mode": "push"}));
    assert_eq!(
        outcome.logs,
        [FromHost::Log {
            call: Some(id),
            level: Level::Info,
            text: "hg1 --[events:push]-> one (cef) hostguard one {'port': 7} 5 3".into()
        }]
    );
}

#[test]
fn what_a_hook_does_not_get_is_said() {
    let text = hooks("@setup_consumer()\ndef inlet(data, instance):\n    pass\n");
    let mut bench = Bench::new(&[("p/setup.py", &text)]);
    let outcome = bench.run_as(HookKind::Setup, "p/setup.py:inlet");
    assert_eq!(outcome.error().message, "inlet() wants 'data'; a setup hook gets only instance here");
}

#[test]
fn on_an_instance_the_plug_is_none() {
    let text = hooks(
        "@trigger()\ndef press(instance, data, plug, topic='none', **more):\n    return [str(instance), data, plug, topic, sorted(more)]\n",
    );
    let mut bench = Bench::new(&[("p/setup.py", &text)]);
    let mut call = bench.call(HookKind::Trigger, "p/setup.py:press");
    call.data = json!({"host": "h1"});
    let id = bench.begin(call);
    assert_eq!(bench.finish(id).value(), &json!(["one", {"host": "h1"}, null, "none", []]));
}

#[test]
fn a_pull_hook_gets_its_folder_as_a_path() {
    let text = hooks("@pull()\ndef fetch(path):\n    return path.name\n");
    let mut bench = Bench::new(&[("p/pull.py", &text)]);
    let mut call = bench.call(HookKind::Pull, "p/pull.py:fetch");
    call.path = Some("/mirrors/p".into());
    let id = bench.begin(call);
    assert_eq!(bench.finish(id).value(), "p");
}

#[test]
fn generators_hand_over_their_items() {
    let text = hooks(
        "@watch('events')\ndef see(instance):\n    for i in range(3):\n        yield {'n': i, 'of': instance}\n    return 'seen'\n\n\n@watch('events')\ndef plain():\n    return [1, 2]\n",
    );
    let mut bench = Bench::new(&[("p/live.py", &text)]);
    let outcome = bench.run_as(HookKind::Watch, "p/live.py:see");
    let of = json!({"name": "one", "product": "p", "settings": {"port": 7}});
    assert_eq!(outcome.items, [json!({"n": 0, "of": of}), json!({"n": 1, "of": of}), json!({"n": 2, "of": of})]);
    assert_eq!(outcome.value(), "seen");
    assert_eq!(bench.run_as(HookKind::Watch, "p/live.py:plain").items, [json!(1), json!(2)]);
    // Only what a watch hook returns is taken apart.
    let outcome = bench.run("p/live.py:plain");
    assert_eq!((outcome.items.len(), outcome.value()), (0, &json!([1, 2])));
}

#[test]
fn asynchronous_hooks_are_awaited() {
    let text = hooks(
        "import asyncio\n\n\n@trigger()\nasync def press():\n    await asyncio.sleep(0)\n    return 'pressed'\n\n\n@watch('events')\nasync def see():\n    for i in range(2):\n        await asyncio.sleep(0)\n        yield i\n",
    );
    let mut bench = Bench::new(&[("p/live.py", &text)]);
    assert_eq!(bench.run("p/live.py:press").value(), "pressed");
    assert_eq!(bench.run_as(HookKind::Watch, "p/live.py:see").items, [json!(0), json!(1)]);
}

#[test]
fn several_calls_run_at_once() {
    let text = hooks(
        "@trigger()\ndef slow(instance):\n    return instance.get_secret('K', 'the key')\n\n\n@trigger()\ndef quick():\n    return 'quick'\n",
    );
    let mut bench = Bench::new(&[("p/setup.py", &text)]);
    let call = bench.call(HookKind::Trigger, "p/setup.py:slow");
    let slow = bench.begin(call);
    let (ask, call, request) = bench.question();
    assert_eq!(call, slow);
    let owner: SecretOwner = serde_json::from_value(json!({"instance": {"product": "p", "name": "one"}})).expect("one");
    assert_eq!(request, Request::GetSecret { owner, key: "K".into(), prompt: Some("the key".into()) });
    assert_eq!(bench.run("p/setup.py:quick").value(), "quick");
    bench.answer(ask, json!("s3cret"));
    assert_eq!(bench.finish(slow).value(), "s3cret");
}

#[test]
fn a_refusal_is_an_exception_with_its_hint() {
    let text = hooks(
        "from resilmesh import secrets\n\n\n@trigger()\ndef nosy():\n    secrets.read_secrets()\n\n\n@trigger()\ndef careful():\n    try:\n        secrets.read_secrets()\n    except ValueError as error:\n        return [str(error), error.hint]\n",
    );
    let mut bench = Bench::new(&[("p/setup.py", &text)]);
    for function in ["nosy", "careful"] {
        let call = bench.call(HookKind::Trigger, &format!("p/setup.py:{function}"));
        let id = bench.begin(call);
        let (ask, _, request) = bench.question();
        assert_eq!(request, Request::ReadSecrets);
        let error =
            Failure { message: "not for hooks".into(), hint: Some("use get_secret".into()), ..Failure::default() };
        bench.send(&ToHost::Answer { ask, value: json!(null), error: Some(error) });
        let outcome = bench.finish(id);
        if function == "careful" {
            assert_eq!(outcome.value(), &json!(["not for hooks", "use get_secret"]));
        } else {
            let error = outcome.error();
            assert_eq!((error.message.as_str(), error.hint.as_deref()), ("not for hooks", Some("use get_secret")));
            assert_eq!(error.traceback, ["setup.py:9 in nosy: secrets.read_secrets()"]);
        }
    }
}

#[test]
fn what_is_missing_is_a_value_error() {
    let text =
        hooks("from meshroom.model import get_product\n\n\n@trigger()\ndef look():\n    get_product('nosuch')\n");
    let mut bench = Bench::new(&[("p/setup.py", &text)]);
    let call = bench.call(HookKind::Trigger, "p/setup.py:look");
    let id = bench.begin(call);
    let (ask, _, request) = bench.question();
    assert_eq!(request, Request::GetProduct { name: "nosuch".into() });
    bench.answer(ask, json!(null));
    let outcome = bench.finish(id);
    assert_eq!(outcome.error().class.as_deref(), Some("ValueError"));
    assert_eq!(outcome.error().message, "there is no product 'nosuch'");
}

#[test]
fn a_watch_of_another_instance_comes_piece_by_piece() {
    let text = hooks(
        "from resilmesh.model import watch as look_at\n\n\n@trigger()\ndef look():\n    found = []\n    for event in look_at('events', 'lw1'):\n        found.append(event)\n    return found\n",
    );
    let mut bench = Bench::new(&[("p/setup.py", &text)]);
    let call = bench.call(HookKind::Trigger, "p/setup.py:look");
    let id = bench.begin(call);
    let (ask, _, request) = bench.question();
    assert!(matches!(request, Request::CallHook { kind: HookKind::Watch, .. }), "{request:?}");
    bench.send(&ToHost::Item { ask, value: json!("a") });
    bench.send(&ToHost::Item { ask, value: json!("b") });
    bench.answer(ask, json!(null));
    assert_eq!(bench.finish(id).value(), &json!(["a", "b"]));
}

#[test]
fn a_question_that_nobody_waits_for_any_more_is_taken_back() {
    let text = hooks(
        "from resilmesh.model import watch as look_at\n\n\n@trigger()\ndef look():\n    for event in look_at('events', 'lw1'):\n        return event\n",
    );
    let mut bench = Bench::new(&[("p/setup.py", &text)]);
    let call = bench.call(HookKind::Trigger, "p/setup.py:look");
    let id = bench.begin(call);
    let (ask, ..) = bench.question();
    bench.send(&ToHost::Item { ask, value: json!("a") });
    assert_eq!(bench.next(), FromHost::Forget { ask });
    assert_eq!(bench.finish(id).value(), &json!("a"));
    // One that is answered is not.
    let text = hooks("@trigger()\ndef look(instance):\n    return instance.get_secret('K')\n");
    let mut bench = Bench::new(&[("p/setup.py", &text)]);
    let call = bench.call(HookKind::Trigger, "p/setup.py:look");
    let id = bench.begin(call);
    let (ask, ..) = bench.question();
    bench.answer(ask, json!("k"));
    assert_eq!(bench.next(), FromHost::Done { call: id, value: json!("k") });
}

#[test]
fn products_with_modules_of_the_same_names_do_not_meet() {
    let api = |word: &str| format!("WORD = {word:?}\n");
    let near = hooks("from .api import WORD\n\n\n@trigger()\ndef say():\n    return WORD\n");
    let far = hooks(
        "from ...api import WORD\nfrom ... import setup\n\n\n@trigger()\ndef say():\n    return WORD + setup.WORD\n",
    );
    let mut bench = Bench::new(&[
        ("one/api.py", &api("one")),
        ("one/setup.py", &near),
        ("two.x/api.py", &api("two")),
        ("two.x/setup.py", &near),
        ("two-y/__init__.py", "from .api import WORD\n"),
        ("two-y/api.py", &api("dash")),
        ("two-y/setup.py", &near),
        ("two.x/integrations/a-b.c/log.events_consumer.py", &far),
        ("two.x/my.hooks-1.py", &near),
    ]);
    assert_eq!(bench.run("one/setup.py:say").value(), "one");
    assert_eq!(bench.run("two.x/setup.py:say").value(), "two");
    assert_eq!(bench.run("two-y/setup.py:say").value(), "dash");
    assert_eq!(bench.run("two.x/my.hooks-1.py:say").value(), "two");
    assert_eq!(bench.run("two.x/integrations/a-b.c/log.events_consumer.py:say").value(), "twotwo");
}

#[test]
fn modules_are_imported_once_and_leave_nothing_behind() {
    let text = hooks("print('imported')\n\n\n@trigger()\ndef say():\n    pass\n");
    let mut bench = Bench::new(&[("p/setup.py", &text)]);
    assert_eq!(bench.run("p/setup.py:say").text(), "imported\n");
    assert_eq!(bench.run("p/setup.py:say").text(), "");
    assert!(!bench.folder("p").join("__pycache__").exists());
}

#[test]
fn compiled_files_in_a_product_are_not_run() {
    let text = hooks("@trigger()\ndef say():\n    return 'as written'\n");
    let mut bench = Bench::new(&[("p/setup.py", &text), ("p/__pycache__/setup.cpython-311.pyc", "rubbish")]);
    assert_eq!(bench.run("p/setup.py:say").value(), "as written");
}

#[test]
fn hooks_are_told_apart_by_their_line() {
    let text = hooks(
        "@trigger('a')\ndef say():\n    return 1\n\n\n@trigger('b')\n@trigger('c')\ndef say():\n    return 2\n\n\ndef wrap(f):\n    return lambda: [f()]\n\n\n@trigger('d')\n@wrap\ndef other():\n    return 3\n",
    );
    let mut bench = Bench::new(&[("p/setup.py", &text)]);
    for (line, function, value) in [(4, "say", json!(1)), (9, "say", json!(2)), (19, "other", json!([3]))] {
        let mut call = bench.call(HookKind::Trigger, &format!("p/setup.py:{function}"));
        call.hook.line = line;
        let id = bench.begin(call);
        assert_eq!(bench.finish(id).value(), &value, "line {line}");
    }
}

#[test]
fn packages_of_the_virtual_environment_can_be_imported() {
    let text = hooks("import helper_of_test\n\n\n@trigger()\ndef say():\n    return helper_of_test.WORD\n");
    let bench = Bench::silent(&[("p/setup.py", &text)]);
    write(&bench.project.path().join("venv/helper_of_test.py"), "WORD = 'found'\n");
    write(&bench.project.path().join("venv/resilmesh/__init__.py"), "raise ImportError('not this one')\n");
    let mut bench = bench;
    let project = bench.project.path().display().to_string();
    bench.next();
    bench.send(&ToHost::Welcome { packages: vec![format!("{project}/venv")], project });
    assert_eq!(bench.run("p/setup.py:say").value(), "found");
}

#[test]
fn what_is_no_json_is_given_as_text() {
    let text = hooks(
        "from pathlib import Path\nfrom decimal import Decimal\n\n\nclass Thing:\n    def __str__(self):\n        return 'a thing'\n\n\n@trigger()\ndef give(instance):\n    return [Path('/x'), Decimal('1.5'), Thing(), 1 << 80, float('nan'), b'bytes', (1, 2), {3}, {4: 5}, instance, '\\ud800']\n",
    );
    let mut bench = Bench::new(&[("p/setup.py", &text)]);
    let of = json!({"name": "one", "product": "p", "settings": {"port": 7}});
    assert_eq!(
        bench.run("p/setup.py:give").value(),
        &json!(["/x", "1.5", "a thing", "1208925819614629174706176", "nan", "bytes", [1, 2], [3], {"4": 5}, of, "\u{fffd}\u{fffd}\u{fffd}"])
    );
}

#[test]
fn values_that_cannot_be_sent_are_errors() {
    let text = hooks(
        "@trigger()\ndef huge():\n    return 'x' * (70 << 20)\n\n\n@trigger()\ndef many():\n    return [0] * (20 << 20)\n\n\n@trigger()\ndef controls():\n    return '\\0' * (20 << 20)\n\n\n@trigger()\ndef endless():\n    x = []\n    x.append(x)\n    return x\n\n\n@trigger()\ndef bad():\n    class Bad:\n        def __str__(self):\n            raise RuntimeError('no text')\n    return Bad()\n\n\n@trigger()\ndef fine():\n    return 1\n",
    );
    let mut bench = Bench::new(&[("p/setup.py", &text)]);
    for (function, words) in [
        ("huge", "larger than 64 MiB"),
        ("many", "larger than 64 MiB"),
        ("controls", "at most 64 MiB"),
        ("endless", "contains itself"),
        ("bad", "no text"),
    ] {
        let outcome = bench.run(&format!("p/setup.py:{function}"));
        assert!(outcome.error().message.contains(words), "{function}: {:?}", outcome.error());
    }
    assert_eq!(bench.run("p/setup.py:fine").value(), 1);
}
