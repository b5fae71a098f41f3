//! Whom the secrets of a list can be encrypted to now.

use std::path::Path;

use super::Vault;
use super::write::is_for_exactly;
use crate::error::{Lapsed, VaultError};
use crate::message::Handles;
use crate::recipients::FILE_NAME;
use crate::{Certificate, RecipientId, RecipientList, Result};

/// What becomes of recipients that nothing can be encrypted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lapse {
    /// Nothing is written as long as there is one.
    Refuse,
    /// They are left out of what is encrypted anew; what need not be touched stays theirs.
    LeaveOut,
}

/// Those that a list names.
#[derive(Debug)]
pub(super) struct Audience {
    /// Who can be encrypted to.
    pub(super) usable: Vec<Certificate>,
    /// Who cannot, and why.
    pub(super) lapsed: Vec<Lapsed>,
    /// The certificates of those, as far as they are known.
    former: Vec<Certificate>,
}

impl Audience {
    /// All that are named, if all of them can be encrypted to.
    pub(super) fn whole(self) -> Result<Vec<Certificate>> {
        if self.lapsed.is_empty() { Ok(self.usable) } else { Err(VaultError::Unusable(self.lapsed)) }
    }

    /// Whether a message is for exactly these: by the present subkeys of those that have one, and for
    /// whoever has lapsed or not.
    pub(super) fn is_served_by(&self, message: Handles) -> Result<bool> {
        let is_former = |handle: &_| self.former.iter().any(|former| former.owns(handle));
        let present: Vec<_> = message.0.into_iter().filter(|handle| !is_former(handle)).collect();
        is_for_exactly(&present, &self.usable)
    }
}

impl Vault {
    /// Those that a list names; `file` is where it lies. The certificate of one who joins is taken as
    /// it is given.
    ///
    /// # Errors
    /// When it names nobody, or a certificate cannot be read. With [`Lapse::Refuse`], when it names
    /// somebody vaguely.
    pub(super) fn audience(
        &self,
        list: &RecipientList,
        file: &Path,
        joining: Option<&Certificate>,
        lapse: Lapse,
    ) -> Result<Audience> {
        let path = self.path().join(file);
        if lapse == Lapse::Refuse {
            list.fingerprints(&path)?;
        }
        let mut audience = Audience { usable: Vec::new(), lapsed: Vec::new(), former: Vec::new() };
        for who in list.distinct() {
            let RecipientId::Fingerprint(fingerprint) = &who else {
                let why = format!("`{FILE_NAME}` does not name them by their fingerprint");
                audience.lapsed.push(Lapsed { who, user_id: None, why });
                continue;
            };
            let found = match joining.filter(|joining| joining.fingerprint() == *fingerprint) {
                Some(joining) => Ok(joining.clone()),
                None => self.certificate(fingerprint),
            };
            match found {
                Ok(certificate) if certificate.encryption_key().is_ok() => audience.usable.push(certificate),
                Ok(certificate) => {
                    audience.lapsed.push(certificate.lapsed());
                    audience.former.push(certificate);
                }
                Err(VaultError::NoCertificate(_)) => {
                    let why = "its certificate is neither in `.public-keys` nor in GnuPG".to_owned();
                    audience.lapsed.push(Lapsed { who, user_id: None, why });
                }
                Err(VaultError::NoCertificateIn { place, why }) => {
                    let why = VaultError::NoCertificateIn { place, why }.to_string();
                    audience.lapsed.push(Lapsed { who, user_id: None, why });
                }
                Err(other) => return Err(other),
            }
        }
        match (audience.usable.is_empty(), audience.lapsed.is_empty()) {
            (true, true) => Err(VaultError::NoRecipients(path)),
            (true, false) => Err(VaultError::Unusable(audience.lapsed)),
            _ => Ok(audience),
        }
    }
}
