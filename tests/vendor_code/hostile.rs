//! Hosts that do not keep to the protocol: whatever they do, a command ends, says why, and gives nothing away.

use std::os::unix::fs::PermissionsExt;

use crate::common::TestProject;
use crate::common::python::sensor_and_lake;

/// What a host begins with: it says hello and reads the calls that it is given.
const HEAD: &str = "#!/usr/bin/env python3
import json, os, sys, time


def say(**message):
    sys.stdout.write(json.dumps(message) + '\\n')
    sys.stdout.flush()


def hear(kind):
    for line in sys.stdin:
        message = json.loads(line)
        if message['type'] == kind:
            return message
    sys.exit(0)


def hello():
    say(type='hello', version=1, language='python', runtime='3.11.2')


";

/// A mesh of two plugged instances, and the host that runs its hooks.
struct Hostile {
    project: TestProject,
    host: String,
}

impl Hostile {
    fn new(text: &str) -> Self {
        let project = sensor_and_lake("@setup_producer(owns_both=True)\ndef forward():\n    pass\n", "");
        project.must(&["plug", "events", "s1", "l1"]);
        let host = project.home().join("host");
        std::fs::write(&host, format!("{HEAD}{text}")).expect("writable");
        std::fs::set_permissions(&host, std::fs::Permissions::from_mode(0o755)).expect("its owner");
        Self { project, host: host.display().to_string() }
    }

    /// What `up` says, which fails.
    fn up_fails(&self) -> String {
        let (code, out, err) = self.up();
        assert_eq!(code, 1, "{out}{err}");
        err
    }

    fn up(&self) -> (i32, String, String) {
        let path = std::env::var("PATH").expect("a PATH");
        self.project.output_with(&["up"], &[("RESILMESH_PYTHON_HOST", &self.host), ("PATH", &path)])
    }
}

#[test]
fn one_that_ends_before_it_says_hello() {
    let said = Hostile::new("print('no licence', file=sys.stderr)\nsys.exit(3)\n").up_fails();
    assert!(said.contains("the host of Python hooks does not start: no licence"), "{said}");
}

#[test]
fn one_of_another_version() {
    let said = Hostile::new("say(type='hello', version=99, language='python', runtime='9')\nhear('bye')\n").up_fails();
    assert!(said.contains("speaks version 99 of the protocol, this resilmesh version 1"), "{said}");
    assert!(said.contains("install both from one release"), "{said}");
}

#[test]
fn one_that_says_something_else_than_hello() {
    let said = Hostile::new("print('Welcome to host 1.0', flush=True)\nhear('bye')\n").up_fails();
    assert!(said.contains("is no host of hooks: it says `Welcome to host 1.0`"), "{said}");
}

#[test]
fn one_whose_first_line_never_ends() {
    let said = Hostile::new("while True:\n    sys.stdout.write('x' * 65536)\n").up_fails();
    assert!(said.contains("the host of Python hooks does not start"), "{said}");
}

#[test]
fn one_that_prints_rubbish_is_heard_out() {
    let text = "\
hello()
call = hear('call')
for rubbish in (b'\\xff\\xfe\\x00', b'{', b'[]', b'null', b'{\"type\": \"dance\"}', b'{\"type\": \"done\"}', b''):
    os.write(1, rubbish + b'\\n')
for message in (
    {'type': 'done', 'call': 4711},
    {'type': 'failed', 'call': 4711, 'error': {'message': 'not yours'}},
    {'type': 'item', 'call': 4711, 'value': 1},
    {'type': 'forget', 'ask': 4711},
    {'type': 'ask', 'ask': 1, 'call': 4711, 'request': {'what': 'read_secrets'}},
    {'type': 'hello', 'version': 99, 'language': 'x', 'runtime': 'x'},
):
    say(**message)
say(type='done', call=call['id'])
say(type='done', call=call['id'])
hear('bye')
";
    let (code, out, err) = Hostile::new(text).up();
    assert_eq!(code, 0, "{out}{err}");
}

#[test]
fn one_that_asks_what_cannot_be_asked_is_answered() {
    let text = "\
hello()
call = hear('call')
say(type='ask', ask=7, call=call['id'], request={'what': 'dance'})
answer = hear('answer')
say(type='failed', call=call['id'], error={'message': 'heard: ' + answer['error']['message']})
hear('bye')
";
    let said = Hostile::new(text).up_fails();
    assert!(said.contains("heard: the question cannot be read: unknown variant `dance`"), "{said}");
}

