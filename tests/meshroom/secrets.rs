//! Secrets that hooks ask for.

use crate::common::python::{sensor_and_lake, setup};

#[test]
fn the_password_of_the_vault_answers_no_question_of_a_hook() {
    let ask = "\
@setup_producer()
def forward(plug, instance):
    assert 'PASSWORD' not in os.environ
    instance.get_secret('token', 'Token of the tenant')
";
    let project = sensor_and_lake(ask, &setup("consumer"));
    project.must(&["plug", "events", "s1", "l1"]);
    let variables = [("PASSWORD", "master-of-all")];
    let (code, out, err) = project.output_of(&["up"], &variables, "");
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("nobody can be asked: Token of the tenant"), "{err}");
    assert!(!format!("{out}{err}").contains("master-of-all"), "{err}");
    let (code, _, err) = project.output_of(&["up"], &variables, "of-the-tenant\n");
    assert_eq!(code, 0, "{err}");
    let (code, out, err) = project.output_with(&["secret", "get", "sensor_s1_token"], &variables);
    assert_eq!((code, out.as_str()), (0, "of-the-tenant\n"), "{err}");
}

#[test]
fn each_end_of_each_plug_keeps_its_secrets_apart() {
    let keep = |role: &str| {
        format!(
            "@setup_{role}()\ndef keep(plug, instance):\n    instance.set_secret('key', f'of {{instance.name}} itself')\n    plug.set_secret('key-{role}', f'of {{instance.name}} for {{plug.mode}}')\n"
        )
    };
    let project = sensor_and_lake(&keep("producer"), &keep("consumer"));
    project.must(&["plug", "events", "s1", "l1", "-m", "push"]);
    project.must(&["plug", "events", "s1", "l1", "-m", "pull"]);
    project.must(&["up"]);
    for (name, value) in [
        ("sensor_s1_key", "of s1 itself"),
        ("lake_l1_key", "of l1 itself"),
        ("s1_l1_events_push_key-producer", "of s1 for push"),
        ("s1_l1_events_pull_key-producer", "of s1 for pull"),
        ("s1_l1_events_push_key-consumer", "of l1 for push"),
        ("s1_l1_events_pull_key-consumer", "of l1 for pull"),
    ] {
        assert_eq!(project.prints(&["secret", "get", name]), format!("{value}\n"));
    }
}
