//! `resilmesh hooks test`: what hooks must keep, tried on hooks that keep it and on hooks that do not.

use insta::assert_snapshot;

use crate::common::TestProject;
use crate::common::python::{hooks, setup};

/// A product `lake` with these hooks, whose inlets are files in `tenant/`.
fn lake(text: &str) -> TestProject {
    let tenant = "\
from pathlib import Path


def inlet(instance, plug):
    folder = Path(os.environ['HOME']) / 'tenant'
    folder.mkdir(exist_ok=True)
    return folder / f'{plug.topic}.{plug.mode}'


";
    let definition = "\
settings: [{name: token, secret: true, required: true}, {name: region, required: true}]
consumes: {events: [{}]}
";
    TestProject::with(&[
        ("products/lake/definition.yaml", definition),
        ("products/lake/hooks.py", &hooks(&format!("{tenant}{text}"))),
    ])
}

const GOOD: &str = "\
@setup_consumer('events')
def make_inlet(instance, plug):
    if not instance.get_secret('token'):
        raise ValueError('no token')
    inlet(instance, plug).touch()


@teardown_consumer('events')
def delete_inlet(instance, plug):
    inlet(instance, plug).unlink(missing_ok=True)


@check_consumer('events')
def inlet_is_there(instance, plug):
    return inlet(instance, plug).exists() or 'the inlet is gone'
";

