//! What definition.yaml declares and what is compiled in agree. Hooks that play no part in a plug
//! (numbers, searching) are not declared.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use resilmesh::hooks;
use resilmesh::mesh::model::HookCode;
use resilmesh::project::catalogue;

#[test]
fn declared_and_compiled_in_hooks_agree() {
    let mut compiled = BTreeSet::new();
    for (product, hooks) in hooks::all() {
        for hook in hooks.iter().filter(|hook| hook.role.is_some()) {
            let kind = format!("{:?}", hook.kind()).to_lowercase();
            let role = hook.role.map(|role| role.word()).unwrap_or_default();
            let mode = hook.mode.map(|mode| mode.word()).unwrap_or_default();
            compiled
                .insert(format!("{product} {kind} {role} {mode} {:?} {:?} {}", hook.topic, hook.format, hook.title));
        }
    }
    let mut declared = BTreeSet::new();
    for name in catalogue::names() {
        let (product, _) = catalogue::product(name).expect("a product");
        for hook in product.hooks.iter().filter(|hook| hook.code == HookCode::Builtin) {
            let kind = format!("{:?}", hook.kind).to_lowercase();
            let mode = hook.mode.map(|mode| mode.word()).unwrap_or_default();
            let (topic, format) = (hook.topic.as_deref(), hook.format.as_deref());
            declared.insert(format!(
                "{name} {kind} {} {mode} {topic:?} {format:?} {}",
                hook.role.expect("a role").word(),
                hook.title
            ));
        }
    }
    assert_eq!(compiled, declared);
}
