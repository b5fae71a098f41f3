//! Products whose hooks are Python files, and what these hooks did.

use super::TestProject;

/// What the files of hooks begin with. `note` writes a line to `trace.log` in the project.
const HEAD: &str = "\
import os, sys, time
from meshroom.model import *
from meshroom.decorators import *


def note(*words):
    with open(get_project_dir() / 'trace.log', 'a') as trace:
        print(*words, file=trace)


";

/// A file of hooks.
pub fn hooks(text: &str) -> String {
    format!("{HEAD}{text}")
}

/// A product `sensor` that produces events, with an instance `s1`, and a product `lake` that consumes
/// them, with an instance `l1`; each with these hooks.
pub fn sensor_and_lake(sensor: &str, lake: &str) -> TestProject {
    TestProject::with(&[
        ("products/sensor/definition.yaml", "produces: {events: [{}]}\n"),
        ("products/sensor/hooks.py", &hooks(sensor)),
        ("instances/sensor/s1/config.yaml", "name: s1\n"),
        ("products/lake/definition.yaml", "consumes: {events: [{}]}\n"),
        ("products/lake/hooks.py", &hooks(lake)),
        ("instances/lake/l1/config.yaml", "name: l1\n"),
    ])
}

/// A setup hook for a role that notes that it was called.
pub fn setup(role: &str) -> String {
    format!("@setup_{role}()\ndef set_up_{role}(plug):\n    note('{role}', plug.topic, plug.mode)\n\n\n")
}

/// A product `sensor` and a product `lake` that set themselves up, each with its instance.
pub fn working_pair() -> TestProject {
    sensor_and_lake(&setup("producer"), &setup("consumer"))
}

impl TestProject {
    /// The lines that hooks have noted so far.
    pub fn trace(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.root().join("trace.log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Forgets what hooks have noted.
    pub fn forget_trace(&self) {
        // There may be nothing to forget.
        let _ = std::fs::remove_file(self.root().join("trace.log"));
    }
}
