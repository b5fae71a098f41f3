//! What fuzzing calls: one function for each parser, given bytes that nobody chose. It must come back,
//! and what it comes back with must make sense.
//!
//! `cargo fuzz` runs them with a nightly compiler (see `fuzz/README.md`); `tests/parsers.rs` includes
//! this file, so that a short run of each is a part of the ordinary tests.

#![allow(unreachable_pub, reason = "a crate of its own when fuzzed")]
#![allow(clippy::expect_used, reason = "what must hold is a failure when it does not")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use resilmesh::git::merge::document;
use resilmesh::git::scan::{AllowList, KnownSecret, Scanner};
use resilmesh::mesh::compile::compile;
use resilmesh::mesh::guarantees;
use resilmesh::mesh::model::Mesh;
use resilmesh::plan::journal::Journal;
use resilmesh::plan::ports::Ports;
use resilmesh::plan::render::limits::Limits;
use resilmesh::plan::render::render_within;
use resilmesh::plan::secrets::Secrets;
use resilmesh::project::edit::set_key;
use resilmesh::project::files::{Entries, Source, utf8};
use resilmesh::project::load::load_from;
use resilmesh::project::position::Diagnostic;
use resilmesh::project::python_hooks::{self, Place};
use resilmesh::project::{write, yaml};
use resilmesh_pipeline::codec::decode::DecodingOptions;
use resilmesh_pipeline::codec::framing::{Frame, Framer, Method};
use resilmesh_pipeline::codec::template::Template;
use serde_json::Value;

/// A parser, by its name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 14] = [
    ("document", document_of_yaml),
    ("project", project),
    ("template", template),
    ("journal", journal),
    ("hook_lines", hook_lines),
    ("merge", merge),
    ("edit", edit),
    ("scan", scan),
    ("python", python),
    ("frames", frames),
    ("decoding", decoding),
    ("query", query),
    ("event", event),
    ("log", log),
];

/// Separates the parts of an input that consists of several.
pub const BETWEEN: &str = "\n%%\n";

fn parts<const N: usize>(data: &[u8]) -> Option<[&str; N]> {
    let text = std::str::from_utf8(data).ok()?;
    let parts: Vec<&str> = text.splitn(N, BETWEEN).collect();
    parts.try_into().ok()
}

/// YAML. Places must lie in the text, and what is read must read the same once it is written.
pub fn document_of_yaml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let lines = yaml::lines(text).count() as u32;
    let node = match yaml::parse(text, Path::new("a.yaml")) {
        Ok(node) => node,
        Err(found) => {
            assert!(!found.is_empty(), "a reason");
            for at in found.iter().filter_map(|found| found.at.as_ref()) {
                assert!(at.line >= 1 && at.line <= lines && at.column >= 1, "{at} of {lines} lines");
            }
            return;
        }
    };
    if let Value::Object(entries) = node.to_json() {
        let entries: BTreeMap<String, Value> = entries.into_iter().collect();
        let written = write::to_yaml(&entries);
        let again = yaml::parse(&written, Path::new("b.yaml")).expect("what is written is YAML").to_json();
        assert_eq!(again.as_object().map(|again| again.len()).unwrap_or(0), entries.len(), "{written}");
        for (key, value) in &entries {
            assert_eq!(again.get(key), Some(value), "`{key}` of\n{written}");
        }
    }
}

/// A project in memory: parts that begin with a path.
struct InMemory(BTreeMap<PathBuf, Vec<u8>>);

impl InMemory {
    fn of(data: &[u8]) -> Self {
        let mut files = BTreeMap::new();
        let mut rest = data;
        while !rest.is_empty() {
            let end = rest.windows(BETWEEN.len()).position(|part| part == BETWEEN.as_bytes());
            let (part, more) = end.map_or((rest, &[][..]), |end| (&rest[..end], &rest[end + BETWEEN.len()..]));
            let line = part.iter().position(|byte| *byte == b'\n').unwrap_or(part.len());
            let path = String::from_utf8_lossy(&part[..line]).into_owned();
            files.insert(PathBuf::from(path), part.get(line + 1..).unwrap_or_default().to_vec());
            rest = more;
        }
        Self(files)
    }
}

impl Source for InMemory {
    fn name(&self) -> String {
        "mesh".to_owned()
    }

    fn text(&self, file: &Path) -> Result<Option<String>, Diagnostic> {
        self.0.get(file).map(|bytes| utf8(file, bytes.clone())).transpose()
    }

    fn entries(&self, folder: &Path) -> Result<Entries, Diagnostic> {
        let mut entries = Entries::default();
        for below in self.0.keys().filter_map(|path| path.strip_prefix(folder).ok()) {
            let mut parts = below.iter().map(|part| part.to_string_lossy().into_owned());
            match (parts.next(), parts.next()) {
                (Some(name), Some(_)) if name != "/" => entries.folders.push(name),
                (Some(name), None) => entries.files.push(name),
                _ => {}
            }
        }
        for names in [&mut entries.folders, &mut entries.files] {
            names.sort_unstable();
            names.dedup();
        }
        Ok(entries)
    }
}

