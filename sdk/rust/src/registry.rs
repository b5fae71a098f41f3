//! The hooks of a program, as their attributes have registered them.

use resilmesh_hook_api::{HookKind, HookRef};
use serde_json::Value;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::module::{Start, Worker};

/// The folder of a product that its crate is in.
const CRATE: &str = "hooks/";

/// A hook.
#[derive(Debug)]
pub struct Hook {
    /// The file, as the compiler knows it: below the crate.
    pub file: &'static str,
    /// The line of its attribute.
    pub line: u32,
    /// The function.
    pub function: &'static str,
    /// Its code.
    pub run: Run,
}

/// The code of a hook.
#[derive(Debug, Clone, Copy)]
pub enum Run {
    /// Called at a moment.
    Call(HookKind, fn(Context) -> Result<Value>),
    /// Makes what events pass through.
    Process(fn(&Start) -> Result<Worker>),
}

inventory::collect!(Hook);

/// The hook that is meant: functions of one name are told apart by their line, and so are several attributes of one function.
///
/// # Errors
/// When there is none.
pub(crate) fn find(wanted: &HookRef) -> Result<&'static Hook> {
    let file = wanted.file.strip_prefix(CRATE).unwrap_or(&wanted.file);
    let is_it = |hook: &&Hook| {
        let in_file = hook.file == file || hook.file.strip_suffix(file).is_some_and(|before| before.ends_with('/'));
        in_file && hook.line == wanted.line && hook.function == wanted.function
    };
    inventory::iter::<Hook>().find(is_it).ok_or_else(|| {
        Error::new(format!("there is no hook `{}` in line {} of {}", wanted.function, wanted.line, wanted.file))
            .hint("is its file a module of the crate, and not left out by `#[cfg(...)]`?")
    })
}
