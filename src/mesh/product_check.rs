//! What is wrong with a product by itself: templates that are not there, expressions that do not
//! parse.

use std::path::Path;

use minijinja::Environment;

use super::model::{Product, Render};
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
    // Hooks of a product that renders nothing may fill in its templates as they like.
    let base = product.at.file.parent().unwrap_or(Path::new("")).join("templates");
    for (path, text) in product.templates.iter().filter(|_| product.rendered().next().is_some()) {
        if let Err(error) = environment.template_from_str(text) {
            let line = error.line().unwrap_or(1);
            let at = Position::new(base.join(path), Mark::new(line, 1));
            found.push(Diagnostic::error(at, format!("not a template: {}", reason(&error))).coded(Code::Template));
        }
    }
    found
}

impl Product {
    /// All that is rendered from its templates: for plugs, and for its service.
    pub fn rendered(&self) -> impl Iterator<Item = &Render> {
        let general = self.capabilities.iter().flat_map(|own| &own.renders);
        let explicit = self.integrations.iter().flat_map(|own| own.renders.iter().flatten());
        let files = self.service.iter().flat_map(|service| &service.files);
        general.chain(explicit).chain(files)
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
    if let Err(error) = environment.template_from_str(text) {
        let message = format!("{what} `{text}` is not a template: {}", reason(&error));
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

fn reason(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}
