//! What an attribute says.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::spanned::Spanned as _;
use syn::{Expr, ExprLit, ExprUnary, Ident, Lit, Path, Token, UnOp};

use crate::closest;
use crate::signature::Signature;

/// The roles that a product can play.
const ROLES: [&str; 4] = ["consumer", "producer", "trigger", "executor"];
/// Which end is active.
const MODES: [&str; 2] = ["push", "pull"];

/// When a hook is called among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Before all others.
    First,
    /// By number, smallest first.
    At(i64),
    /// After all others.
    Last,
}

/// What an attribute says; what it does not say is none, or false.
#[derive(Clone, Default)]
pub struct Said {
    /// The topic; none = every one.
    pub topic: Option<String>,
    /// The part that the product plays.
    pub role: Option<String>,
    /// `push` or `pull`.
    pub mode: Option<String>,
    /// The format.
    pub format: Option<String>,
    /// For people.
    pub title: Option<String>,
    /// The product at the other end of the only integration that it is for.
    pub target: Option<String>,
    /// When it is called among others.
    pub order: Option<Order>,
    /// It sets up both ends.
    pub owns_both: bool,
    /// It is called although an integration has hooks of its own.
    pub keep_when_overloaded: bool,
    /// The topic that what a `process` hook makes goes to.
    pub into: Option<String>,
    /// What makes the state of a `process` hook.
    pub init: Option<Path>,
    /// A `process` hook takes many events at once.
    pub batch: bool,
    /// The module that the hook registers itself with; none = the SDK.
    pub runtime: Option<Path>,
}

/// Something that an attribute should not say.
#[derive(Debug, Clone)]
pub struct Wrong {
    /// Where.
    pub at: Span,
    /// What.
    pub message: String,
    /// The hook can be called for what it is all the same.
    pub harmless: bool,
}

impl Wrong {
    fn new(at: Span, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), harmless: false }
    }
}

/// Reads the arguments of an attribute that stands at `at`: what they say, and all that is wrong with them.
pub fn read(signature: Signature, at: Span, arguments: TokenStream) -> (Said, Vec<Wrong>) {
    let mut reader = Reader { signature, said: Said::default(), seen: Vec::new(), wrong: Vec::new() };
    if let Err(error) = (|input: ParseStream<'_>| reader.all(input)).parse2(arguments) {
        reader.wrong.push(Wrong::new(error.span(), error.to_string()));
    }
    reader.missing(at);
    (reader.said, reader.wrong)
}

struct Reader {
    signature: Signature,
    said: Said,
    seen: Vec<String>,
    wrong: Vec<Wrong>,
}

impl Reader {
    fn all(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let mut position = 0;
        while !input.is_empty() {
            if input.peek(Ident::peek_any) {
                let name = Ident::parse_any(input)?;
                let value = if input.peek(Token![=]) {
                    let _: Token![=] = input.parse()?;
                    Some(input.parse::<Expr>()?)
                } else {
                    None
                };
                self.named(&name, value);
            } else {
                let value: Expr = input.parse()?;
                match self.signature.positional.get(position) {
                    Some(name) => self.argument(name, value.span(), Some(&value)),
                    None => self.refuse(value.span(), "an argument needs its name: `name = \"value\"`"),
                }
                position += 1;
            }
            if !input.is_empty() {
                let _: Token![,] = input.parse()?;
            }
        }
        Ok(())
    }

    fn refuse(&mut self, at: Span, message: impl Into<String>) {
        self.wrong.push(Wrong::new(at, message));
    }

    fn named(&mut self, ident: &Ident, value: Option<Expr>) {
        let name = ident.to_string();
        let Signature { name: attribute, arguments, .. } = self.signature;
        if let Some(known) = arguments.iter().find(|known| **known == name) {
            return self.argument(known, ident.span(), value.as_ref());
        }
        let meant = closest(&name, arguments.iter().copied());
        let hint = meant.map_or_else(
            || {
                format!(
                    "it takes {}",
                    arguments
                        .iter()
                        .filter(|own| **own != "runtime")
                        .map(|own| format!("`{own}`"))
                        .collect::<Vec<_>>()
                        .join(", ")
                )
            },
            |meant| format!("did you mean `{meant}`?"),
        );
        self.refuse(ident.span(), format!("`#[{attribute}]` has no argument `{name}`: {hint}"));
    }

