//! Generated passwords, and typed secrets that services need: this machine's state,
//! `.resilmesh/secrets/<instance>/<key>`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{fmt, fs, io};

use rand::Rng as _;
use rand::distr::Alphanumeric;

use super::paths;
use crate::project::names;
use crate::redact::Redactor;
use crate::vault::Secret;

/// How many letters and digits a password has.
const LENGTH: usize = 32;

/// A secret's place: the instance's id and the key.
type Place = (String, String);

/// The generated passwords of a project: those on disk, and those made up since, which exist in
/// memory until [`Secrets::save`].
#[derive(Default)]
pub struct Secrets {
    known: BTreeMap<Place, Secret>,
    made: Mutex<BTreeMap<Place, Secret>>,
    gone: BTreeSet<Place>,
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
                known.insert((name(&instance), name(&file)), Secret::new(fs::read(&file)?).without_line_end());
            }
        }
        Ok(Self { known, ..Self::default() })
    }

    fn made(&self) -> MutexGuard<'_, BTreeMap<Place, Secret>> {
        // A password half put in cannot be: the map is changed in one step.
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The password of an instance under a key; made up if there is none yet.
    pub fn generated(&self, instance: &str, key: &str) -> Secret {
        let place = (names::id(instance), key.to_owned());
        if let Some(known) = self.known.get(&place) {
            return known.clone();
        }
        self.made().entry(place).or_insert_with(new_password).clone()
    }

    /// The secret of an instance under a key, if there is one.
    pub fn get(&self, instance: &str, key: &str) -> Option<Secret> {
        let place = (names::id(instance), key.to_owned());
        self.made().get(&place).or_else(|| self.known.get(&place)).cloned()
    }

    /// All there are, `<instance>/<key>` with the value.
    pub fn all(&self) -> BTreeMap<String, Secret> {
        let made = self.made();
        let places = self.known.iter().chain(made.iter());
        places.map(|((instance, key), value)| (format!("{instance}/{key}"), value.clone())).collect()
    }

    /// Takes a secret from the vault, in place of one that may be there.
    pub fn put(&self, instance: &str, key: &str, value: Secret) {
        self.made().insert((names::id(instance), key.to_owned()), value);
    }

    /// Forgets a secret; [`Secrets::save`] deletes its file.
    pub fn withdraw(&mut self, instance: &str, key: &str) {
        let place = (names::id(instance), key.to_owned());
        self.known.remove(&place);
        self.gone.insert(place);
    }

    /// What takes all of them out of what is printed.
    pub fn redactor(&self) -> Redactor {
        let all = self.all();
        Redactor::new(all.iter().filter_map(|(name, value)| Some((name.as_str(), value.expose_text()?))))
    }

    /// Puts one in that is known already.
    #[must_use]
    pub fn with(mut self, instance: &str, key: &str, value: &str) -> Self {
        self.known.insert((names::id(instance), key.to_owned()), Secret::from(value));
        self
    }

    /// Writes those made up since loading, each into a file of its own (0600).
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn save(&self, folder: &Path) -> io::Result<()> {
        self.gone.iter().try_for_each(|place| delete(folder, place))?;
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

fn write(folder: &Path, (instance, key): &Place, value: &Secret) -> io::Result<()> {
    paths::write_file(&folder.join(instance).join(key), value.expose())
}

fn delete(folder: &Path, (instance, key): &Place) -> io::Result<()> {
    match fs::remove_file(folder.join(instance).join(key)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Letters and digits only: they need no quoting in any of the files they stand in.
fn new_password() -> Secret {
    Secret::new(rand::rng().sample_iter(Alphanumeric).take(LENGTH).collect::<Vec<u8>>())
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
        assert!(password.expose().iter().all(u8::is_ascii_alphanumeric));
        assert_eq!(secrets.generated("a.b", "bus_password"), password);
        assert_ne!(secrets.generated("c", "bus_password"), password);
        assert_eq!(fs::read_dir(folder.path()).expect("list").count(), 0, "nothing is written before `save`");

        secrets.save(folder.path()).expect("save");
        let file = folder.path().join("a_b/bus_password");
        assert_eq!(fs::metadata(&file).expect("metadata").permissions().mode() & 0o777, 0o600);
        assert_eq!(Secrets::load(folder.path()).expect("load").generated("a.b", "bus_password"), password);
        assert!(!format!("{secrets:?}").contains(password.expose_text().expect("text")));
    }
}
