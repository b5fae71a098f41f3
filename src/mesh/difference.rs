//! What changed between two states of a project, in words of the mesh.
//!
//! Works on files, not on compiled meshes: a revision that does not compile has a history too, and
//! the time taken is that of what changed, not of the whole project.

mod entries;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use self::entries::entries;
use super::subject::Subject;
use crate::project::position::one_line;
use crate::project::setting;

/// The longest value that is shown whole.
const LONGEST: usize = 60;
/// How many of several secrets are named.
const NAMED: usize = 5;

/// A file that is not the same in both states; paths are relative to the project. The bytes are
/// those of the file only if [`Subject::has_content`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// The file.
    pub path: PathBuf,
    /// What it held; none = it was not there.
    pub before: Option<Vec<u8>>,
    /// What it holds; none = it is not there any more.
    pub after: Option<Vec<u8>>,
}

/// A key whose value is not the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeyChange {
    /// The key; `settings.` before that of a setting, `zones.` before that of a zone; that of a conduit is
    /// `zones.ZONE.conduits.ZONE`, of what a profile sets `instances.INSTANCE.settings.KEY`, of a test case
    /// `cases.NAME`.
    pub key: String,
    /// Its value before; none = it had none.
    pub before: Option<Value>,
    /// Its value after.
    pub after: Option<Value>,
}

/// How something changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum How {
    /// It was not there before.
    Added,
    /// It is not there any more.
    Removed,
    /// It is not the same; no keys = only comments or layout, or it is no document of keys.
    Changed {
        /// Which keys.
        keys: Vec<KeyChange>,
        /// Which files of a product.
        files: Vec<String>,
    },
}

/// One thing that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// What.
    #[serde(flatten)]
    pub of: Subject,
    /// How.
    #[serde(flatten)]
    pub how: How,
}

/// What the changes of files mean, sorted.
pub fn differences(changes: &[FileChange]) -> Vec<Difference> {
    let mut found: Vec<Difference> = Vec::new();
    let mut products: BTreeMap<Subject, Vec<&FileChange>> = BTreeMap::new();
    for change in changes {
        match Subject::of(&change.path) {
            of @ Subject::Product { .. } => products.entry(of).or_default().push(change),
            of => found.push(single(of, change)),
        }
    }
    found.extend(products.into_iter().map(|(of, changes)| Difference { how: product(&changes), of }));
    let mut found = together(found);
    found.sort_by(|one, other| one.of.cmp(&other.of));
    found
}

