//! Products from a folder that somebody else wrote.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::project::edit::set_key;
use crate::project::load::PRODUCTS;
use crate::project::names;
use crate::project::product_folder::DEFINITION;
use crate::project::yaml;

/// What the text of a template says in place of the product's name, as Meshroom's templates do.
const NAME: &str = "{{NAME}}";
/// More files than this are no product.
const MOST_FILES: usize = 2_000;
/// More bytes than this are no product.
const MOST_BYTES: u64 = 32 * 1024 * 1024;
/// Deeper folders than this are no product.
const DEEPEST: usize = 16;

/// Why a folder cannot be taken for a template, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What and why.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

fn refused(message: String) -> Refusal {
    Refusal { message, hint: None }
}

/// The files of product `name` made from the product in `folder`, which `shown` calls in messages.
///
/// # Errors
/// When there is no product in it, or one that cannot be taken over.
pub fn files(folder: &Path, shown: &str, name: &str) -> Result<BTreeMap<String, Vec<u8>>, Refusal> {
    let folder = product_in(folder, shown)?;
    let mut walk = Walk { shown, files: BTreeMap::new(), bytes: 0 };
    walk.folder(&folder, "", 0)?;
    let renamed = |(path, content): (String, Vec<u8>)| {
        let content = match String::from_utf8(content) {
            Ok(text) if path == DEFINITION => renamed(&text.replace(NAME, name), name).into_bytes(),
            Ok(text) => text.replace(NAME, name).into_bytes(),
            Err(binary) => binary.into_bytes(),
        };
        (path, content)
    };
    Ok(walk.files.into_iter().map(renamed).collect())
}

/// The folder of the one product that there is.
fn product_in(folder: &Path, shown: &str) -> Result<PathBuf, Refusal> {
    let is_product = |folder: &Path| {
        folder.join(DEFINITION).is_file()
            || fs::read_dir(folder).is_ok_and(|mut entries| {
                entries.any(|entry| entry.is_ok_and(|entry| entry.path().extension().is_some_and(|end| end == "py")))
            })
    };
    if is_product(folder) {
        return Ok(folder.to_owned());
    }
    let below = fs::read_dir(folder.join(PRODUCTS)).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut products: Vec<PathBuf> = below.filter(|path| path.is_dir() && is_product(path)).collect();
    products.sort();
    match products.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Refusal {
            message: format!("there is no product in `{shown}`"),
            hint: Some(format!("a product has a `{DEFINITION}`")),
        }),
        several => {
            let names: Vec<_> = several.iter().filter_map(|path| path.file_name()?.to_str()).collect();
            let list = names::list(names.iter().copied());
            Err(Refusal {
                message: format!("there are several products in `{shown}`: {list}"),
                hint: Some(format!(
                    "name one: `{shown}{}{PRODUCTS}/{}`",
                    separator(shown),
                    names.first().unwrap_or(&"NAME")
                )),
            })
        }
    }
}

/// What stands between an address or a folder and a folder in it.
fn separator(shown: &str) -> &'static str {
    if is_address(shown) { "#" } else { "/" }
}

/// Whether a text is the address of a repository rather than a path: `https://...`, `git@host:...`,
/// `....git`.
pub fn is_address(text: &str) -> bool {
    let scp = text.split('/').next().is_some_and(|first| first.contains('@') && first.contains(':'));
    text.contains("://") || scp || text.ends_with(".git") || text.contains(".git#")
}

/// Address and folder in it: `https://example.org/mesh.git#products/edr`.
pub fn split_address(text: &str) -> (&str, Option<&str>) {
    text.split_once('#').map_or((text, None), |(address, folder)| (address, Some(folder)))
}

/// The definition with the name of the new product, if it says one.
fn renamed(definition: &str, name: &str) -> String {
    let says_name =
        yaml::parse(definition, Path::new(DEFINITION)).is_ok_and(|node| node.to_json().get("name").is_some());
    if says_name { set_key(definition, None, "name", Some(&name.into())) } else { definition.to_owned() }
}

