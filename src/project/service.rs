//! `service` of a definition: how a managed instance runs.

use std::collections::BTreeMap;

use super::decode::{Fields, Report};
use super::definition;
use super::schema::tables::{FETCH, FILE, NEEDS, PROGRAM, READY, RELOAD, REPLICATION, SERVICE, UNLESS};
use super::yaml::Node;
use crate::mesh::model::{Fetch, Needs, Program, ReadyProbe, Replication, Service, Unless};

/// Reads `service` of `product`.
pub(super) fn decode(node: &Node, product: &str, report: &mut Report) -> Option<Service> {
    let mut fields = Fields::of(node, "`service`", &SERVICE, report)?;
    let ports = definition::ports(&mut fields, report).unwrap_or_default();
    let files = definition::render_list(&mut fields, "files", &FILE, product, report);
    let ready = fields.get("ready").and_then(|node| ready(node, &ports, report));
    let reload = fields.get("reload").and_then(|node| reload(node, report));
    let embedded = fields.get("embedded").and_then(|node| program(node, report));
    let needs = fields.get("needs").map(|node| needs(node, report)).unwrap_or_default();
    let replicas = fields.get("replicas").and_then(|node| replicas(node, report));
    fields.finish(report);
    Some(Service { ports, files, ready: ready?, reload, embedded: embedded?, needs, replicas })
}

fn replicas(node: &Node, report: &mut Report) -> Option<Replication> {
    let mut fields = Fields::of(node, "`replicas`", &REPLICATION, report)?;
    let unless = fields.items("unless", report).iter().filter_map(|node| unless(node, report)).collect();
    fields.finish(report);
    Some(Replication { unless })
}

fn unless(node: &Node, report: &mut Report) -> Option<Unless> {
    let mut fields = Fields::of(node, "an entry of `unless`", &UNLESS, report)?;
    let when = fields.text("when", report).map(|when| when.value);
    let because = fields.text("because", report);
    fields.finish(report);
    Some(Unless { when, because: because?.value, at: report.position(node.at) })
}

fn needs(node: &Node, report: &mut Report) -> Needs {
    let Some(mut fields) = Fields::of(node, "`needs`", &NEEDS, report) else { return Needs::default() };
    // The table says that they are no less than 1.
    let mut number = |key| fields.number(key, report).and_then(|number| u64::try_from(number).ok());
    let needs = Needs { memory_mib: number("memory_mib"), max_map_count: number("max_map_count") };
    fields.finish(report);
    needs
}

fn ready(node: &Node, ports: &BTreeMap<String, u16>, report: &mut Report) -> Option<ReadyProbe> {
    let mut fields = Fields::of(node, "`ready`", &READY, report)?;
    let control = fields.flag("control", report);
    let path = fields.text("http", report);
    let port = fields.text("port", report);
    fields.finish(report);
    if let Some(port) = port.as_ref().filter(|port| !ports.contains_key(&port.value)) {
        let found = report.error(port.at, format!("`service` has no port `{}`", port.value));
        found.hint = super::names::suggest(&port.value, ports.keys().map(String::as_str));
    }
    match (control, path, port) {
        (true, None, None) => Some(ReadyProbe::Control),
        (false, Some(path), Some(port)) => Some(ReadyProbe::Http { path: path.value, port: port.value }),
        (false, None, Some(port)) => Some(ReadyProbe::Tcp { port: port.value }),
        _ => {
            report.error(node.at, "`ready` must be one of the forms it can have").hint =
                Some("`{control: true}`, `{http: /path, port: name}` or `{port: name}`".to_owned());
            None
        }
    }
}

fn reload(node: &Node, report: &mut Report) -> Option<String> {
    let mut fields = Fields::of(node, "`reload`", &RELOAD, report)?;
    let signal = fields.word("signal", "signal", report);
    fields.finish(report);
    signal
}

fn program(node: &Node, report: &mut Report) -> Option<Program> {
    let mut fields = Fields::of(node, "`embedded`", &PROGRAM, report)?;
    let program = fields.text("program", report);
    let args = fields.texts("args", report).into_iter().map(|arg| arg.value).collect();
    let fetch = fields.get("fetch").and_then(|node| fetch(node, report));
    fields.finish(report);
    Some(Program { program: program?.value, args, fetch, at: report.position(node.at) })
}

fn fetch(node: &Node, report: &mut Report) -> Option<Fetch> {
    let mut fields = Fields::of(node, "`fetch`", &FETCH, report)?;
    let pypi = fields.text("pypi", report);
    let version = fields.text("version", report);
    let member = fields.text("member", report);
    let mut sha256 = BTreeMap::new();
    for (arch, node) in fields.map("sha256", report) {
        let Some(sum) = super::decode::text(node, "a SHA-256", report) else { continue };
        if sum.value.len() == 64 && sum.value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            sha256.insert(arch.text.clone(), sum.value.to_ascii_lowercase());
        } else {
            report.error(sum.at, "a SHA-256 has 64 hexadecimal digits");
        }
    }
    fields.finish(report);
    Some(Fetch { pypi: pypi?.value, version: version?.value, member: member?.value, sha256 })
}
