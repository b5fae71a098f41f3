//! The service on a real nats-server, with modules that work, and with such that do not.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::collections::HashMap;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use support::{Admin, Module, event, mesh, start, workers};

const IDENTITY: &str = "@hook('ecs_events', 'enriched_events')\ndef process(event):\n    return event";

/// About 2,000 events a second.
const SLOW: &str = "import time\n@hook('a', 'b')\ndef process(event):\n    time.sleep(0.0005)\n    return event";

fn numbered(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| json!({"event": {"id": format!("e{n}")}, "n": n}).to_string())
}

/// Everything has come out, each once, and nothing is left to be done.
async fn all_came_out(admin: &Admin, count: usize) -> HashMap<String, Value> {
    admin.wait_for_count("enriched_events", count as u64).await;
    admin.wait_until_all_is_acknowledged().await;
    let events = admin.read_by_id("enriched_events").await;
    assert_eq!(events.len(), count);
    for n in 0..count {
        assert!(events.contains_key(&format!("e{n}")), "e{n} is missing");
    }
    events
}

#[tokio::test]
async fn a_hook_in_python_drops_changes_multiplies_and_fails() {
    let (bus, admin) = mesh().await;
    let module = Module::python(
        "@hook('ecs_events', 'enriched_events')
def process(event, settings, instance, secrets):
    what = event['what']
    if what == 'drop': return None
    if what == 'lose': return {'only': settings['word'], 'by': instance.name, 'key': secrets['key']}
    if what == 'copy': return [event, {**event, 'copy': 1}, {'event': {'id': 'own'}}]
    if what == 'none': return []
    if what == 'odd': return 'a text'
    if what == 'nan': return {'n': float('nan')}
    if what == 'half': return {**event, 'half': '\\ud83d', 'whole': 'ü'}
    raise ValueError('not this one')",
    )
    .with("settings: {word: hello}\nsecrets: {key: bus_password, other: none}");
    let service = start(&bus, &module);
    let what = |what: &str| json!({"event": {"id": what}, "what": what}).to_string();
    let kinds = ["drop", "lose", "copy", "none", "odd", "nan", "half", "raise"];
    admin.publish(kinds.map(what)).await;
    admin.publish(["no event".to_owned()]).await;
    admin.wait_for_count("enriched_events", 5).await;
    admin.wait_for_count("ecs_events_rejected", 4).await;
    admin.wait_until_all_is_acknowledged().await;

    let events = admin.read_by_id("enriched_events").await;
    assert_eq!(events["lose"], json!({"only": "hello", "by": "enrichment", "key": "secret", "event": {"id": "lose"}}));
    assert!(events.contains_key("copy") && events.contains_key("own"));
    let (id, copy) = events.iter().find(|(_, event)| event["copy"] == 1).expect("the copy");
    assert_eq!(copy["event"]["id"], id.as_str());
    assert_eq!((&events["half"]["half"], &events["half"]["whole"]), (&json!("\u{fffd}"), &json!("ü")));

    let rejected = admin.read_by_id("ecs_events_rejected").await;
    let of = |what: &str| {
        let original =
            |document: &&Value| document["event"]["original"].as_str().is_some_and(|text| text.contains(what));
        rejected.values().find(original).expect("a document")
    };
    assert_eq!(of("raise")["error"]["message"], "not this one");
    assert_eq!(of("raise")["error"]["type"], "ValueError");
    let trace = of("raise")["error"]["stack_trace"].as_str().expect("lines");
    assert!(trace.starts_with("m.py:12 in process: raise ValueError"), "{trace}");
    assert_eq!(
        of("odd")["event"]["reason"],
        "a value of type str was returned; a process hook returns a dict, a list of dicts, or None"
    );
    assert!(of("nan")["event"]["reason"].as_str().is_some_and(|reason| reason.contains("JSON")), "{}", of("nan"));
    assert_eq!(of("no event")["error"]["type"], Value::Null);

    let stats = service.wait_for("stats", |stats| stats["components"]["output"]["sent"] == 5).await;
    let process = &stats["components"]["process"];
    assert_eq!((&process["received"], &process["sent"]), (&json!(9), &json!(5)));
    assert_eq!(process["dropped"], json!({"by the module": 2, "failed": 3, "not a JSON object": 1}));
    assert_eq!(stats["components"]["rejected"]["sent"], 4);
    service.stop().await;
}

