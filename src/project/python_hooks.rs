//! The hooks that a Python file declares, found by reading it: nothing of it runs.
//!
//! A hook is a function at the top level of a module that carries one of the decorators of
//! `meshroom.decorators` or `resilmesh.decorators`, under whatever name it was imported. What a
//! decorator says must stand there as a literal, or as the name of a constant of the module.

mod decorators;
mod imports;
mod literals;
pub mod page;

use std::path::Path;

use ruff_python_ast::{Decorator, Expr, Stmt, StmtFunctionDef};
use ruff_python_parser::{Mode as Syntax, ParseOptions, parse_unchecked};
use ruff_text_size::{Ranged, TextSize};

use self::decorators::{Level, Read, Signature};
use self::imports::Imports;
use self::literals::Constants;
use super::code::Code;
use super::position::{Diagnostic, Mark, Position};
use crate::mesh::model::{DeclaredHook, HookCode};

/// What calls a hook that cannot be read for its moment.
const READ_AS: &str = "hooks are found without running the code";

/// Where a file stands in its product.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    /// Beside the definition.
    Product,
    /// Beside an integration, which says role, topic and mode.
    Integration,
}

/// Reads the hooks of a file, in order of their lines. `path` is below the product's folder, with
/// `/`; `shown` is the file in messages.
///
/// A file that is no Python is warned of and has no hooks, so that it hides nothing else.
pub fn read(path: &str, shown: &Path, text: &str, place: Place, found: &mut Vec<Diagnostic>) -> Vec<DeclaredHook> {
    let lines = Lines::of(text);
    let parsed = parse_unchecked(text, ParseOptions::from(Syntax::Module));
    if let Some(error) = parsed.errors().first() {
        let at = Position::new(shown, lines.mark(error.location.start()));
        found.push(
            Diagnostic::warning(at, format!("not Python: {}", error.error.to_string().to_lowercase()))
                .coded(Code::Python)
                .with_hint("none of its hooks are called until that is mended"),
        );
        return Vec::new();
    }
    let Some(module) = parsed.into_syntax().module() else { return Vec::new() };
    let mut reader = Reader {
        path,
        shown,
        lines,
        place,
        imports: Imports::default(),
        constants: Constants::default(),
        hooks: Vec::new(),
        found,
    };
    reader.body(&module.body);
    reader.hooks
}

struct Reader<'a> {
    path: &'a str,
    shown: &'a Path,
    lines: Lines,
    place: Place,
    imports: Imports,
    constants: Constants,
    hooks: Vec<DeclaredHook>,
    found: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    /// Statements in order, also those that stand under a condition.
    fn body(&mut self, body: &[Stmt]) {
        for statement in body {
            match statement {
                Stmt::Import(import) => self.imports.import(import),
                Stmt::ImportFrom(import) => self.imports.import_from(import),
                Stmt::Assign(assign) => self.constants.assign(&assign.targets, &assign.value),
                Stmt::AnnAssign(assign) => {
                    if let Some(value) = &assign.value {
                        self.constants.assign(std::slice::from_ref(&*assign.target), value);
                    }
                }
                Stmt::FunctionDef(function) => self.function(function),
                Stmt::If(choice) => {
                    self.body(&choice.body);
                    choice.elif_else_clauses.iter().for_each(|clause| self.body(&clause.body));
                }
                Stmt::Try(attempt) => {
                    self.body(&attempt.body);
                    for handler in &attempt.handlers {
                        let ruff_python_ast::ExceptHandler::ExceptHandler(handler) = handler;
                        self.body(&handler.body);
                    }
                    self.body(&attempt.orelse);
                    self.body(&attempt.finalbody);
                }
                Stmt::With(with) => self.body(&with.body),
                _ => {}
            }
        }
    }

    fn function(&mut self, function: &StmtFunctionDef) {
        let Some(first) = function.decorator_list.first() else { return };
        // As Python's own `co_firstlineno`.
        let line = self.lines.mark(first.range().start()).line;
        for decorator in &function.decorator_list {
            let Some(signature) = self.signature(decorator) else { continue };
            let read = Read { signature, constants: &self.constants, place: self.level() };
            match read.hook(&decorator.expression) {
                Ok(mut hook) => {
                    for (at, why) in std::mem::take(&mut hook.notes) {
                        self.warn(at, format!("{why}; {READ_AS}"));
                    }
                    let at = Position::new(self.shown, self.lines.mark(decorator.range().start()));
                    let code =
                        HookCode::Python { file: self.path.to_owned(), function: function.name.to_string(), line };
                    let title = hook.title.take().or_else(|| docstring(function));
                    let title = title.unwrap_or_else(|| function.name.to_string());
                    self.hooks.push(hook.declared(title, code, at));
                }
                Err((at, why)) => self.warn(at, format!("{why}, so that this hook is left out; {READ_AS}")),
            }
        }
    }

    fn level(&self) -> Level {
        match self.place {
            Place::Product => Level::Product,
            Place::Integration => Level::Integration,
        }
    }

    /// The decorator that is meant, if it is one of a hook.
    fn signature(&self, decorator: &Decorator) -> Option<Signature> {
        let callee = match &decorator.expression {
            Expr::Call(call) => &*call.func,
            bare => bare,
        };
        decorators::signature(self.imports.decorator(callee)?, self.level())
    }

    fn warn(&mut self, at: TextSize, message: String) {
        let at = Position::new(self.shown, self.lines.mark(at));
        let warning = Diagnostic::warning(at, message).coded(Code::Python);
        self.found.push(warning.with_hint("write the value itself, or a constant of the same file"));
    }
}

/// The first line of a function's docstring.
fn docstring(function: &StmtFunctionDef) -> Option<String> {
    let Stmt::Expr(first) = function.body.first()? else { return None };
    let Expr::StringLiteral(text) = &*first.value else { return None };
    text.value.to_str().lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

/// Where each line begins.
struct Lines {
    starts: Vec<usize>,
    text: String,
}

impl Lines {
    fn of(text: &str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { starts, text: text.to_owned() }
    }

    fn mark(&self, at: TextSize) -> Mark {
        let at = usize::from(at).min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= at).max(1);
        let before = self.text.get(self.starts[line - 1]..at).unwrap_or_default();
        Mark::new(line, before.chars().count() + 1)
    }
}
