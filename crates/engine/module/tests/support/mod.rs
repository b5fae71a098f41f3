//! A module's service running in this process, against a real nats-server.
#![allow(dead_code, unused_imports, unreachable_pub, reason = "each test binary uses its part")]

#[path = "../../../relay/tests/support/bus.rs"]
mod bus;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

pub(crate) use bus::*;
use resilmesh_module::Machine;
use resilmesh_service::RunOptions;

/// A module in a folder of its own.
pub(crate) struct Module {
    /// `code` of its configuration.
    code: String,
    files: Vec<(String, String)>,
    more: String,
}

impl Module {
    /// A file in Python whose hook is the function `process`, below what makes decorators known.
    pub(crate) fn python(hook: &str) -> Self {
        let text = format!("from resilmesh.decorators import Retry, process as hook\n{hook}\n");
        let line = text.lines().position(|line| line.starts_with("@hook")).expect("a hook") + 1;
        let code =
            format!("{{language: python, folder: code, product: m, file: m.py, function: process, line: {line}}}");
        Self { code, files: vec![("code/m.py".to_owned(), text)], more: String::new() }
    }

    pub(crate) fn vrl(program: &str) -> Self {
        let code = "{language: vrl, folder: code, file: process.vrl}".to_owned();
        Self { code, files: vec![("code/process.vrl".to_owned(), program.to_owned())], more: String::new() }
    }

    /// A program that speaks the protocol itself, or does not: in Python, with what frames need.
    pub(crate) fn program(text: &str) -> Self {
        let text = format!("{HOSTILE}\n{text}\n");
        let code = "{language: rust, folder: code, program: code/worker, product: m, file: m.rs, function: process}";
        Self { code: code.to_owned(), files: vec![("code/worker".to_owned(), text)], more: String::new() }
    }

    /// More of its configuration.
    pub(crate) fn with(mut self, more: &str) -> Self {
        self.more = format!("{}{more}\n", self.more);
        self
    }

    /// Writes it, and its configuration: that, and the control socket.
    pub(crate) fn write(&self, folder: &Path, url: &str) -> (PathBuf, PathBuf) {
        for (path, text) in &self.files {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(&path, text).expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("set");
        }
        std::fs::write(folder.join("bus_password"), "secret\n").expect("written");
        let config = folder.join("module.yaml");
        let text = format!(
            "name: enrichment
input: {{url: '{url}', user: enrichment, password_file: bus_password, stream: ecs_events, consumer: enrichment}}
output: {{subject: enriched_events, rejected: ecs_events.rejected, message_id: event.id}}
code: {}
{}",
            self.code, self.more
        );
        std::fs::write(&config, text).expect("written");
        (config, folder.join("control.sock"))
    }
}

/// What programs that stand in for workers start with.
const HOSTILE: &str = r#"#!/usr/bin/env python3
import json, os, struct, sys, time
def say(kind, body=b""):
    os.write(1, kind + struct.pack("<I", len(body)) + body)
def hello(version=1):
    say(b"H", json.dumps({"version": version, "language": "test", "runtime": "1"}).encode())
def read():
    head = sys.stdin.buffer.read(5)
    if len(head) < 5:
        sys.exit(0)
    return head[:1], sys.stdin.buffer.read(struct.unpack("<I", head[1:])[0])
def count(body):
    number = 0
    while body:
        body, number = body[4 + struct.unpack("<I", body[:4])[0]:], number + 1
    return number
"#;

/// The host of Python hooks, which is built with the workspace.
pub(crate) fn machine() -> Machine {
    let own = std::env::current_exe().expect("a program");
    let host = own.ancestors().nth(2).expect("a folder").join("resilmesh-python-host");
    assert!(host.is_file(), "{} is not there: build the whole workspace", host.display());
    Machine { python_host: Some(host) }
}

/// Starts the service of a module.
pub(crate) fn start(bus: &Bus, module: &Module) -> Service {
    let (config, control) = module.write(bus.dir.path(), &bus.url());
    let options = RunOptions { control: Some(control.clone()) };
    Service::run(control, |lifecycle| async move {
        resilmesh_module::run_until_stopped(&config, options, lifecycle, &machine()).await
    })
}

/// The processes of a service's workers.
pub(crate) async fn workers(service: &Service) -> Vec<i32> {
    let workers = service.ask("workers").await.unwrap_or_default();
    let processes = workers.as_array().into_iter().flatten().filter_map(|own| own["process"].as_i64());
    processes.filter_map(|id| i32::try_from(id).ok()).collect()
}
