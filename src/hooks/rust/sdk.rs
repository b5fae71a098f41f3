//! The SDK, which travels inside this program.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};

use super::Builds;

static SDK: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/sdk/rust");
static API: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/crates/hook-api");
static HOST: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/crates/hook-host");

/// The workspace that they are in.
const WORKSPACE: &str = include_str!("../../../Cargo.toml");
/// The versions that this program was built with: what a crate without a lock of its own is built with too, if it
/// needs the same.
pub(super) const LOCKED: &str = include_str!("../../../Cargo.lock");

static HASH: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for (path, content) in files() {
        hash.update(path.to_string_lossy().as_bytes());
        hash.update((content.len() as u64).to_le_bytes());
        hash.update(content);
    }
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
});

/// The same for the same SDK only.
pub(super) fn hash() -> &'static str {
    &HASH
}

/// Where the SDK is below the folder that it is unpacked to.
const CRATE: &str = "sdk/rust";

/// Unpacks the SDK, if it is not there; the folder of its crate. In a project, `sdk` always leads to the newest.
pub(super) fn unpack(builds: &Builds) -> io::Result<PathBuf> {
    let target = builds.folder.join(format!("sdk-{}", hash()));
    if !target.is_dir() {
        let work = target.with_extension("new");
        let _ = fs::remove_dir_all(&work);
        for (path, content) in files() {
            let path = work.join(path);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(path, content)?;
        }
        fs::rename(&work, &target)?;
    }
    if let Some(own) = &builds.own {
        lead(&own.join("sdk"), target.strip_prefix(own).unwrap_or(&target))?;
    }
    Ok(target.join(CRATE))
}

/// Makes a link lead there.
fn lead(link: &Path, to: &Path) -> io::Result<()> {
    if fs::read_link(link).is_ok_and(|there| there == to) {
        return Ok(());
    }
    match fs::symlink_metadata(link) {
        Ok(there) if there.is_dir() => fs::remove_dir_all(link)?,
        Ok(_) => fs::remove_file(link)?,
        Err(_) => {}
    }
    symlink(to, link)
}

/// All files, by path below the unpacked folder, which is laid out as the source tree.
fn files() -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = vec![(PathBuf::from("Cargo.toml"), manifest().into_bytes())];
    collect(&SDK, Path::new(CRATE), &mut files);
    collect(&API, Path::new("crates/hook-api"), &mut files);
    collect(&HOST, Path::new("crates/hook-host"), &mut files);
    files.sort();
    files
}

fn collect(folder: &Dir<'static>, below: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    files.extend(folder.files().map(|file| (below.join(file.path()), file.contents().to_vec())));
    folder.dirs().for_each(|folder| collect(folder, below, files));
}

/// The manifest of a workspace with the SDK alone: what the crates inherit is as in the source tree.
fn manifest() -> String {
    let inherited = WORKSPACE.find("[workspace.package]").and_then(|start| {
        let end = WORKSPACE[start..].find("\n[profile.")?;
        WORKSPACE.get(start..start + end)
    });
    format!(
        "[workspace]\nmembers = [\"sdk/rust\", \"sdk/rust/macros\", \"sdk/rust/attributes\", \"crates/hook-api\", \"crates/hook-host\"]\nresolver = \"3\"\n\n{}\n",
        inherited.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_has_all_that_the_crates_inherit() {
        let manifest = manifest();
        for part in ["[workspace.package]", "[workspace.dependencies]", "[workspace.lints.rust]", "\nserde = "] {
            assert!(manifest.contains(part), "{part}\n{manifest}");
        }
        assert!(!manifest.contains("\n[package]") && !manifest.contains("[profile"), "{manifest}");
    }

    #[test]
    fn it_is_unpacked_once() {
        let place = tempfile::tempdir().expect("a folder");
        let builds = Builds::of_project(place.path(), "private");
        builds.make().expect("made");
        let first = unpack(&builds).expect("unpacked");
        assert!(first.join("src/lib.rs").is_file() && first.join("macros/Cargo.toml").is_file());
        fs::write(first.join("mark"), "").expect("written");
        assert_eq!(unpack(&builds).expect("there"), first);
        assert!(place.path().join("build/sdk/sdk/rust/mark").is_file());
    }
}
