//! Which hooks are called for a part that a product plays.

use super::model::{DeclaredHook, HookKind, Integration, Mode, Product, Role};

/// A part in a plug, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// Which.
    pub role: Role,
    /// The topic.
    pub topic: &'a str,
    /// Which end is active.
    pub mode: Mode,
    /// The format.
    pub format: Option<&'a str>,
}

impl DeclaredHook {
    fn is_for(&self, kind: HookKind, part: Part<'_>) -> bool {
        self.kind == kind && self.serves(part.role, part.topic, part.mode, part.format)
    }
}

/// The hooks of a moment in the order in which they are called. With some of its own, the
/// integration takes the place of the product's, save those that want to stay.
pub fn in_force<'a>(
    product: &'a Product,
    integration: Option<&'a Integration>,
    kind: HookKind,
    part: Part<'_>,
) -> Vec<&'a DeclaredHook> {
    let own: Vec<&DeclaredHook> =
        integration.into_iter().flat_map(|own| &own.hooks).filter(|hook| hook.is_for(kind, part)).collect();
    let general = product.hooks.iter().filter(|hook| hook.is_for(kind, part));
    let mut hooks: Vec<&DeclaredHook> =
        general.filter(|hook| own.is_empty() || hook.keep_when_overloaded).chain(own.iter().copied()).collect();
    hooks.sort_by_key(|hook| hook.order);
    hooks
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::mesh::model::{HookOrder, ProductSource};
    use crate::project::definition;

    fn hook(title: &str, order: HookOrder) -> DeclaredHook {
        DeclaredHook { title: title.into(), order, ..DeclaredHook::any(HookKind::Setup, Some(Role::Consumer)) }
    }

    #[test]
    fn order_spans_product_and_integration_and_own_hooks_take_the_place_of_general_ones() {
        let mut product = definition::bare("p", Path::new("p"), ProductSource::Project);
        product.hooks = vec![
            hook("plain", HookOrder::Unordered),
            hook("two", HookOrder::At(2)),
            DeclaredHook { keep_when_overloaded: true, ..hook("kept", HookOrder::Last) },
            hook("minus", HookOrder::At(-1)),
        ];
        let part = Part { role: Role::Consumer, topic: "events", mode: Mode::Push, format: None };
        let titles = |hooks: Vec<&DeclaredHook>| hooks.iter().map(|hook| hook.title.clone()).collect::<Vec<_>>();
        let all = in_force(&product, None, HookKind::Setup, part);
        assert_eq!(titles(all), ["minus", "two", "plain", "kept"]);
        assert!(in_force(&product, None, HookKind::Setup, Part { role: Role::Producer, ..part }).is_empty());

        let integration = Integration {
            target: "q".into(),
            topic: None,
            role: Role::Consumer,
            mode: Mode::Push,
            format: None,
            owns_both: None,
            renders: None,
            ports: None,
            settings: Vec::new(),
            description: None,
            documentation_url: None,
            hooks: vec![hook("own", HookOrder::Unordered), hook("first", HookOrder::First)],
            at: product.at.clone(),
        };
        let own = in_force(&product, Some(&integration), HookKind::Setup, part);
        assert_eq!(titles(own), ["first", "own", "kept"]);
        assert!(in_force(&product, Some(&integration), HookKind::Teardown, part).is_empty());
    }
}