#[tokio::test]
async fn batches_and_asynchronous_hooks_answer_for_each_event() {
    for hook in [
        "@hook('a', 'b', batch=True)\ndef process(events):\n    if any(e['n'] == 7 for e in events): raise ValueError('seven')\n    return [e if e['n'] % 2 else None for e in events]",
        "import asyncio\n@hook('a', 'b')\nasync def process(event):\n    await asyncio.sleep(0)\n    if event['n'] == 7: raise ValueError('seven')\n    return event if event['n'] % 2 else None",
        "@hook('a', 'b', batch=True)\nasync def process(events):\n    if any(e['n'] == 7 for e in events): raise ValueError('seven')\n    return [[e] if e['n'] % 2 else [] for e in events]",
        "@hook('a', 'b')\ndef process(event):\n    if event['n'] == 7: raise ValueError('seven')\n    if event['n'] % 2: yield event",
    ] {
        let (bus, admin) = mesh().await;
        let service = start(&bus, &Module::python(hook));
        admin.publish(numbered(100)).await;
        admin.wait_for_count("enriched_events", 49).await;
        admin.wait_for_count("ecs_events_rejected", 1).await;
        admin.wait_until_all_is_acknowledged().await;
        assert_eq!(admin.read_by_id("enriched_events").await.len(), 49, "{hook}");
        let rejected = admin.read_by_id("ecs_events_rejected").await;
        assert!(rejected.values().all(|document| document["error"]["message"] == "seven"), "{hook}: {rejected:?}");
        service.stop().await;
    }
}

#[tokio::test]
async fn workers_killed_at_random_cost_nothing() {
    const EVENTS: usize = 10_000;
    let (bus, admin) = mesh().await;
    admin.publish(numbered(EVENTS)).await;
    let service = start(&bus, &Module::python(SLOW).with("workers: 2"));
    service.wait_until_ready().await;
    let mut killed = 0;
    for stored in (500..EVENTS as u64).step_by(700) {
        admin.wait_for_count("enriched_events", stored).await;
        // Sometimes one, sometimes both.
        for worker in workers(&service).await.into_iter().skip(killed % 2) {
            if kill(Pid::from_raw(worker), Signal::SIGKILL).is_ok() {
                killed += 1;
            }
        }
    }
    assert!(killed > 10, "{killed} were killed");
    let stats = service.ask("stats").await.expect("an answer");
    assert!(stats["components"]["process"]["errors"].as_u64() > Some(10), "{stats}");
    all_came_out(&admin, EVENTS).await;
    assert_eq!(admin.count("ecs_events_rejected").await, 0);
    service.stop().await;
}

#[tokio::test]
async fn who_holds_a_worker_up_or_kills_it_is_found_and_rejected_and_nobody_else() {
    const EVENTS: usize = 300;
    let (bus, admin) = mesh().await;
    let module = Module::python(
        "import os, time\n@hook('a', 'b')\ndef process(event):\n    if event['n'] == 50: time.sleep(3600)\n    if event['n'] == 150: os._exit(3)\n    return event",
    );
    let service = start(&bus, &module.with("workers: 2\ntimeout: 1s\ntries: 2"));
    admin.publish(numbered(EVENTS)).await;
    admin.wait_for_count("enriched_events", EVENTS as u64 - 2).await;
    admin.wait_for_count("ecs_events_rejected", 2).await;
    admin.wait_until_all_is_acknowledged().await;
    let events = admin.read_by_id("enriched_events").await;
    assert!(!events.contains_key("e50") && !events.contains_key("e150"));
    let rejected = admin.read_by_id("ecs_events_rejected").await;
    let reason = |n: &str| {
        let own = |document: &&Value| document["event"]["original"].as_str().is_some_and(|text| text.contains(n));
        rejected.values().find(own).expect("a document")["event"]["reason"].as_str().expect("a text").to_owned()
    };
    assert_eq!(reason("e50"), "the module took longer than 1 s for an event");
    assert_eq!(reason("e150"), "its worker has ended: exit status: 3");
    service.stop().await;
}

