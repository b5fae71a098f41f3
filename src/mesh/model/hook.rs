//! Hooks as products and integrations declare them.

use std::path::PathBuf;

pub use resilmesh_hook_api::HookKind;
use serde::{Deserialize, Serialize};

use super::{Mode, Role};
use crate::project::position::Position;

/// When a hook is called among those of its moment and side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum HookOrder {
    /// Before all others.
    First,
    /// By number, smallest first.
    At(i64),
    /// In the order of files and lines.
    #[default]
    Unordered,
    /// After all others.
    Last,
}

/// Where the code of a hook is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HookCode {
    /// Compiled in.
    Builtin,
    /// In a Python file of the product.
    Python {
        /// The file, below the product's folder.
        file: String,
        /// The function.
        function: String,
        /// The line of its first decorator.
        line: u32,
    },
    /// In the crate of the product, `hooks/`.
    Rust {
        /// The file, below the product's folder.
        file: String,
        /// The function.
        function: String,
        /// The line of its attribute.
        line: u32,
    },
    /// A program in VRL, which events pass through.
    Vrl {
        /// The file, below the product's folder.
        file: String,
    },
    /// Run by a host that the product brings, a program of its own.
    Own {
        /// The program, below the product's folder.
        host: String,
        /// The function, as the program knows it.
        function: String,
        /// The line of the definition that names it.
        line: u32,
    },
}

impl HookCode {
    /// File, function and line, if it is a function in a file.
    pub fn place(&self) -> Option<(&str, &str, u32)> {
        match self {
            Self::Builtin | Self::Vrl { .. } => None,
            Self::Python { file, function, line }
            | Self::Rust { file, function, line }
            | Self::Own { host: file, function, line } => Some((file, function, *line)),
        }
    }

    /// The program that runs it, if the product brings one.
    pub fn own_host(&self) -> Option<&str> {
        match self {
            Self::Own { host, .. } => Some(host),
            _ => None,
        }
    }

    /// The name of its function, if it has one.
    pub fn function(&self) -> Option<&str> {
        self.place().map(|(_, function, _)| function)
    }

    /// What it is written in, if it is in a file.
    pub fn language(&self) -> Option<&'static str> {
        match self {
            Self::Builtin => None,
            Self::Python { .. } => Some("python"),
            Self::Rust { .. } => Some("rust"),
            Self::Vrl { .. } => Some("vrl"),
            Self::Own { .. } => Some("own"),
        }
    }
}

/// A hook that a product or an integration declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredHook {
    /// When it is called.
    pub kind: HookKind,
    /// For which part its product plays; none = any.
    pub role: Option<Role>,
    /// For which topic; none = any. Of a `process` hook: where its events come from.
    pub topic: Option<String>,
    /// Of a `process` hook: the topic that what it makes goes to.
    pub into: Option<String>,
    /// In which mode; none = any.
    pub mode: Option<Mode>,
    /// For which format; none = any.
    pub format: Option<String>,
    /// For people.
    pub title: String,
    /// Sets up the other end too.
    pub owns_both: bool,
    /// Is called although an integration has hooks of its own for the moment.
    pub keep_when_overloaded: bool,
    /// When it is called among others.
    pub order: HookOrder,
    /// Where its code is.
    pub code: HookCode,
    /// Where it is declared.
    pub at: Position,
}

impl DeclaredHook {
    /// A hook for anything.
    pub fn any(kind: HookKind, role: Option<Role>) -> Self {
        Self {
            kind,
            role,
            topic: None,
            into: None,
            mode: None,
            format: None,
            title: String::new(),
            owns_both: false,
            keep_when_overloaded: false,
            order: HookOrder::Unordered,
            code: HookCode::Builtin,
            at: Position { file: PathBuf::new(), line: 1, column: 1 },
        }
    }

    /// Whether it is called for this part of a plug.
    pub fn serves(&self, role: Role, topic: &str, mode: Mode, format: Option<&str>) -> bool {
        self.role.is_none_or(|own| own == role)
            && self.topic.as_deref().is_none_or(|own| own == topic)
            && self.mode.is_none_or(|own| own == mode)
            && (self.format.is_none() || format.is_none() || self.format.as_deref() == format)
    }
}
