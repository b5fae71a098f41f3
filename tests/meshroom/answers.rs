//! What commands answer when something is missing or goes wrong.

use crate::common::TestProject;
use crate::common::python::{hooks, sensor_and_lake, setup, working_pair};

#[test]
fn up_of_one_instance_takes_the_plugs_at_either_end() {
    for end in ["s1", "l1"] {
        let project = working_pair();
        project.must(&["add", "sensor", "s2"]);
        project.must(&["add", "lake", "l2"]);
        project.must(&["plug", "events", "s1", "l1"]);
        project.must(&["plug", "events", "s2", "l2"]);
        project.must(&["up", end]);
        let plugs = project.prints(&["list", "plugs"]);
        let state = |name: &str| {
            let line = plugs.lines().find(|line| line.starts_with(name)).expect("a line");
            line.split_whitespace().last().map(str::to_owned)
        };
        assert_eq!((state("s1").as_deref(), state("s2").as_deref()), (Some("up"), Some("down")), "{plugs}");
    }
}

#[test]
fn up_of_an_unknown_instance_is_refused() {
    let project = working_pair();
    project.must(&["plug", "events", "s1", "l1"]);
    for args in [&["up", "s9"][..], &["down", "s9"], &["up", "s1", "l9"]] {
        let refused = project.fails(args);
        assert!(
            refused.contains("error: ") && refused.contains(" no ") && refused.contains("hint: "),
            "{args:?}: {refused}"
        );
        assert!(project.trace().is_empty());
    }
}

#[test]
fn unplugging_what_is_not_plugged_fails() {
    let project = working_pair();
    project.must(&["plug", "events", "s1", "l1"]);
    let refused = project.refused(&["unplug", "alerts", "s1", "l1"]);
    assert!(refused.contains("there is no plug of `alerts` from `s1` to `l1`"), "{refused}");
}

#[test]
fn a_pull_whose_hook_fails_fails() {
    let project = sensor_and_lake(
        "@pull(order=1)\ndef get(path):\n    raise ValueError('no such index')\n\n\n@pull(order=2)\ndef then(path):\n    note('then')\n",
        "",
    );
    let said = project.fails(&["pull", "sensor"]);
    assert!(said.contains("error: get: no such index\n  products/sensor/hooks.py:"), "{said}");
    assert!(project.trace().is_empty());
}

#[test]
fn only_debug_shows_a_stack_trace() {
    let project = sensor_and_lake("@trigger()\ndef fire():\n    return {}['host']\n", "");
    for args in [&["trigger", "isolate", "s1"][..], &["--verbose", "trigger", "isolate", "s1"]] {
        let said = project.fails(args);
        assert!(said.contains("KeyError: 'host'") && !said.contains("Traceback"), "{said}");
    }
    let said = project.fails(&["--debug", "trigger", "isolate", "s1"]);
    assert!(said.contains("Traceback (most recent call last):") && said.contains("return {}['host']"), "{said}");
}

#[test]
fn what_a_hook_prints_does_not_mix_with_data() {
    let talkative = "@trigger()\ndef fire():\n    print('asking the tenant')\n    os.system('echo a program speaks')\n    os.write(1, b'raw\\n')\n    return {'hosts': ['a', 'b']}\n";
    let project = sensor_and_lake(talkative, "");
    let (code, out, err) = project.output(&["trigger", "isolate", "s1", "--json"]);
    assert_eq!(code, 0, "{err}");
    let data: serde_json::Value = serde_json::from_str(&out).expect("nothing but JSON");
    assert_eq!(data["hosts"][1], "b");
    for line in ["asking the tenant", "a program speaks", "raw"] {
        assert!(err.contains(line), "{line}: {err}");
    }
}

#[test]
fn an_up_that_prints_json_prints_nothing_else() {
    let project = sensor_and_lake(
        &format!("{}@setup_producer()\ndef speak(plug):\n    print('hello')\n", setup("producer")),
        &setup("consumer"),
    );
    project.must(&["plug", "events", "s1", "l1"]);
    let out = project.prints(&["--json", "up"]);
    let events: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(events.last().map(|event| &event["event"]), Some(&"end".into()), "{out}");
    let steps = events.into_iter().filter(|event| event["event"] == "step");
    let (begun, ended): (Vec<_>, Vec<_>) = steps.partition(|event| event["state"] == "begun");
    assert_eq!((begun.len(), ended.len()), (4, 4), "{out}");
    assert!(ended.iter().all(|event| event["ended"] == "done" && event["state"] == "done"), "{out}");
}

