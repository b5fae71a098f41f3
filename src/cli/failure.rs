//! Why a command failed: kinds, hints and exit codes in one place.

use std::fmt;

use resilmesh_vault::{Lapsed, RecipientId};
use serde_json::{Value, json};

use crate::git::trouble::Trouble as GitTrouble;
use crate::hooks::Trace;
use crate::project::position::{Diagnostic, one_line};
use crate::runtime::RuntimeError;
use crate::vault::VaultError;

/// What kind of failure it was; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The project or the world is not as it should be: exit code 1.
    Failed,
    /// The command line is wrong: exit code 2.
    Usage,
    /// Ended by Ctrl-C: exit code 130.
    Interrupted,
    /// With `--detailed-exitcode`, there is something to do: exit code 2, and nothing more to say.
    Pending,
    /// A configuration that an engine service cannot run: exit code 78, as Vector's.
    Configuration,
}

/// Why a command failed, for people.
#[derive(Debug)]
pub struct Failure {
    /// The kind.
    pub kind: Kind,
    /// What and why: lower case, no final period, names in backticks.
    pub message: String,
    /// What to do next, one line each.
    pub hints: Vec<String>,
    /// What was found wrong with the project, all at once.
    pub diagnostics: Vec<Diagnostic>,
    /// Where in a vendor's code; the whole of it is shown with `--debug`.
    pub trace: Option<Box<Trace>>,
}

impl Failure {
    /// A failure with nothing more to say.
    pub fn new(message: impl Into<String>) -> Self {
        Self { kind: Kind::Failed, message: message.into(), hints: Vec::new(), diagnostics: Vec::new(), trace: None }
    }

    /// The user stopped it.
    pub fn interrupted() -> Self {
        Self { kind: Kind::Interrupted, ..Self::new("interrupted") }
    }

    /// A command line that cannot be carried out.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, ..Self::new(message) }
    }

    /// There is something to do, which has been shown.
    pub fn pending() -> Self {
        Self { kind: Kind::Pending, ..Self::new(String::new()) }
    }

    /// Several of one kind as one: `so` is what has not happened, for each.
    pub fn of_several(so: &str, all: Vec<Self>) -> Self {
        let words: Vec<&str> = all.iter().map(|one| one.message.as_str()).collect();
        let mut failure = Self::new(format!("{so}: {}", words.join("; ")));
        failure.hints = all.into_iter().flat_map(|one| one.hints).collect();
        failure
    }

    /// Says in what it happened.
    #[must_use]
    pub fn of(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds what was found wrong with the project.
    #[must_use]
    pub fn found(mut self, diagnostics: Vec<Diagnostic>) -> Self {
        self.diagnostics = diagnostics;
        self
    }

    /// The same as data: what, where, what to do, and every single mistake. The whole of a traceback is in
    /// it if `whole`.
    pub fn document(&self, whole: bool) -> Value {
        let mistakes: Vec<Value> = self.diagnostics.iter().map(mistake).collect();
        let lines = self.trace.iter().flat_map(|trace| match &trace.full {
            Some(full) if whole => full.lines().map(str::to_owned).collect(),
            _ => trace.lines.clone(),
        });
        let trace: Vec<String> = lines.collect();
        let first = self.diagnostics.iter().find(|found| found.is_error());
        let at = first.and_then(|found| found.at.as_ref()).map(|at| one_line(&at.to_string()));
        let in_code = || self.trace.as_ref().and_then(|trace| trace.lines.last().cloned());
        json!({
            "kind": self.kind.word(), "what": self.message, "where": at.or_else(in_code),
            "hints": self.hints, "mistakes": mistakes, "trace": trace,
        })
    }

    /// The exit code of the process.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Failed => 1,
            Kind::Usage | Kind::Pending => 2,
            Kind::Interrupted => 130,
            Kind::Configuration => 78,
        }
    }
}

/// One thing that is wrong with the project, as data.
fn mistake(found: &Diagnostic) -> Value {
    json!({
        "severity": if found.is_error() { "error" } else { "warning" },
        "what": one_line(&found.message),
        "where": found.at.as_ref().map(|at| one_line(&at.to_string())),
        "hint": found.hint.as_deref().map(one_line),
    })
}

impl Kind {
    /// Its name in documents.
    fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Interrupted => "interrupted",
            Self::Pending => "pending",
            Self::Configuration => "configuration",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// What went wrong in the vault, with what to do about it.
impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        let hint = match &error {
            VaultError::Name { .. } => Some("a name is like `a` or `a/b`"),
            VaultError::NoSecret(_) => Some("`resilmesh secret list` shows them all"),
            VaultError::NoVault(_) => Some("`resilmesh secret set NAME` makes one with its first secret"),
            VaultError::TooLarge { .. } => Some("put a large file elsewhere, and the key to it into the vault"),
            VaultError::NoKey { .. } => {
                Some("`resilmesh secret recipients request` asks for access; a member then lets you in")
            }
            VaultError::WrongPassphrase { .. } => Some(
                "RESILMESH_PASSPHRASE, the file in RESILMESH_PASSPHRASE_FILE, and PASSWORD are taken before anybody is asked",
            ),
            VaultError::NoPassphrase { .. } => Some(
                "there is no terminal to ask at: set RESILMESH_PASSPHRASE or RESILMESH_PASSPHRASE_FILE; gpg-agent asks by itself where it can",
            ),
            VaultError::Damaged { name: Some(name), .. } => {
                return Self::new(error.to_string())
                    .hint(format!("git has older versions: `resilmesh secret history {name}`"));
            }
            VaultError::NoCertificate(_) => {
                Some("import it into GnuPG, or let them in again: `resilmesh secret recipients add FILE`")
            }
            VaultError::NoFingerprint { .. } => Some("write the key's whole fingerprint; `gpg --list-keys` shows it"),
            VaultError::NotARecipient(_) => Some("`resilmesh secret recipients list` shows them all"),
            VaultError::Unusable(lapsed) => {
                let failure = Self::new(error.to_string());
                return lapsed.iter().map(way_out).fold(failure, Self::hint).hint(RENEWAL);
            }
            VaultError::LastRecipient(_) => Some("let somebody else in first: `resilmesh secret recipients add`"),
            VaultError::Several(_) => Some("`resilmesh secret check` tells more"),
            _ => None,
        };
        let failure = Self::new(error.to_string());
        hint.into_iter().fold(failure, Self::hint)
    }
}

/// How a recipient with a new expiry is known again.
const RENEWAL: &str =
    "or they renew their key and send its public part: `resilmesh secret recipients add FILE` takes it";

/// What takes out somebody whom nothing can be encrypted to.
fn way_out(lapsed: &Lapsed) -> String {
    match &lapsed.who {
        RecipientId::Fingerprint(fingerprint) => {
            format!("`resilmesh secret recipients remove {fingerprint}` takes them out")
        }
        RecipientId::Vague(text) => format!("write their fingerprint in place of `{text}`"),
    }
}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        let RuntimeError::Failed { what, hint } = error;
        Self { hints: hint.into_iter().collect(), ..Self::new(what) }
    }
}

impl From<GitTrouble> for Failure {
    fn from(trouble: GitTrouble) -> Self {
        let GitTrouble { what, hints } = trouble;
        Self { hints, ..Self::new(what) }
    }
}