#[test]
fn one_that_floods_is_cut() {
    let text = "\
hello()
call = hear('call')
line = json.dumps({'type': 'log', 'call': call['id'], 'level': 'info', 'text': 'x' * 200}) + '\\n'
for _ in range(200):
    sys.stdout.write(line * 1000)
say(type='done', call=call['id'])
hear('bye')
";
    let (code, out, err) = Hostile::new(text).up();
    assert_eq!(code, 0, "{out}{}", &err[err.len().saturating_sub(2000)..]);
    assert!(err.len() < 10 << 20, "{}", err.len());
    assert!(err.contains("left out"), "what is missing is said");
}

#[test]
fn one_that_asks_without_end_is_ended() {
    let text = "\
hello()
call = hear('call')
number = 0
while True:
    number += 1
    say(type='ask', ask=number, call=call['id'], request={'what': 'list_products'})
";
    let said = Hostile::new(text).up_fails();
    assert!(said.contains("asks more than is answered"), "{said}");
}

#[test]
fn one_that_never_answers_ends_with_the_command() {
    let hostile = Hostile::new(
        "hello()\nhear('call')\nopen(sys.argv[0] + '.called', 'w').close()\nimport signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True:\n    time.sleep(1)\n",
    );
    let called = hostile.project.home().join("host.called");
    let mut up = std::process::Command::new(env!("CARGO_BIN_EXE_resilmesh"))
        .arg("up")
        .current_dir(hostile.project.root())
        .env("HOME", hostile.project.home())
        .env("RESILMESH_PYTHON_HOST", &hostile.host)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the program can be started");
    crate::common::background::until(|| "the hook was called".to_owned(), || called.exists());
    let id = nix::unistd::Pid::from_raw(i32::try_from(up.id()).expect("a process"));
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGINT).expect("it runs");
    let status = up.wait().expect("it ends");
    assert_eq!(status.code(), Some(130), "{status}");
}

#[test]
fn one_that_tries_to_read_other_secrets_gets_none() {
    let text = "\
hello()
call = hear('call')
answers = []
for number, request in enumerate((
    {'what': 'read_secrets'},
    {'what': 'get_secret', 'owner': {'instance': {'name': 's2'}}, 'key': 'token'},
    {'what': 'get_secret', 'owner': {'instance': {'name': 's2', 'product': 'sensor'}}, 'key': 'token'},
    {'what': 'get_secret', 'owner': 'free', 'key': 'sensor_s2_token'},
    {'what': 'get_secret', 'owner': 'free', 'key': '../sensor_s2_token'},
    {'what': 'get_secret', 'owner': 'free', 'key': 'x/../sensor_s2_token'},
    {'what': 'get_secret', 'owner': {'instance': {'name': 's1'}}, 'key': '../sensor_s2_token'},
    {'what': 'delete_secret', 'owner': {'instance': {'name': 's2'}}, 'key': 'token'},
)):
    say(type='ask', ask=number, call=call['id'], request=request)
    answers.append(hear('answer'))
with open(sys.argv[0] + '.answers', 'w') as file:
    file.write('\\n'.join(map(json.dumps, answers)) + '\\n' + json.dumps(dict(os.environ)))
say(type='done', call=call['id'])
hear('bye')
";
    let hostile = Hostile::new(text);
    hostile.project.must(&["add", "sensor", "s2"]);
    let (code, _, err) = hostile.project.output_of(&["secret", "set", "sensor_s2_token"], &[], "correct-horse");
    assert_eq!(code, 0, "{err}");
    let (code, out, err) = hostile.up();
    assert_eq!(code, 0, "{out}{err}");
    let answers = std::fs::read_to_string(hostile.project.home().join("host.answers")).expect("answers");
    assert!(!answers.contains("correct-horse"), "{answers}");
    // There is no secret of the name in the seventh question: nothing is answered.
    assert_eq!(answers.lines().filter(|line| line.contains("\"error\"")).count(), 7, "{answers}");
    assert!(!answers.contains("\"value\""), "{answers}");
    assert_eq!(hostile.project.prints(&["secret", "get", "sensor_s2_token"]), "correct-horse\n");
}
