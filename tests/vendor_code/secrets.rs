//! Which secrets a hook gets, and where their values never show.

use crate::common::TestProject;
use crate::common::python::{sensor_and_lake, setup};

const VALUE: &str = "correct-horse-battery";

fn give(project: &TestProject, name: &str) {
    let (code, _, err) = project.output_of(&["secret", "set", name], &[], VALUE);
    assert_eq!(code, 0, "{err}");
}

#[test]
fn a_hook_gets_no_secrets_of_others() {
    let curious = "\
@setup_producer()
def forward(plug):
    note('own', get_instance('s1').get_secret('token') is not None)
    note('peer', get_instance('l1').get_secret('token') is not None)
    get_instance('s2').get_secret('token')
";
    let project = sensor_and_lake(curious, &setup("consumer"));
    project.must(&["add", "sensor", "s2"]);
    ["sensor_s1_token", "lake_l1_token", "sensor_s2_token"].iter().for_each(|name| give(&project, name));
    project.must(&["plug", "events", "s1", "l1"]);
    let said = project.fails(&["up"]);
    assert!(said.contains("the hook is not called for instance `s2`, so it does not get its secrets"), "{said}");
    assert!(said.contains("get_instance('s2').get_secret('token')"), "{said}");
    assert_eq!(project.trace()[1..], ["own True", "peer True"]);
}

#[test]
fn a_hook_gets_neither_all_secrets_nor_what_opens_them() {
    let greedy = "\
@setup_producer()
def forward(plug):
    names = ('PASSWORD', 'RESILMESH_PASSPHRASE', 'RESILMESH_PASSPHRASE_FILE', 'RESILMESH_KEY', 'RESILMESH_KEY_FILE')
    note([name for name in names if name in os.environ])
    from meshroom.secrets import read_secrets
    read_secrets()
";
    let project = sensor_and_lake(greedy, &setup("consumer"));
    give(&project, "sensor_s1_token");
    project.must(&["plug", "events", "s1", "l1"]);
    let variables = [("PASSWORD", "master-one"), ("RESILMESH_PASSPHRASE", "master-two")];
    let (code, _, err) = project.output_with(&["up"], &variables);
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("all secrets at once are not given to a hook"), "{err}");
    assert_eq!(project.trace()[1..], ["[]"]);
}

#[test]
fn values_show_nowhere() {
    let careless = "\
def show(value):
    print('token is', value)
    print('in base64', __import__('base64').b64encode(value.encode()).decode())
    os.system(f'echo from a program {value}')
    sys.stderr.write(f'on stderr {value}\\n')
    raise OSError(f'tenant refused {value}')


@setup_producer()
def forward(instance):
    show(instance.get_secret('token'))


@trigger('isolate')
def fire(instance):
    show(instance.get_secret('token'))


@watch('events')
def see(instance):
    show(instance.get_secret('token'))
    yield 1
";
    let project = sensor_and_lake(careless, &setup("consumer"));
    give(&project, "sensor_s1_token");
    project.must(&["plug", "events", "s1", "l1"]);
    for args in [
        &["up"][..],
        &["--debug", "up"],
        &["--json", "up"],
        &["trigger", "isolate", "s1"],
        &["--debug", "trigger", "isolate", "s1"],
        &["watch", "events", "s1"],
    ] {
        let (code, out, err) = project.output(args);
        assert_eq!(code, 1, "{args:?}: {err}");
        let all = format!("{out}{err}");
        assert!(!all.contains(VALUE) && !all.contains("Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5"), "{args:?}: {all}");
        assert!(all.contains("tenant refused [secret sensor_s1_token]"), "{args:?}: {all}");
    }
    for (path, bytes) in project.files().iter().filter(|(path, _)| !path.starts_with("secrets/")) {
        let found = bytes.windows(VALUE.len()).any(|part| part == VALUE.as_bytes());
        assert!(!found, "{path}");
    }
}

#[test]
fn what_a_hook_keeps_as_a_secret_shows_nowhere_after_that() {
    let project = sensor_and_lake(
        "@setup_producer()\ndef forward(plug):\n    value = 'made-up-by-the-tenant'\n    plug.set_secret('key', value)\n    print('keeps', value)\n",
        &setup("consumer"),
    );
    project.must(&["plug", "events", "s1", "l1"]);
    let said = project.says(&["up"]);
    assert!(said.contains("keeps [secret s1_l1_events_push_key]"), "{said}");
    assert_eq!(project.prints(&["secret", "get", "s1_l1_events_push_key"]), "made-up-by-the-tenant\n");
}