/// Every kind of document, and what they mean together: each finding must have its place in its file.
pub fn project(data: &[u8]) {
    let source = InMemory::of(data);
    let files = load_from(Path::new("/mesh"), &source);
    let found = match compile(&files) {
        Ok((mesh, found)) => {
            promises(&mesh);
            found
        }
        Err(found) => {
            assert!(found.iter().any(Diagnostic::is_error), "a mistake");
            found
        }
    };
    for found in &found {
        let Some(at) = &found.at else { continue };
        let Some(text) = source.0.get(&at.file).and_then(|bytes| std::str::from_utf8(bytes).ok()) else { continue };
        let lines = yaml::lines(text).count().max(1) as u32;
        assert!(at.line >= 1 && at.line <= lines && at.column >= 1, "{at} of {lines} lines: {}", found.message);
    }
}

fn promises(mesh: &Mesh) {
    let edges = guarantees::edges(mesh);
    let (sources, ways) = (guarantees::sources(mesh, &edges), guarantees::ways(mesh, &edges));
    for (source, delivery) in &sources {
        let weakest = ways.iter().filter(|way| way.source == *source).map(|way| way.delivery).min();
        assert_eq!(weakest, Some(*delivery), "from `{source}`");
    }
    for way in ways {
        assert!(way.hops.contains(&way.weakest), "the weakest hop is one of the way");
        let ends = way.hops.windows(2).all(|pair| edges[pair[0]].plug.id.destination == edges[pair[1]].plug.id.source);
        assert!(ends, "each hop goes on where the one before ends");
    }
}

/// A template, filled in within narrow limits.
pub fn template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let files = BTreeMap::from([
        ("resilmesh.yaml", "version: 1\n"),
        ("instances/box/b/config.yaml", "settings: {a: [1, x], b: {c: 1.5}}\n"),
        (
            "products/box/definition.yaml",
            "settings: [{name: a, type: array}, {name: b, type: object}]\nservice:\n  files: [{template: t, to: t}]\n  ready: {control: true}\n  embedded: {program: box}\n",
        ),
        ("products/box/templates/t", text),
    ]);
    let source = InMemory(files.iter().map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec())).collect());
    let Ok((mesh, _)) = compile(&load_from(Path::new("/mesh"), &source)) else { return };
    let limits = Limits { steps: 10_000, output: 1 << 16, time: Duration::from_secs(20), memory: 1 << 30 };
    if let Ok(rendered) = render_within(limits, &mesh, &Ports::default(), &Arc::new(Secrets::default())) {
        let all = rendered.instances.values().flat_map(|files| files.files.values());
        assert!(all.map(String::len).max().unwrap_or(0) <= 1 << 16, "within the limit");
    }
}

/// The journal and what was appended to it.
pub fn journal(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("journal.json");
    let (whole, changes) = match data.windows(BETWEEN.len()).position(|part| part == BETWEEN.as_bytes()) {
        Some(end) => (&data[..end], &data[end + BETWEEN.len()..]),
        None => (data, &[][..]),
    };
    if !whole.is_empty() {
        std::fs::write(&path, whole).expect("writable");
    }
    std::fs::write(folder.path().join("journal.changes"), changes).expect("writable");
    if let Ok(journal) = Journal::load(&path) {
        journal.save(&path).expect("writable");
        assert_eq!(Journal::load(&path).expect("what is saved can be read"), journal);
    }
}

/// What a hook's host says, line by line.
pub fn hook_lines(data: &[u8]) {
    for line in data.split(|byte| *byte == b'\n') {
        if let Ok(said) = serde_json::from_slice::<resilmesh_hook_api::FromHost>(line) {
            let again = serde_json::to_string(&said).expect("it can be written");
            assert_eq!(serde_json::from_str::<resilmesh_hook_api::FromHost>(&again).expect("and read"), said);
        }
    }
}

/// The merge of a document that two people changed. Without conflict, it is a document again.
pub fn merge(data: &[u8]) {
    let Some([base, ours, theirs]) = parts(data) else { return };
    if let Some(merged) = document::merge(base, ours, theirs) {
        let unchanged = ours == theirs || base == theirs || base == ours;
        if merged.conflicts.is_empty() && !unchanged {
            assert!(yaml::parse(&merged.text, Path::new("a.yaml")).is_ok(), "{}", merged.text);
        }
    }
}

/// A key put into a document: the rest must mean what it meant.
pub fn edit(data: &[u8]) {
    let Some([key, text]) = parts(data) else { return };
    let read = |text: &str| match yaml::parse(text, Path::new("a.yaml")).ok()?.to_json() {
        Value::Object(entries) => Some(entries),
        Value::Null => Some(serde_json::Map::new()),
        _ => None,
    };
    let plain = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase());
    let Some(mut wanted) = read(text).filter(|_| plain) else { return };
    let value = Value::from("new");
    let edited = set_key(text, None, key, Some(&value));
    wanted.insert(key.to_owned(), value);
    if let Some(there) = read(&edited) {
        assert_eq!(there, wanted, "{text:?} became {edited:?}");
    }
}

