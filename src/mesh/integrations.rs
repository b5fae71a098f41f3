//! How products can be connected: by files, and by what two of them can do.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::matching::{general, meets};
use super::model::{Capability, HookKind, Mode, Product, Role};

/// An integration as listed; ordered as shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Row {
    /// The product that plays the part.
    pub product: String,
    /// The product at the other end.
    pub target: String,
    /// The topic; `*` for every topic.
    pub topic: String,
    /// The part.
    pub role: Role,
    /// Which end is active.
    pub mode: Mode,
    /// The format; none = any.
    pub format: Option<String>,
    /// It has a file.
    pub explicit: bool,
}

/// All integrations among the products that are at hand, each once, sorted.
pub fn rows(products: &BTreeMap<String, Product>) -> BTreeSet<Row> {
    let mut rows = BTreeSet::new();
    for product in products.values() {
        for target in products.values() {
            between(product, target, &mut rows);
        }
    }
    rows
}

/// The integrations of one product towards another, added to `rows`.
pub fn between(product: &Product, target: &Product, rows: &mut BTreeSet<Row>) {
    let row = |topic: &str, role, mode, format: Option<&str>, explicit| Row {
        product: product.name.clone(),
        target: target.name.clone(),
        topic: topic.to_owned(),
        role,
        mode,
        format: format.map(str::to_owned),
        explicit,
    };
    let mut found = BTreeSet::new();
    for own in product.integrations.iter().filter(|own| own.target == target.name) {
        let topic = own.topic.as_deref().unwrap_or("*");
        found.insert(row(topic, own.role, own.mode, own.format.as_deref(), true));
    }
    for topic in topics(product).union(&topics(target)) {
        for role in [Role::Consumer, Role::Producer, Role::Trigger, Role::Executor] {
            let theirs = general(target, role.counterpart(), topic);
            // What both say for every topic is listed as that.
            let named = |all: &[(Capability, bool)]| *topic == "*" || all.iter().any(|(_, named)| *named);
            let own = general(product, role, topic);
            if !named(&own) && !named(&theirs) {
                continue;
            }
            let spelled: BTreeSet<Mode> = own.iter().filter(|(_, named)| *named).map(|(own, _)| own.mode).collect();
            for (own, named) in own {
                // What a product says of this topic goes before what it says of every topic.
                if !named && spelled.contains(&own.mode) {
                    continue;
                }
                let pairs = theirs
                    .iter()
                    .any(|(their, _)| their.mode == own.mode && meets(their.format.as_deref(), own.format.as_deref()));
                if pairs {
                    found.insert(row(topic, own.role, own.mode, own.format.as_deref(), false));
                }
            }
        }
    }
    // A file stands for the pair it refines.
    let explicit: Vec<Row> = found.iter().filter(|row| row.explicit).cloned().collect();
    found.retain(|row| {
        row.explicit
            || !explicit.iter().any(|file| (&file.topic, file.role, file.mode) == (&row.topic, row.role, row.mode))
    });
    rows.extend(found);
}

/// The topics that a product names, and `*`.
pub fn topics(product: &Product) -> BTreeSet<&str> {
    let named = product.capabilities.iter().filter_map(|own| own.topic.as_deref());
    let hooks = product.hooks.iter().filter_map(|hook| hook.topic.as_deref());
    named.chain(hooks).chain(["*"]).collect()
}

/// What a product can do, declared or known from its setup hooks; sorted, each once.
pub fn capabilities(product: &Product) -> BTreeSet<(Option<String>, Role, Mode, Option<String>)> {
    let declared = product.capabilities.iter().map(|own| (own.topic.clone(), own.role, own.mode, own.format.clone()));
    let setups = product.hooks.iter().filter(|hook| hook.kind == HookKind::Setup);
    let modes = |mode: Option<Mode>| mode.map_or(vec![Mode::Push, Mode::Pull], |mode| vec![mode]);
    let hooks = setups.flat_map(|hook| {
        let role = hook.role.into_iter();
        role.flat_map(move |role| {
            modes(hook.mode).into_iter().map(move |mode| (hook.topic.clone(), role, mode, hook.format.clone()))
        })
    });
    let mut all: BTreeSet<_> = declared.chain(hooks).collect();
    // A hook for any format does not widen what is declared with one.
    let narrower: Vec<_> = all.iter().filter(|own| own.3.is_some()).cloned().collect();
    all.retain(|own| {
        own.3.is_some() || !narrower.iter().any(|other| (&other.0, other.1, other.2) == (&own.0, own.1, own.2))
    });
    all
}
