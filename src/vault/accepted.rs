//! Whom the user of this machine lets read what is written here: this machine's state, which no commit
//! of somebody else changes.
//!
//! `.gpg-id` is part of the repository, so whoever may push can put a key into it, also one that was
//! taken out before. Nothing is encrypted to a key that is listed until the user has accepted it here.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use resilmesh_vault::{Fingerprint, RecipientId, RecipientList};
use serde::{Deserialize, Serialize};

use crate::project::user_folders;

/// Version of the file.
const VERSION: u32 = 1;

/// The lists of a vault, each with its path below it.
pub type Lists = [(PathBuf, RecipientList)];

/// A recipient of a folder whom the user has not accepted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unaccepted {
    /// The folder below the vault; empty for the whole of it.
    pub folder: PathBuf,
    /// The folder whose list names them: this one, or one above it.
    pub listed: PathBuf,
    /// Their key.
    pub fingerprint: Fingerprint,
}

/// What was accepted, by the folder of the vault that it holds for. A folder that is not here goes by
/// the one above it; one that is keeps what it has when its list goes away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    version: u32,
    folders: BTreeMap<PathBuf, BTreeSet<String>>,
    /// The last commit that was looked at.
    pub seen: Option<String>,
}

impl Accepted {
    /// Reads what is remembered; none if nothing is yet.
    ///
    /// # Errors
    /// When it cannot be read or understood: it must not be taken for nothing.
    pub fn load(path: &Path) -> io::Result<Option<Self>> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let found: Self = serde_json::from_slice(&text)?;
        if found.version == VERSION {
            return Ok(Some(found));
        }
        Err(io::Error::other(format!("it is of version {}, and this program knows {VERSION}", found.version)))
    }

    /// Writes it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        user_folders::write_private(path, &serde_json::to_vec_pretty(self)?)
    }

    /// Everybody who is listed now.
    pub fn all_of(lists: &Lists) -> Self {
        let folders = lists.iter().map(|(file, list)| (folder_of(file), members(list).collect())).collect();
        Self { version: VERSION, folders, seen: None }
    }

    /// The recipients of these folders who are not accepted, sorted.
    pub fn unaccepted<'f>(&self, lists: &Lists, folders: impl IntoIterator<Item = &'f Path>) -> Vec<Unaccepted> {
        let mut found = BTreeSet::new();
        for folder in folders {
            let (own, accepted) = self.of(folder);
            let Some((file, list)) = nearest(lists, folder) else { continue };
            let listed = folder_of(file);
            let place = if own.starts_with(&listed) { own.to_owned() } else { listed.clone() };
            for id in list.ids() {
                if let RecipientId::Fingerprint(fingerprint) = id
                    && !accepted.contains(&fingerprint.to_hex())
                {
                    found.insert(Unaccepted { folder: place.clone(), listed: listed.clone(), fingerprint });
                }
            }
        }
        found.into_iter().collect()
    }

    /// The folders that have a list, or had one.
    pub fn folders(&self, lists: &Lists) -> BTreeSet<PathBuf> {
        lists.iter().map(|(file, _)| folder_of(file)).chain(self.folders.keys().cloned()).collect()
    }

    /// Accepts one.
    pub fn accept(&mut self, folder: &Path, fingerprint: &Fingerprint) {
        let above = self.of(folder).1;
        self.folders.entry(folder.to_owned()).or_insert(above).insert(fingerprint.to_hex());
    }

    /// Forgets one who was taken out of the list of a folder.
    pub fn forget(&mut self, folder: &Path, fingerprint: &Fingerprint) {
        if let Some(accepted) = self.folders.get_mut(folder) {
            accepted.remove(&fingerprint.to_hex());
        }
    }

    /// Forgets whoever is listed no more, and remembers the folders that have lists of their own.
    pub fn settle(&mut self, lists: &Lists) {
        for folder in self.folders(lists) {
            let Some((_, list)) = nearest(lists, &folder) else { continue };
            let listed: BTreeSet<String> = members(list).collect();
            let kept = self.of(&folder).1.intersection(&listed).cloned().collect();
            self.folders.insert(folder, kept);
        }
    }

    /// What holds for a folder, and where that stands.
    fn of(&self, folder: &Path) -> (&Path, BTreeSet<String>) {
        let found = folder.ancestors().find_map(|above| self.folders.get_key_value(above));
        found.map_or_else(|| (Path::new(""), BTreeSet::new()), |(own, accepted)| (own, accepted.clone()))
    }
}

