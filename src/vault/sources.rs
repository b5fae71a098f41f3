//! Where keys and passphrases come from.
//!
//! | variable | what it says |
//! |---|---|
//! | `RESILMESH_KEY_FILE` | a file with a secret key, for CI |
//! | `RESILMESH_KEY_FD` | the same from a file descriptor that is open already |
//! | `RESILMESH_PASSPHRASE` | the passphrase of the keys |
//! | `RESILMESH_PASSPHRASE_FILE` | a file with it |
//! | `PASSWORD` | the same as `RESILMESH_PASSPHRASE`, as Meshroom has it |
//! | `XDG_DATA_HOME` | keys made here are in its `resilmesh/keys/`; else `~/.local/share` |

use std::ffi::OsString;
use std::path::PathBuf;

use resilmesh_vault::keys::{GnuPg, KeyFile, KeyFolder, Passphrases};
use resilmesh_vault::{Keyring, Secret, VaultError};

/// The variables that hold passphrases. Programs that are started need none of them.
pub const PASSPHRASE_VARIABLES: [&str; 3] = ["RESILMESH_PASSPHRASE", "RESILMESH_PASSPHRASE_FILE", "PASSWORD"];

/// Asks for the passphrase of a key, for the n-th time; `None` if there is nobody to ask.
pub type Ask = Box<dyn Fn(&str, u32) -> Result<Option<Secret>, String> + Send + Sync>;

/// Where keys and passphrases come from. Nothing is read before it is needed.
#[derive(Debug, Clone)]
pub struct Sources {
    key_file: Option<PathBuf>,
    data: Option<PathBuf>,
    passphrase: Passphrase,
    gnupg: GnuPg,
}

#[derive(Debug, Clone)]
enum Passphrase {
    Text(Secret),
    File(PathBuf),
    Nowhere,
}

impl Sources {
    /// As the environment of this process says.
    pub fn of_environment() -> Self {
        Self::of(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
    }

    /// As these variables say.
    pub fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let text = |name| variable(name).map(|value| Passphrase::Text(Secret::new(value.into_encoded_bytes())));
        let passphrase = text("RESILMESH_PASSPHRASE")
            .or_else(|| variable("RESILMESH_PASSPHRASE_FILE").map(|path| Passphrase::File(path.into())))
            .or_else(|| text("PASSWORD"))
            .unwrap_or(Passphrase::Nowhere);
        let descriptor = || variable("RESILMESH_KEY_FD").map(|number| PathBuf::from("/proc/self/fd").join(number));
        let home = || variable("HOME").map(|home| PathBuf::from(home).join(".local/share"));
        Self {
            key_file: variable("RESILMESH_KEY_FILE").map(PathBuf::from).or_else(descriptor),
            data: variable("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute()).or_else(home),
            passphrase,
            gnupg: GnuPg::new("gpg").without_variables(&PASSPHRASE_VARIABLES),
        }
    }

    /// The folder of this user's own keys.
    ///
    /// # Errors
    /// When the environment names no home.
    pub fn key_folder(&self) -> Result<KeyFolder, VaultError> {
        let data = self.data.as_ref().ok_or_else(|| VaultError::NewKey("HOME is not set".to_owned()))?;
        Ok(KeyFolder::new(data.join("resilmesh/keys")))
    }

    /// Whether the environment names a key.
    pub fn names_a_key(&self) -> bool {
        self.key_file.is_some()
    }

    /// The key files there are: the one that the environment names first.
    ///
    /// # Errors
    /// When one cannot be used.
    pub fn key_files(&self) -> Result<Vec<KeyFile>, VaultError> {
        let mut files = self.key_file.iter().map(|path| KeyFile::read(path)).collect::<Result<Vec<_>, _>>()?;
        if self.data.is_some() {
            files.extend(self.key_folder()?.keys()?);
        }
        Ok(files)
    }

    /// The passphrase at hand.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub fn passphrase(&self) -> Result<Option<Secret>, String> {
        match &self.passphrase {
            Passphrase::Text(text) => Ok(Some(text.clone())),
            Passphrase::File(path) => match std::fs::read(path) {
                Ok(bytes) => Ok(Some(Secret::new(bytes).without_line_end())),
                Err(error) => Err(format!("`{}` cannot be read: {error}", path.display())),
            },
            Passphrase::Nowhere => Ok(None),
        }
    }

    /// All keys of this machine.
    pub(super) fn keyring(&self, ask: Ask) -> Result<Keyring, VaultError> {
        let passphrases = Asking { sources: self.clone(), ask };
        let ring = Keyring::new(self.key_files()?, Some(self.gnupg.clone()), Box::new(passphrases));
        Ok(ring.looked_for_in(self.places()))
    }

    /// Where key files are looked for.
    fn places(&self) -> String {
        let folder = match &self.data {
            Some(data) => format!("`{}`", data.join("resilmesh/keys").display()),
            None => "no folder of keys (neither HOME nor XDG_DATA_HOME is set)".to_owned(),
        };
        self.key_file.as_ref().map(|file| format!("`{}` and ", file.display())).unwrap_or_default() + &folder
    }
}

struct Asking {
    sources: Sources,
    ask: Ask,
}

impl Passphrases for Asking {
    fn given(&self) -> Result<Option<Secret>, String> {
        self.sources.passphrase()
    }

    fn ask(&self, key: &str, attempt: u32) -> Result<Option<Secret>, String> {
        (self.ask)(key, attempt)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn sources(variables: &[(&str, &str)]) -> Sources {
        let variables: HashMap<String, OsString> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))).collect();
        Sources::of(|name| variables.get(name).cloned())
    }

    fn passphrase(variables: &[(&str, &str)]) -> Option<Secret> {
        sources(variables).passphrase().expect("no file")
    }

    #[test]
    fn our_own_variables_go_before_meshrooms() {
        assert_eq!(passphrase(&[("PASSWORD", "m")]), Some(Secret::from("m")));
        assert_eq!(passphrase(&[("PASSWORD", "m"), ("RESILMESH_PASSPHRASE", "r")]), Some(Secret::from("r")));
        assert_eq!(passphrase(&[]), None);
        assert!(!format!("{:?}", sources(&[("PASSWORD", "hunter2")])).contains("hunter2"));
    }

    #[test]
    fn a_passphrase_file_is_read_when_it_is_needed() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), "open sesame\n").expect("writable");
        let path = file.path().to_str().expect("text");
        assert_eq!(passphrase(&[("RESILMESH_PASSPHRASE_FILE", path)]), Some(Secret::from("open sesame")));
        let missing = sources(&[("RESILMESH_PASSPHRASE_FILE", "/missing")]).passphrase().expect_err("missing");
        assert!(missing.starts_with("`/missing` cannot be read"), "{missing}");
    }

    #[test]
    fn keys_are_in_the_users_data_folder() {
        let folder = |variables: &[_]| sources(variables).key_folder().map(|folder| folder.path().to_owned()).ok();
        assert_eq!(folder(&[("HOME", "/h")]), Some("/h/.local/share/resilmesh/keys".into()));
        assert_eq!(folder(&[("HOME", "/h"), ("XDG_DATA_HOME", "/d")]), Some("/d/resilmesh/keys".into()));
        assert_eq!(folder(&[]), None);
    }
}
