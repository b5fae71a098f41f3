//! New keys.

use sequoia_openpgp as openpgp;

use openpgp::Profile;
use openpgp::cert::{CertBuilder, CipherSuite};
use openpgp::serialize::SerializeInto;
use openpgp::types::Features;

use super::file::{KeyFile, KeyFolder};
use crate::error::VaultError;
use crate::{Result, Secret};

/// What kind of key to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyKind {
    /// Ed25519 and X25519 in the form of 2014 (version 4), which every GnuPG since 2.1 reads.
    #[default]
    Cv25519,
    /// RSA of 3072 bits (version 4), for what knows no curves.
    Rsa,
    /// Version 6 of RFC 9580. GnuPG does not read it, nor what is encrypted to such keys only.
    V6,
}

/// What keeps the secret part of a key file.
#[derive(Debug)]
pub enum Protection {
    /// A passphrase.
    Passphrase(Secret),
    /// The mode of the file, and nothing else.
    Unprotected,
}

/// A key to be made: one part signs and certifies, the other decrypts. It does not expire: who must
/// not read any more is taken out of the recipients.
#[derive(Debug)]
pub struct NewKey {
    /// Whom it belongs to, `Name <address>`; nothing vouches for it.
    pub user_id: String,
    /// What kind.
    pub kind: KeyKind,
    /// What keeps it.
    pub protection: Protection,
}

impl NewKey {
    /// Makes it, and puts it into the folder.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub fn make(self, folder: &KeyFolder) -> Result<KeyFile> {
        let failed = |error: openpgp::anyhow::Error| VaultError::NewKey(error.root_cause().to_string());
        let (suite, profile, features) = match self.kind {
            // Whoever encrypts must not use what GnuPG cannot read.
            KeyKind::Cv25519 => (CipherSuite::Cv25519, Profile::RFC4880, Features::empty().set_seipdv1()),
            KeyKind::Rsa => (CipherSuite::RSA3k, Profile::RFC4880, Features::empty().set_seipdv1()),
            KeyKind::V6 => (CipherSuite::Cv25519, Profile::RFC9580, Features::sequoia()),
        };
        let password = match &self.protection {
            Protection::Passphrase(passphrase) => Some(passphrase.expose().into()),
            Protection::Unprotected => None,
        };
        let build = || -> openpgp::Result<openpgp::Cert> {
            let builder = CertBuilder::new().set_profile(profile)?.set_features(features)?.set_cipher_suite(suite);
            let builder = builder.add_userid(self.user_id).set_password(password);
            let builder =
                builder.set_primary_key_flags(openpgp::types::KeyFlags::empty().set_certification().set_signing());
            let whole = openpgp::types::KeyFlags::empty().set_transport_encryption().set_storage_encryption();
            Ok(builder.add_subkey(whole, None, None).generate()?.0)
        };
        let cert = build().map_err(failed)?;
        let armoured = Secret::new(cert.as_tsk().armored().to_vec().map_err(failed)?);
        let path = folder.save(&cert.fingerprint(), &armoured)?;
        Ok(KeyFile::of(cert, &path))
    }
}
