//! Whether code that others wrote may run.
//!
//! What came by clone, by pull or from a git catalogue runs only after its user has seen and trusted
//! it; a change has to be trusted anew. Built-in products are trusted, and so is a folder that is
//! its user's own. Listing, checking and planning run nothing and need no trust.
//!
//! | module | what it holds |
//! |---|---|
//! | [`subject`] | what there is to trust |
//! | [`origin`] | whose it is |
//! | [`given`] | what the environment trusts |
//! | [`store`] | what was trusted on this machine |
//! | [`review`] | what is new since |
//! | [`kept`] | what trusted hooks have written |
//!
//! [`Gate::permit`] is the one way to a [`Trusted`], which starting a program takes.

pub mod given;
pub mod kept;
pub mod origin;
pub mod review;
pub mod store;
pub mod subject;

use std::collections::BTreeSet;
use std::path::Path;

use chrono::{SecondsFormat, Utc};

use self::given::{Given, VARIABLE};
use self::origin::{Origin, Owner};
use self::store::{Known, Store};
use self::subject::Subject;
use crate::project::load::ProjectFiles;
use crate::project::position::Diagnostic;

/// Proof that the code of some products may run. Only [`Gate::permit`] makes it.
#[derive(Debug, Clone)]
pub struct Trusted {
    products: BTreeSet<String>,
}

impl Trusted {
    /// Whether it holds for this product.
    pub fn covers(&self, product: &str) -> bool {
        self.products.contains(product)
    }
}

/// Why the gate cannot decide.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct TrustError {
    /// What and why.
    pub what: String,
    /// What to do about it.
    pub hint: String,
}

/// How a subject stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It may run: the project is its user's own.
    Own,
    /// It may run: the environment says so.
    Given,
    /// It may run: its user has trusted this content.
    Trusted,
    /// Other content was trusted.
    Changed,
    /// It was never trusted.
    New,
    /// There is something in it that cannot be trusted.
    Broken,
}

impl Standing {
    /// It may run.
    pub fn may_run(self) -> bool {
        matches!(self, Self::Own | Self::Given | Self::Trusted)
    }
}

/// Something whose code is in use and may not run.
#[derive(Debug)]
pub struct Refused {
    /// What is not trusted: for each what it would run, and what is wrong with it.
    pub found: Vec<Diagnostic>,
    /// Names for `resilmesh trust`.
    pub names: Vec<String>,
    /// Where it comes from, for people.
    pub came: String,
    /// What `RESILMESH_TRUST` would have to hold; none when there is something that nothing can make
    /// trusted.
    pub hash: Option<String>,
}

/// What is trusted of one project.
#[derive(Debug)]
pub struct Gate {
    /// All there is to trust.
    pub subjects: Vec<Subject>,
    /// Where the project comes from; none when there is nothing to trust.
    origin: Option<Origin>,
    store: Store,
    given: Given,
}

impl Gate {
    /// Reads what there is to trust, and what is trusted.
    ///
    /// # Errors
    /// When the state of this machine cannot be read, or `RESILMESH_TRUST` is not understood.
    pub fn open(files: &ProjectFiles) -> Result<Self, TrustError> {
        let given = Given::from_environment().map_err(|what| TrustError {
            what,
            hint: format!("`resilmesh trust --list` shows the hashes; unset {VARIABLE} to be asked"),
        })?;
        let subjects = subject::of(files);
        let origin = (!subjects.is_empty()).then(|| Origin::of(&files.root));
        let id = origin.as_ref().map_or("", |origin| &origin.id);
        let store = Self::store(&files.root, id)?;
        Ok(Self { subjects, origin, store, given })
    }

    fn store(root: &Path, id: &str) -> Result<Store, TrustError> {
        Store::open(root, id).map_err(|error| TrustError {
            what: format!("what is trusted on this machine cannot be read: {error}"),
            hint: "remove the project's file below `resilmesh/trust` in your state folder (~/.local/state); you are then asked anew".to_owned(),
        })
    }

