//! Generated passwords, and typed secrets that services need: this machine's state,
//! `.resilmesh/secrets/<instance>/<key>`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{fmt, fs, io};

use rand::Rng as _;
use rand::distr::Alphanumeric;

use super::paths;
use crate::project::names;

/// How many letters and digits a password has.
const LENGTH: usize = 32;

/// A secret's place: the instance's id and the key.
type Place = (String, String);

/// The generated passwords of a project: those on disk, and those made up since, which exist in
/// memory until [`Secrets::save`].
#[derive(Default)]
pub struct Secrets {
    known: BTreeMap<Place, String>,
    made: Mutex<BTreeMap<Place, String>>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("known", &self.known.len()).field("made", &self.made().len()).finish()
    }
}

impl Secrets {
    /// Reads those of the folder; one that is not there holds none.
    ///
    /// # Errors
    /// When a file of it cannot be read.
    pub fn load(folder: &Path) -> io::Result<Self> {
        let mut known = BTreeMap::new();
        for instance in entries(folder)? {
            for file in entries(&instance)? {
                let text = fs::read_to_string(&file)?;
                known.insert((name(&instance), name(&file)), text.trim_end_matches(['\r', '\n']).to_owned());
            }
        }
        Ok(Self { known, made: Mutex::default() })
    }

    fn made(&self) -> MutexGuard<'_, BTreeMap<Place, String>> {
        // A password half put in cannot be: the map is changed in one step.
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The password of an instance under a key; made up if there is none yet.
    pub fn generated(&self, instance: &str, key: &str) -> String {
        let place = (names::id(instance), key.to_owned());
        if let Some(known) = self.known.get(&place) {
            return known.clone();
        }
        self.made().entry(place).or_insert_with(new_password).clone()
    }

    /// The secret of an instance under a key, if there is one.
    pub fn get(&self, instance: &str, key: &str) -> Option<String> {
        let place = (names::id(instance), key.to_owned());
        self.made().get(&place).or_else(|| self.known.get(&place)).cloned()
    }

    /// All there are, those made up too: `<instance>/<key>` with the value.
    pub fn named(&self) -> BTreeMap<String, String> {
        let made = self.made();
        let places = self.known.iter().chain(made.iter());
        places.map(|((instance, key), value)| (format!("{instance}/{key}"), value.clone())).collect()
    }

    /// Those that were read: instance, key and value of each.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.known.iter().map(|((instance, key), value)| (instance.as_str(), key.as_str(), value.as_str()))
    }

    /// Takes a secret that the user gave, in place of one that may be there.
    pub fn put(&self, instance: &str, key: &str, value: &str) {
        self.made().insert((names::id(instance), key.to_owned()), value.to_owned());
    }

    /// Puts one in that is known already.
    #[must_use]
    pub fn with(mut self, instance: &str, key: &str, value: &str) -> Self {
        self.known.insert((names::id(instance), key.to_owned()), value.to_owned());
        self
    }

    /// Writes those made up since loading, each into a file of its own (0600).
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn save(&self, folder: &Path) -> io::Result<()> {
        self.made().iter().try_for_each(|(place, value)| write(folder, place, value))
    }

    /// Writes all there are, into a folder that is not theirs.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn save_all(&self, folder: &Path) -> io::Result<()> {
        self.known.iter().try_for_each(|(place, value)| write(folder, place, value))?;
        self.save(folder)
    }
}

fn write(folder: &Path, (instance, key): &Place, value: &str) -> io::Result<()> {
    paths::write_file(&folder.join(instance).join(key), value.as_bytes())
}

/// Letters and digits only: they need no quoting in any of the files they stand in.
fn new_password() -> String {
    rand::rng().sample_iter(Alphanumeric).take(LENGTH).map(char::from).collect()
}

fn entries(folder: &Path) -> io::Result<Vec<std::path::PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.path()))
            .filter(|path| !matches!(path, Ok(path) if name(path).starts_with('.')))
            .collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_password_is_made_up_once_and_kept() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let secrets = Secrets::load(folder.path()).expect("load");
        let password = secrets.generated("a.b", "bus_password");
        assert_eq!(password.len(), LENGTH);
        assert!(password.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_eq!(secrets.generated("a.b", "bus_password"), password);
        assert_ne!(secrets.generated("c", "bus_password"), password);
        assert_eq!(fs::read_dir(folder.path()).expect("list").count(), 0, "nothing is written before `save`");

        secrets.save(folder.path()).expect("save");
        let file = folder.path().join("a_b/bus_password");
        assert_eq!(fs::metadata(&file).expect("metadata").permissions().mode() & 0o777, 0o600);
        assert_eq!(Secrets::load(folder.path()).expect("load").generated("a.b", "bus_password"), password);
        assert!(!format!("{secrets:?}").contains(&password));
    }
}
