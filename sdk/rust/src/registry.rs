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

impl Run {
    /// What is called at this moment.
    pub(crate) fn call(&self, kind: HookKind) -> Option<fn(Context) -> Result<Value>> {
        match self {
            Self::Call(own, run) if *own == kind => Some(*run),
            _ => None,
        }
    }

    /// What makes a worker.
    pub(crate) fn process(&self) -> Option<fn(&Start) -> Result<Worker>> {
        match self {
            Self::Process(make) => Some(*make),
            Self::Call(..) => None,
        }
    }
}

inventory::collect!(Hook);

/// The hook that is meant. Functions of one name are told apart by their line, and so are several attributes of one
/// function; what was noted before the file was edited is the nearest of its kind.
///
/// # Errors
/// When there is none.
pub(crate) fn find<T>(wanted: &HookRef, code: impl Fn(&Run) -> Option<T>) -> Result<T> {
    let file = wanted.file.strip_prefix(CRATE).unwrap_or(&wanted.file);
    let is_in_file =
        |hook: &Hook| hook.file == file || hook.file.strip_suffix(file).is_some_and(|before| before.ends_with('/'));
    let named = inventory::iter::<Hook>().filter(|hook| hook.function == wanted.function && is_in_file(hook));
    let of_kind = named.filter_map(|hook| Some((hook.line.abs_diff(wanted.line), code(&hook.run)?)));
    of_kind.min_by_key(|(away, _)| *away).map(|(_, code)| code).ok_or_else(|| {
        Error::new(format!("there is no such hook `{}` in {}", wanted.function, wanted.file))
            .hint("is its file a module of the crate, and not left out by `#[cfg(...)]`?")
    })
}
