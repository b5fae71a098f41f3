//! The hooks that a crate declares, found by reading it: nothing is compiled, nothing of it runs.
//!
//! A hook is a function that carries one of the attributes of `resilmesh_sdk`, under whatever name it was
//! imported. What an attribute says must stand there as a literal.

mod imports;
pub mod page;

use std::path::Path;

use proc_macro2::{LineColumn, Span, TokenStream};
use resilmesh_sdk_attributes::{Order, Said, Signature, read as read_attribute};
use syn::spanned::Spanned as _;
use syn::{Attribute, Expr, ExprLit, Item, ItemFn, Lit, Meta};

use self::imports::Imports;
use super::code::Code;
use super::position::{Diagnostic, Mark, Position};
use super::product_folder;
use crate::mesh::model::{DeclaredHook, HookCode, HookKind, HookOrder, Mode, Product, Role};

/// The folder of a product that its crate is in.
pub const CRATE: &str = "hooks";

/// The folder of a crate with programs that are there already: no part of what is built.
pub const PREBUILT: &str = "prebuilt";

/// What calls a hook that cannot be read for its moment.
const READ_AS: &str = "hooks are found without running the code";

/// Whether a file, by its path below the product, may hold hooks in Rust.
pub fn is_code(path: &str) -> bool {
    path.strip_prefix(CRATE).is_some_and(|below| below.starts_with("/src/")) && path.ends_with(".rs")
}

/// Whether a folder of a product is made by compiling its crate, so that nobody reads it.
pub fn is_output(path: &str) -> bool {
    path.strip_prefix(CRATE) == Some("/target")
}

/// Whether a file of a product is one that its crate is built from.
pub fn is_source(path: &str) -> bool {
    let below = path.strip_prefix(CRATE).and_then(|path| path.strip_prefix('/'));
    below.is_some_and(|path| !matches!(path.split('/').next(), None | Some("target" | PREBUILT)))
}

/// A hook, with the product at the other end if it is for one integration only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RustHook {
    /// The hook.
    pub hook: DeclaredHook,
    /// The product at the other end.
    pub target: Option<String>,
}

impl RustHook {
    /// Adds it to the product, or to its integration.
    pub(super) fn join(self, product: &mut Product) {
        let Self { hook, target } = self;
        match (target, hook.role) {
            (Some(target), Some(role)) => {
                let means = (hook.topic.clone(), role, hook.mode.unwrap_or_default());
                let shown = hook.at.file.clone();
                product_folder::add_to_integration(product, &shown, &target, means, vec![hook]);
            }
            _ => product.hooks.push(hook),
        }
    }
}

/// Reads the hooks of a file, in order of their lines. `path` is below the product's folder, with `/`; `shown` is
/// the file in messages.
///
/// A file that is no Rust is warned of and has no hooks, so that it hides nothing else.
pub fn read(path: &str, shown: &Path, text: &str, found: &mut Vec<Diagnostic>) -> Vec<RustHook> {
    let file = match syn::parse_file(text) {
        Ok(file) => file,
        Err(error) => {
            let at = Position::new(shown, mark(error.span()));
            found.push(
                Diagnostic::warning(at, format!("not Rust: {}", why(&error)))
                    .coded(Code::Rust)
                    .with_hint("none of its hooks are called until that is mended"),
            );
            return Vec::new();
        }
    };
    let mut reader = Reader { path, shown, hooks: Vec::new(), found };
    reader.items(&file.items, &Imports::default());
    reader.hooks
}

/// What is wrong with a file. What is no sequence of words and brackets is said in other words than the library's.
fn why(error: &syn::Error) -> String {
    let why = error.to_string();
    if why.contains("token stream") { "a bracket or a text that is opened is not closed".to_owned() } else { why }
}

