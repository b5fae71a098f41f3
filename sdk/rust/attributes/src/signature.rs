//! The attributes there are, and the arguments that each takes.

/// An attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// Its name, which is the moment's: `setup`.
    pub name: &'static str,
    /// Its arguments.
    pub arguments: &'static [&'static str],
    /// Those that may be written without their name, in this order.
    pub positional: &'static [&'static str],
    /// It must say its role.
    pub needs_role: bool,
    /// A hook of this moment can be for one integration.
    pub has_target: bool,
}

const SIDE: &[&str] =
    &["topic", "role", "mode", "format", "title", "order", "owns_both", "keep_when_overloaded", "target", "runtime"];
const SCAFFOLD: &[&str] = &["topic", "role", "mode", "format", "order", "target", "runtime"];
const DATA: &[&str] = &["topic", "role", "mode", "format", "title", "target", "runtime"];
const PULL: &[&str] = &["title", "order", "runtime"];
const PROCESS: &[&str] = &["topic", "into", "title", "init", "batch", "runtime"];
const CATALOGUE: &[&str] = &["title", "runtime"];
const TOPIC: &[&str] = &["topic"];

/// All attributes.
pub const ALL: [Signature; 14] = [
    side("setup"),
    side("teardown"),
    side("check"),
    Signature { arguments: SCAFFOLD, ..side("scaffold") },
    Signature { name: "pull", arguments: PULL, positional: &["title"], needs_role: false, has_target: false },
    data("publish"),
    data("produce"),
    data("watch"),
    data("trigger"),
    data("execute"),
    Signature {
        name: "process",
        arguments: PROCESS,
        positional: &["topic", "into"],
        needs_role: false,
        has_target: false,
    },
    of_catalogue("stats"),
    of_catalogue("search"),
    of_catalogue("forget"),
];

/// A moment that only hooks of the built-in catalogue have.
const fn of_catalogue(name: &'static str) -> Signature {
    Signature { name, arguments: CATALOGUE, positional: &[], needs_role: false, has_target: false }
}

const fn side(name: &'static str) -> Signature {
    Signature { name, arguments: SIDE, positional: TOPIC, needs_role: true, has_target: true }
}

const fn data(name: &'static str) -> Signature {
    Signature { name, arguments: DATA, positional: TOPIC, needs_role: false, has_target: true }
}

impl Signature {
    /// The attribute of that name.
    pub fn of(name: &str) -> Option<Self> {
        ALL.into_iter().find(|own| own.name == name)
    }
}