fn nearest<'l>(lists: &'l Lists, folder: &Path) -> Option<&'l (PathBuf, RecipientList)> {
    folder.ancestors().find_map(|above| lists.iter().find(|(file, _)| folder_of(file) == above))
}

fn folder_of(file: &Path) -> PathBuf {
    file.parent().map(Path::to_owned).unwrap_or_default()
}

fn members(list: &RecipientList) -> impl Iterator<Item = String> {
    list.ids().filter_map(|id| match id {
        RecipientId::Fingerprint(fingerprint) => Some(fingerprint.to_hex()),
        RecipientId::Vague(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn key(letter: char) -> Fingerprint {
        letter.to_string().repeat(40).parse().expect("a fingerprint")
    }

    /// Lists of a vault: folders with the keys in each.
    fn lists(all: &[(&str, &str)]) -> Vec<(PathBuf, RecipientList)> {
        let list = |keys: &str| {
            let lines: Vec<String> = keys.chars().map(|letter| letter.to_string().repeat(40)).collect();
            RecipientList::parse(&lines.join("\n"))
        };
        all.iter().map(|(folder, keys)| (Path::new(folder).join(".gpg-id"), list(keys))).collect()
    }

    /// Who is not accepted for a folder, with the place that it would be kept at.
    fn asked(accepted: &Accepted, lists: &Lists, folder: &str) -> Vec<(String, char)> {
        let found = accepted.unaccepted(lists, [Path::new(folder)]);
        let first = |one: &Unaccepted| one.fingerprint.to_hex().chars().next().unwrap_or('?');
        found.iter().map(|one| (one.folder.display().to_string(), first(one))).collect()
    }

    #[test]
    fn whoever_comes_later_is_not_accepted_nor_who_comes_back() {
        let mut accepted = Accepted::all_of(&lists(&[("", "AB")]));
        assert_eq!(asked(&accepted, &lists(&[("", "ABC")]), "x"), [(String::new(), 'C')]);
        accepted.settle(&lists(&[("", "A")]));
        assert_eq!(asked(&accepted, &lists(&[("", "AB")]), ""), [(String::new(), 'B')]);
        accepted.accept(Path::new(""), &key('B'));
        assert!(asked(&accepted, &lists(&[("", "AB")]), "").is_empty());
        accepted.forget(Path::new(""), &key('B'));
        assert_eq!(asked(&accepted, &lists(&[("", "AB")]), "").len(), 1);
    }

    #[test]
    fn who_is_accepted_for_a_folder_is_not_for_another() {
        let mut accepted = Accepted::all_of(&lists(&[("", "AB"), ("team", "AC")]));
        assert_eq!(asked(&accepted, &lists(&[("", "ABC"), ("team", "AC")]), ""), [(String::new(), 'C')]);
        assert_eq!(asked(&accepted, &lists(&[("", "AB"), ("team", "ABC")]), "team/x"), [("team".to_owned(), 'B')]);
        // Without its list the folder would go by the one above, which lets others in.
        assert_eq!(asked(&accepted, &lists(&[("", "AB")]), "team"), [("team".to_owned(), 'B')]);
        // A new list of those who could read it before changes nothing, and holds from then on.
        let narrower = lists(&[("", "AB"), ("team", "AC"), ("own", "A")]);
        assert!(asked(&accepted, &narrower, "own").is_empty());
        accepted.settle(&narrower);
        assert_eq!(asked(&accepted, &lists(&[("", "AB"), ("own", "AB")]), "own"), [("own".to_owned(), 'B')]);
        let all = accepted.folders(&narrower);
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn it_is_kept_for_its_user_only_and_a_damaged_file_is_not_nothing() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join(".resilmesh/recipients.json");
        assert_eq!(Accepted::load(&path).expect("nothing yet"), None);
        let mut accepted = Accepted::all_of(&lists(&[("", "A"), ("team", "B")]));
        accepted.seen = Some("c0ffee".to_owned());
        accepted.save(&path).expect("saved");
        assert_eq!(path.metadata().expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(Accepted::load(&path).expect("read"), Some(accepted));
        std::fs::write(&path, "{").expect("writable");
        assert!(Accepted::load(&path).is_err());
    }
}
