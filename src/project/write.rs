//! Writing the project's files: YAML with sorted keys, and files that are there whole or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Mode of a new file before the user's mask.
const NEW_FILE: u32 = 0o666;

/// The YAML of a map: keys sorted, one form for each value.
pub fn to_yaml(entries: &BTreeMap<String, Value>) -> String {
    let mut out = String::new();
    for (key, value) in entries {
        entry(key, value, 0, &mut out);
    }
    out
}

fn entry(key: &str, value: &Value, indent: usize, out: &mut String) {
    out.push_str(&" ".repeat(indent));
    let key = text(key);
    if is_long(&key) {
        out.push_str(&format!("? {key}\n{}:", " ".repeat(indent)));
    } else {
        out.push_str(&format!("{key}:"));
    }
    below(value, indent, out);
}

/// A value behind `key:` or `-`: on the same line if it is short by nature, else on lines of its own.
fn below(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            for item in items {
                out.push_str(&" ".repeat(indent));
                out.push('-');
                self::item(item, indent, out);
            }
        }
        Value::Object(entries) if !entries.is_empty() => {
            out.push('\n');
            for (key, value) in entries.iter().collect::<BTreeMap<_, _>>() {
                entry(key, value, indent + 2, out);
            }
        }
        _ => {
            out.push(' ');
            out.push_str(&inline(value));
            out.push('\n');
        }
    }
}

/// An item behind its `-`: a map begins on the same line.
fn item(value: &Value, indent: usize, out: &mut String) {
    let Value::Object(entries) = value else { return below(value, indent + 2, out) };
    if entries.is_empty() {
        return below(value, indent + 2, out);
    }
    let mut block = String::new();
    for (key, value) in entries.iter().collect::<BTreeMap<_, _>>() {
        entry(key, value, indent + 2, &mut block);
    }
    out.push(' ');
    out.push_str(block.trim_start_matches(' '));
}

/// A value on one line.
pub fn inline(value: &Value) -> String {
    match value {
        Value::String(value) => text(value),
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let sorted: BTreeMap<_, _> = entries.iter().collect();
            let entry = |(key, value): (&String, &Value)| match text(key) {
                key if is_long(&key) => format!("? {key} : {}", inline(value)),
                key => format!("{key}: {}", inline(value)),
            };
            let entries: Vec<String> = sorted.into_iter().map(entry).collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// Whether a key, as it is written, is too long to stand before its `:` without more ado: YAML looks no
/// further than 1024 characters for that.
fn is_long(key: &str) -> bool {
    key.chars().count() > 1000
}

/// A text without quotes where every YAML reader takes it for that text, else as JSON has it, which
/// is YAML as well.
fn text(text: &str) -> String {
    // What YAML 1.1 or 1.2 takes for something other than text.
    const WORDS: [&str; 10] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan"];
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '/');
    let plain = starts
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./@+".contains(c))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { Value::from(text).to_string() }
}

/// Puts `text` into the file at `path`, making the folders above it. A reader sees the old file or
/// the new one, never a part.
///
/// # Errors
/// When that cannot be done; the old file is then as it was.
pub fn replace(path: &Path, text: impl AsRef<[u8]>) -> std::io::Result<()> {
    let aside = aside(path, text.as_ref())?;
    aside.as_file().sync_all()?;
    aside.persist(path)?;
    Ok(())
}

/// A file that is to hold another text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// The file.
    pub path: PathBuf,
    /// What it holds.
    pub before: String,
    /// What it shall hold.
    pub after: String,
}

/// Rewrites many files below `folder`, which wait for the disk together. Where the text only becomes longer
/// or shorter, the file is not replaced: the system does that as a whole too, and a file for each would cost
/// many times as much.
///
/// # Errors
/// When that cannot be done with one of them; with the others it is done all the same, unless the disk
/// fails.
pub fn rewrite_all(folder: &Path, files: &[Rewrite]) -> std::io::Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let (mut result, mut written) = (Ok(()), Vec::new());
    for Rewrite { path, before, after } in files {
        let done = if let Some(more) = after.strip_prefix(before.as_str()) {
            append(path, more)
        } else if before.starts_with(after.as_str()) {
            shorten(path, after.len())
        } else {
            aside(path, after.as_bytes()).map(|aside| written.push((aside, path)))
        };
        result = result.and(done);
    }
    nix::unistd::syncfs(fs::File::open(folder)?)?;
    for (aside, path) in written {
        result = result.and(aside.persist(path).map(drop).map_err(Into::into));
    }
    result
}

