//! Secrets in OpenPGP files, laid out as [`pass`](https://www.passwordstore.org) and gopass lay them
//! out, so that those programs, and plain `gpg --decrypt`, read and write the same folder.
//!
//! | file | what it is |
//! |---|---|
//! | `<name>.gpg` | one secret; a name may have `/` in it |
//! | `.gpg-id` | whom a folder's secrets are encrypted to: one fingerprint a line |
//! | `.public-keys/<fingerprint>` | the certificate of a recipient, armoured |
//!
//! A [`Vault`] is opened on such a folder with a [`Keyring`], which knows how to decrypt: with key
//! files of our own, and through GnuPG (gpg-agent, smart cards). Listing needs neither. Whom to trust
//! is what `.gpg-id` says by fingerprint; there is no web of trust.
//!
//! This crate knows nothing of projects, and asks nobody itself.

mod certificate;
mod error;
mod folder;
pub mod generate;
pub mod import;
pub mod keys;
mod message;
mod name;
mod recipients;
mod secret;
mod vault;

pub use certificate::{Certificate, Validity, date};
pub use error::{Lapsed, VaultError};
pub use keys::{Keyring, Prompting};
pub use message::Handles;
pub use name::SecretName;
pub use recipients::{RecipientId, RecipientList};
pub use secret::Secret;
pub use sequoia_openpgp::Fingerprint;
pub use vault::check::{Depth, EntryReport, Finding, KeyReport, Report, Stray};
pub use vault::reencrypt::Reencrypted;
pub use vault::{DEFAULT_LARGEST, Step, Vault};

/// What the operations of this crate return.
pub type Result<T> = std::result::Result<T, VaultError>;