#[tokio::test]
async fn an_event_may_be_tried_again_later_and_fails_after_some_tries() {
    let (bus, admin) = mesh().await;
    let module = Module::python(
        "seen = {}\nclass Later(Retry): pass\n@hook('a', 'b')\ndef process(event):\n    n = event['n']\n    seen[n] = seen.get(n, 0) + 1\n    if n == 1 and seen[n] < 3: raise Later('not yet')\n    if n == 2: raise Retry('never')\n    return {**event, 'tries': seen[n]}",
    );
    let service = start(&bus, &module);
    admin.publish(numbered(5)).await;
    admin.wait_for_count("enriched_events", 4).await;
    admin.wait_for_count("ecs_events_rejected", 1).await;
    admin.wait_until_all_is_acknowledged().await;
    let events = admin.read_by_id("enriched_events").await;
    assert_eq!((&events["e1"]["tries"], &events["e4"]["tries"]), (&json!(3), &json!(1)));
    let rejected = admin.read_by_id("ecs_events_rejected").await;
    assert!(rejected.values().all(|document| document["error"]["message"] == "never"));
    service.stop().await;
}

#[tokio::test]
async fn a_slow_module_leaves_events_in_the_stream_and_none_comes_twice() {
    let (bus, admin) = mesh().await;
    admin.add_consumer_patience(Duration::from_secs(2)).await;
    let module =
        Module::python("import time\n@hook('a', 'b')\ndef process(event):\n    time.sleep(0.02)\n    return event");
    let service = start(&bus, &module);
    admin.publish(numbered(3_000)).await;
    admin.wait_for_count("enriched_events", 200).await;
    let info = admin.consumer_info().await;
    assert!(info.num_pending > 0, "all were taken at once");
    assert!(info.num_ack_pending <= 2_000, "{} are under way", info.num_ack_pending);
    assert_eq!(info.num_redelivered, 0);
    let took = service.stop().await;
    assert!(took < Duration::from_secs(10), "{took:?}");

    let service = start(&bus, &Module::python(IDENTITY).with("workers: 2"));
    all_came_out(&admin, 3_000).await;
    service.stop().await;
}

#[tokio::test]
async fn a_broker_or_a_service_that_dies_in_mid_flow_costs_nothing() {
    const EVENTS: usize = 8_000;
    let (mut bus, admin) = mesh().await;
    admin.add_consumer_patience(Duration::from_secs(3)).await;
    admin.publish(numbered(EVENTS)).await;
    let service = start(&bus, &Module::python(SLOW));
    admin.wait_for_count("enriched_events", 300).await;
    bus.kill();
    service.wait_for("health", |health| health["ready"] == false).await;
    bus.start();
    service.wait_until_ready().await;
    let admin = bus.admin().await;
    admin.wait_for_count("enriched_events", 1_000).await;
    service.crash().await;
    assert!(admin.count("enriched_events").await < EVENTS as u64, "it was finished already");
    let service = start(&bus, &Module::python(IDENTITY));
    all_came_out(&admin, EVENTS).await;
    service.stop().await;
}

#[tokio::test]
async fn a_flood_of_prints_holds_nothing_up() {
    let (bus, admin) = mesh().await;
    let module = Module::python(
        "import os\n@hook('a', 'b')\ndef process(event):\n    print('x' * 2000)\n    os.write(1, b'y' * 20000 + b'\\n')\n    return event",
    );
    let service = start(&bus, &module);
    admin.publish(numbered(5_000)).await;
    all_came_out(&admin, 5_000).await;
    service.stop().await;
}