struct Walk<'a> {
    shown: &'a str,
    files: BTreeMap<String, Vec<u8>>,
    bytes: u64,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, below: &str, depth: usize) -> Result<(), Refusal> {
        if depth > DEEPEST {
            return Err(refused(format!("folders in `{}` lie deeper than {DEEPEST} levels", self.shown)));
        }
        let failed = |error: io::Error| refused(format!("`{}` cannot be listed: {error}", folder.display()));
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().into_string() else {
                return Err(refused(format!("a name in `{}` is not UTF-8", self.shown)));
            };
            // Repositories, caches, editors' files: no part of a product.
            if name.starts_with('.') || name == "__pycache__" || name.ends_with(".pyc") {
                continue;
            }
            let path = if below.is_empty() { name } else { format!("{below}/{name}") };
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                self.folder(&entry.path(), &path, depth + 1)?;
            } else if kind.is_file() {
                self.file(&entry.path(), path)?;
            } else {
                return Err(Refusal {
                    message: format!("`{path}` in `{}` is a link or a device", self.shown),
                    hint: Some("put a plain file in its place".to_owned()),
                });
            }
        }
        Ok(())
    }

    fn file(&mut self, file: &Path, path: String) -> Result<(), Refusal> {
        let content =
            fs::read(file).map_err(|error| refused(format!("`{}` cannot be read: {error}", file.display())))?;
        self.bytes += content.len() as u64;
        self.files.insert(path, content);
        if self.files.len() > MOST_FILES || self.bytes > MOST_BYTES {
            return Err(Refusal {
                message: format!("`{}` is too large for a product", self.shown),
                hint: Some("name the folder of the product alone".to_owned()),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_paths() {
        for address in
            ["https://example.org/x", "git@example.org:x", "../x.git", "file:///srv/x", "../x.git#products/a"]
        {
            assert!(is_address(address), "{address}");
        }
        for path in ["edr", "./edr", "/srv/products/edr", "../a@b/c"] {
            assert!(!is_address(path), "{path}");
        }
        assert_eq!(split_address("u.git#products/a"), ("u.git", Some("products/a")));
    }

    #[test]
    fn a_product_is_taken_over_under_its_new_name() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let product = place.path().join("products/old");
        for (path, content) in [
            ("definition.yaml", &b"# {{NAME}}\nname: old\nvendor: Acme\n"[..]),
            ("hooks.py", b"NAME = '{{NAME}}'\n"),
            ("logo.png", b"\x89PNG\xff{{NAME}}"),
            (".git/config", b"x"),
            ("__pycache__/x.pyc", b"x"),
            ("integrations/siem/dist/a", b"x"),
        ] {
            let path = product.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
            fs::write(path, content).expect("writable");
        }
        let files = files(place.path(), "there", "new").expect("a product");
        let names: Vec<&str> = files.keys().map(String::as_str).collect();
        assert_eq!(names, ["definition.yaml", "hooks.py", "integrations/siem/dist/a", "logo.png"]);
        assert_eq!(files["definition.yaml"], b"# new\nname: new\nvendor: Acme\n");
        assert_eq!(files["hooks.py"], b"NAME = 'new'\n");
        assert_eq!(files["logo.png"], b"\x89PNG\xff{{NAME}}");
    }

    #[test]
    fn what_is_no_product_is_refused() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let said = || files(place.path(), "there", "new").expect_err("it is refused").message;
        assert_eq!(said(), "there is no product in `there`");
        for name in ["a", "b"] {
            fs::create_dir_all(place.path().join("products").join(name)).expect("writable");
            fs::write(place.path().join("products").join(name).join("x.py"), "").expect("writable");
        }
        assert_eq!(said(), "there are several products in `there`: `a`, `b`");
        fs::write(place.path().join(DEFINITION), "").expect("writable");
        std::os::unix::fs::symlink("/etc/passwd", place.path().join("out")).expect("a link");
        assert_eq!(said(), "`out` in `there` is a link or a device");
    }
}