/// Any file, looked through for secrets: each finding must have its place in the file.
pub fn scan(data: &[u8]) {
    let known = KnownSecret { called: "the secret edr/token".to_owned(), value: b"correct horse battery".to_vec() };
    let scanner = Scanner::new(&[known], AllowList::default()).expect("it can be made");
    let lines = data.iter().filter(|byte| **byte == b'\n').count() + 1;
    for found in scanner.file(Path::new("a.yaml"), data) {
        assert!(found.line >= 1 && found.line <= lines && found.column >= 1, "{}:{}", found.line, found.column);
    }
}

/// Python hooks: each must be on a line of the file.
pub fn python(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut found = Vec::new();
    let lines = text.matches('\n').count() as u32 + 1;
    for place in [Place::Product, Place::Integration] {
        for hook in python_hooks::read("a.py", Path::new("a.py"), text, place, &mut found) {
            assert!(hook.at.line >= 1 && hook.at.line <= lines, "{}", hook.at);
        }
    }
    assert!(found.iter().filter_map(|found| found.at.as_ref()).all(|at| at.line <= lines));
}

/// Frames of a stream: the same ones, in whatever pieces it arrives.
pub fn frames(data: &[u8]) {
    let [kind, longest, piece, stream @ ..] = data else { return };
    let method = match kind % 4 {
        0 => Method::Until(b'\n'),
        1 => Method::OctetCounting,
        2 => Method::LengthDelimited,
        _ => Method::Until(0),
    };
    let cut = |piece: usize| {
        let mut framer = Framer::new(method, usize::from(*longest).max(1));
        let (mut buffer, mut found) = (BytesMut::new(), Vec::new());
        for piece in stream.chunks(piece.max(1)) {
            buffer.extend_from_slice(piece);
            while let Some(frame) = framer.next(&mut buffer) {
                found.push(frame);
            }
        }
        while let Some(frame) = framer.last(&mut buffer) {
            found.push(frame);
        }
        found
    };
    let whole = cut(stream.len());
    let longest = usize::from(*longest).max(1);
    assert!(whole.iter().all(|frame| !matches!(frame, Frame::Whole(frame) if frame.len() > longest)), "{whole:?}");
    assert_eq!(cut(usize::from(*piece)), whole);
}

/// Syslog, JSON, and the templates of subjects.
pub fn decoding(data: &[u8]) {
    for name in ["syslog", "json", "bytes"] {
        let options = serde_json::from_value::<DecodingOptions>(serde_json::json!({"codec": name})).expect("known");
        if let Ok(records) = options.decode(Bytes::copy_from_slice(data)) {
            records.for_each(drop);
        }
    }
    if let Ok(template) = std::str::from_utf8(data).map(Template::try_from)
        && let Ok(template) = template
    {
        assert!(template.source().starts_with(template.literal_prefix()) || template.fixed().is_none());
    }
}

/// A search of the store, in JSON or as a line of text.
pub fn query(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = resilmesh_store::check_query(text);
}

/// The write-ahead log of the store: as it is and, since nobody hits upon a checksum, with each part made a
/// record. A log that can be read is read the same the next time.
pub fn log(data: &[u8]) {
    let between = BETWEEN.as_bytes();
    let mut records = b"RMSTOREL\x01\0\0\0".to_vec();
    let mut rest = data;
    while !rest.is_empty() {
        let end = rest.windows(between.len()).position(|window| window == between);
        let (part, next) = end.map_or((rest, &b""[..]), |end| (&rest[..end], &rest[end + between.len()..]));
        records.extend_from_slice(b"\xf5RW1");
        records.extend_from_slice(&(part.len() as u32).to_le_bytes());
        records.extend_from_slice(&crc32(part).to_le_bytes());
        records.extend_from_slice(part);
        rest = next;
    }
    for bytes in [data, &records] {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("0000000000000001.log"), bytes).expect("writable");
        if let Ok(found) = resilmesh_store::check_log(folder.path()) {
            assert_eq!(resilmesh_store::check_log(folder.path()), Ok(found));
        }
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

/// An event on its way through enrichment: it stays JSON, with what it had.
pub fn event(data: &[u8]) {
    let Ok(event) = resilmesh_relay::event::Event::parse(data) else { return };
    let found = resilmesh_enrich::indicator::find(&event);
    let mut additions = resilmesh_relay::event::Additions::new();
    additions.add_text(&event, "resilmesh.note", "\"seen\"\n");
    let before: Result<Value, _> = serde_json::from_slice(data);
    let after: Result<Value, _> = serde_json::from_slice(&event.with(&additions));
    if let Ok(Value::Object(before)) = before {
        let after = after.expect("still JSON");
        assert!(found.len() <= data.len());
        for key in before.keys().filter(|key| !key.starts_with("resilmesh")) {
            assert!(after.get(key).is_some(), "`{key}` is lost");
        }
    }
}
