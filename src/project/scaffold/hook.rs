//! Functions that resilmesh calls: the text of a new one, and its place in a file.

mod rust;

use serde_json::Value as Json;

use super::render;
use crate::mesh::model::{Mode, Role};
use crate::project::names;

pub use self::rust::manifest;

/// When a hook is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A plug is brought up.
    Setup,
    /// A plug is taken down.
    Teardown,
    /// A plug that is up is looked at.
    Check,
    /// An integration is made.
    Scaffold,
    /// Records are sent.
    Produce,
    /// Records are looked at.
    Watch,
    /// A command is given.
    Trigger,
    /// A command is carried out.
    Execute,
    /// An integration is brought to its users.
    Publish,
    /// The product's own code is fetched.
    Pull,
}

/// A hook as asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHook {
    /// When it is called.
    pub kind: Kind,
    /// For which part its product plays; none = any, or it does not matter.
    pub role: Option<Role>,
    /// For which topic; none = any.
    pub topic: Option<String>,
    /// In which mode; none = any.
    pub mode: Option<Mode>,
    /// For which format; none = any.
    pub format: Option<String>,
    /// For people.
    pub title: Option<String>,
    /// The product at the other end, if it is for the integration with that one only: a file that says
    /// topic, role and mode.
    pub target: Option<String>,
}

impl Kind {
    /// Its word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Teardown => "teardown",
            Self::Check => "check",
            Self::Scaffold => "scaffold",
            Self::Produce => "produce",
            Self::Watch => "watch",
            Self::Trigger => "trigger",
            Self::Execute => "execute",
            Self::Publish => "publish",
            Self::Pull => "pull",
        }
    }

    /// Whether its decorator is named after a role.
    pub fn needs_role(self) -> bool {
        matches!(self, Self::Setup | Self::Teardown | Self::Check | Self::Scaffold)
    }

    /// Whether it can be for one role.
    pub fn takes_role(self) -> bool {
        self.needs_role() || self == Self::Publish
    }

    /// Whether it can be for one topic.
    pub fn takes_topic(self) -> bool {
        self != Self::Pull
    }

    /// Whether it can have a title.
    pub fn takes_title(self) -> bool {
        matches!(self, Self::Setup | Self::Teardown | Self::Check | Self::Pull)
    }

    /// Whether it can be for the integration with one product.
    pub fn takes_target(self) -> bool {
        self != Self::Pull
    }

    fn parameters(self) -> &'static str {
        match self {
            Self::Setup | Self::Teardown | Self::Check => "plug, integration, instance",
            Self::Scaffold | Self::Publish => "integration",
            Self::Watch => "instance",
            Self::Produce | Self::Trigger | Self::Execute => "instance, data",
            Self::Pull => "path",
        }
    }
}

impl NewHook {
    /// The name of its decorator.
    pub fn decorator(&self) -> String {
        match self.role.filter(|_| self.kind.needs_role() && self.target.is_none()) {
            Some(role) => format!("{}_{}", self.kind.word(), role.word()),
            None => self.kind.word().to_owned(),
        }
    }

    /// The name of its function.
    pub fn function(&self) -> String {
        let topic = match (&self.topic, self.kind) {
            (_, Kind::Pull) => "code".to_owned(),
            (Some(topic), _) => names::python(topic),
            (None, _) => "any".to_owned(),
        };
        let role = self.role.map(|role| format!("_{}", role.word())).unwrap_or_default();
        let mode = self.mode.map(|mode| format!("_{}", mode.word())).unwrap_or_default();
        let format = self.format.as_ref().map(|format| format!("_{}", names::python(format))).unwrap_or_default();
        format!("{}_{topic}{role}{mode}{format}", self.kind.word())
    }

    fn arguments(&self) -> Vec<String> {
        let quoted = |text: &str| Json::from(text).to_string();
        let named = |key: &str, value: Option<&str>| Some(format!("{key}={}", quoted(value?)));
        if self.target.is_some() {
            // The file's name says the rest.
            let format = self.format.as_deref().filter(|_| self.kind != Kind::Teardown);
            return [("format", format), ("title", self.title.as_deref())]
                .into_iter()
                .filter_map(|(key, value)| named(key, value))
                .collect();
        }
        let role = self.role.filter(|_| !self.kind.needs_role()).map(Role::word);
        let keywords = [
            ("role", role),
            ("mode", self.mode.map(Mode::word)),
            ("format", self.format.as_deref()),
            ("title", self.title.as_deref()),
        ];
        let keywords = keywords.into_iter().filter_map(|(key, value)| named(key, value));
        self.topic.as_deref().map(quoted).into_iter().chain(keywords).collect()
    }

    /// What it does, and what is still to be said of it.
    fn words(&self, product: &str) -> (String, &'static str) {
        let topic = self.topic.as_deref().unwrap_or("any topic");
        let word = self.topic.as_deref().unwrap_or("TOPIC");
        let verb = self.role.map_or("has to do with", Role::verb);
        match self.kind {
            Kind::Setup => (format!("Sets up {product}'s end of a plug: it {verb} {topic}."), "how to set it up"),
            Kind::Teardown => {
                (format!("Takes down {product}'s end of a plug: it {verb} {topic}."), "how to take it down")
            }
            Kind::Check => (
                format!("Says what differs at {product}'s end of a plug from what was set up: it {verb} {topic}."),
                "how to see that all is there",
            ),
            Kind::Scaffold => {
                (format!("Completes a new integration by which {product} {verb} {topic}."), "what it gets")
            }
            Kind::Produce => (format!("Sends a record: `resilmesh produce {word} INSTANCE`."), "how to send it"),
            Kind::Watch => (format!("Yields what flows: `resilmesh watch {word} INSTANCE`."), "where to look"),
            Kind::Trigger => (format!("Gives a command: `resilmesh trigger {word} INSTANCE`."), "how to give it"),
            Kind::Execute => {
                (format!("Carries a command out: `resilmesh execute {word} INSTANCE`."), "how to carry it out")
            }
            Kind::Publish => (format!("Brings an integration to {product}'s users."), "where it goes"),
            Kind::Pull => (format!("Fetches {product}'s own code into the folder `path`."), "where it comes from"),
        }
    }

