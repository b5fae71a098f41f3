//! What is wrong with a product by itself: templates that are not there, expressions that do not
//! parse.

use std::path::Path;

use minijinja::Environment;

use super::model::{DeclaredHook, HookCode, HookKind, Product, Render, Role};
use crate::project::code::Code;
use crate::project::names;
use crate::project::position::{Diagnostic, Mark, Position};

/// Everything wrong with the templates and expressions of a product.
pub fn check(product: &Product) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let environment = Environment::new();
    for render in product.rendered() {
        check_render(product, render, &environment, &mut found);
    }
    for caution in &product.cautions {
        check_expression(&caution.when, &caution.at, &environment, &mut found);
    }
    for (when, at) in product.guarantees.iter().filter_map(|own| Some((own.when.as_ref()?, &own.at))) {
        check_expression(when, at, &environment, &mut found);
    }
    let unless = product.service.iter().filter_map(|service| service.replicas.as_ref()).flat_map(|own| &own.unless);
    for (when, at) in unless.filter_map(|own| Some((own.when.as_ref()?, &own.at))) {
        check_expression(when, at, &environment, &mut found);
    }
    for program in product.service.iter().map(|service| &service.embedded) {
        for arg in &program.args {
            check_text("an argument", arg, &program.at, &environment, &mut found);
        }
    }
    check_module(product, &mut found);
    // Hooks of a product that renders nothing may fill in its templates as they like.
    let base = product.at.file.parent().unwrap_or(Path::new("")).join("templates");
    for (path, text) in product.templates.iter().filter(|_| product.rendered().next().is_some()) {
        if let Err((line, why)) = parse(text, &environment) {
            let at = Position::new(base.join(path), Mark::new(line, 1));
            found.push(Diagnostic::error(at, format!("not a template: {why}")).coded(Code::Template));
        }
    }
    found
}

impl Product {
    /// The hook that events pass through, if it is a module.
    pub fn module(&self) -> Option<&DeclaredHook> {
        self.hooks.iter().find(|hook| hook.kind == HookKind::Process)
    }

    /// All that is rendered from its templates: for plugs, and for its service.
    pub fn rendered(&self) -> impl Iterator<Item = &Render> {
        let general = self.capabilities.iter().flat_map(|own| &own.renders);
        let explicit = self.integrations.iter().flat_map(|own| own.renders.iter().flatten());
        let files = self.service.iter().flat_map(|service| &service.files);
        general.chain(explicit).chain(files)
    }
}

/// What is wrong with the code of a module.
fn check_module(product: &Product, found: &mut Vec<Diagnostic>) {
    let mut hooks = product.hooks.iter().filter(|hook| hook.kind == HookKind::Process);
    let Some(first) = hooks.next() else { return };
    if product.service.is_none() {
        let never = "events never pass this hook: its product has no `service`, which would run it";
        let never = Diagnostic::warning(first.at.clone(), never).coded(Code::Module);
        found.push(never.with_hint("`resilmesh create product NAME --from module` makes a product that has one"));
    }
    for (role, said, what) in [(Role::Consumer, &first.topic, "takes"), (Role::Producer, &first.into, "gives")] {
        let mut own = product.capabilities.iter().filter(|own| own.role == role).peekable();
        let Some(said) = said.as_deref().filter(|_| own.peek().is_some()) else { continue };
        if !own.any(|own| own.topic.as_deref().is_none_or(|topic| topic == said)) {
            let message =
                format!("the hook {what} `{said}`, but the definition says nothing of that topic: plugs go by it");
            let differs = Diagnostic::warning(first.at.clone(), message).coded(Code::Module);
            found.push(differs.with_hint("let `consumes`, `produces` and the hook name the same topics"));
        }
    }
    for other in hooks {
        let message = format!("a second process hook; events pass through the one in {}", first.at);
        let second = Diagnostic::error(other.at.clone(), message).coded(Code::Module);
        found.push(second.with_hint("make a product of its own for it"));
    }
    if let HookCode::Vrl { file } = &first.code
        && let Some(text) = product.code.get(file)
        && let Err(wrong) = resilmesh_module::check_program(&first.at.file, text)
    {
        found.extend(wrong.into_iter().map(|wrong| {
            let at = wrong.at.map_or(Mark::START, |at| Mark::new(at.line, at.column));
            Diagnostic::error(Position::new(&first.at.file, at), wrong.message).coded(Code::Module)
        }));
    }
}

