//! The decorators: for which moment and part each is, and what it may say.

use ruff_python_ast::{Expr, ExprCall};
use ruff_text_size::{Ranged, TextSize};

use super::literals::{Constants, Literal};
use crate::mesh::model::{DeclaredHook, HookCode, HookKind, HookOrder, Mode, Role};
use crate::project::position::Position;

/// Where a decorator stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// In a file beside the definition.
    Product,
    /// In the file of an integration.
    Integration,
}

/// A decorator: its moment and part, and its arguments in order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signature {
    pub(super) kind: HookKind,
    role: Option<Role>,
    pub(super) arguments: &'static [&'static str],
}

const SIDE: &[&str] = &["topic", "title", "mode", "format", "keep_when_overloaded", "order", "owns_both"];
const SCAFFOLD: &[&str] = &["topic", "mode", "format", "order"];
const PULL: &[&str] = &["title", "order"];
const SETUP: &[&str] = &["title", "format", "order", "owns_both"];
const TEARDOWN: &[&str] = &["title", "order", "owns_both"];
const DATA: &[&str] = &["topic", "mode", "format"];
const PUBLISH: &[&str] = &["topic", "role", "mode", "format"];
const PROCESS: &[&str] = &["topic", "into", "title", "batch"];

/// The decorator of this name at this level.
pub(super) fn signature(name: &str, level: Level) -> Option<Signature> {
    let of = |kind, role, arguments| Some(Signature { kind, role, arguments });
    match (name, level) {
        ("setup", Level::Integration) => of(HookKind::Setup, None, SETUP),
        ("teardown", Level::Integration) => of(HookKind::Teardown, None, TEARDOWN),
        ("check", Level::Integration) => of(HookKind::Check, None, SETUP),
        ("scaffold", Level::Integration) => of(HookKind::Scaffold, None, SCAFFOLD),
        ("pull", Level::Product) => of(HookKind::Pull, None, PULL),
        ("process", Level::Product) => of(HookKind::Process, None, PROCESS),
        ("watch", _) => of(HookKind::Watch, None, DATA),
        ("produce", _) => of(HookKind::Produce, None, DATA),
        ("trigger", _) => of(HookKind::Trigger, None, DATA),
        ("execute", _) => of(HookKind::Execute, None, DATA),
        ("publish", _) => of(HookKind::Publish, None, PUBLISH),
        _ => {
            let (moment, role) = name.split_once('_')?;
            let role = role_of(role)?;
            match moment {
                "setup" => of(HookKind::Setup, Some(role), SIDE),
                "teardown" => of(HookKind::Teardown, Some(role), SIDE),
                "check" => of(HookKind::Check, Some(role), SIDE),
                "scaffold" => of(HookKind::Scaffold, Some(role), SCAFFOLD),
                _ => None,
            }
        }
    }
}

fn role_of(word: &str) -> Option<Role> {
    [Role::Consumer, Role::Producer, Role::Trigger, Role::Executor].into_iter().find(|role| role.word() == word)
}

/// What is wrong, and where.
type Wrong = (TextSize, String);

/// Reads what a decorator says.
pub(super) struct Read<'a> {
    pub(super) signature: Signature,
    pub(super) constants: &'a Constants,
    pub(super) place: Level,
}

/// What a decorator says.
pub(super) struct Said {
    hook: DeclaredHook,
    pub(super) title: Option<String>,
    /// What was not understood and does not matter much.
    pub(super) notes: Vec<Wrong>,
}

impl Said {
    pub(super) fn declared(self, title: String, code: HookCode, at: Position) -> DeclaredHook {
        DeclaredHook { title, code, at, ..self.hook }
    }
}

impl Read<'_> {
    /// The hook that a decorator makes of its function.
    ///
    /// # Errors
    /// When it is not known for what it is.
    pub(super) fn hook(&self, expression: &Expr) -> Result<Said, Wrong> {
        let Signature { kind, role, .. } = self.signature;
        let mut said = Said { hook: DeclaredHook::any(kind, role), title: None, notes: Vec::new() };
        let Expr::Call(call) = expression else { return Ok(said) };
        for (name, value) in self.arguments(call)? {
            self.argument(name, value, &mut said)?;
        }
        Ok(said)
    }

    fn arguments<'c>(&self, call: &'c ExprCall) -> Result<Vec<(&'c str, &'c Expr)>, Wrong>
    where
        Self: 'c,
    {
        let mut said = Vec::new();
        for (index, value) in call.arguments.args.iter().enumerate() {
            let name = self.signature.arguments.get(index).filter(|_| !value.is_starred_expr());
            let name = name.ok_or_else(|| (value.start(), "the decorator takes fewer arguments".to_owned()))?;
            said.push((*name, value));
        }
        for keyword in &call.arguments.keywords {
            let name = keyword.arg.as_ref();
            let name = name.ok_or_else(|| (keyword.start(), "`**` arguments are not known".to_owned()))?;
            said.push((name.as_str(), &keyword.value));
        }
        Ok(said)
    }

    fn argument(&self, name: &str, value: &Expr, said: &mut Said) -> Result<(), Wrong> {
        let literal = self.constants.value(value);
        let wrong = |what: &str| (value.start(), format!("`{name}` {what}"));
        let computed = || wrong("is computed");
        let hook = &mut said.hook;
        match (name, literal) {
            (_, Some(Literal::None)) => {}
            ("topic", Some(Literal::Text(topic))) => hook.topic = Some(topic).filter(|topic| topic != "*"),
            ("into", Some(Literal::Text(topic))) => hook.into = Some(topic),
            ("format", Some(Literal::Text(format))) => hook.format = Some(format),
            ("mode", Some(Literal::Text(mode))) => {
                hook.mode = Some(match mode.as_str() {
                    "push" => Mode::Push,
                    "pull" => Mode::Pull,
                    _ => return Err(wrong("is neither `push` nor `pull`")),
                });
            }
            ("role", Some(Literal::Text(role))) => {
                hook.role = Some(role_of(&role).ok_or_else(|| wrong("is no role"))?);
            }
            ("owns_both", Some(Literal::Bool(flag))) => hook.owns_both = flag,
            // The worker asks the function itself.
            ("batch", Some(Literal::Bool(_))) => {}
            ("keep_when_overloaded", Some(Literal::Bool(flag))) => hook.keep_when_overloaded = flag,
            ("title", Some(Literal::Text(title))) => said.title = Some(title),
            ("order", Some(Literal::Int(order))) => hook.order = HookOrder::At(order),
            ("order", Some(Literal::Text(order))) if order == "first" => hook.order = HookOrder::First,
            ("order", Some(Literal::Text(order))) if order == "last" => hook.order = HookOrder::Last,
            ("title" | "order" | "keep_when_overloaded" | "batch", None) => said.notes.push(computed()),
            (_, None) => return Err(computed()),
            (known, Some(_)) if self.signature.arguments.contains(&known) => return Err(wrong("has a wrong type")),
            (_, Some(_)) if self.place == Level::Integration => {}
            (_, Some(_)) => said.notes.push(wrong("is no argument of this decorator")),
        }
        Ok(())
    }
}
