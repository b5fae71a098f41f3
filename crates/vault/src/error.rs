//! What can go wrong, each with its place and its reason. No message ever has a value in it.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::{Fingerprint, RecipientId, SecretName};

/// Why an operation on a vault failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// A name that is none.
    #[error("`{name}` is no name for a secret: {why}")]
    Name {
        /// The name, printable.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No secret of that name.
    #[error("there is no secret `{0}`")]
    NoSecret(SecretName),
    /// The folder is no vault yet.
    #[error("there is no vault in `{0}`: it has no `.gpg-id`")]
    NoVault(PathBuf),
    /// More than a secret may have.
    #[error("{what} is larger than the {largest} bytes that a secret may have")]
    TooLarge {
        /// What is.
        what: String,
        /// The limit.
        largest: u64,
    },
    /// A symbolic link, which is never followed.
    #[error("`{0}` is a symbolic link: a vault holds files only")]
    Link(PathBuf),
    /// A folder, a pipe or a device where a file should be.
    #[error("`{0}` is no ordinary file")]
    NoFile(PathBuf),
    /// The disk refuses.
    #[error("cannot {doing} `{path}`: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that is no whole, untouched OpenPGP message.
    #[error("`{path}` is damaged: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// The secret that it is, if it is one.
        name: Option<SecretName>,
    },
    /// None of the keys here decrypts it.
    #[error("none of the keys here opens `{path}`; it is encrypted to {}; {looked}", list(recipients))]
    NoKey {
        /// The file.
        path: PathBuf,
        /// Whom it is encrypted to: fingerprints, or the key ids it names of those nobody here knows.
        recipients: Vec<String>,
        /// Where keys were looked for.
        looked: String,
    },
    /// The passphrase does not open the key.
    #[error("wrong passphrase for key {key}")]
    WrongPassphrase {
        /// The key.
        key: String,
    },
    /// A key needs a passphrase, and nobody gave one.
    #[error("key {key} needs its passphrase")]
    NoPassphrase {
        /// The key.
        key: String,
    },
    /// Asking for the passphrase failed.
    #[error("cannot ask for the passphrase of key {key}: {why}")]
    Asking {
        /// The key.
        key: String,
        /// Why.
        why: String,
    },
    /// GnuPG failed in a way of its own.
    #[error("gpg cannot decrypt `{path}`: {why}")]
    Gpg {
        /// The file.
        path: PathBuf,
        /// What gpg said.
        why: String,
    },
    /// A file that should hold a key, and does not, or must not be used.
    #[error("key file `{path}` cannot be used: {why}")]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Encrypting failed.
    #[error("cannot encrypt: {0}")]
    Encrypt(String),
    /// A key could not be made.
    #[error("no key could be made: {0}")]
    NewKey(String),
    /// A certificate that is none.
    #[error("`{place}` holds no OpenPGP certificate: {why}")]
    NoCertificateIn {
        /// Where it was read.
        place: String,
        /// Why.
        why: String,
    },
    /// The certificate of somebody is nowhere to be found.
    #[error("the certificate of {0} is neither in `.public-keys` nor in GnuPG")]
    NoCertificate(Fingerprint),
    /// Nothing can be encrypted to some recipients: all of them, each once.
    #[error("nothing can be encrypted to {}", lapsed(.0))]
    Unusable(Vec<Lapsed>),
    /// A line of `.gpg-id` that is no fingerprint.
    #[error("`{path}`: `{text}` is no fingerprint, and only a fingerprint says for certain who is meant")]
    NoFingerprint {
        /// The file.
        path: PathBuf,
        /// The line.
        text: String,
    },
    /// A `.gpg-id` without recipients.
    #[error("`{0}` names no recipient")]
    NoRecipients(PathBuf),
    /// A recipient that is not one.
    #[error("{0} is no recipient")]
    NotARecipient(Fingerprint),
    /// The last recipient cannot go.
    #[error("{0} is the last recipient: nobody could read the secrets any more")]
    LastRecipient(Fingerprint),
    /// What was written is not what was meant; the old file is untouched.
    #[error("`{path}` is not replaced: reading back what was written failed: {why}")]
    NotVerified {
        /// The file.
        path: PathBuf,
        /// What differed.
        why: String,
    },
    /// Several entries failed; nothing was changed.
    #[error("nothing is changed: {} of the secrets cannot be re-encrypted: {}", .0.len(), .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Several(Vec<VaultError>),
    /// A document that cannot be imported.
    #[error("{place} cannot be imported: {why}")]
    Import {
        /// Where it was read.
        place: String,
        /// Why.
        why: String,
    },
    /// A password that cannot be made up.
    #[error("no such password can be made: {0}")]
    Generate(&'static str),
}

impl VaultError {
    /// Makes an error of the system one with its place, for `map_err`.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }

    /// Whether the reason is that no key, or no passphrase, is at hand.
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::NoKey { .. } | Self::NoPassphrase { .. } | Self::WrongPassphrase { .. })
    }
}

/// A recipient that nothing can be encrypted to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lapsed {
    /// How `.gpg-id` names them.
    pub who: RecipientId,
    /// Whom the key says it belongs to.
    pub user_id: Option<String>,
    /// Why: `it expired on 2024-01-02`.
    pub why: String,
}

impl fmt::Display for Lapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owner = self.user_id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
        write!(f, "{}{owner}: {}", self.who, self.why)
    }
}

fn lapsed(all: &[Lapsed]) -> String {
    let each: Vec<String> = all.iter().map(ToString::to_string).collect();
    match all {
        [_] => format!("recipient {}", each.join("; ")),
        _ => format!("{} recipients: {}", all.len(), each.join("; ")),
    }
}

fn list(recipients: &[String]) -> String {
    if recipients.is_empty() { "nobody it names".to_owned() } else { recipients.join(", ") }
}
