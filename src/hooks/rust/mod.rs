//! Programs of products whose hooks are in Rust: built once from the crate in the product's folder, and again when
//! its files, the compiler or the SDK change.
//!
//! ```text
//! .resilmesh/build/
//!   sdk -> <private>/sdk-<hash>   for editors and `cargo test`
//!   <private>/
//!     sdk-<hash>/                 the SDK, as this program carries it
//!     target/                     cargo's; shared by all products
//!     <product>/                  a copy of the crate, in which cargo may write
//!     <product>-<key>/host        the program
//! ```
//!
//! A cloned project may bring a `.resilmesh` folder with it, so all of it lies in a folder whose name only this user
//! on this machine knows.

mod cargo;
mod copy;
mod prebuilt;
mod sdk;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use self::cargo::{Cargo, Toolchain};
use self::copy::CrateFiles;
use super::HookError;
use super::host::Programs;

/// Where programs are built instead, if this variable names a folder: one that several projects share, in CI.
const ELSEWHERE: &str = "RESILMESH_BUILD";

/// Says what is going on.
type Notice = Box<dyn Fn(&str) + Send + Sync>;

/// Where programs are built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Builds {
    folder: PathBuf,
    /// What leads to the SDK, if all of it belongs to one project only.
    own: Option<PathBuf>,
}

impl Builds {
    /// Those of the project with this state folder, below a folder of that private name, unless the environment
    /// names another place.
    pub fn of(state: &Path, private: &str) -> Self {
        match std::env::var_os(ELSEWHERE).filter(|named| !named.is_empty()) {
            Some(named) => Self { folder: named.into(), own: None },
            None => Self::of_project(state, private),
        }
    }

    fn of_project(state: &Path, private: &str) -> Self {
        let own = state.join("build");
        Self { folder: own.join(private), own: Some(own) }
    }

    /// Makes the folder, which only its owner can look into.
    fn make(&self) -> io::Result<()> {
        if let Some(link) = self.own.iter().flat_map(|own| own.ancestors().take(2)).find(|place| place.is_symlink()) {
            let what = format!("`{}` is a symbolic link; remove it", link.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)
    }

    /// Unpacks the SDK to where the crates of a project's products look for it when its user has cargo build them.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn unpack_sdk(state: &Path, private: &str) -> io::Result<()> {
        let own = Self::of_project(state, private);
        own.make()?;
        sdk::unpack(&own).map(drop)
    }

    /// Of a product, with this key.
    fn program(&self, product: &str, key: &str) -> PathBuf {
        self.folder.join(format!("{product}-{key}")).join("host")
    }

    /// Removes what an older state of a product was built to.
    fn forget_others(&self, product: &str, key: &str) {
        if self.own.is_none() {
            return;
        }
        let current = format!("{product}-{key}");
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let is_key = |rest: &str| rest.len() == key.len() && rest.bytes().all(|byte| byte.is_ascii_hexdigit());
            let rest = name.to_str().and_then(|name| name.strip_prefix(product)?.strip_prefix('-'));
            if rest.is_some_and(is_key) && name != OsStr::new(&current) {
                // What is left takes room, and does no harm.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

/// The programs of a project's crates.
pub struct Crates {
    builds: Builds,
    notice: Notice,
    /// What has come of each product's so far; one is made at a time.
    made: Mutex<BTreeMap<PathBuf, Result<PathBuf, HookError>>>,
}

impl Crates {
    /// Built there.
    pub fn new(builds: Builds, notice: Notice) -> Self {
        Self { builds, notice, made: Mutex::default() }
    }

    async fn make(&self, product: &str, folder: &Path) -> Result<PathBuf, HookError> {
        let files = CrateFiles::of(product, folder)?;
        let toolchain = match Toolchain::find().await {
            Ok(toolchain) => toolchain,
            Err(missing) => return prebuilt::program(&self.builds, product, folder, missing),
        };
        let key = key(&files, &toolchain);
        let program = self.builds.program(product, &key);
        if program.is_file() {
            return Ok(program);
        }
        let cargo = Cargo { builds: &self.builds, notice: &*self.notice };
        cargo.build(&files, &program).await?;
        self.builds.forget_others(product, &key);
        Ok(program)
    }
}

/// The version of the compiler that builds hooks.
///
/// # Errors
/// When there is none.
pub async fn compiler() -> Result<String, HookError> {
    let toolchain = Toolchain::find().await?;
    Ok(toolchain.release().unwrap_or("of unknown version").to_owned())
}

/// What a program depends on, as a short word.
fn key(files: &CrateFiles, toolchain: &Toolchain) -> String {
    let whole = Sha256::new().chain_update(files.hash()).chain_update(&toolchain.version).chain_update(sdk::hash());
    whole.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

#[async_trait::async_trait]
impl Programs for Crates {
    async fn of(&self, product: &str, folder: &Path) -> Result<PathBuf, HookError> {
        let mut made = self.made.lock().await;
        if let Some(known) = made.get(folder) {
            return known.clone();
        }
        let program = self.make(product, folder).await;
        made.insert(folder.to_owned(), program.clone());
        program
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_builds_of_a_product_are_removed_and_those_of_others_stay() {
        let place = tempfile::tempdir().expect("a folder");
        let builds = Builds::of_project(place.path(), "p");
        builds.make().expect("made");
        for name in ["edr-0123456789ab", "edr-ba9876543210", "edr-old-0123456789ab", "edr", "sdk-0123456789ab"] {
            fs::create_dir(builds.folder.join(name)).expect("made");
        }
        builds.forget_others("edr", "ba9876543210");
        let mut left: Vec<_> =
            fs::read_dir(&builds.folder).expect("listed").map(|own| own.expect("one").file_name()).collect();
        left.sort();
        assert_eq!(left, ["edr", "edr-ba9876543210", "edr-old-0123456789ab", "sdk-0123456789ab"]);
    }

    #[test]
    fn nothing_is_built_through_a_link() {
        let place = tempfile::tempdir().expect("a folder");
        std::os::unix::fs::symlink("elsewhere", place.path().join("build")).expect("a link");
        let refused = Builds::of_project(place.path(), "p").make().expect_err("refused");
        assert!(refused.to_string().contains("is a symbolic link"), "{refused}");
    }
}