    /// The hash of everything together.
    pub fn whole(&self) -> String {
        crate::project::content::whole(
            self.subjects.iter().map(|subject| (subject.key.as_str(), subject.hash.as_str())),
        )
    }

    /// How a subject stands.
    pub fn standing(&self, subject: &Subject) -> Standing {
        let own = self.origin.as_ref().is_none_or(|origin| origin.owner == Owner::User);
        if own && subject.catalogue.is_none() {
            return Standing::Own;
        }
        if !subject.broken.is_empty() {
            return Standing::Broken;
        }
        if self.given.covers([&subject.hash, &self.whole()]) {
            return Standing::Given;
        }
        match self.store.get(&subject.key) {
            Some(known) if known.hash == subject.hash => Standing::Trusted,
            Some(_) => Standing::Changed,
            None => Standing::New,
        }
    }

    /// What was trusted before.
    pub fn known(&self, subject: &Subject) -> Option<&Known> {
        self.store.get(&subject.key)
    }

    /// Where a subject comes from, for people.
    pub fn came(&self, subject: &Subject) -> String {
        match (&subject.catalogue, &self.origin) {
            (Some(name), _) => format!("comes from catalogue `{name}`"),
            (None, Some(Origin { owner: Owner::Others(why), .. })) => format!("lies in a project that {why}"),
            (None, _) => "lies in your own project".to_owned(),
        }
    }

    /// The proof that the code of these products, and of their instances, may run.
    ///
    /// # Errors
    /// What is not trusted of it.
    pub fn permit(&self, products: BTreeSet<String>) -> Result<Trusted, Refused> {
        let in_use = self.subjects.iter().filter(|subject| products.contains(&subject.product));
        let refused: Vec<&Subject> = in_use.filter(|subject| !self.standing(subject).may_run()).collect();
        let Some(first) = refused.first() else { return Ok(Trusted { products }) };
        Err(Refused {
            came: self.came(first),
            hash: refused
                .iter()
                .all(|subject| subject.broken.is_empty())
                .then(|| refused.iter().map(|subject| subject.hash.as_str()).collect::<Vec<_>>().join(",")),
            names: refused.iter().map(|subject| subject.name().to_owned()).collect(),
            found: refused.into_iter().flat_map(|subject| self.refusal(subject)).collect(),
        })
    }

    fn refusal(&self, subject: &Subject) -> Vec<Diagnostic> {
        let runs = shortened(&subject.runs);
        let message = match self.standing(subject) {
            Standing::Changed => {
                format!("{} has changed since it was trusted, and may run code: {runs}", subject.title)
            }
            Standing::Broken => return subject.broken.clone(),
            _ => format!("{} is not trusted, and may run code: {runs}", subject.title),
        };
        vec![Diagnostic::error(subject.at.clone(), message)]
    }

    /// Trusts the present content of a subject.
    pub fn trust(&mut self, subject: &Subject) {
        let known = Known {
            hash: subject.hash.clone(),
            at: Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
            permissions: subject.permissions.clone(),
            content: subject.content.clone(),
        };
        self.store.put(&subject.key, known);
    }

    /// Forgets the trust in what is remembered by this key; whether there was any.
    pub fn untrust(&mut self, key: &str) -> bool {
        self.store.remove(key)
    }

    /// What is remembered, also of what is no longer there.
    pub fn remembered(&self) -> Vec<String> {
        self.store.keys().map(str::to_owned).collect()
    }

    /// Writes what is trusted.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self) -> Result<(), TrustError> {
        self.store.save().map_err(|error| TrustError {
            what: format!("what you trust cannot be kept in `{}`: {error}", self.store.shown()),
            hint: "check its permissions and the free disk space".to_owned(),
        })
    }
}

/// The first few, and how many more.
fn shortened(runs: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = runs[..runs.len().min(SHOWN)].join(", ");
    if runs.len() > SHOWN { format!("{shown} and {} more", runs.len() - SHOWN) } else { shown }
}
