//! Public keys of recipients.

use std::fmt;
use std::time::{Duration, SystemTime};

use sequoia_openpgp as openpgp;

use openpgp::cert::amalgamation::key::ValidErasedKeyAmalgamation;
use openpgp::packet::key::PublicParts;
use openpgp::parse::Parse;
use openpgp::policy::StandardPolicy;
use openpgp::serialize::SerializeInto;
use openpgp::types::RevocationStatus;
use openpgp::{Cert, KeyHandle};

use crate::error::{Lapsed, VaultError};
use crate::message::Handles;
use crate::{Fingerprint, RecipientId, Result};

/// Which algorithms and signatures are still good.
pub(crate) const POLICY: &StandardPolicy<'static> = &StandardPolicy::new();

/// How long before a key expires that is worth a word.
const SOON: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A recipient's public key.
#[derive(Clone, PartialEq)]
pub struct Certificate {
    cert: Cert,
}

/// Whether something can be encrypted to a certificate now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Validity {
    /// It can, until then if there is an end.
    Good(Option<SystemTime>),
    /// It can, but only for a while.
    EndsSoon(SystemTime),
    /// Not any more.
    Expired(SystemTime),
    /// Its owner has withdrawn it.
    Revoked,
    /// It cannot, because.
    Unusable(String),
}

impl Certificate {
    /// Reads one, armoured or not; secret parts that may be there are left out.
    ///
    /// # Errors
    /// When there is none, or more than one; `place` is where it was read.
    pub fn parse(bytes: &[u8], place: &str) -> Result<Self> {
        let refused = |why: String| VaultError::NoCertificateIn { place: place.to_owned(), why };
        let mut found = openpgp::cert::CertParser::from_bytes(bytes).map_err(|error| refused(error.to_string()))?;
        match (found.next(), found.next()) {
            (Some(Ok(cert)), None) => Ok(Self::of(&cert)),
            (Some(Err(error)), _) => Err(refused(error.to_string())),
            (Some(Ok(_)), Some(_)) => Err(refused("there is more than one in it".to_owned())),
            (None, _) => Err(refused("there is nothing in it".to_owned())),
        }
    }

    pub(crate) fn of(cert: &Cert) -> Self {
        Self { cert: cert.clone().strip_secret_key_material() }
    }

    /// With what another copy of the same certificate knows besides.
    pub(crate) fn merged(&self, other: Self) -> Self {
        // It fails only for another certificate.
        self.cert.clone().merge_public(other.cert).map_or_else(|_| self.clone(), |cert| Self { cert })
    }

    /// Its fingerprint: of the primary key.
    pub fn fingerprint(&self) -> Fingerprint {
        self.cert.fingerprint()
    }

    /// Whom it says it belongs to; nothing vouches for that.
    pub fn user_ids(&self) -> Vec<String> {
        self.cert.userids().map(|id| String::from_utf8_lossy(id.userid().value()).into_owned()).collect()
    }

    /// Its armoured form.
    ///
    /// # Errors
    /// When it cannot be written, which a certificate that was read can.
    pub fn armoured(&self) -> Result<Vec<u8>> {
        self.cert.armored().to_vec().map_err(|error| VaultError::Encrypt(error.root_cause().to_string()))
    }

    /// Whether a message with these recipients can be read with it.
    pub fn reads(&self, message: &Handles) -> bool {
        message.0.iter().any(|handle| self.owns(handle))
    }

    /// Whether one of its keys is meant.
    pub(crate) fn owns(&self, handle: &KeyHandle) -> bool {
        self.cert.keys().any(|key| key.key().key_handle().aliases(handle))
    }

    /// The subkey to encrypt to: the newest that is good, which is the one gpg takes.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn encryption_key(&self) -> Result<ValidErasedKeyAmalgamation<'_, PublicParts>> {
        self.newest_key().ok_or_else(|| VaultError::Unusable(vec![self.lapsed()]))
    }

    /// Why nothing can be encrypted to it; asked of one that has no key for it.
    pub(crate) fn lapsed(&self) -> Lapsed {
        let why = match self.validity() {
            Validity::Expired(when) => format!("it expired on {}", date(when)),
            Validity::Revoked => "it is revoked".to_owned(),
            Validity::Unusable(why) => why,
            Validity::Good(_) | Validity::EndsSoon(_) => "it has no key for encryption".to_owned(),
        };
        let who = RecipientId::Fingerprint(self.fingerprint());
        Lapsed { who, user_id: self.user_ids().into_iter().next(), why }
    }

    fn newest_key(&self) -> Option<ValidErasedKeyAmalgamation<'_, PublicParts>> {
        let valid = self.cert.with_policy(POLICY, None).ok()?;
        if valid.alive().is_err() || matches!(valid.revocation_status(), RevocationStatus::Revoked(_)) {
            return None;
        }
        self.cert
            .keys()
            .with_policy(POLICY, None)
            .supported()
            .alive()
            .revoked(false)
            .for_transport_encryption()
            .for_storage_encryption()
            .max_by_key(|key| key.key().creation_time())
    }

    /// Whether something can be encrypted to it now.
    pub fn validity(&self) -> Validity {
        let valid = match self.cert.with_policy(POLICY, None) {
            Ok(valid) => valid,
            Err(error) => return Validity::Unusable(error.root_cause().to_string()),
        };
        if matches!(valid.revocation_status(), RevocationStatus::Revoked(_)) {
            return Validity::Revoked;
        }
        let whole = valid.primary_key().key_expiration_time();
        let now = SystemTime::now();
        if let Some(end) = whole.filter(|end| *end <= now) {
            return Validity::Expired(end);
        }
        match self.newest_key() {
            Some(key) => match earliest(whole, key.key_expiration_time()) {
                Some(end) if end <= now + SOON => Validity::EndsSoon(end),
                end => Validity::Good(end),
            },
            None => match self.last_expiry() {
                Some(end) => Validity::Expired(end),
                None => Validity::Unusable("it has no key for encryption".to_owned()),
            },
        }
    }

    /// When the last of its encryption subkeys expired.
    fn last_expiry(&self) -> Option<SystemTime> {
        let keys = self.cert.keys().with_policy(POLICY, None).supported().revoked(false);
        keys.for_transport_encryption().for_storage_encryption().filter_map(|key| key.key_expiration_time()).max()
    }
}

fn earliest(a: Option<SystemTime>, b: Option<SystemTime>) -> Option<SystemTime> {
    a.into_iter().chain(b).min()
}

/// A day, as people write it: `2026-11-22`.
pub fn date(when: SystemTime) -> String {
    chrono::DateTime::<chrono::Utc>::from(when).format("%Y-%m-%d").to_string()
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.fingerprint())
    }
}