    fn argument(&mut self, name: &str, at: Span, value: Option<&Expr>) {
        if self.seen.iter().any(|seen| seen == name) {
            return self.refuse(at, format!("`{name}` stands here twice"));
        }
        self.seen.push(name.to_owned());
        match name {
            "owns_both" => self.said.owns_both = self.flag(name, value),
            "keep_when_overloaded" => self.said.keep_when_overloaded = self.flag(name, value),
            "batch" => self.said.batch = self.flag(name, value),
            "order" => self.said.order = self.order(at, value),
            "runtime" => self.said.runtime = self.path(name, at, value),
            "init" => self.said.init = self.path(name, at, value),
            "role" => self.said.role = self.one_of(name, at, value, &ROLES),
            "mode" => self.said.mode = self.one_of(name, at, value, &MODES),
            "topic" => self.said.topic = self.text(name, at, value).filter(|topic| topic != "*"),
            "format" => self.said.format = self.text(name, at, value),
            "target" => self.said.target = self.text(name, at, value),
            "into" => self.said.into = self.text(name, at, value),
            _ => self.said.title = self.text(name, at, value),
        }
    }

    /// What must be said and is not.
    fn missing(&mut self, at: Span) {
        let Signature { name, needs_role, has_target, .. } = self.signature;
        let has = |name: &str| self.seen.iter().any(|seen| seen == name);
        let says_role = has("role");
        if needs_role && !says_role {
            self.refuse(at, format!("`#[{name}]` needs the part that the product plays: `role = \"consumer\"`, `\"producer\"`, `\"trigger\"` or `\"executor\"`"));
        } else if has_target && has("target") && !says_role {
            self.refuse(at, "a hook of one integration needs its role: `role = \"consumer\"`");
        }
    }

    fn flag(&mut self, name: &str, value: Option<&Expr>) -> bool {
        match value {
            None => true,
            Some(Expr::Lit(ExprLit { lit: Lit::Bool(flag), .. })) => flag.value,
            Some(other) => {
                let harmless = name == "keep_when_overloaded";
                self.wrong.push(Wrong {
                    at: other.span(),
                    message: format!("`{name}` stands alone, or is `true` or `false`"),
                    harmless,
                });
                false
            }
        }
    }

