//! `.gpg-id`: whom the secrets of a folder are encrypted to.

use std::fmt;
use std::path::Path;

use crate::error::VaultError;
use crate::{Fingerprint, Result};

/// The name of the file.
pub(crate) const FILE_NAME: &str = ".gpg-id";

/// How a line names a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecipientId {
    /// For certain.
    Fingerprint(Fingerprint),
    /// By a key id, an address or a group, as `pass` and gopass allow. Others can have the same, so
    /// nothing is encrypted to it.
    Vague(String),
}

impl RecipientId {
    fn parse(text: &str) -> Self {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        // `!` asks gpg for that very subkey.
        let digits = digits.strip_suffix('!').unwrap_or(digits);
        match digits.parse() {
            Ok(fingerprint @ (Fingerprint::V4(_) | Fingerprint::V6(_))) => Self::Fingerprint(fingerprint),
            _ => Self::Vague(text.to_owned()),
        }
    }
}

impl fmt::Display for RecipientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fingerprint(fingerprint) => fmt::Display::fmt(fingerprint, f),
            Self::Vague(text) => f.write_str(text),
        }
    }
}

/// The lines of a `.gpg-id`. Comments and order stay when it is edited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecipientList {
    lines: Vec<String>,
}

impl RecipientList {
    /// A list of one.
    pub fn of(fingerprint: &Fingerprint) -> Self {
        Self { lines: vec![fingerprint.to_hex()] }
    }

    /// Reads it. As with `pass`, a `#` starts a comment and blank lines say nothing.
    pub fn parse(text: &str) -> Self {
        Self { lines: text.lines().map(str::to_owned).collect() }
    }

    /// Whom it names, in order.
    pub fn ids(&self) -> impl Iterator<Item = RecipientId> {
        self.lines.iter().filter_map(|line| id_of(line))
    }

    /// Whom it names, in order, each once.
    pub fn distinct(&self) -> Vec<RecipientId> {
        let mut found = Vec::new();
        for id in self.ids() {
            if !found.contains(&id) {
                found.push(id);
            }
        }
        found
    }

    /// The fingerprints it names.
    ///
    /// # Errors
    /// When it names somebody otherwise, or nobody; `path` is where it was read.
    pub fn fingerprints(&self, path: &Path) -> Result<Vec<Fingerprint>> {
        let mut found = Vec::new();
        for id in self.ids() {
            match id {
                RecipientId::Fingerprint(fingerprint) if found.contains(&fingerprint) => {}
                RecipientId::Fingerprint(fingerprint) => found.push(fingerprint),
                RecipientId::Vague(text) => return Err(VaultError::NoFingerprint { path: path.to_owned(), text }),
            }
        }
        if found.is_empty() { Err(VaultError::NoRecipients(path.to_owned())) } else { Ok(found) }
    }

    /// Whether it names this key.
    pub fn contains(&self, fingerprint: &Fingerprint) -> bool {
        self.ids().any(|id| id == RecipientId::Fingerprint(fingerprint.clone()))
    }

    /// Names one more.
    pub fn add(&mut self, fingerprint: &Fingerprint) {
        if !self.contains(fingerprint) {
            self.lines.push(fingerprint.to_hex());
        }
    }

    /// Takes one out.
    pub fn remove(&mut self, fingerprint: &Fingerprint) {
        let gone = RecipientId::Fingerprint(fingerprint.clone());
        self.lines.retain(|line| id_of(line).as_ref() != Some(&gone));
    }
}

/// What the file holds.
impl fmt::Display for RecipientList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

fn id_of(line: &str) -> Option<RecipientId> {
    let text = line.split('#').next().unwrap_or_default().trim();
    (!text.is_empty()).then(|| RecipientId::parse(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: &str = "D0E1F2A3B4C5D6E7F8091A2B3C4D5E6F70819203";
    const BOB: &str = "0123456789ABCDEF0123456789ABCDEF01234567";

    fn key(text: &str) -> Fingerprint {
        text.parse().expect("a fingerprint")
    }

    #[test]
    fn a_list_is_read_as_pass_reads_it() {
        let text = format!("# the team\n{ann}   # Ann\n\n0x{bob}!\n", ann = ANN.to_lowercase(), bob = BOB);
        let list = RecipientList::parse(&text);
        assert_eq!(list.fingerprints(Path::new(".gpg-id")).expect("fingerprints"), [key(ANN), key(BOB)]);
        assert_eq!(list.to_string(), text);
    }

    #[test]
    fn comments_stay_when_a_list_is_edited() {
        let mut list = RecipientList::parse(&format!("# the team\n{ANN} # Ann\n"));
        list.add(&key(BOB));
        list.add(&key(BOB));
        assert_eq!(list.to_string(), format!("# the team\n{ANN} # Ann\n{BOB}\n"));
        list.remove(&key(ANN));
        assert_eq!(list.to_string(), format!("# the team\n{BOB}\n"));
    }

    #[test]
    fn only_a_fingerprint_says_who_is_meant() {
        for vague in ["ann@example.org", "0xFEEDBEEF12345678", "Ann", &ANN[..38]] {
            let wrong = RecipientList::parse(vague).fingerprints(Path::new(".gpg-id")).expect_err("vague");
            assert!(wrong.to_string().contains(vague), "{wrong}");
        }
        let nobody = RecipientList::parse("# nobody\n").fingerprints(Path::new(".gpg-id"));
        assert!(matches!(nobody, Err(VaultError::NoRecipients(_))));
    }
}
