//! How deep commands and hooks call each other: a hook may run commands, which may call hooks. Code that
//! does so while it is loaded would never end, and start ever more processes.

use super::super::HookError;

/// The variable that tells a command how many commands have called hooks for it to be run.
pub const NESTING: &str = "RESILMESH_NESTING";

/// More than any honest hook needs.
const DEEPEST: u32 = 5;

/// What [`NESTING`] says to what a hook of this command starts.
///
/// # Errors
/// When it goes too deep.
pub fn below() -> Result<String, HookError> {
    let own = std::env::var(NESTING).ok().and_then(|own| own.parse().ok()).unwrap_or(0);
    if own >= DEEPEST {
        return Err(HookError::new(format!("hooks run commands that call hooks, {DEEPEST} deep"))
            .hint("does the file of a hook run a command while it is imported? names of `meshroom.model` replace decorators of the same name"));
    }
    Ok((own + 1).to_string())
}