    fn text(&mut self, name: &str, at: Span, value: Option<&Expr>) -> Option<String> {
        match value {
            Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) if !text.value().is_empty() => Some(text.value()),
            Some(Expr::Lit(other)) => {
                self.refuse(other.span(), format!("`{name}` is a text: `{name} = \"...\"`"));
                None
            }
            Some(other) => {
                let message = format!(
                    "`{name}` is computed: hooks are found without running the code, so it must stand here as a text"
                );
                self.wrong.push(Wrong { at: other.span(), message, harmless: name == "title" });
                None
            }
            None => {
                self.refuse(at, format!("`{name}` needs a value: `{name} = \"...\"`"));
                None
            }
        }
    }

    fn one_of(&mut self, name: &str, at: Span, value: Option<&Expr>, known: &[&str]) -> Option<String> {
        let text = self.text(name, at, value)?;
        if known.contains(&text.as_str()) {
            return Some(text);
        }
        let all: Vec<String> = known.iter().map(|own| format!("`{own}`")).collect();
        let meant = closest(&text, known.iter().copied()).map(|meant| format!(": did you mean `{meant}`?"));
        let hint = meant.unwrap_or_else(|| format!(": it is {}", all.join(" or ")));
        self.refuse(value.map_or(at, syn::spanned::Spanned::span), format!("`{text}` is no {name}{hint}"));
        None
    }

    fn order(&mut self, at: Span, value: Option<&Expr>) -> Option<Order> {
        let int = |value: &Expr| match value {
            Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) => int.base10_parse::<i64>().ok(),
            _ => None,
        };
        let found = match value {
            Some(Expr::Lit(ExprLit { lit: Lit::Str(word), .. })) => match word.value().as_str() {
                "first" => Some(Order::First),
                "last" => Some(Order::Last),
                _ => None,
            },
            Some(Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. })) => int(expr).map(|number| Order::At(-number)),
            Some(other) => int(other).map(Order::At),
            None => None,
        };
        if found.is_none() {
            let at = value.map_or(at, syn::spanned::Spanned::span);
            let message = "`order` is a number, `\"first\"` or `\"last\"`".to_owned();
            self.wrong.push(Wrong { at, message, harmless: true });
        }
        found
    }

    fn path(&mut self, name: &str, at: Span, value: Option<&Expr>) -> Option<Path> {
        if let Some(Expr::Path(path)) = value {
            return Some(path.path.clone());
        }
        self.refuse(
            value.map_or(at, syn::spanned::Spanned::span),
            format!("`{name}` is a path: `{name} = some::path`"),
        );
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(name: &str, arguments: &str) -> (Said, Vec<String>) {
        let signature = Signature::of(name).expect("an attribute");
        let (said, wrong) = read(signature, Span::call_site(), arguments.parse().expect("tokens"));
        (said, wrong.into_iter().map(|wrong| wrong.message).collect())
    }

    #[test]
    fn everything_that_is_said_is_read() {
        let (said, wrong) = says(
            "setup",
            "\"events\", role = \"consumer\", mode = \"pull\", format = \"ecs\", order = -2, title = \"do it\", owns_both, keep_when_overloaded = false, target = \"edr\", runtime = crate::x",
        );
        assert_eq!(wrong, Vec::<String>::new());
        assert_eq!(said.topic.as_deref(), Some("events"));
        assert_eq!((said.role.as_deref(), said.mode.as_deref()), (Some("consumer"), Some("pull")));
        assert_eq!((said.order, said.owns_both, said.keep_when_overloaded), (Some(Order::At(-2)), true, false));
        assert_eq!((said.target.as_deref(), said.title.as_deref()), (Some("edr"), Some("do it")));
        assert!(said.runtime.is_some());
        let (every, _) = says("watch", "topic = \"*\"");
        assert_eq!(every.topic, None);
    }

    #[test]
    fn mistakes_say_what_would_be_right() {
        for (name, arguments, expected) in [
            ("setup", "role = \"consumer\", topc = \"x\"", "`#[setup]` has no argument `topc`: did you mean `topic`?"),
            ("pull", "colour = \"x\"", "`#[pull]` has no argument `colour`: it takes `title`, `order`"),
            ("check", "role = \"consumr\"", "`consumr` is no role: did you mean `consumer`?"),
            ("watch", "mode = \"both\"", "`both` is no mode: it is `push` or `pull`"),
            ("watch", "topic = 3", "`topic` is a text: `topic = \"...\"`"),
            ("watch", "topic", "`topic` needs a value: `topic = \"...\"`"),
            ("watch", "\"a\", \"b\"", "an argument needs its name: `name = \"value\"`"),
            ("watch", "\"a\", topic = \"b\"", "`topic` stands here twice"),
            (
                "watch",
                "topic = TOPIC",
                "`topic` is computed: hooks are found without running the code, so it must stand here as a text",
            ),
            ("pull", "order = \"next\"", "`order` is a number, `\"first\"` or `\"last\"`"),
            ("produce", "target = \"edr\"", "a hook of one integration needs its role: `role = \"consumer\"`"),
        ] {
            assert_eq!(says(name, arguments).1, [expected], "{name}({arguments})");
        }
        assert!(says("teardown", "\"events\"").1[0].starts_with("`#[teardown]` needs the part that the product plays"));
        let (said, wrong) = says("process", "\"a\", \"b\", batch, init = State::new");
        assert_eq!(
            (said.topic.as_deref(), said.into.as_deref(), said.batch, wrong),
            (Some("a"), Some("b"), true, Vec::new())
        );
    }
}
