//! `resilmesh.lock`: which git catalogues a project uses, each pinned by commit and content.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::decode::{self, Fields, Located, Report};
use super::names;
use super::position::{Mark, Position};
use super::schema::tables::{CATALOGUE, LOCK};
use super::write;
use super::yaml::Node;

/// The name of the file.
pub const FILE_NAME: &str = "resilmesh.lock";

/// The whole of `resilmesh.lock`; a project without the file uses no git catalogues.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LockFile {
    /// The catalogues by name.
    pub catalogues: BTreeMap<String, Locked>,
}

/// A catalogue, pinned.
#[derive(Debug, Clone, PartialEq)]
pub struct Locked {
    /// Where it is fetched from.
    pub url: String,
    /// The branch, tag or commit that `catalog update` follows; none = what the repository shows first.
    pub rev: Option<String>,
    /// The commit in use.
    pub commit: String,
    /// The products in it, with the hashes of their contents.
    pub products: BTreeMap<String, String>,
    /// Where it stands.
    pub at: Position,
}

impl LockFile {
    /// Reads the document.
    pub fn decode(node: &Node, report: &mut Report) -> Self {
        let Some(mut fields) = Fields::of(node, "the lock", &LOCK, report) else { return Self::default() };
        fields.number("version", report);
        let mut file = Self::default();
        for (name, node) in fields.map("catalogues", report) {
            if let Err(wrong) = names::check_product(&name.text) {
                report.error(name.at, wrong.replacen("product name", "catalogue name", 1));
            } else if let Some(locked) = locked(&name.text, name.at, node, report) {
                file.catalogues.insert(name.text.clone(), locked);
            }
        }
        fields.finish(report);
        file
    }

    /// The catalogue that a product is taken from.
    pub fn with_product(&self, name: &str) -> Option<(&str, &Locked)> {
        let found = self.catalogues.iter().find(|(_, locked)| locked.products.contains_key(name));
        found.map(|(name, locked)| (name.as_str(), locked))
    }

    /// The names of all products, sorted.
    pub fn product_names(&self) -> impl Iterator<Item = &str> {
        self.catalogues.values().flat_map(|locked| locked.products.keys().map(String::as_str))
    }

    /// The document.
    pub fn to_yaml(&self) -> String {
        let catalogues: BTreeMap<&String, Value> =
            self.catalogues.iter().map(|(name, locked)| (name, locked.to_json())).collect();
        let document = BTreeMap::from([("version".to_owned(), json!(1)), ("catalogues".to_owned(), json!(catalogues))]);
        format!("# Written by `resilmesh catalog`; commit it.\n{}", write::to_yaml(&document))
    }

    /// Writes the file of the project in `root`; one that says nothing is removed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, root: &Path) -> std::io::Result<()> {
        let path = root.join(FILE_NAME);
        if !self.catalogues.is_empty() {
            return write::replace(&path, self.to_yaml());
        }
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Locked {
    fn to_json(&self) -> Value {
        let mut document = json!({"url": self.url, "commit": self.commit, "products": self.products});
        if let (Some(rev), Some(entries)) = (&self.rev, document.as_object_mut()) {
            entries.insert("rev".to_owned(), rev.as_str().into());
        }
        document
    }
}

fn locked(name: &str, at: Mark, node: &Node, report: &mut Report) -> Option<Locked> {
    let mut fields = Fields::of(node, format!("catalogue `{name}`"), &CATALOGUE, report)?;
    let url = fields.text("url", report);
    let rev = fields.text("rev", report).map(|rev| rev.value);
    let commit = fields.text("commit", report).and_then(|said| digits(said, &[40, 64], "a commit", report));
    let mut products = BTreeMap::new();
    for (product, node) in fields.map("products", report) {
        if let Err(wrong) = names::check_product(&product.text) {
            report.error(product.at, wrong);
        } else if let Some(hash) = decode::text(node, "the hash of a product", report)
            && let Some(hash) = digits(hash, &[64], "the hash of a product", report)
        {
            products.insert(product.text.clone(), hash);
        }
    }
    fields.finish(report);
    Some(Locked { url: url?.value, rev, commit: commit?, products, at: report.position(at) })
}

/// They become parts of paths, so nothing else may be in them.
fn digits(said: Located<String>, lengths: &[usize], what: &str, report: &mut Report) -> Option<String> {
    let good =
        lengths.contains(&said.value.len()) && said.value.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !good {
        let lengths: Vec<String> = lengths.iter().map(usize::to_string).collect();
        report.error(said.at, format!("{what} has {} hexadecimal digits", lengths.join(" or "))).hint =
            Some("`resilmesh catalog` writes this file; take it as it was committed".to_owned());
    }
    good.then_some(said.value)
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    fn read(text: &str) -> (LockFile, Vec<String>) {
        let path = Path::new(FILE_NAME);
        let mut report = Report::new(path);
        let file = LockFile::decode(&yaml::parse(text, path).expect("YAML"), &mut report);
        (file, report.found.into_iter().map(|found| found.message).collect())
    }

    #[test]
    fn what_is_written_reads_back() {
        let locked = Locked {
            url: "https://example.org/c.git".to_owned(),
            rev: Some("v1".to_owned()),
            commit: "1".repeat(40),
            products: [("edr".to_owned(), "a".repeat(64))].into(),
            at: Position::new(FILE_NAME, Mark::new(3, 3)),
        };
        let file = LockFile { catalogues: [("soc".to_owned(), locked)].into() };
        assert_eq!(read(&file.to_yaml()), (file, Vec::new()));
    }

    #[test]
    fn nothing_in_it_leads_elsewhere() {
        let text = format!(
            "version: 1\ncatalogues:\n  ../up: {{url: x, commit: '{0}', products: {{}}}}\n  a: {{url: x, commit: ../../etc, products: {{}}}}\n  b: {{url: x, commit: '{0}', products: {{../x: '{1}', y: '../{1}'}}}}\n",
            "0".repeat(40),
            "0".repeat(64)
        );
        let (file, found) = read(&text);
        assert_eq!(found.len(), 4, "{found:?}");
        assert_eq!(file.catalogues.keys().collect::<Vec<_>>(), ["b"]);
        assert!(file.catalogues["b"].products.is_empty());
    }
}
