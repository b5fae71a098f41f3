//! Programs that a product brings with it, for machines without cargo.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Builds;
use crate::hooks::HookError;
use crate::project::rust_hooks::{CRATE, PREBUILT};

/// The oldest compiler that the SDK is for.
const RUST: &str = env!("CARGO_PKG_RUST_VERSION");

/// What this program was built for.
const TARGET: &str = env!("RESILMESH_TARGET");

/// The program that a product brings for this machine, if its hash is the one beside it; a copy of it, which is
/// what was hashed.
pub(super) fn program(
    builds: &Builds,
    product: &str,
    folder: &Path,
    no_cargo: HookError,
) -> Result<PathBuf, HookError> {
    let below = format!("{CRATE}/{PREBUILT}/{TARGET}/host");
    let path = folder.join(&below);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(HookError::new(format!("the hooks of `{product}` cannot be built: {}", no_cargo.what)).hint(
                format!(
                    "install Rust {RUST} or newer (https://rustup.rs), or put a program built elsewhere to `products/{product}/{below}`, with its SHA-256 in `host.sha256`"
                ),
            ));
        }
        Err(error) => return Err(unreadable(&path, &error)),
    };
    let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let beside = path.with_extension("sha256");
    let expected = fs::read_to_string(&beside).map_err(|error| unreadable(&beside, &error))?;
    if expected.split_whitespace().next() != Some(hash.as_str()) {
        return Err(HookError::new(format!(
            "`products/{product}/{below}` is not the program that its `host.sha256` names"
        ))
        .hint("get both from the vendor again, or install Rust to build it from its source"));
    }
    let program = builds.program(product, &hash[..12]);
    if !program.is_file() {
        builds.make().and_then(|()| put(&program, &bytes)).map_err(|error| {
            HookError::new(format!("`{}` cannot be written: {error}", program.display()))
                .hint("check the permissions of `.resilmesh` and the free disk space")
        })?;
        builds.forget_others(product, &hash[..12]);
    }
    Ok(program)
}

fn unreadable(path: &Path, error: &std::io::Error) -> HookError {
    HookError::new(format!("`{}` cannot be read: {error}", path.display()))
}

/// Writes a program, whole or not at all.
pub(super) fn put(program: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = program.parent() {
        fs::create_dir_all(folder)?;
    }
    let work = program.with_extension(format!("{}.new", std::process::id()));
    fs::write(&work, bytes)?;
    fs::set_permissions(&work, fs::Permissions::from_mode(0o700))?;
    fs::rename(&work, program)
}