struct Reader<'a> {
    path: &'a str,
    shown: &'a Path,
    hooks: Vec<RustHook>,
    found: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    /// The items of a module, with what the module around it has imported.
    fn items(&mut self, items: &[Item], around: &Imports) {
        let imports = Imports::of(items, around);
        for item in items {
            match item {
                Item::Fn(function) => self.function(function, &imports),
                Item::Mod(module) if !is_for_tests(&module.attrs) => {
                    if let Some((_, items)) = &module.content {
                        self.items(items, &imports);
                    }
                }
                _ => {}
            }
        }
    }

    fn function(&mut self, function: &ItemFn, imports: &Imports) {
        for attribute in &function.attrs {
            let Some(signature) = imports.attribute(attribute.path()).and_then(Signature::of) else { continue };
            let Some(kind) = kind(signature.name) else { continue };
            self.hook(signature, kind, attribute, function);
        }
    }

    fn hook(&mut self, signature: Signature, kind: HookKind, attribute: &Attribute, function: &ItemFn) {
        let at = attribute.span();
        let arguments = match &attribute.meta {
            Meta::List(list) => list.tokens.clone(),
            _ => TokenStream::new(),
        };
        let (said, wrong) = read_attribute(signature, at, arguments);
        let left_out = wrong.iter().any(|wrong| !wrong.harmless);
        for wrong in wrong {
            let consequence = if wrong.harmless { "" } else { ", so that this hook is left out" };
            self.warn(wrong.at, format!("{}{consequence}; {READ_AS}", wrong.message));
        }
        if left_out {
            return;
        }
        let name = function.sig.ident.to_string();
        let at = Position::new(self.shown, mark(at));
        let code = HookCode::Rust { file: self.path.to_owned(), function: name.clone(), line: at.line };
        let target = said.target.clone();
        let title = said.title.clone().or_else(|| doc_comment(&function.attrs)).unwrap_or(name);
        self.hooks.push(RustHook { hook: declared(kind, said, title, code, at), target });
    }

    fn warn(&mut self, at: Span, message: String) {
        let at = Position::new(self.shown, mark(at));
        let warning = Diagnostic::warning(at, message).coded(Code::Rust);
        self.found.push(warning.with_hint("the compiler refuses it too: write the value itself"));
    }
}

fn declared(kind: HookKind, said: Said, title: String, code: HookCode, at: Position) -> DeclaredHook {
    DeclaredHook {
        topic: said.topic,
        into: said.into,
        mode: said.mode.as_deref().and_then(mode),
        format: said.format,
        title,
        owns_both: said.owns_both,
        keep_when_overloaded: said.keep_when_overloaded,
        order: said.order.map_or(HookOrder::Unordered, |order| match order {
            Order::First => HookOrder::First,
            Order::At(number) => HookOrder::At(number),
            Order::Last => HookOrder::Last,
        }),
        code,
        at,
        ..DeclaredHook::any(kind, said.role.as_deref().and_then(role))
    }
}

fn role(word: &str) -> Option<Role> {
    [Role::Consumer, Role::Producer, Role::Trigger, Role::Executor].into_iter().find(|role| role.word() == word)
}

fn mode(word: &str) -> Option<Mode> {
    [Mode::Push, Mode::Pull].into_iter().find(|mode| mode.word() == word)
}

/// The moment of the attribute's name.
fn kind(name: &str) -> Option<HookKind> {
    serde_json::from_value(name.into()).ok()
}

/// The first line of the comment above a function.
fn doc_comment(attributes: &[Attribute]) -> Option<String> {
    let lines = attributes.iter().filter(|own| own.path().is_ident("doc")).filter_map(|own| match &own.meta {
        Meta::NameValue(doc) => match &doc.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    });
    lines.into_iter().find(|line| !line.is_empty())
}

/// Whether something is compiled for tests only.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|own| match &own.meta {
        Meta::List(list) if list.path.is_ident("cfg") => list.tokens.to_string() == "test",
        _ => false,
    })
}

fn mark(span: Span) -> Mark {
    let LineColumn { line, column } = span.start();
    Mark::new(line, column + 1)
}

#[cfg(test)]
#[path = "rust_hooks/tests.rs"]
mod tests;