#[tokio::test]
async fn a_worker_that_breaks_the_protocol_is_told_of_and_the_next_takes_over() {
    let ways = [
        ("hello(9)\nread()", "its worker speaks version 9 of the protocol, and not 1"),
        ("say(b'H', b'{}')", "its worker says no hello"),
        ("os.write(1, b'rubbish and more of it')", "a frame of no known kind"),
        ("hello()\nread()\nsay(b'F', json.dumps({'message': 'no such library'}).encode())", "no such library"),
        ("hello()\nread()\nsay(b'O', b'd')", "Outcomes in place of Ready"),
        ("sys.exit(4)", "its worker has ended: exit status: 4"),
    ];
    for (worker, why) in ways {
        let (bus, _admin) = mesh().await;
        let service = start(&bus, &Module::program(worker));
        let told = |health: &Value| health["waiting_for"].as_str().is_some_and(|text| text.contains(why));
        let health = service.wait_for("health", told).await;
        assert_eq!(health["ready"], false, "{why}");
        service.stop().await;
    }
}

#[tokio::test]
async fn outcomes_that_cannot_be_are_no_outcomes() {
    let ways = [
        ("say(b'O', b'd' * (count(body) + 1))", "more outcomes than events"),
        ("say(b'O', b'x')", "an outcome of no known kind"),
        ("say(b'O', b'e' + struct.pack('<I', 4000000000))", "a frame that is cut off"),
        ("say(b'R')", "Ready in place of outcomes"),
        ("say(b'O', b'e' + struct.pack('<I', 1) + struct.pack('<I', 3) + b'[1]')", "an object"),
    ];
    for (answer, why) in ways {
        let (bus, admin) = mesh().await;
        let worker = format!("hello()\nread()\nsay(b'R')\nwhile True:\n    kind, body = read()\n    {answer}");
        let service = start(&bus, &Module::program(&worker).with("tries: 1"));
        admin.publish([event("one", "192.0.2.1")]).await;
        admin.wait_for_count("ecs_events_rejected", 1).await;
        admin.wait_until_all_is_acknowledged().await;
        let rejected = admin.read_by_id("ecs_events_rejected").await;
        let told = |document: &Value| document["event"]["reason"].as_str().is_some_and(|text| text.contains(why));
        assert!(rejected.values().all(told), "{why}: {rejected:?}");
        service.stop().await;
    }
}

#[tokio::test]
async fn a_program_in_vrl_sees_the_settings_aborts_and_fails() {
    let (bus, admin) = mesh().await;
    let module = Module::vrl(
        "if .n == 1 { abort }\nif .n == 2 { .x = to_int!(\"no number\") }\n.word = %settings.word\nif .n == 3 { . = [., {\"n\": 4}] }",
    )
    .with("settings: {word: hello}\nworkers: 2");
    let service = start(&bus, &module);
    admin.publish(numbered(4)).await;
    admin.wait_for_count("enriched_events", 3).await;
    admin.wait_for_count("ecs_events_rejected", 1).await;
    admin.wait_until_all_is_acknowledged().await;
    let events = admin.read_by_id("enriched_events").await;
    assert_eq!(events["e0"], json!({"event": {"id": "e0"}, "n": 0, "word": "hello"}));
    assert!(events.values().any(|event| event["n"] == 4 && event["event"]["id"].is_string()));
    service.stop().await;

    let (config, _) = Module::vrl(".x = to_int(\"a\")\n").write(bus.dir.path(), &bus.url());
    let machine = resilmesh_module::Machine::default();
    let run = resilmesh_module::run_until_stopped(&config, Default::default(), Default::default(), &machine);
    let wrong = run.await.expect_err("a mistake").to_string();
    assert!(wrong.contains("code/process.vrl:1:6"), "{wrong}");
}

#[tokio::test]
async fn several_services_share_the_work_and_each_event_passes_one() {
    let (bus, admin) = mesh().await;
    let module = Module::python(IDENTITY);
    let (one, other) = (start(&bus, &module), start(&bus, &module));
    admin.publish(numbered(4_000)).await;
    all_came_out(&admin, 4_000).await;
    one.stop().await;
    other.stop().await;
}
