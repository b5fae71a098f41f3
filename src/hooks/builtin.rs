//! The hooks compiled in with the catalogue.

use super::{BuiltinHook, Call, Kind};

include!(concat!(env!("OUT_DIR"), "/builtin_hooks.rs"));

/// Every product that has hooks, with them.
pub fn all() -> &'static [(&'static str, &'static [BuiltinHook])] {
    TABLE
}

/// The hook of the call's own product for this kind of call, if it has one.
pub fn find(kind: Kind, call: &Call) -> Option<&'static BuiltinHook> {
    let (_, hooks) = TABLE.iter().find(|(product, _)| *product == call.own.product)?;
    hooks.iter().find(|hook| hook.serves(kind, call))
}