    /// The text of its function.
    ///
    /// # Errors
    /// When the template that is built in does not work; a test sees to it that it does.
    pub fn text(&self, product: &str) -> Result<String, String> {
        let (says, missing) = self.words(product);
        let values = minijinja::context! {
            decorator => self.decorator(),
            arguments => self.arguments(),
            function => self.function(),
            parameters => self.kind.parameters(),
            says,
            missing => format!("{}: say {missing}", self.function()),
            is_generator => self.kind == Kind::Watch,
        };
        render::builtin("hook/hook.py", &values)
    }

    /// The file with the hook at its end and what it imports on top; none if there is a function of
    /// that name already.
    ///
    /// # Errors
    /// As [`NewHook::text`].
    pub fn add_to(&self, file: Option<&str>, product: &str) -> Result<Option<String>, String> {
        let new = self.text(product)?;
        let Some(file) = file.filter(|file| !file.trim().is_empty()) else {
            let import = format!("from resilmesh.decorators import {}", self.decorator());
            return Ok(Some(format!("\"\"\"Hooks of {product}.\"\"\"\n\n{import}\n\n\n{new}")));
        };
        let function = self.function();
        let is_there = |line: &str| {
            let line = line.strip_prefix("async ").unwrap_or(line);
            line.strip_prefix("def ")
                .and_then(|rest| rest.trim_start().strip_prefix(function.as_str()))
                .is_some_and(|rest| rest.trim_start().starts_with('('))
        };
        if file.lines().any(is_there) {
            return Ok(None);
        }
        let imported = import(file, &self.decorator());
        Ok(Some(format!("{}\n\n\n{new}", imported.trim_end())))
    }
}

/// The text of a file that imports the decorator.
fn import(file: &str, decorator: &str) -> String {
    let mut lines: Vec<String> = file.lines().map(str::to_owned).collect();
    let top = top_level(&lines);
    let names = |line: &str| {
        let (module, names) = line.strip_prefix("from ")?.split_once(" import ")?;
        let known = matches!(module.trim(), "resilmesh.decorators" | "meshroom.decorators");
        known.then(|| names.split('#').next().unwrap_or_default().trim().to_owned())
    };
    let there: Vec<(usize, String)> = top.iter().filter_map(|at| Some((*at, names(&lines[*at])?))).collect();
    if there
        .iter()
        .any(|(_, names)| names.split(',').any(|name| matches!(name.trim(), "*") || name.trim() == decorator))
    {
        return file.to_owned();
    }
    let extensible = |line: &str| !line.contains(['(', '\\', '#']);
    if let Some((at, _)) = there.iter().find(|(at, _)| extensible(&lines[*at])) {
        let longer = format!("{}, {decorator}", lines[*at].trim_end());
        lines[*at] = longer;
    } else {
        let is_import = |line: &str| line.starts_with("import ") || line.starts_with("from ");
        let future = |line: &str| line.starts_with("from __future__ ");
        let first = top.iter().copied().find(|at| is_import(&lines[*at]) && !future(&lines[*at]));
        let after_future = || top.iter().copied().filter(|at| future(&lines[*at])).map(|at| at + 1).max();
        let first_code = || top.iter().copied().find(|at| !lines[*at].starts_with('#'));
        let at = first.or_else(after_future).or_else(first_code).unwrap_or(lines.len());
        let is_alone = !lines.get(at).is_some_and(|line| is_import(line));
        let new = format!("from resilmesh.decorators import {decorator}");
        lines.splice(at..at, std::iter::once(new).chain(is_alone.then(String::new)));
    }
    lines.join("\n")
}

/// The lines at which statements begin, outside of texts of several lines. Statements that only look
/// like texts (a docstring) are left out.
fn top_level(lines: &[String]) -> Vec<usize> {
    let mut inside: Option<&str> = None;
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let was_inside = inside.is_some();
        let mut rest = line.as_str();
        loop {
            match inside {
                Some(quote) => match rest.split_once(quote) {
                    Some((_, after)) => (inside, rest) = (None, after),
                    None => break,
                },
                None => {
                    let code = rest.find('#').unwrap_or(rest.len());
                    let opens =
                        ["\"\"\"", "'''"].into_iter().filter_map(|quote| Some((rest.find(quote)?, quote))).min();
                    match opens.filter(|(start, _)| *start < code) {
                        Some((start, quote)) => (inside, rest) = (Some(quote), &rest[start + 3..]),
                        None => break,
                    }
                }
            }
        }
        let begins = line.starts_with(|c: char| !c.is_whitespace());
        if begins && !was_inside && !line.starts_with(['"', '\'', ')', ']', '}']) {
            found.push(at);
        }
    }
    found
}

#[cfg(test)]
mod tests;
