//! The reference page of the decorators, made of what is read of them.

use super::decorators::{Level, signature};
use crate::mesh::model::HookKind;

const INTRODUCTION: &str = "\
# Decorators of Python hooks

What a decorator may say, and what its function may ask for by naming a parameter.
[docs/hooks-python.md](../hooks-python.md) tells how to write hooks. ROLE is `consumer`, `producer`,
`trigger` or `executor`.

All arguments may be left out; one that is given restricts the hook to that topic, mode or format.
";

/// The decorators, without those that differ in their role only.
const NAMES: [&str; 15] = [
    "setup_consumer",
    "teardown_consumer",
    "check_consumer",
    "scaffold_consumer",
    "setup",
    "teardown",
    "check",
    "scaffold",
    "watch",
    "produce",
    "trigger",
    "execute",
    "publish",
    "pull",
    "process",
];

/// The page, as Markdown.
pub fn markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (level, title, files) in [
        (Level::Product, "In files of a product", "products/PRODUCT/*.py"),
        (
            Level::Integration,
            "In the file of an integration",
            "products/PRODUCT/integrations/TARGET/TOPIC_ROLE[_pull].py",
        ),
    ] {
        page.push_str(&format!("\n## {title}\n\n`{files}`\n\n"));
        page.push_str("| decorator | called by | parameters of the function |\n|---|---|---|\n");
        for (name, own) in NAMES.iter().filter_map(|name| Some((name, signature(name, level)?))) {
            let name = name.replace("_consumer", "_ROLE");
            let parameters: Vec<String> = parameters(own.kind).iter().map(|name| format!("`{name}`")).collect();
            page.push_str(&format!(
                "| `{name}({})` | {} | {} |\n",
                own.arguments.join(", "),
                called_by(own.kind),
                parameters.join(", ")
            ));
        }
    }
    page
}

pub(in crate::project) fn called_by(kind: HookKind) -> &'static str {
    match kind {
        HookKind::Setup => "`up`",
        HookKind::Teardown => "`down`",
        HookKind::Check => "`plan`",
        HookKind::Scaffold => "`create integration`",
        HookKind::Pull => "`pull`",
        HookKind::Publish => "`publish`",
        HookKind::Produce => "`produce`",
        HookKind::Watch => "`watch`",
        HookKind::Trigger => "`trigger`",
        HookKind::Execute => "`execute`",
        HookKind::Process => "the service that `up` starts",
    }
}

/// What functions may ask for; the Python package has the same table.
fn parameters(kind: HookKind) -> &'static [&'static str] {
    match kind {
        HookKind::Setup | HookKind::Teardown | HookKind::Check => &["plug", "integration", "instance"],
        HookKind::Scaffold | HookKind::Publish => &["integration"],
        HookKind::Pull => &["path"],
        HookKind::Process => &["event", "events", "instance", "settings", "secrets"],
        HookKind::Watch => &["plug", "instance", "integration", "topic", "mode"],
        HookKind::Produce | HookKind::Trigger | HookKind::Execute => {
            &["plug", "instance", "integration", "topic", "mode", "data"]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_python_package_gives_the_same_parameters() {
        let package = include_str!("../../../sdk/python/src/resilmesh/_hooks.py");
        for name in [
            "setup", "teardown", "check", "scaffold", "publish", "pull", "watch", "produce", "trigger", "execute",
            "process",
        ] {
            let level = if matches!(name, "pull" | "process") { Level::Product } else { Level::Integration };
            let kind = signature(name, level).expect("a decorator").kind;
            let names: Vec<String> = parameters(kind).iter().map(|own| format!("\"{own}\"")).collect();
            let comma = if names.len() == 1 { "," } else { "" };
            let line = format!("    \"{name}\": ({}{comma}),", names.join(", "));
            assert!(package.lines().any(|own| own == line), "{line}");
        }
    }

    #[test]
    fn no_decorator_is_missing() {
        let package = include_str!("../../../sdk/python/src/resilmesh/decorators.py");
        let page = markdown();
        for name in package.lines().filter_map(|line| line.strip_prefix("def ")?.split('(').next()) {
            let name = ["_consumer", "_producer", "_trigger", "_executor"]
                .iter()
                .fold(name.to_owned(), |name, role| name.replace(role, "_ROLE"));
            assert!(name.starts_with('_') || page.contains(&format!("`{name}(")), "{name}");
        }
    }
}
