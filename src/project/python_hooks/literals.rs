//! Values that are known without running the code.

use std::collections::HashMap;

use ruff_python_ast::{Expr, Number, UnaryOp};

/// A value as it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Literal {
    None,
    Bool(bool),
    Int(i64),
    Text(String),
}

/// The constants of a module, as far as its text tells: a name that gets a second value is none.
#[derive(Debug, Default)]
pub(super) struct Constants {
    values: HashMap<String, Option<Literal>>,
}

impl Constants {
    pub(super) fn assign(&mut self, targets: &[Expr], value: &Expr) {
        let value = self.value(value);
        for target in targets {
            if let Expr::Name(name) = target {
                let again = self.values.contains_key(name.id.as_str());
                self.values.insert(name.id.to_string(), value.clone().filter(|_| !again));
            }
        }
    }

    /// What an expression is, if the text tells.
    pub(super) fn value(&self, expression: &Expr) -> Option<Literal> {
        match expression {
            Expr::NoneLiteral(_) => Some(Literal::None),
            Expr::BooleanLiteral(flag) => Some(Literal::Bool(flag.value)),
            Expr::StringLiteral(text) => Some(Literal::Text(text.value.to_str().to_owned())),
            Expr::NumberLiteral(number) => match &number.value {
                Number::Int(int) => int.as_i64().map(Literal::Int),
                _ => None,
            },
            Expr::UnaryOp(unary) if unary.op == UnaryOp::USub => match self.value(&unary.operand)? {
                Literal::Int(int) => int.checked_neg().map(Literal::Int),
                _ => None,
            },
            Expr::Name(name) => self.values.get(name.id.as_str()).cloned().flatten(),
            _ => None,
        }
    }
}
