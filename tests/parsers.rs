//! A short run of each target of `fuzz/`: bytes that nobody chose, and files of this repository with
//! some of their bytes changed.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use targets::{BETWEEN, TARGETS};

/// How many inputs each target is given, unless `RESILMESH_FUZZ_CASES` says otherwise.
const CASES: u32 = 256;
/// Larger files tell nothing more.
const LARGEST: usize = 16 * 1024;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_symlink() || path.ends_with("target") {
            continue;
        }
        if path.is_dir() { files_below(&path, found) } else { found.push(path) }
    }
}

fn with_ending(folders: &[&str], endings: &[&str]) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    folders.iter().for_each(|folder| files_below(&root().join(folder), &mut files));
    let wanted = |path: &&PathBuf| {
        path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| endings.contains(&ending))
    };
    let texts = files.iter().filter(wanted).map(|path| std::fs::read(path).expect("readable"));
    texts.filter(|text| text.len() <= LARGEST).collect()
}

/// A project as one input: each file after its path.
fn as_one_input(folder: &Path) -> Vec<u8> {
    let mut files = Vec::new();
    files_below(folder, &mut files);
    let mut parts = Vec::new();
    for path in files.iter().filter(|path| !path.ends_with("expected.snap")) {
        let name = path.strip_prefix(folder).expect("below it").to_string_lossy().into_owned();
        parts.push([name.as_bytes(), b"\n", &std::fs::read(path).expect("readable")].concat());
    }
    parts.join(BETWEEN.as_bytes())
}

fn projects() -> Vec<Vec<u8>> {
    let folders = |base: &str| -> Vec<PathBuf> {
        std::fs::read_dir(root().join(base)).expect("readable").map(|entry| entry.expect("readable").path()).collect()
    };
    let mut all: Vec<PathBuf> = [folders("tests/invalid"), folders("examples")].concat();
    all.sort();
    let mut all: Vec<Vec<u8>> = all.iter().filter(|path| path.is_dir()).map(|path| as_one_input(path)).collect();
    // The catalogue as a project's own products.
    let products = with_names("products", "products");
    all.push(products);
    all.retain(|text| text.len() <= 4 * LARGEST);
    all
}

fn with_names(base: &str, prefix: &str) -> Vec<u8> {
    let text = as_one_input(&root().join(base));
    let parts: Vec<String> =
        String::from_utf8_lossy(&text).split(BETWEEN).map(|part| format!("{prefix}/{part}")).collect();
    parts.join(BETWEEN).into_bytes()
}

/// What the store's log says of a document, without mark and checksum.
fn record(id: &[u8], source: &[u8]) -> Vec<u8> {
    let numbers = [1, 1, 7].map(i64::to_le_bytes).concat();
    let length = u32::try_from(id.len()).expect("short").to_le_bytes();
    [&[1; 17][..], &numbers, &length, id, source].concat()
}

/// What a target begins with.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let yaml = || with_ending(&["products", "examples", "tests/invalid"], &["yaml", "yml"]);
    let text = |all: &[&str]| all.iter().map(|one| one.as_bytes().to_vec()).collect::<Vec<_>>();
    match target {
        "document" => yaml().into_iter().chain([[&[0x13; 300][..], b": a\n"].concat()]).collect(),
        "project" => projects(),
        "template" => {
            let mut all = with_ending(&["products", "tests/invalid"], &["yaml", "conf", "jinja"]);
            all.extend(text(&["{%- import \"lib.jinja\" as lib -re%}"]));
            all
        }
        "journal" => text(&[
            "{\"version\": 1}",
            "{\"version\": 2, \"services\": {}, \"setups\": {}, \"plugs\": {}, \"undo\": {}}\n%%\n{\"PlugUp\": 1}\n",
            "\n%%\n[]\n",
        ]),
        "hook_lines" => text(&[
            "{\"type\": \"hello\", \"version\": 1, \"language\": \"python\", \"runtime\": \"3.11.2\"}\n{\"type\": \"log\", \"call\": 7, \"level\": \"info\", \"text\": \"a line\"}",
            "{\"type\": \"progress\", \"call\": 7, \"text\": \"half\", \"done\": 0.5}\n{\"type\": \"item\", \"call\": 7, \"value\": {\"a\": [1, null]}}",
            "{\"type\": \"done\", \"call\": 7, \"value\": \"x\"}\n{\"type\": \"failed\", \"call\": 7, \"error\": {\"kind\": \"x\", \"message\": \"m\"}}",
            "{\"type\": \"ask\", \"ask\": 1, \"call\": 7, \"request\": {\"what\": \"secret\"}}",
        ]),
        "merge" => yaml()
            .into_iter()
            .map(|base| {
                let changed = [&base[..], b"\nadded: 1\n"].concat();
                [&base[..], &changed, &base].join(BETWEEN.as_bytes())
            })
            .collect(),
        "edit" => yaml().into_iter().map(|text| [b"settings", &text[..]].join(BETWEEN.as_bytes())).collect(),
        "scan" => {
            let mut all = with_ending(&["products", "sdk/python", "tests/invalid"], &["yaml", "py", "conf"]);
            all.extend(text(&[
                "password = \"correct horse battery\"\n",
                "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n",
                "Y29ycmVjdCBob3JzZSBiYXR0ZXJ5",
            ]));
            all
        }
        "python" => with_ending(&["sdk/python", "tests/invalid", "templates"], &["py"]),
        "frames" => text(&[
            "\u{1}\u{1}\u{1}\n222",
            "\u{1}\u{20}\u{3}11 hello world5 again\nplain\n",
            "\0\u{8}\u{1}a\nbbbbbbbbbbbb\nc",
            "\u{2}\u{10}\u{2}\0\0\0\u{2}ab\0\0\0\u{7f}c",
        ]),
        "decoding" => text(&[
            "<134>Nov 21 10:00:00 gw01 app[4242]: a line",
            "<34>1 2026-11-21T10:00:00.003Z host app 77 ID47 [a@1 k=\"v\"] \u{feff}text",
            "[{\"a\": 1}, {\"b\": {\"c\": [1, 2.5, null]}}]",
            "logs.{{ host }}.%Y-%m-%d",
        ]),
        "query" => text(&[
            "source.ip:203.0.113.7 AND NOT (event.kind:alert OR message:\"a b\"~2) risk:[50 TO 100} name:ad*n",
            "{\"bool\": {\"must\": [{\"match\": {\"message\": {\"query\": \"a b\", \"operator\": \"and\"}}}], \"filter\": {\"range\": {\"@timestamp\": {\"gte\": \"now-1d/d\", \"lt\": \"2026-11-21\"}}}}}",
            "{\"query_string\": {\"query\": \"a:b\", \"default_field\": \"m\"}}",
            "{\"terms\": {\"a\": [1, \"b\"]}}",
        ]),
        "event" => text(&[
            "{\"source\": {\"ip\": \"203.0.113.7\"}, \"url.domain\": \"example.org\", \"tags\": [\"a\"]}",
            "{\"dns\":{\"question\":{\"name\":\"a.example.org\"}},\"resilmesh\":{\"x\":1}}",
        ]),
        "log" => vec![
            record(b"1", b"{\"a\": 1}"),
            [record(b"1", b"{}"), record(b"second", b"")].join(BETWEEN.as_bytes()),
            b"RMSTOREL\x01\0\0\0\xf5RW1\x2d\0\0\0\0\0\0\0".to_vec(),
        ],
        other => panic!("`{other}` has no seeds: add some"),
    }
}

