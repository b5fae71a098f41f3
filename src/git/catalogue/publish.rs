//! A product of the project as a contribution to a catalogue: a commit on top of what the catalogue
//! has, as a patch or as a branch.

use std::path::Path;

use git2::{Oid, Repository as Git2, TreeBuilder};

use super::layout;
use super::mirror::Mirror;
use crate::git::repository::{Repository, WHO_HINT};
use crate::git::scan::{Finding, Scanner};
use crate::git::trouble::Trouble;
use crate::project::content::{Content, Entry};
use crate::project::load::PRODUCTS;

/// A commit in the mirror that nobody else has yet.
#[derive(Debug)]
pub struct Contribution<'m> {
    mirror: &'m Mirror,
    commit: Oid,
}

/// The secrets in what a product would publish: the same files that [`commit`] takes.
///
/// # Errors
/// When a file cannot be read.
pub fn secrets_in(
    repository: Option<&Repository>,
    scanner: &Scanner,
    project: &Path,
    product: &str,
    content: &Content,
) -> Result<Vec<Finding>, Trouble> {
    let mut found = Vec::new();
    for (path, entry) in kept(project, product, content)? {
        let path = Path::new(PRODUCTS).join(product).join(path);
        let shown = repository.map_or_else(|| path.clone(), |repository| repository.from_project(&path));
        found.extend(scanner.file(&shown, &bytes(&project.join(&path), entry)?));
    }
    found.sort();
    Ok(found)
}

/// Commits the content of a product, which lies in `project`, on top of the catalogue's `rev`.
///
/// # Errors
/// When the catalogue has exactly this already, a file cannot be read, or git does not know who its
/// user is.
pub fn commit<'m>(
    mirror: &'m Mirror,
    rev: Option<&str>,
    project: &Path,
    product: &str,
    content: &Content,
    message: &str,
) -> Result<Contribution<'m>, Trouble> {
    let base = mirror.resolve(rev)?;
    let repository = &mirror.repository;
    let folder = project.join(PRODUCTS).join(product);
    let mut files = Vec::new();
    for (path, entry) in kept(project, product, content)? {
        let file = folder.join(path);
        files.push((path.as_str(), layout::mode(entry), repository.blob(&bytes(&file, entry)?)?));
    }
    let own = tree(repository, &files)?;
    let tree = base.tree()?;
    let products = tree.get_name(PRODUCTS).and_then(|entry| repository.find_tree(entry.id()).ok());
    let mut builder = repository.treebuilder(products.as_ref())?;
    put(&mut builder, product, own, FOLDER)?;
    let products = builder.write()?;
    let mut builder = repository.treebuilder(Some(&tree))?;
    put(&mut builder, PRODUCTS, products, FOLDER)?;
    let after = builder.write()?;
    if after == tree.id() {
        return Err(Trouble::new(format!("the catalogue has exactly this `{product}` already")));
    }
    let (author, committer) = who(project, repository)?;
    let commit = repository.commit(None, &author, &committer, message, &repository.find_tree(after)?, &[&base])?;
    // So that nothing cleans it away before it is sent.
    repository.reference(&format!("refs/resilmesh/publish/{product}"), commit, true, "publish")?;
    Ok(Contribution { mirror, commit })
}

/// What git keeps of an entry of a product.
fn bytes(file: &Path, entry: &Entry) -> Result<Vec<u8>, Trouble> {
    match entry {
        Entry::Link { to } => Ok(to.clone().into_bytes()),
        Entry::File { .. } => std::fs::read(file).map_err(|error| Trouble::io(file, &error)),
    }
}

const FOLDER: i32 = 0o040_000;

fn put(builder: &mut TreeBuilder<'_>, name: &str, id: Oid, mode: i32) -> Result<(), Trouble> {
    builder.insert(name, id, mode)?;
    Ok(())
}

/// What of the product is no by-product: nothing that the project's repository ignores.
fn kept<'c>(project: &Path, product: &str, content: &'c Content) -> Result<Vec<(&'c String, &'c Entry)>, Trouble> {
    let repository = Repository::of(project)?;
    let mut kept = Vec::new();
    for (path, entry) in &content.0 {
        let ignored = match &repository {
            Some(own) => own.ignores(&Path::new(PRODUCTS).join(product).join(path))?,
            None => false,
        };
        if !ignored {
            kept.push((path, entry));
        }
    }
    Ok(kept)
}

/// The tree of files that lie in folders.
fn tree(repository: &Git2, files: &[(&str, i32, Oid)]) -> Result<Oid, Trouble> {
    let mut builder = repository.treebuilder(None)?;
    let mut below: std::collections::BTreeMap<&str, Vec<(&str, i32, Oid)>> = std::collections::BTreeMap::new();
    for (path, mode, id) in files {
        match path.split_once('/') {
            Some((folder, rest)) => below.entry(folder).or_default().push((rest, *mode, *id)),
            None => put(&mut builder, path, *id, *mode)?,
        }
    }
    for (folder, files) in below {
        put(&mut builder, folder, tree(repository, &files)?, FOLDER)?;
    }
    Ok(builder.write()?)
}

/// As the project's own repository says, else as the user's configuration does.
fn who(project: &Path, mirror: &Git2) -> Result<(git2::Signature<'static>, git2::Signature<'static>), Trouble> {
    if let Some(own) = Repository::of(project)? {
        return own.who();
    }
    let unknown = |_| Trouble::new("git does not know who you are").hint(WHO_HINT);
    Ok((mirror.author_from_env().map_err(unknown)?, mirror.committer_from_env().map_err(unknown)?))
}

impl Contribution<'_> {
    /// The commit's id.
    pub fn id(&self) -> String {
        self.commit.to_string()
    }

    /// The patch, as mail.
    ///
    /// # Errors
    /// When git cannot make it.
    pub fn patch(&self) -> Result<String, Trouble> {
        let said = self
            .mirror
            .git()
            .args(["format-patch", "-1", "--stdout", "--binary", "--no-ext-diff", "--no-textconv", "--no-signature"])
            .args([self.commit.to_string()])
            .run()?;
        if said.done {
            Ok(format!("{}\n", said.out))
        } else {
            Err(Trouble::new(format!("the patch cannot be made{}", said.told())))
        }
    }

    /// Pushes it as a branch of the catalogue.
    ///
    /// # Errors
    /// When the branch's name is none, is taken by something else, or the push is refused.
    pub fn push(&self, branch: &str) -> Result<(), Trouble> {
        let full = format!("refs/heads/{branch}");
        if branch.starts_with('-') || !git2::Reference::is_valid_name(&full) {
            return Err(Trouble::new(format!("`{}` cannot be the name of a branch", branch.escape_debug())));
        }
        let said = self
            .mirror
            .git()
            .args(["push", "--quiet", "--no-verify", "--", self.mirror.url()])
            .args([format!("{}:{full}", self.commit)])
            .run()?;
        if said.done {
            return Ok(());
        }
        let trouble = Trouble::new(format!("branch `{branch}` cannot be pushed{}", said.told()));
        let trouble = said.advice().into_iter().fold(trouble, Trouble::hint);
        Err(trouble.hint("without the right to push, `--patch FILE` writes a patch to send"))
    }
}