fn append(path: &Path, text: &str) -> std::io::Result<()> {
    fs::OpenOptions::new().append(true).open(path)?.write_all(text.as_bytes())
}

fn shorten(path: &Path, length: usize) -> std::io::Result<()> {
    fs::OpenOptions::new().write(true).open(path)?.set_len(length as u64)
}

/// The text in a file beside the one that it is to replace, with that one's permissions.
fn aside(path: &Path, text: &[u8]) -> std::io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let permissions = fs::metadata(path).map_or_else(|_| fs::Permissions::from_mode(NEW_FILE), |old| old.permissions());
    let mut aside =
        tempfile::Builder::new().prefix(".resilmesh-").suffix(".tmp").permissions(permissions).tempfile_in(folder)?;
    aside.write_all(text)?;
    Ok(aside)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::project::yaml;

    #[test]
    fn yaml_is_sorted_and_readable() {
        let entries = BTreeMap::from([
            (
                "settings".to_owned(),
                json!({"b": [1, "x", {"one": 2, "two": [3]}, {}], "a": {"empty": [], "word": "yes", "path": "/var/log/a.log"}}),
            ),
            ("name".to_owned(), json!("bus")),
        ]);
        insta::assert_snapshot!(to_yaml(&entries), @r#"
        name: bus
        settings:
          a:
            empty: []
            path: /var/log/a.log
            word: "yes"
          b:
          - 1
          - x
          - one: 2
            two:
            - 3
          - {}
        "#);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
            "[a-z0-9.:#-]{0,8}".prop_map(Value::from),
            prop::sample::select(vec!["null", "1.10", "0x1f", "~", "- a", "a: b", " a", "a ", "#a", "é", "yes"])
                .prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{1,6}|.{1,4}", inner, 0..5)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in any_json()) {
            let text = to_yaml(&BTreeMap::from([("value".to_owned(), value.clone())]));
            let node = yaml::parse(&text, Path::new("x.yaml")).map_err(|wrong| TestCaseError::fail(format!("{wrong:?}\n{text}")))?;
            prop_assert_eq!(node.to_json(), json!({"value": value}), "{}", text);
            let line = format!("value: {}\n", inline(&value));
            let node = yaml::parse(&line, Path::new("x.yaml")).map_err(|wrong| TestCaseError::fail(format!("{wrong:?}\n{line}")))?;
            prop_assert_eq!(node.to_json(), json!({"value": value}), "{}", line);
        }
    }

    #[test]
    fn a_key_that_is_very_long_reads_back() {
        for key in ["k".repeat(2_000), "\u{13}".repeat(300)] {
            let value = json!({key.clone(): [{key.clone(): {key.clone(): 1}, "b": 2}]});
            let text = to_yaml(&value.as_object().expect("a map").clone().into_iter().collect());
            assert_eq!(yaml::parse(&text, Path::new("x.yaml")).expect("YAML").to_json(), value, "{text}");
            let line = inline(&value);
            assert_eq!(yaml::parse(&line, Path::new("x.yaml")).expect("YAML").to_json(), value, "{line}");
        }
    }

    #[test]
    fn files_are_rewritten_whichever_way_their_text_changes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let rewrite = |name: &str, before: &str, after: &str| {
            let path = folder.path().join(name);
            fs::write(&path, before).expect("writable");
            Rewrite { path, before: before.to_owned(), after: after.to_owned() }
        };
        let missing = Rewrite { path: folder.path().join("gone"), before: "a".to_owned(), after: "ab".to_owned() };
        let files = [
            rewrite("longer", "a: 1\n", "a: 1\nb: 2\n"),
            missing,
            rewrite("shorter", "a: 1\nb: 2\n", "a: 1\n"),
            rewrite("other", "a: 1\n", "b: 1\n"),
            rewrite("same", "a: 1\n", "a: 1\n"),
        ];
        rewrite_all(folder.path(), &files).expect_err("one is not there");
        for Rewrite { path, after, .. } in files.iter().filter(|file| !file.path.ends_with("gone")) {
            assert_eq!(fs::read_to_string(path).expect("readable"), *after, "{}", path.display());
        }
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 4, "nothing is left beside them");
    }

    #[test]
    fn a_replaced_file_keeps_its_mode() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a/b.yaml");
        replace(&path, "one\n").expect("writable");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("it is ours");
        replace(&path, "two\n").expect("writable");
        assert_eq!(fs::read_to_string(&path).expect("readable"), "two\n");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path().join("a")).expect("a folder").count(), 1, "nothing is left beside it");
    }
}