/// What is done to a seed.
#[derive(Debug, Clone)]
enum Change {
    Put(prop::sample::Index, Vec<u8>),
    Take(prop::sample::Index, usize),
    Double(prop::sample::Index, usize),
    Swap(prop::sample::Index, u8),
}

/// What parsers look at.
const SPECIAL: [&str; 28] = [
    ":",
    "- ",
    "\n",
    "\t",
    "{",
    "}",
    "[",
    "]",
    "&a ",
    "*a",
    "<<: ",
    "\"",
    "'",
    "|",
    "#",
    "%",
    "\r",
    "\u{feff}",
    "{{",
    "}}",
    "{% if x %}",
    "\0",
    "99999999999999999999",
    "é",
    "\u{202e}",
    "---\n",
    "~",
    "\\",
];

fn change() -> impl Strategy<Value = Change> {
    let place = any::<prop::sample::Index>;
    let special = prop::sample::select(&SPECIAL[..]).prop_map(|text| text.as_bytes().to_vec());
    prop_oneof![
        (place(), prop_oneof![special, prop::collection::vec(any::<u8>(), 1..4)])
            .prop_map(|(at, new)| Change::Put(at, new)),
        (place(), 1..40usize).prop_map(|(at, length)| Change::Take(at, length)),
        (place(), 1..80usize).prop_map(|(at, length)| Change::Double(at, length)),
        (place(), any::<u8>()).prop_map(|(at, byte)| Change::Swap(at, byte)),
    ]
}

fn changed(mut text: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let at = |index: &prop::sample::Index| index.index(text.len() + 1);
        match change {
            Change::Put(index, new) => drop({
                let at = at(index);
                text.splice(at..at, new.iter().copied()).count()
            }),
            Change::Take(index, length) => {
                let at = at(index);
                let end = (at + length).min(text.len());
                text.drain(at..end);
            }
            Change::Double(index, length) => {
                let at = at(index);
                let part = text[at..(at + length).min(text.len())].to_vec();
                text.splice(at..at, part);
            }
            Change::Swap(index, byte) => {
                let at = at(index);
                if let Some(old) = text.get_mut(at) {
                    *old = *byte;
                }
            }
        }
    }
    text
}

fn inputs(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let mutated = (prop::sample::select(seeds), prop::collection::vec(change(), 0..6))
        .prop_map(|(seed, changes)| changed(seed, &changes));
    prop_oneof![1 => prop::collection::vec(any::<u8>(), 0..200), 9 => mutated]
}

fn run(name: &str) {
    let (_, target) = TARGETS.iter().find(|(own, _)| *own == name).expect("a target");
    let seeds = seeds(name);
    assert!(!seeds.is_empty(), "{name} has seeds");
    seeds.iter().for_each(|seed| target(seed));
    let cases = std::env::var("RESILMESH_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    // The same in every run, unless somebody asks for more: what is found here is found again.
    let mut runner = match std::env::var_os("RESILMESH_FUZZ_CASES") {
        Some(_) => TestRunner::new(config),
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    };
    let outcome = runner.run(&inputs(seeds), |input| {
        target(&input);
        Ok(())
    });
    if let Err(error) = outcome {
        let mut shown = String::new();
        if let proptest::test_runner::TestError::Fail(_, input) = &error {
            write!(shown, "\nas text: {:?}", String::from_utf8_lossy(input)).expect("memory");
        }
        panic!("{name}: {error}{shown}");
    }
}

/// One test a target, so that they run side by side.
macro_rules! runs {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            run(stringify!($name));
        })*

        #[test]
        fn every_target_is_run() {
            let run: BTreeMap<&str, ()> = [$((stringify!($name), ())),*].into();
            assert!(TARGETS.iter().all(|(name, _)| run.contains_key(name)) && run.len() == TARGETS.len());
        }
    };
}

runs!(document project template journal hook_lines merge edit scan python frames decoding query event log);
