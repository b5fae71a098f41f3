//! The part of the reference page that has the attributes, made of what is read of them.

use resilmesh_sdk_attributes::ALL;

use super::kind;
use crate::project::python_hooks::page::called_by;

const INTRODUCTION: &str = "
## In the crate of a product

`products/PRODUCT/hooks/src/**/*.rs`: hooks in Rust. [docs/rust-hooks.md](../rust-hooks.md) tells how to write hooks. The first
arguments of an attribute may be written without their names: `#[setup(\"events\", role = \"consumer\")]`.

| attribute | called by | without a name | must be there |
|---|---|---|---|
";

/// The part, as Markdown.
pub fn markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (own, kind) in ALL.into_iter().filter_map(|own| Some((own, kind(own.name)?))) {
        let arguments: Vec<&str> = own.arguments.iter().copied().filter(|name| *name != "runtime").collect();
        let positional: Vec<String> = own.positional.iter().map(|name| format!("`{name}`")).collect();
        page.push_str(&format!(
            "| `#[{}({})]` | {} | {} | {} |\n",
            own.name,
            arguments.join(", "),
            called_by(kind),
            positional.join(", "),
            if own.needs_role { "`role`" } else { "" },
        ));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_of_the_decorators_has_its_attribute() {
        let (attributes, decorators) = (markdown(), crate::project::python_hooks::page::markdown());
        for moment in [
            "setup", "teardown", "check", "scaffold", "pull", "publish", "produce", "watch", "trigger", "execute",
            "process",
        ] {
            assert!(
                decorators.contains(&format!("`{moment}")) && attributes.contains(&format!("`#[{moment}(")),
                "{moment}"
            );
        }
        assert!(!attributes.contains("runtime") && !attributes.contains("#[stats"));
    }
}
