//! Everything by which two machines with a mesh can be told from one another.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use resilmesh::plan::journal::Journal;
use serde_json::Value;

use crate::place::{Place, until_none};

/// What is there, by name.
pub(crate) struct Seen {
    all: BTreeMap<String, String>,
    /// The numbers of ports: another program may have got one between two `up`s.
    ports: BTreeMap<String, u64>,
}

/// What is there now.
pub(crate) fn of(place: &Place) -> Seen {
    let status: Value = serde_json::from_str(&place.must(&["status", "--json"])).expect("JSON");
    let services = status["services"].as_array().expect("services");
    let mut ports = BTreeMap::new();
    for service in services {
        for (name, number) in service["ports"].as_object().into_iter().flatten() {
            ports.insert(format!("{}.{name}", word(&service["instance"])), number.as_u64().expect("a number"));
        }
    }
    let mut all = BTreeMap::new();
    for service in services {
        let instance = word(&service["instance"]);
        all.insert(format!("runs {instance}"), format!("{} {}", service["program"], service["state"]));
        if service["product"] == "web" {
            all.insert(format!("answers {instance}"), answer(ports[&format!("{instance}.http")]));
        }
    }
    all.extend(
        files(&place.project().join(".resilmesh/rendered"))
            .into_iter()
            .map(|(name, text)| (format!("rendered {name}"), text)),
    );
    all.extend(files(&place.tenants()).into_iter().map(|(name, text)| (format!("tenant {name}"), text)));
    all.extend(journal(place));
    for text in all.values_mut() {
        for (name, number) in &ports {
            *text = text.replace(&format!("127.0.0.1:{number}"), &format!("127.0.0.1:[{name}]"));
        }
    }
    Seen { all, ports }
}

impl Seen {
    /// What is on one side only, or different.
    pub(crate) fn difference(&self, other: &Self) -> Vec<String> {
        // A digest of what names a port is another one if the number is.
        let is_told = |name: &str| self.ports == other.ports || !name.ends_with("digest");
        let names: BTreeSet<&String> = self.all.keys().chain(other.all.keys()).collect();
        let differ = names.into_iter().filter(|name| self.all.get(*name) != other.all.get(*name) && is_told(name));
        differ.map(|name| format!("{name}:\n  {:?}\n  {:?}", self.all.get(name), other.all.get(name))).collect()
    }

    /// How many services run, and how much is set up by hooks in files.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let count = |what: &str| self.all.keys().filter(|name| name.starts_with(what)).count();
        (count("runs "), count("tenant "))
    }
}

fn word(value: &Value) -> &str {
    value.as_str().expect("a word")
}

/// What the journal says, digests and the rest apart. What was set up in the data of services that do not
/// run is asleep; a call tells a hook what else is plugged at that moment, which depends on the way there.
fn journal(place: &Place) -> BTreeMap<String, String> {
    let path = place.project().join(".resilmesh/journal.json");
    let mut journal = Journal::load(&path).expect("a journal");
    journal.data.clear();
    let services: BTreeSet<String> = journal.services.keys().cloned().collect();
    journal.setups.retain(|_, done| !done.call.own.managed || services.contains(&done.call.own.name));
    let mut all = BTreeMap::new();
    for (part, entries) in serde_json::to_value(journal).expect("JSON").as_object_mut().expect("an object") {
        for (name, entry) in entries.as_object_mut().into_iter().flatten() {
            let key = format!("journal {part} {name}");
            if let Value::String(digest) = entry {
                all.insert(format!("{key} digest"), digest.clone());
                continue;
            }
            without_calls(entry);
            for digest in ["digest", "identity"] {
                let taken = entry.as_object_mut().and_then(|entry| entry.remove(digest));
                all.extend(taken.map(|taken| (format!("{key} {digest} digest"), taken.to_string())));
            }
            all.insert(key, entry.to_string());
        }
    }
    all
}

fn without_calls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("call");
            map.values_mut().for_each(without_calls);
        }
        Value::Array(list) => list.iter_mut().for_each(without_calls),
        _ => {}
    }
}

fn answer(port: u64) -> String {
    let port = u16::try_from(port).expect("a port");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers");
    text.split_once("\r\n\r\n").expect("a head and a body").1.to_owned()
}

/// Every file below a folder, by its path there.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below it").display().to_string();
                let text = std::fs::read(&path).expect("readable");
                found.insert(name, String::from_utf8_lossy(&text).into_owned());
            }
        }
    }
    found
}

/// What a mesh that is up has there and one that is down has not: what hooks made, rendered files, sockets.
pub(crate) fn left_by_a_mesh(place: &Place) -> BTreeMap<String, String> {
    let mut all = files(&place.tenants());
    all.extend(files(&place.project().join(".resilmesh/rendered")));
    all.extend(sockets(place.home()).into_iter().map(|path| (path, String::new())));
    all
}

fn sockets(folder: &Path) -> Vec<String> {
    let found = Command::new("find").arg(folder).args(["-type", "s"]).output().expect("find runs");
    String::from_utf8_lossy(&found.stdout).lines().map(str::to_owned).collect()
}

/// Nothing is there but what was before the mesh.
pub(crate) fn assert_down(place: &Place, before: &BTreeMap<String, String>, told: &str) {
    until_none(&format!("{told}: processes are left"), || processes(place.home()));
    let left = left_by_a_mesh(place);
    assert_eq!(&left, before, "{told}: something is left");
    let journal = Journal::load(&place.project().join(".resilmesh/journal.json")).expect("a journal");
    assert!(journal.is_down(), "{told}: {journal:#?}");
    let of_tenants: Vec<&String> =
        journal.setups.iter().filter(|(_, done)| done.hosted.is_some()).map(|own| own.0).collect();
    assert!(of_tenants.is_empty(), "{told}: {of_tenants:?}");
    assert_eq!(place.run(&["down"]).2, "nothing to do\n", "{told}");
}

/// Processes whose command line or current folder lies in this home.
fn processes(home: &Path) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").expect("processes").flatten();
    let of_home = |entry: std::fs::DirEntry| {
        entry.file_name().to_str()?.parse::<u32>().ok()?;
        let words = std::fs::read(entry.path().join("cmdline")).ok()?;
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        let folder = std::fs::read_link(entry.path().join("cwd")).ok()?;
        (words.contains(&*home.to_string_lossy()) || folder.starts_with(home)).then_some(words)
    };
    entries.filter_map(of_home).collect()
}