#[test]
fn hooks_that_keep_all_are_told_so() {
    let project = lake(GOOD);
    let before = project.files();
    assert_snapshot!(project.run(&["hooks", "test", "lake"]), @"
    -- stdout
    ok      set-up           events/stand_in/tried (consumer)
    ok      set-up-again     events/stand_in/tried (consumer)
    ok      check-set-up     events/stand_in/tried (consumer)
    ok      tear-down        events/stand_in/tried (consumer)
    ok      check-torn-down  events/stand_in/tried (consumer)
    ok      tear-down-again  events/stand_in/tried (consumer)
    ok      tear-down-first  events/stand_in/tried (consumer)
    ok      killed           events/stand_in/tried (consumer)
    -       wrong-secret     events/stand_in/tried (consumer)  its secrets are made up; `--instance NAME` takes those of an instance
    ok      unsaid           events/stand_in/tried (consumer)
    ok      set-up           events/stand_in/tried (pull) (consumer)
    ok      set-up-again     events/stand_in/tried (pull) (consumer)
    ok      check-set-up     events/stand_in/tried (pull) (consumer)
    ok      tear-down        events/stand_in/tried (pull) (consumer)
    ok      check-torn-down  events/stand_in/tried (pull) (consumer)
    ok      tear-down-again  events/stand_in/tried (pull) (consumer)
    ok      tear-down-first  events/stand_in/tried (pull) (consumer)
    ok      killed           events/stand_in/tried (pull) (consumer)
    -       wrong-secret     events/stand_in/tried (pull) (consumer)  its secrets are made up; `--instance NAME` takes those of an instance
    ok      unsaid           events/stand_in/tried (pull) (consumer)
    -       slow-api         events/stand_in/tried (consumer)  no setting is an address (`https://...`)
    -       slow-api         events/stand_in/tried (pull) (consumer)  no setting is an address (`https://...`)
    -- stderr
    product `lake` keeps 18 cases
    -- exit 0
    ");
    assert_eq!(project.files(), before, "the project itself is left alone");
    let json: serde_json::Value =
        serde_json::from_str(&project.prints(&["hooks", "test", "lake", "--json"])).expect("a document");
    assert_eq!(
        json["cases"][0],
        serde_json::json!({"case": "set-up", "at": "events/stand_in/tried", "role": "consumer", "verdict": "kept"})
    );
}

#[test]
fn hooks_that_keep_nothing_are_told_what() {
    let project = lake(
        "\
@setup_consumer('events')
def make_inlet(instance, plug):
    print('token is', instance.get_secret('token'))
    inlet(instance, plug).touch(exist_ok=False)
    time.sleep(0.3)


@teardown_consumer('events')
def delete_inlet(instance, plug):
    inlet(instance, plug).unlink()


@check_consumer('events')
def inlet_is_there(instance, plug):
    return inlet(instance, plug).exists()
",
    );
    assert_snapshot!(project.run(&["hooks", "test", "lake"]), @"
    -- stdout
    ok      set-up           events/stand_in/tried (consumer)
    broken  set-up-again     events/stand_in/tried (consumer)  FileExistsError: [Errno 17] File exists: '[PLACE]/tenant/events.push' (products/lake/hooks.py:23 in make_inlet: inlet(instance, plug).touch(exist_ok=False))
                             hint: hooks must set up what is set up already: `up` does so after an interruption
    ok      check-set-up     events/stand_in/tried (consumer)
    ok      tear-down        events/stand_in/tried (consumer)
    ok      check-torn-down  events/stand_in/tried (consumer)
    broken  tear-down-again  events/stand_in/tried (consumer)  FileNotFoundError: [Errno 2] No such file or directory: '[PLACE]/tenant/events.push' (products/lake/hooks.py:29 in delete_inlet: inlet(instance, plug).unlink())
                             hint: hooks must take down what is away already: `down` does so after an interruption
    broken  tear-down-first  events/stand_in/tried (consumer)  FileNotFoundError: [Errno 2] No such file or directory: '[PLACE]/tenant/events.push' (products/lake/hooks.py:29 in delete_inlet: inlet(instance, plug).unlink())
                             hint: hooks must take down what never was set up
    broken  killed           events/stand_in/tried (consumer)  FileExistsError: [Errno 17] File exists: '[PLACE]/tenant/events.push' (products/lake/hooks.py:23 in make_inlet: inlet(instance, plug).touch(exist_ok=False))
                             hint: hooks must set up what was being set up when its process was killed
    -       wrong-secret     events/stand_in/tried (consumer)  its secrets are made up; `--instance NAME` takes those of an instance
    broken  unsaid           events/stand_in/tried (consumer)  the secret `lake_tried_token` stands in what the hooks say
                             hint: here it is taken out; other programs that run the hooks may show it
    ok      set-up           events/stand_in/tried (pull) (consumer)
    broken  set-up-again     events/stand_in/tried (pull) (consumer)  FileExistsError: [Errno 17] File exists: '[PLACE]/tenant/events.pull' (products/lake/hooks.py:23 in make_inlet: inlet(instance, plug).touch(exist_ok=False))
                             hint: hooks must set up what is set up already: `up` does so after an interruption
    ok      check-set-up     events/stand_in/tried (pull) (consumer)
    ok      tear-down        events/stand_in/tried (pull) (consumer)
    ok      check-torn-down  events/stand_in/tried (pull) (consumer)
    broken  tear-down-again  events/stand_in/tried (pull) (consumer)  FileNotFoundError: [Errno 2] No such file or directory: '[PLACE]/tenant/events.pull' (products/lake/hooks.py:29 in delete_inlet: inlet(instance, plug).unlink())
                             hint: hooks must take down what is away already: `down` does so after an interruption
    broken  tear-down-first  events/stand_in/tried (pull) (consumer)  FileNotFoundError: [Errno 2] No such file or directory: '[PLACE]/tenant/events.pull' (products/lake/hooks.py:29 in delete_inlet: inlet(instance, plug).unlink())
                             hint: hooks must take down what never was set up
    broken  killed           events/stand_in/tried (pull) (consumer)  FileExistsError: [Errno 17] File exists: '[PLACE]/tenant/events.pull' (products/lake/hooks.py:23 in make_inlet: inlet(instance, plug).touch(exist_ok=False))
                             hint: hooks must set up what was being set up when its process was killed
    -       wrong-secret     events/stand_in/tried (pull) (consumer)  its secrets are made up; `--instance NAME` takes those of an instance
    broken  unsaid           events/stand_in/tried (pull) (consumer)  the secret `lake_tried_token` stands in what the hooks say
                             hint: here it is taken out; other programs that run the hooks may show it
    -       slow-api         events/stand_in/tried (consumer)  no setting is an address (`https://...`)
    -       slow-api         events/stand_in/tried (pull) (consumer)  no setting is an address (`https://...`)
    -- stderr
      token is [secret lake_tried_token]
      token is [secret lake_tried_token]
      token is [secret lake_tried_token]
      token is [secret lake_tried_token]
      token is [secret lake_tried_token]
      token is [secret lake_tried_token]
      token is [secret lake_tried_token]
      token is [secret lake_tried_token]
    error: product `lake` breaks 10 cases of what hooks must keep
    -- exit 1
    ");
}

#[test]
fn one_that_never_ends_is_given_up() {
    let project = lake(
        "\
@setup_consumer('events')
def make_inlet(instance, plug):
    while True:
        time.sleep(0.1)
",
    );
    assert_snapshot!(project.run(&["hooks", "test", "lake", "--patience", "1"]), @"
    -- stdout
    broken  set-up           events/stand_in/tried (consumer)  it did not end within 1 s
                             hint: give calls a time-out; `--patience SECONDS` lets it take longer
    ok      unsaid           events/stand_in/tried (consumer)
    broken  set-up           events/stand_in/tried (pull) (consumer)  it did not end within 1 s
                             hint: give calls a time-out; `--patience SECONDS` lets it take longer
    ok      unsaid           events/stand_in/tried (pull) (consumer)
    -       slow-api         events/stand_in/tried (consumer)  no setting is an address (`https://...`)
    -       slow-api         events/stand_in/tried (pull) (consumer)  no setting is an address (`https://...`)
    -- stderr
    error: product `lake` breaks 2 cases of what hooks must keep
    -- exit 1
    ");
}

/// A product `shop` whose API is at the setting `url`, and knows one key.
fn shop(port: u16, text: &str) -> TestProject {
    let api = "\
import urllib.request


def call(instance, timeout=None):
    request = urllib.request.Request(instance.settings['url'], headers={'key': instance.get_secret('key')})
    return urllib.request.urlopen(request, timeout=timeout).read()


";
    TestProject::with(&[
        (
            "products/shop/definition.yaml",
            "settings: [{name: key, secret: true, required: true}, {name: url, required: true}]\nconsumes: {events: [{}]}\n",
        ),
        ("products/shop/hooks.py", &hooks(&format!("{api}{text}"))),
        ("instances/shop/ours/config.yaml", &format!("name: ours\nsettings: {{url: 'http://127.0.0.1:{port}'}}\n")),
    ])
}

/// Answers 200 to the key `right`, else 403, until the test ends.
fn api() -> u16 {
    use std::io::{BufRead, BufReader, Write};
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let lines = BufReader::new(stream.try_clone().expect("a copy")).lines();
            let head: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let is_right = head.iter().any(|line| line.eq_ignore_ascii_case("key: right"));
            let status = if is_right { "200 OK" } else { "403 Forbidden" };
            // Whoever has gone does not hear it.
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    port
}

#[test]
fn a_real_tenant_tells_wrong_secrets_and_silence() {
    let careful = "@setup_consumer('events')\ndef make(instance):\n    call(instance, timeout=0.5)\n";
    let project = shop(api(), careful);
    let (code, _, err) = project.output_of(&["secret", "set", "shop_ours_key"], &[], "right");
    assert_eq!(code, 0, "{err}");
    assert_snapshot!(project.run(&["hooks", "test", "shop", "--instance", "ours"]), @"
    -- stdout
    ok      set-up           events/stand_in/ours (consumer)
    ok      set-up-again     events/stand_in/ours (consumer)
    -       check-set-up     events/stand_in/ours (consumer)  it has no check hook
    -       tear-down        events/stand_in/ours (consumer)  it has no teardown hook
    -       check-torn-down  events/stand_in/ours (consumer)  it has no check hook
    -       tear-down-again  events/stand_in/ours (consumer)  it has no teardown hook
    -       tear-down-first  events/stand_in/ours (consumer)  it has no teardown hook
    ok      killed           events/stand_in/ours (consumer)
    ok      wrong-secret     events/stand_in/ours (consumer)
    ok      unsaid           events/stand_in/ours (consumer)
    ok      set-up           events/stand_in/ours (pull) (consumer)
    ok      set-up-again     events/stand_in/ours (pull) (consumer)
    -       check-set-up     events/stand_in/ours (pull) (consumer)  it has no check hook
    -       tear-down        events/stand_in/ours (pull) (consumer)  it has no teardown hook
    -       check-torn-down  events/stand_in/ours (pull) (consumer)  it has no check hook
    -       tear-down-again  events/stand_in/ours (pull) (consumer)  it has no teardown hook
    -       tear-down-first  events/stand_in/ours (pull) (consumer)  it has no teardown hook
    ok      killed           events/stand_in/ours (pull) (consumer)
    ok      wrong-secret     events/stand_in/ours (pull) (consumer)
    ok      unsaid           events/stand_in/ours (pull) (consumer)
    ok      slow-api         events/stand_in/ours (consumer)
    ok      slow-api         events/stand_in/ours (pull) (consumer)
    -- stderr
    product `shop` keeps 12 cases
    -- exit 0
    ");
    let careless = "@setup_consumer('events')\ndef make(instance):\n    try:\n        call(instance)\n    except OSError:\n        pass\n";
    project.write(
        "products/shop/hooks.py",
        std::fs::read_to_string(project.root().join("products/shop/hooks.py"))
            .expect("hooks")
            .replace(careful, careless),
    );
    assert_snapshot!(project.run(&["hooks", "test", "shop", "--instance", "ours", "--patience", "2"]), @"
    -- stdout
    ok      set-up           events/stand_in/ours (consumer)
    ok      set-up-again     events/stand_in/ours (consumer)
    -       check-set-up     events/stand_in/ours (consumer)  it has no check hook
    -       tear-down        events/stand_in/ours (consumer)  it has no teardown hook
    -       check-torn-down  events/stand_in/ours (consumer)  it has no check hook
    -       tear-down-again  events/stand_in/ours (consumer)  it has no teardown hook
    -       tear-down-first  events/stand_in/ours (consumer)  it has no teardown hook
    ok      killed           events/stand_in/ours (consumer)
    broken  wrong-secret     events/stand_in/ours (consumer)  it is set up with a wrong secret as if all were well
                             hint: call the product with it, and raise an error when that is refused
    ok      unsaid           events/stand_in/ours (consumer)
    ok      set-up           events/stand_in/ours (pull) (consumer)
    ok      set-up-again     events/stand_in/ours (pull) (consumer)
    -       check-set-up     events/stand_in/ours (pull) (consumer)  it has no check hook
    -       tear-down        events/stand_in/ours (pull) (consumer)  it has no teardown hook
    -       check-torn-down  events/stand_in/ours (pull) (consumer)  it has no check hook
    -       tear-down-again  events/stand_in/ours (pull) (consumer)  it has no teardown hook
    -       tear-down-first  events/stand_in/ours (pull) (consumer)  it has no teardown hook
    ok      killed           events/stand_in/ours (pull) (consumer)
    broken  wrong-secret     events/stand_in/ours (pull) (consumer)  it is set up with a wrong secret as if all were well
                             hint: call the product with it, and raise an error when that is refused
    ok      unsaid           events/stand_in/ours (pull) (consumer)
    broken  slow-api         events/stand_in/ours (consumer)  it waits for an answer, and does not end within 2 s when it is interrupted
                             hint: give calls a time-out; what waits must end upon Ctrl-C
    broken  slow-api         events/stand_in/ours (pull) (consumer)  it waits for an answer, and does not end within 2 s when it is interrupted
                             hint: give calls a time-out; what waits must end upon Ctrl-C
    -- stderr
    error: product `shop` breaks 4 cases of what hooks must keep
    -- exit 1
    ");
}

/// A product `bell` whose own host is this program.
fn bell(host: &str) -> TestProject {
    use std::os::unix::fs::PermissionsExt;
    let definition = "\
consumes: {alerts: [{}]}
host: bin/host
hooks:
  - {kind: setup, role: consumer, topic: alerts, mode: push, title: hang up the bell, function: hang_up}
";
    let project = TestProject::with(&[("products/bell/definition.yaml", definition), ("products/bell/bin/host", host)]);
    let host = project.root().join("products/bell/bin/host");
    std::fs::set_permissions(host, std::fs::Permissions::from_mode(0o755)).expect("its owner");
    project
}

#[test]
fn a_host_that_keeps_nothing_is_told_what() {
    let deaf = "#!/bin/sh\necho '{\"type\":\"hello\",\"version\":1,\"language\":\"sh\",\"runtime\":\"1\"}'\nwhile :; do read -r line || :; done\n";
    assert_snapshot!(bell(deaf).run(&["hooks", "test", "bell", "--patience", "1"]), @"
    -- stdout
    ok      hello            host `bin/host`
    broken  unknown-hook     host `bin/host`  it says nothing of a call of a hook that it does not have
                             hint: a call must end with one `done` or `failed`, whatever was said before it
    broken  end-of-input     host `bin/host`  it does not end within 5 s after the end of its input
                             hint: nobody else ends it when resilmesh itself was killed
    broken  set-up           alerts/stand_in/tried (consumer)  it did not end within 1 s
                             hint: give calls a time-out; `--patience SECONDS` lets it take longer
    ok      unsaid           alerts/stand_in/tried (consumer)
    -       slow-api         alerts/stand_in/tried (consumer)  no setting is an address (`https://...`)
    -- stderr
    error: product `bell` breaks 3 cases of what hooks must keep
    -- exit 1
    ");
    let other = bell("#!/bin/sh\necho hi\n");
    assert_snapshot!(other.run(&["hooks", "test", "bell"]), @r#"
    -- stdout
    broken  hello            host `bin/host`  its first line is `hi`
                             hint: its first line must be `{"type": "hello", "version": 1, "language": ..., "runtime": ...}`
    broken  set-up           alerts/stand_in/tried (consumer)  `products/bell/bin/host` is no host of hooks: it says `hi`
                             hint: hooks must set it up
    ok      unsaid           alerts/stand_in/tried (consumer)
    -       slow-api         alerts/stand_in/tried (consumer)  no setting is an address (`https://...`)
    -- stderr
    error: product `bell` breaks 2 cases of what hooks must keep
    -- exit 1
    "#);
    std::fs::remove_file(other.root().join("products/bell/bin/host")).expect("it is there");
    assert_snapshot!(other.run(&["check"]), @"
    -- stdout
    products/bell/definition.yaml:4:5: error: `products/bell/bin/host` is to run this hook, but there is no such file [invalid]
      4 |   - {kind: setup, role: consumer, topic: alerts, mode: push, title: hang up the bell, function: hang_up}
        |     ^
      hint: `host` names a program of the product, by its path below the product's folder
    -- stderr
    error: the project has 1 mistake
    hint: `resilmesh check --explain CODE` says why one of a code in brackets is one
    -- exit 1
    ");
    other.write("products/bell/definition.yaml", "host: ../x.py\nhooks: [{kind: setup, role: consumer, title: x}]\n");
    assert_snapshot!(other.run(&["check"]), @"
    -- stdout
    products/bell/definition.yaml:1:7: error: `host` is `../x.py`, which is no path below the product's folder [invalid]
      1 | host: ../x.py
        |       ^
    -- stderr
    error: the project has 1 mistake
    hint: `resilmesh check --explain CODE` says why one of a code in brackets is one
    -- exit 1
    ");
    other.write("products/bell/definition.yaml", "hooks: [{kind: setup, role: consumer, title: x, function: x}]\n");
    assert_snapshot!(other.run(&["check"]), @"
    -- stdout
    products/bell/definition.yaml:1:59: error: `function` is what a host of the product's own calls the hook, and it has none [invalid]
      1 | hooks: [{kind: setup, role: consumer, title: x, function: x}]
        |                                                           ^
      hint: `host: PROGRAM` names one
    -- stderr
    error: the project has 1 mistake
    hint: `resilmesh check --explain CODE` says why one of a code in brackets is one
    -- exit 1
    ");
    other.write("products/bell/definition.yaml", "host: x.py\nhooks: [{kind: setup, role: consumer, title: x}]\n");
    assert_snapshot!(other.run(&["check"]), @"
    -- stdout
    products/bell/definition.yaml:1:7: error: `host` is `x.py`: files that end in `.py` hold hooks themselves [invalid]
      1 | host: x.py
        |       ^
      hint: call it `x`
    -- stderr
    error: the project has 1 mistake
    hint: `resilmesh check --explain CODE` says why one of a code in brackets is one
    -- exit 1
    ");
}

#[test]
fn what_cannot_be_tried_is_told() {
    let project = lake("");
    assert_snapshot!(project.run(&["hooks", "test", "lake"]), @"
    -- stderr
    error: product `lake` has no setup hooks in files
    hint: `resilmesh create hook lake setup TOPIC ROLE` starts one
    -- exit 1
    ");
    assert_snapshot!(project.run(&["hooks", "test", "lakes"]), @"
    -- stderr
    error: there is no product `lakes`
    hint: did you mean `lake`?
    hint: `resilmesh list products` shows them all
    -- exit 1
    ");
    assert_snapshot!(project.run(&["hooks", "test", "nats"]), @"
    -- stderr
    error: the hooks of product `nats` are built in
    hint: they are tried when resilmesh is built; this is for hooks in files
    -- exit 1
    ");
    let project = lake(GOOD);
    project.write("instances/lake/l1/config.yaml", "name: l1\nsettings: {region: eu}\n");
    project.write("products/sensor/definition.yaml", "produces: {events: [{}]}\n");
    project.write("products/sensor/hooks.py", hooks(&setup("producer")));
    project.write("instances/sensor/s1/config.yaml", "name: s1\n");
    project.must(&["plug", "events", "s1", "l1"]);
    let (code, _, err) = project.output_of(&["secret", "set", "lake_l1_token"], &[], "right");
    assert_eq!(code, 0, "{err}");
    project.must(&["up"]);
    assert_snapshot!(project.run(&["hooks", "test", "lake", "--instance", "l1"]), @"
    -- stderr
    error: plug `events/s1/l1` of `l1` is up, and would be taken down
    hint: try an instance with a tenant of its own, or take this one down first
    -- exit 1
    ");
    assert_snapshot!(project.run(&["hooks", "test", "lake", "--instance", "s1"]), @"
    -- stderr
    error: `s1` is of product `sensor`, not of `lake`
    -- exit 2
    ");
}
