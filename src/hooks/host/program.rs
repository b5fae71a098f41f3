//! Where the program of the Python host is.

use std::path::PathBuf;

use resilmesh_hook_api::FromHost;

use super::super::HookError;

const NAME: &str = "resilmesh-python-host";

/// The variable that names the program, if it is neither beside this one nor on PATH.
pub const PYTHON_HOST: &str = "RESILMESH_PYTHON_HOST";

/// Variables that hold what opens the vault: hooks ask for single secrets instead.
pub(in crate::hooks) const WITHHELD: [&str; 5] =
    ["PASSWORD", "RESILMESH_PASSPHRASE", "RESILMESH_PASSPHRASE_FILE", "RESILMESH_KEY", "RESILMESH_KEY_FILE"];

/// The program: named by the environment, beside this one, or on PATH.
///
/// # Errors
/// When it is in none of these places.
pub fn find() -> Result<PathBuf, HookError> {
    if let Some(named) = std::env::var_os(PYTHON_HOST).filter(|named| !named.is_empty()) {
        return Ok(named.into());
    }
    let beside = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join(NAME)));
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let candidates = beside.into_iter().chain(std::env::split_paths(&on_path).map(|folder| folder.join(NAME)));
    candidates.into_iter().find(|candidate| candidate.is_file()).ok_or_else(|| {
        HookError::new(format!("`{NAME}`, which runs hooks in Python, is not installed"))
            .hint("it comes with resilmesh: put it beside it, or on PATH; $RESILMESH_PYTHON_HOST names another")
    })
}

/// The Python that hooks run in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    /// Its version, such as `3.11`.
    pub version: String,
    /// A program of that version.
    pub program: PathBuf,
}

/// The Python that hooks run in.
///
/// # Errors
/// When the host is not there or does not start.
pub async fn interpreter() -> Result<Interpreter, HookError> {
    let host = find()?;
    // Its first line says so; without input, it ends then.
    let started = tokio::process::Command::new(&host).stdin(std::process::Stdio::null()).output().await;
    let said = started.map_err(|error| HookError::new(format!("`{}` cannot be started: {error}", host.display())))?;
    let first = said.stdout.split(|byte| *byte == b'\n').next().unwrap_or_default();
    match serde_json::from_slice(first) {
        Ok(FromHost::Hello { runtime, program, .. }) => {
            let version = runtime.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
            let program = program.unwrap_or_else(|| format!("python{version}")).into();
            Ok(Interpreter { version, program })
        }
        _ => Err(HookError::new(format!("`{}` does not tell its version of Python", host.display()))),
    }
}