fn check_render(product: &Product, render: &Render, environment: &Environment<'_>, found: &mut Vec<Diagnostic>) {
    if !product.templates.contains_key(&render.template) {
        let message = format!("product `{}` has no template `{}`", product.name, render.template);
        let hint = names::suggest(&render.template, product.templates.keys().map(String::as_str));
        let hint = hint.or_else(|| Some("templates lie in the folder `templates` of the product".to_owned()));
        found.push(Diagnostic::error(render.at.clone(), message).coded(Code::Template).with_hint_if(hint));
    }
    check_text("`to`", &render.to, &render.at, environment, found);
    if let Some(when) = &render.when {
        check_expression(when, &render.at, environment, found);
    }
}

fn check_text(what: &str, text: &str, at: &Position, environment: &Environment<'_>, found: &mut Vec<Diagnostic>) {
    if let Err((_, why)) = parse(text, environment) {
        let message = format!("{what} `{text}` is not a template: {why}");
        found.push(Diagnostic::error(at.clone(), message).coded(Code::Template));
    }
}

fn check_expression(when: &str, at: &Position, environment: &Environment<'_>, found: &mut Vec<Diagnostic>) {
    if let Err(error) = environment.compile_expression(when) {
        let message = format!("`when` is not an expression: {}", reason(&error));
        let wrong = Diagnostic::error(at.clone(), message).coded(Code::Template);
        found.push(wrong.with_hint(format!("it is `{when}`")));
    }
}

/// Parses a template; on which line it is wrong, and why.
fn parse(text: &str, environment: &Environment<'_>) -> Result<(), (usize, String)> {
    if let Some(line) = odd_import(text) {
        return Err((line, "what is imported must be called by a name behind `as`".to_owned()));
    }
    environment.template_from_str(text).map(drop).map_err(|error| (error.line().unwrap_or(1), reason(&error)))
}

/// The line of an `import` whose `as` is followed by something else than a name: minijinja takes any
/// expression there, and panics.
fn odd_import(text: &str) -> Option<usize> {
    let blocks = text.match_indices("{%").map(|(start, _)| {
        let block = &text[start + 2..];
        (start, &block[..block.find("%}").unwrap_or(block.len())])
    });
    let mut imports = blocks.filter_map(|(start, block)| {
        let block = block.trim_start_matches(['-', '+']).trim_end_matches(['-', '+']).trim();
        Some((start, block.strip_prefix("import").filter(|import| !import.starts_with(is_of_name))?))
    });
    imports.find(|(_, import)| !ends_in_name(import)).map(|(start, _)| text[..start].matches('\n').count() + 1)
}

/// Whether what follows `import` ends in `as NAME`, perhaps with what it sees of its surroundings.
fn ends_in_name(import: &str) -> bool {
    const VALUES: [&str; 6] = ["true", "false", "none", "True", "False", "None"];
    let import = ["with context", "without context"].iter().find_map(|end| import.strip_suffix(end)).unwrap_or(import);
    let import = import.trim_end();
    let before = import.trim_end_matches(is_of_name);
    let name = &import[before.len()..];
    let is_name = !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && !VALUES.contains(&name);
    is_name && before.trim_end().strip_suffix("as").is_some_and(|before| !before.ends_with(is_of_name))
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn reason(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_under_something_else_than_a_name_is_refused_before_it_is_parsed() {
        let environment = Environment::new();
        for good in [
            "{%- import \"lib.jinja\" as lib -%}",
            "{%import 'a b'as lib%}x{% import lib as other without context %}",
            "{% from \"x\" import a as b %}{% set imported = 1 %}{{ import }}",
        ] {
            assert_eq!(parse(good, &environment), Ok(()), "{good}");
        }
        for bad in ["{% import 'x' as lib -re %}", "{%import 'x' as 9%}", "{% import 'x' as none with context %}"] {
            let (line, why) = parse(&format!("a\n{bad}\n"), &environment).expect_err(bad);
            assert_eq!((line, why.as_str()), (2, "what is imported must be called by a name behind `as`"), "{bad}");
        }
    }
}