/// Secrets that may have changed for one reason are told as one change.
///
/// Whether a value is new, or only encrypted to other keys, cannot be seen without a key. When the
/// recipients change, or somebody rotates, all files change and most values do not.
fn together(found: Vec<Difference>) -> Vec<Difference> {
    let changed = |one: &Difference| matches!(one.how, How::Changed { .. });
    let recipients = found.iter().any(|one| matches!(one.of, Subject::Recipients { .. }) && changed(one));
    let (secrets, mut others): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|one| matches!(one.of, Subject::Secret { .. }) && changed(one));
    if secrets.is_empty() || secrets.len() == 1 && !recipients {
        others.extend(secrets);
        return others;
    }
    let names = secrets.into_iter().filter_map(|one| match one.of {
        Subject::Secret { secret } => Some(secret),
        _ => None,
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    let how = How::Changed { keys: Vec::new(), files: Vec::new() };
    others.push(Difference { of: Subject::Secrets { secrets: names }, how });
    others
}

fn single(of: Subject, change: &FileChange) -> Difference {
    let how = match (&change.before, &change.after) {
        (None, _) if of != Subject::Mesh => How::Added,
        (_, None) if of != Subject::Mesh => How::Removed,
        (before, after) => How::Changed { keys: keys(&of, before.as_deref(), after.as_deref()), files: Vec::new() },
    };
    Difference { of, how }
}

/// A product comes and goes with its definition; without one nobody can tell from the changes alone.
fn product(changes: &[&FileChange]) -> How {
    let below = |path: &Path| path.components().skip(2).collect::<PathBuf>().to_string_lossy().into_owned();
    let definition = changes.iter().find(|change| below(&change.path) == crate::project::product_folder::DEFINITION);
    match definition {
        Some(FileChange { before: None, .. }) => How::Added,
        Some(FileChange { after: None, .. }) => How::Removed,
        _ => How::Changed { keys: Vec::new(), files: changes.iter().map(|change| below(&change.path)).collect() },
    }
}

fn keys(of: &Subject, before: Option<&[u8]>, after: Option<&[u8]>) -> Vec<KeyChange> {
    if let Subject::Recipients { .. } = of {
        return members(before.unwrap_or_default(), after.unwrap_or_default());
    }
    let (Some(before), Some(after)) = (entries(before), entries(after)) else { return Vec::new() };
    let all: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    all.into_iter()
        .filter(|key| before.get(*key) != after.get(*key) && !is_told_by_the_path(of, key))
        .map(|key| KeyChange { key: key.clone(), before: before.get(key).cloned(), after: after.get(key).cloned() })
        .collect()
}

fn is_told_by_the_path(of: &Subject, key: &str) -> bool {
    match of {
        Subject::Instance { .. } => matches!(key, "name" | "product"),
        Subject::Plug { .. } => matches!(key, "src_instance" | "dst_instance" | "topic" | "mode" | "status"),
        _ => false,
    }
}

fn members(before: &[u8], after: &[u8]) -> Vec<KeyChange> {
    let lines = |bytes: &[u8]| -> BTreeSet<String> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.lines().map(|line| line.split('#').next().unwrap_or_default().trim().to_owned()).collect()
    };
    let (before, after) = (lines(before), lines(after));
    let there = |key: &String, lines: &BTreeSet<String>| lines.contains(key).then_some(Value::Bool(true));
    before
        .symmetric_difference(&after)
        .filter(|key| !key.is_empty())
        .map(|key| KeyChange { key: key.clone(), before: there(key, &before), after: there(key, &after) })
        .collect()
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Subject::Secrets { secrets } = &self.of {
            let named: Vec<String> = secrets.iter().take(NAMED).map(|name| one_line(name)).collect();
            let more = secrets.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            return write!(f, "{} re-encrypted or changed: {}{more}", self.of, named.join(", "));
        }
        match &self.how {
            How::Added => write!(f, "{} added", self.of),
            How::Removed => write!(f, "{} removed", self.of),
            How::Changed { keys, files } if keys.is_empty() && files.is_empty() => {
                let only = if self.of.has_content() { " (comments or layout only)" } else { "" };
                write!(f, "{} changed{only}", self.of)
            }
            How::Changed { keys, files } => {
                let recipients = matches!(self.of, Subject::Recipients { .. });
                let keys = keys.iter().map(|key| if recipients { key.as_member() } else { key.to_string() });
                let files = files.iter().map(|file| one_line(file));
                write!(f, "{}: {}", self.of, keys.chain(files).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl KeyChange {
    fn as_member(&self) -> String {
        format!("{} {}", self.key, if self.after.is_some() { "added" } else { "removed" })
    }
}

impl fmt::Display for KeyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = one_line(&entries::words(&self.key));
        match (&self.before, &self.after) {
            (None, Some(_)) if entries::is_thing(&self.key) => write!(f, "{name} added"),
            (Some(_), None) if entries::is_thing(&self.key) => write!(f, "{name} removed"),
            (Some(_), Some(_)) if entries::is_case(&self.key) => write!(f, "{name} changed"),
            (Some(before), Some(after)) => {
                let (before, after) = (show(before), show(after));
                // Where values have arrows of their own.
                let arrows = format!("{before}{after}").contains("->");
                if arrows {
                    write!(f, "{name} from {before} to {after}")
                } else {
                    write!(f, "{name} {before} -> {after}")
                }
            }
            (None, Some(after)) => write!(f, "{name} set to {}", show(after)),
            (before, None) => write!(f, "{name} taken out (was {})", before.as_ref().map(show).unwrap_or_default()),
        }
    }
}

/// A value on one line, not too long.
pub fn show(value: &Value) -> String {
    let text = one_line(&setting::show(value));
    if text.chars().count() <= LONGEST { text } else { text.chars().take(LONGEST).chain("...".chars()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(path: &str, before: Option<&str>, after: Option<&str>) -> FileChange {
        let bytes = |text: Option<&str>| text.map(|text| text.as_bytes().to_owned());
        FileChange { path: path.into(), before: bytes(before), after: bytes(after) }
    }

    fn words(changes: &[FileChange]) -> String {
        differences(changes).iter().map(|found| format!("{found}\n")).collect()
    }

    #[test]
    fn zones_are_told_one_by_one_and_so_are_their_conduits() {
        let before = "version: 1\nzones:\n  a: {description: Plant}\n  b:\n";
        let after = "version: 1\nzones:\n  a: {conduits: {c: [logs], b: '*'}}\n  c:\n";
        let told = words(&[change("resilmesh.yaml", Some(before), Some(after))]);
        insta::assert_snapshot!(told, @r#"the mesh: zone a Plant -> -, conduit from a to b set to *, conduit from a to c set to ["logs"], zone b removed, zone c added"#);
    }

    #[test]
    fn profiles_and_test_cases_are_told_one_by_one() {
        let before = "version: 1\nruntime: embedded\ninstances:\n  bus: {settings: {a: 1, b: 2}}\n";
        let after = "version: 1\ninstances:\n  bus: {settings: {a: 2}, runtime: docker}\n  s.1: {settings: {c: x}}\n";
        let cases = "at: a -> b\ncases:\n- {name: one, line: x}\n- {name: two, line: x}\n- {name: two, line: y}\n";
        let edited = "at: a -> c\ncases:\n- {name: one, line: y}\n- {name: two, line: x}\n- {name: three}\n";
        let told = words(&[
            change("profiles/prod.yaml", Some(before), Some(after)),
            change("profiles/test.yaml", None, Some("")),
            change("profiles/old.yaml", Some("# x\n"), Some("# y\n")),
            change("tests/mesh.yaml", Some(cases), Some(edited)),
            change("tests/other.yml", Some(""), None),
            change("tests/lines.txt", Some(""), None),
        ]);
        insta::assert_snapshot!(told, @"
        profile old changed (comments or layout only)
        profile prod: runtime of bus set to docker, setting a of bus 1 -> 2, setting b of bus taken out (was 2), setting c of s.1 set to x, runtime taken out (was embedded)
        profile test added
        tests in mesh.yaml: at from a -> b to a -> c, case one changed, case three added, case two (2) removed
        tests in other.yml removed
        file tests/lines.txt removed
        ");
    }

    #[test]
    fn changes_are_told_in_words_of_the_mesh() {
        let told = words(&[
            change("instances/edr/edr-1/plugs/siem-1/alerts.yaml", None, Some("topic: alerts\n")),
            change("instances/edr/edr-1/plugs/siem-1/alerts_pull.yaml", Some(""), None),
            change(
                "instances/nats/bus/config.yaml",
                Some("name: bus\nsettings:\n  max_age: 30d\n  b: 1\n"),
                Some("name: bus\nzone: dmz\nsettings:\n  max_age: 90d\n  c: [x]\n"),
            ),
            change("instances/nats/b2/config.yaml", Some("name: b2\n"), Some("# note\nname: b2\n")),
            change("secrets/edr/token.gpg", Some(""), Some("")),
            change("secrets/.gpg-id", Some("AAA\nBBB # eve\n"), Some("AAA\nCCC\n")),
            change("secrets/.public-keys/CCC", None, Some("")),
            change("products/edr/definition.yaml", Some(""), Some("")),
            change("products/edr/hooks.py", Some(""), Some("")),
            change("products/siem/definition.yaml", None, Some("")),
            change("resilmesh.yaml", Some("name: soc\n"), Some("name: soc2\n")),
            change("README.md", None, Some("")),
            change("evil\nname", None, Some("")),
        ]);
        insta::assert_snapshot!(told, @r#"
        the mesh: name soc -> soc2
        product edr: definition.yaml, hooks.py
        product siem added
        instance b2 changed (comments or layout only)
        instance bus: setting b taken out (was 1), setting c set to ["x"], setting max_age 30d -> 90d, zone set to dmz
        plug alerts edr-1 -> siem-1 added
        plug alerts edr-1 -> siem-1 (pull) removed
        1 secret re-encrypted or changed: edr/token
        recipients of the secrets: BBB removed, CCC added
        public key CCC for the secrets added
        file README.md added
        file evil\nname added
        "#);
    }

    #[test]
    fn secrets_that_change_at_once_are_told_as_one_change() {
        let secret = |name: &str| change(&format!("secrets/{name}.gpg"), Some(""), Some(""));
        assert_eq!(words(&[secret("a")]), "secret a changed\n");
        let all: Vec<FileChange> = ["g", "f", "e", "d", "c", "b", "x/a"].map(secret).into();
        assert_eq!(words(&all), "7 secrets re-encrypted or changed: b, c, d, e, f and 2 more\n");
        let joins = change("secrets/.gpg-id", Some("AAA\n"), Some("AAA\nCCC\n"));
        let gone = change("secrets/old.gpg", Some(""), None);
        let told = words(&[secret("a"), secret("b"), gone, change("secrets/new.gpg", None, Some("")), joins]);
        insta::assert_snapshot!(told, @"
        secret new added
        secret old removed
        2 secrets re-encrypted or changed: a, b
        recipients of the secrets: CCC added
        ");
        let found = serde_json::to_value(differences(&all[5..])).expect("JSON");
        assert_eq!(found[0]["what"], "secrets");
        assert_eq!(found[0]["secrets"], serde_json::json!(["b", "x/a"]));
    }

    #[test]
    fn the_json_form_names_what_and_how() {
        let found = differences(&[change("instances/a/b/plugs/c/logs.yaml", None, Some(""))]);
        assert_eq!(
            serde_json::to_value(&found).expect("JSON"),
            serde_json::json!([{
                "what": "plug", "source": "b", "destination": "c", "topic": "logs", "mode": "push", "change": "added"
            }])
        );
    }
}
