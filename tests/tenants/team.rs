//! Ann and Bob, who share a mesh of two tenants, and what its hooks did at them.

#![allow(unreachable_pub, reason = "the tests beside it use it")]

use std::io::Read;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Done, Person, Place};

/// Far more than it takes, on a loaded machine too.
const DEADLINE: Duration = Duration::from_secs(60);

/// Hooks that note what they do in a file outside of all projects; the setup waits while `hold` is there.
const HOOKS: &str = "\
import time
from meshroom.decorators import *
from meshroom.model import *

PLACE = get_project_dir().parent.parent


def note(*words):
    with open(PLACE / 'tenant.log', 'a') as log:
        print(*words, file=log)


@setup_producer(owns_both=True)
def forward(plug, instance):
    note('begins', plug.src_instance)
    while (PLACE / 'hold').exists():
        time.sleep(0.02)
    note('up', plug.src_instance)


@teardown_producer()
def stop(plug, instance):
    note('down', plug.src_instance, plug.settings.get('stream'), instance.settings.get('region'))
";

/// The plug.
pub const PLUG: &str = "instances/edr/edr-1/plugs/siem-1/alerts.yaml";

const FILES: [(&str, &str); 6] = [
    ("products/edr/definition.yaml", "settings:\n- name: region\nproduces:\n  alerts:\n  - {}\n"),
    ("products/edr/hooks.py", HOOKS),
    ("products/siem/definition.yaml", "consumes:\n  alerts:\n  - {}\n"),
    ("instances/edr/edr-1/config.yaml", "name: edr-1\nproduct: edr\nsettings:\n  region: eu1\n"),
    (PLUG, "dst_instance: siem-1\nmode: push\nsrc_instance: edr-1\ntopic: alerts\nsettings:\n  stream: s-17\n"),
    ("instances/siem/siem-1/config.yaml", "name: siem-1\nproduct: siem\n"),
];

/// Two people with a clone each, who trust its code.
pub struct Team {
    pub place: Place,
    pub ann: Person,
    pub bob: Person,
}

/// A person with the mesh, which is shared nowhere.
pub fn mesh_of(person: &Person) {
    person.must("", &["init", "mesh"]);
    for (path, text) in FILES {
        person.write(&format!("mesh/{path}"), text);
    }
    person.commit("mesh", "Add the mesh");
}

/// The lines that hooks have noted.
pub fn log(place: &Place) -> Vec<String> {
    let text = std::fs::read_to_string(place.path("tenant.log")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// How often they have noted this.
pub fn count(place: &Place, line: &str) -> usize {
    log(place).iter().filter(|noted| *noted == line).count()
}

/// Waits until something holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

impl Team {
    pub fn new() -> Self {
        let place = Place::new();
        let (ann, bob) = (place.person("ann"), place.person("bob"));
        let remote = place.bare("mesh.git");
        mesh_of(&ann);
        ann.must("mesh", &["share", &remote]);
        bob.must("", &["clone", &remote, "mesh"]);
        for person in [&ann, &bob] {
            person.must("mesh", &["trust", "--yes"]);
        }
        Self { place, ann, bob }
    }

    pub fn log(&self) -> Vec<String> {
        log(&self.place)
    }

    pub fn count(&self, line: &str) -> usize {
        count(&self.place, line)
    }

    /// Lets setups wait.
    pub fn hold(&self) {
        std::fs::write(self.place.path("hold"), "").expect("writable");
    }

    pub fn let_go(&self) {
        std::fs::remove_file(self.place.path("hold")).expect("it was held");
    }

    pub fn wait_for(&self, line: &str) {
        until(line, || self.count(line) > 0);
    }
}

/// Whether the one plug is up, as `list plugs` tells.
pub fn state(person: &Person) -> String {
    let listed = person.json("mesh", &["list", "plugs"]);
    listed["plugs"][0]["state"].as_str().expect("a state").to_owned()
}

/// A command at work; killed with the test.
pub struct AtWork(Child);

impl AtWork {
    pub fn start(person: &Person, args: &[&str]) -> Self {
        let mut command = person.command(env!("CARGO_BIN_EXE_resilmesh"), "mesh");
        command.args(args).stdout(Stdio::null()).stderr(Stdio::piped());
        Self(command.spawn().expect("it starts"))
    }

    pub fn kill(mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ends");
    }

    /// Waits until it has said this.
    pub fn wait_for(&mut self, text: &str) {
        let mut said = Vec::new();
        let mut err = self.0.stderr.take().expect("piped");
        let mut byte = [0];
        while !String::from_utf8_lossy(&said).contains(text) {
            assert!(err.read(&mut byte).expect("readable") > 0, "it never said `{text}`");
            said.push(byte[0]);
        }
        self.0.stderr = Some(err);
    }

    /// Waits until it ends: exit code, and what it said besides.
    pub fn end(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.0.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
        until("it ends", || self.0.try_wait().expect("it can be waited for").is_some());
        (self.0.wait().expect("it has ended").code(), said)
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a command said, which must have succeeded.
pub fn says(person: &Person, args: &[&str]) -> String {
    let Done { code, out, err } = person.resilmesh("mesh", args);
    assert_eq!(code, 0, "resilmesh {}\n{out}{err}", args.join(" "));
    err
}
