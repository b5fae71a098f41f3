//! The hooks compiled in with the catalogue: the attributes of the SDK, with `runtime = crate::hooks::builtin`,
//! register them here.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::{BuiltinHook, Call, Kind};

include!(concat!(env!("OUT_DIR"), "/builtin_hooks.rs"));

/// A hook, with the place of its attribute.
#[derive(Debug)]
pub(super) struct Registered {
    pub(super) file: &'static str,
    pub(super) line: u32,
    pub(super) hook: BuiltinHook,
}

inventory::collect!(Registered);

impl Registered {
    /// The product whose folder its file is in.
    fn product(&self) -> Option<&'static str> {
        self.file.rsplit_once("/hooks/")?.0.rsplit('/').next()
    }
}

/// What an attribute says, registered.
macro_rules! register {
    (
        $kind:ident $function:ident,
        role: $role:ident, topic: $topic:expr, mode: $mode:ident, format: $format:expr, title: $title:expr
    ) => {
        inventory::submit! {
            $crate::hooks::builtin::Registered {
                file: file!(),
                line: line!(),
                hook: $crate::hooks::BuiltinHook {
                    role: $crate::hooks::builtin::role!($role),
                    topic: $topic,
                    mode: $crate::hooks::builtin::mode!($mode),
                    format: $format,
                    title: $title,
                    run: $crate::hooks::builtin::run!($kind $function),
                },
            }
        }
    };
}

macro_rules! role {
    (any) => {
        None
    };
    (consumer) => {
        Some($crate::mesh::model::Role::Consumer)
    };
    (producer) => {
        Some($crate::mesh::model::Role::Producer)
    };
    (trigger) => {
        Some($crate::mesh::model::Role::Trigger)
    };
    (executor) => {
        Some($crate::mesh::model::Role::Executor)
    };
}

macro_rules! mode {
    (any) => {
        None
    };
    (push) => {
        Some($crate::mesh::model::Mode::Push)
    };
    (pull) => {
        Some($crate::mesh::model::Mode::Pull)
    };
}

macro_rules! run {
    (setup $function:ident) => {
        $crate::hooks::Run::Setup(|cx| Box::pin($function(cx)))
    };
    (teardown $function:ident) => {
        $crate::hooks::Run::Teardown(|cx| Box::pin($function(cx)))
    };
    (check $function:ident) => {
        $crate::hooks::Run::Check(|cx| Box::pin($function(cx)))
    };
    (stats $function:ident) => {
        $crate::hooks::Run::Stats(|cx| Box::pin($function(cx)))
    };
    (produce $function:ident) => {
        $crate::hooks::Run::Produce(|cx| Box::pin($function(cx)))
    };
    (watch $function:ident) => {
        $crate::hooks::Run::Watch(|cx, from| Box::pin($function(cx, from)))
    };
    (search $function:ident) => {
        $crate::hooks::Run::Search(|cx, query| Box::pin($function(cx, query)))
    };
    (forget $function:ident) => {
        $crate::hooks::Run::Forget(|cx, id| Box::pin($function(cx, id)))
    };
}

pub(crate) use {mode, register, role, run};

/// Sorted by file and line, so that the first that serves is always the same.
static TABLE: LazyLock<BTreeMap<&'static str, Vec<BuiltinHook>>> = LazyLock::new(|| {
    let mut all: Vec<&Registered> = inventory::iter::<Registered>().collect();
    all.sort_by_key(|own| (own.file, own.line));
    let mut table: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for own in all {
        if let Some(product) = own.product() {
            table.entry(product).or_default().push(own.hook);
        }
    }
    table
});

/// Every product that has hooks, with them.
pub fn all() -> impl Iterator<Item = (&'static str, &'static [BuiltinHook])> {
    TABLE.iter().map(|(product, hooks)| (*product, hooks.as_slice()))
}

/// The hook of the call's own product for this kind of call, if it has one.
pub fn find(kind: Kind, call: &Call) -> Option<&'static BuiltinHook> {
    TABLE.get(call.own.product.as_str())?.iter().find(|hook| hook.serves(kind, call))
}