#[test]
fn a_hook_file_that_is_no_python_is_named_and_the_rest_goes_on() {
    let project = working_pair();
    project.must(&["plug", "events", "s1", "l1"]);
    project.write("products/sensor/broken.py", "def half(:\n    pass\n");
    project.write("products/third/hooks.py", "import (\n");
    for args in [&["list", "products"][..], &["list", "integrations"], &["list", "plugs"], &["show", "sensor"]] {
        let (code, out, err) = project.output(args);
        assert_eq!(code, 0, "{args:?}: {err}");
        assert!(out.contains("sensor") || out.contains("s1"), "{args:?}: {out}");
    }
    let (_, _, err) = project.output(&["plan"]);
    assert!(err.contains("products/sensor/broken.py:1:10: warning: not Python"), "{err}");
    assert!(err.contains("products/third/hooks.py:1:"), "{err}");
    project.must(&["up"]);
    assert_eq!(project.trace(), ["consumer events push", "producer events push"]);
}

#[test]
fn an_error_of_any_kind_in_any_hook_is_told_in_one_line() {
    let wrong = "\
@setup_producer()
def forward(plug):
    raise ConnectionError('tenant is not there')


@produce('events')
def send(data):
    raise LookupError('no intake')


@watch('events')
def see():
    yield 'one'
    raise OSError(5, 'wire cut')


@trigger('isolate')
def fire():
    assert False, 'not like that'


@execute('isolate')
def carry_out():
    raise NotImplementedError


@pull()
def get(path):
    return 1 / 0
";
    let project = sensor_and_lake(wrong, &setup("consumer"));
    project.write("products/sensor/integrations/lake/events_producer.yml", "");
    let publish = "@publish()\ndef contribute():\n    raise RuntimeError('closed')\n";
    project.write("products/sensor/integrations/lake/events_producer.py", hooks(publish));
    project.must(&["plug", "events", "s1", "l1"]);
    for (args, told) in [
        (&["up"][..], "ConnectionError: tenant is not there"),
        (&["produce", "events", "s1"], "LookupError: no intake"),
        (&["watch", "events", "s1"], "OSError: [Errno 5] wire cut"),
        (&["trigger", "isolate", "s1"], "AssertionError: not like that"),
        (&["execute", "isolate", "s1"], "NotImplementedError"),
        (&["pull", "sensor"], "ZeroDivisionError: division by zero"),
        (&["publish", "sensor"], "(contribute): closed"),
    ] {
        let (code, _, err) = project.output_of(args, &[], "a line\n");
        assert_eq!(code, 1, "{args:?}: {err}");
        let errors: Vec<&str> = err.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(errors.len() == 1 && errors[0].contains(told), "{args:?}: {err}");
        assert!(!err.contains("Traceback") && err.contains(".py:"), "{args:?}: {err}");
    }
}

#[test]
fn a_listing_runs_no_code_of_a_product() {
    let project = working_pair();
    project.must(&["plug", "events", "s1", "l1"]);
    let ran = project.root().join("ran");
    let touch = format!("open({:?}, 'w').close()\n", ran.display().to_string());
    for file in ["products/sensor/hooks.py", "products/lake/hooks.py"] {
        project.write(file, format!("{}{touch}", project.read(file)));
    }
    project.write("products/sensor/__init__.py", &touch);
    project.write("products/sensor/integrations/lake/alerts_producer.yml", "");
    project.write("products/sensor/integrations/lake/alerts_producer.py", &touch);
    for args in [
        &["list", "products", "--wide"][..],
        &["list", "integrations"],
        &["list", "instances"],
        &["list", "plugs"],
        &["list", "capabilities"],
        &["hooks", "list"],
        &["show", "sensor"],
        &["show", "events/s1/l1"],
        &["plan"],
        &["up", "--plan"],
        &["add", "sensor", "s2"],
        &["plug", "events", "s2", "l1"],
    ] {
        let (code, out, err) = project.output(args);
        assert_eq!(code, 0, "{args:?}: {out}{err}");
        assert!(!ran.exists(), "{args:?}");
    }
    project.must(&["up"]);
    assert!(ran.exists(), "up runs it");
}

#[test]
fn everything_works_without_a_python_and_a_gpg_to_call() {
    let project = working_pair();
    let empty = TestProject::empty_folder();
    let path = empty.root().display().to_string();
    let variables = [("PATH", path.as_str())];
    let run = |args: &[&str], input: &str| {
        let (code, out, err) = project.output_of(args, &variables, input);
        assert_eq!(code, 0, "{args:?}: {err}");
        out
    };
    run(&["plug", "events", "s1", "l1"], "");
    run(&["secret", "set", "tenant"], "hunter-22");
    assert_eq!(run(&["secret", "get", "tenant"], ""), "hunter-22\n");
    run(&["up"], "");
    assert_eq!(project.trace(), ["consumer events push", "producer events push"]);
    run(&["down"], "");
}
