//! `SECRET[backend.key]` in configuration text, and where the values come from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::ConfigError;

/// A backend as configured under `secret.<name>`.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Backend {
    /// One file per key in a folder.
    Directory {
        /// The folder.
        path: PathBuf,
        /// Whether white space at the end of a value is taken off. A final line end always is.
        #[serde(default)]
        remove_trailing_whitespace: bool,
    },
    /// A JSON object of texts in one file.
    File {
        /// The file.
        path: PathBuf,
    },
}

/// The values that were put in, so that no message shows one.
#[derive(Default, Clone)]
pub struct Secrets {
    values: BTreeMap<String, String>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Secrets {
    /// Looks up every reference in `texts` (file and content).
    ///
    /// # Errors
    /// One per reference that has no value: unknown backend, missing key, empty or unreadable.
    pub fn look_up(
        backends: &BTreeMap<String, Backend>,
        texts: &[(PathBuf, String)],
    ) -> Result<Self, Vec<ConfigError>> {
        let (mut values, mut errors) = (BTreeMap::new(), Vec::new());
        for (file, text) in texts {
            for (backend, key) in references(text) {
                let name = format!("{backend}.{key}");
                if values.contains_key(&name) {
                    continue;
                }
                let found = match backends.get(backend) {
                    None => Err(format!("`secret` has no backend `{backend}`")),
                    Some(from) => from.value(key),
                };
                match found {
                    Ok(value) => drop(values.insert(name, value)),
                    Err(reason) => errors.push(
                        ConfigError::new(file, format!("`SECRET[{name}]` has no value: {reason}"))
                            .hint("put the value there, or take the reference out"),
                    ),
                }
            }
        }
        if errors.is_empty() { Ok(Self { values }) } else { Err(errors) }
    }

    /// `text` with every reference replaced by its value.
    pub fn put_in(&self, text: &str) -> String {
        let (mut out, mut rest) = (String::with_capacity(text.len()), text);
        while let Some((before, name, after)) = next_reference(rest) {
            out.push_str(before);
            match self.values.get(name) {
                Some(value) => out.push_str(value),
                None => out.push_str(&rest[before.len()..rest.len() - after.len()]),
            }
            rest = after;
        }
        out.push_str(rest);
        out
    }

    /// `text` with every value replaced by its reference.
    pub fn hide(&self, text: &str) -> String {
        self.values
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .fold(text.to_owned(), |text, (name, value)| text.replace(value.as_str(), &format!("SECRET[{name}]")))
    }

    /// The error with every value replaced by its reference.
    pub fn hide_in(&self, mut error: ConfigError) -> ConfigError {
        error.message = self.hide(&error.message);
        error.hint = error.hint.map(|hint| self.hide(&hint).into());
        error.snippet = error.snippet.map(|snippet| self.hide(&snippet).into());
        error
    }
}

impl Backend {
    fn value(&self, key: &str) -> Result<String, String> {
        let value = match self {
            Self::Directory { path, remove_trailing_whitespace } => {
                if Path::new(key).components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
                    return Err("the key leads out of the folder".to_owned());
                }
                let file = path.join(key);
                let text = read(&file)?;
                if *remove_trailing_whitespace {
                    text.trim_end().to_owned()
                } else {
                    text.strip_suffix('\n').map_or(text.as_str(), |t| t.strip_suffix('\r').unwrap_or(t)).to_owned()
                }
            }
            Self::File { path } => {
                let text = read(path)?;
                let mut keys: BTreeMap<String, String> = serde_json::from_str(&text)
                    .map_err(|_| format!("`{}` is no JSON object of texts", path.display()))?;
                keys.remove(key).ok_or_else(|| format!("`{}` has no key `{key}`", path.display()))?
            }
        };
        if value.is_empty() { Err("it is empty".to_owned()) } else { Ok(value) }
    }
}

fn read(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|error| format!("`{}`: {error}", file.display()))
}

/// The references in a text as (backend, key).
fn references(text: &str) -> Vec<(&str, &str)> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some((_, name, after)) = next_reference(rest) {
        found.extend(name.split_once('.'));
        rest = after;
    }
    found
}

/// The text before the next `SECRET[backend.key]`, `backend.key`, and the text after it.
fn next_reference(text: &str) -> Option<(&str, &str, &str)> {
    const START: &str = "SECRET[";
    let mut from = 0;
    while let Some(found) = text[from..].find(START) {
        let start = from + found;
        let inside = &text[start + START.len()..];
        if let Some(end) = inside.find(']')
            && is_reference(&inside[..end])
        {
            return Some((&text[..start], &inside[..end], &inside[end + 1..]));
        }
        from = start + START.len();
    }
    None
}

fn is_reference(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.split_once('.').is_some_and(|(backend, key)| {
        !backend.is_empty()
            && backend.chars().all(word)
            && !key.is_empty()
            && key.chars().all(|c| word(c) || matches!(c, '.' | '-' | '/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(path: &Path) -> BTreeMap<String, Backend> {
        BTreeMap::from([(
            "mesh".to_owned(),
            Backend::Directory { path: path.to_owned(), remove_trailing_whitespace: false },
        )])
    }

    fn text(text: &str) -> Vec<(PathBuf, String)> {
        vec![("vector.yaml".into(), text.to_owned())]
    }

    #[test]
    fn values_replace_references_and_are_hidden_again() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bus_password"), "hunter2\n").unwrap();
        let written = "password: \"SECRET[mesh.bus_password]\" # SECRET[no-reference]";
        let secrets = Secrets::look_up(&directory(folder.path()), &text(written)).unwrap();
        let filled = secrets.put_in(written);
        assert_eq!(filled, "password: \"hunter2\" # SECRET[no-reference]");
        assert_eq!(secrets.hide(&filled), written);
        assert!(!format!("{secrets:?}").contains("hunter2"));
    }

    #[test]
    fn what_has_no_value_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        let errors = Secrets::look_up(
            &directory(folder.path()),
            &text("SECRET[mesh.missing] SECRET[mesh.empty] SECRET[other.key] SECRET[mesh.../up]"),
        )
        .unwrap_err();
        let all = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert_eq!(errors.len(), 4, "{all}");
        assert!(all.contains("`SECRET[mesh.missing]`") && all.contains("No such file"), "{all}");
        assert!(all.contains("it is empty") && all.contains("no backend `other`"), "{all}");
        assert!(all.contains("leads out of the folder"), "{all}");
    }

    #[test]
    fn a_file_backend_is_one_json_object() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.json");
        std::fs::write(&path, r#"{"a/b": "v"}"#).unwrap();
        let backends = BTreeMap::from([("f".to_owned(), Backend::File { path })]);
        let secrets = Secrets::look_up(&backends, &text("SECRET[f.a/b]")).unwrap();
        assert_eq!(secrets.put_in("x SECRET[f.a/b]"), "x v");
    }
}
