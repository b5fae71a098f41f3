//! The same in Rust.

use serde_json::Value as Json;

use super::{Kind, NewHook};
use crate::mesh::model::{Mode, Role};
use crate::project::scaffold::render;

/// What imports every name of the SDK.
const ALL: &str = "use resilmesh_sdk::*;";
/// Where names of the SDK are, without an import.
const PATH: &str = "resilmesh_sdk::";

/// The manifest of a new crate of hooks.
///
/// # Errors
/// When the template that is built in does not work; a test sees to it that it does.
pub fn manifest(product: &str) -> Result<String, String> {
    render::builtin("product/_shared/_rust/hooks/Cargo.toml", &minijinja::context! { name => product })
}

impl NewHook {
    fn rust_arguments(&self) -> Vec<String> {
        let quoted = |text: &str| Json::from(text).to_string();
        let target = self.target.as_deref();
        let role = self.role.filter(|_| self.kind.takes_role() || target.is_some()).map(Role::word);
        let keywords = [
            ("role", role),
            ("mode", self.mode.map(Mode::word)),
            ("format", self.format.as_deref()),
            ("title", self.title.as_deref()),
            ("target", target),
        ];
        let keywords = keywords.into_iter().filter_map(|(key, value)| Some(format!("{key} = {}", quoted(value?))));
        self.topic.as_deref().map(quoted).into_iter().chain(keywords).collect()
    }

    /// Its context: what it is called with.
    fn context(&self) -> &'static str {
        match self.kind {
            Kind::Setup => "Setup",
            Kind::Teardown => "Teardown",
            Kind::Check => "Check",
            Kind::Scaffold => "Scaffold",
            Kind::Produce => "Produce",
            Kind::Watch => "Watch",
            Kind::Trigger => "Trigger",
            Kind::Execute => "Execute",
            Kind::Publish => "Publish",
            Kind::Pull => "Pull",
        }
    }

    /// The file `src/main.rs` with the hook before its tests; none if there is a function of that name already.
    ///
    /// # Errors
    /// When the template that is built in does not work; a test sees to it that it does.
    pub fn add_to_rust(&self, file: Option<&str>, product: &str) -> Result<Option<String>, String> {
        let file = match file.filter(|file| !file.trim().is_empty()) {
            Some(file) => file.to_owned(),
            None => format!("//! Hooks of {product}.\n\n{ALL}\n\nresilmesh_sdk::main!();\n"),
        };
        let function = self.function();
        let is_there = |line: &str| {
            let after = line.split_once("fn ").map(|(_, after)| after.trim_start());
            after
                .and_then(|after| after.strip_prefix(function.as_str()))
                .is_some_and(|rest| rest.starts_with(['(', '<']))
        };
        if file.lines().any(is_there) {
            return Ok(None);
        }
        let (says, missing) = self.words(product);
        let values = minijinja::context! {
            path => if file.lines().any(|line| line.trim() == ALL) { "" } else { PATH },
            attribute => self.kind.word(),
            arguments => self.rust_arguments(),
            function,
            context => self.context(),
            says,
            missing => format!("{function}: say {missing}"),
        };
        let new = render::builtin("hook/hook.rs", &values)?;
        let (before, tests) = file.find("\n#[cfg(test)]").map_or((file.as_str(), ""), |at| file.split_at(at));
        Ok(Some(format!("{}\n\n{new}{tests}", before.trim_end())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_a_function_with_an_attribute() {
        let hook = NewHook {
            kind: Kind::Setup,
            role: Some(Role::Producer),
            topic: Some("alerts".to_owned()),
            mode: Some(Mode::Pull),
            format: None,
            title: Some("say \"hello\"".to_owned()),
            target: Some("siem".to_owned()),
        };
        let first = hook.add_to_rust(None, "edr").expect("a text").expect("it is new");
        insta::assert_snapshot!(first, @r#"
        //! Hooks of edr.

        use resilmesh_sdk::*;

        resilmesh_sdk::main!();

        /// Sets up edr's end of a plug: it produces alerts.
        #[setup("alerts", role = "producer", mode = "pull", title = "say \"hello\"", target = "siem")]
        fn setup_alerts_producer_pull(_ctx: &Setup) -> Result<()> {
            bail!("setup_alerts_producer_pull: say how to set it up")
        }
        "#);
        assert_eq!(hook.add_to_rust(Some(&first), "edr"), Ok(None));
        let pull =
            NewHook { kind: Kind::Pull, role: None, topic: None, mode: None, format: None, title: None, target: None };
        let file = "resilmesh_sdk::main!();\n\n#[cfg(test)]\nmod tests {}\n";
        insta::assert_snapshot!(pull.add_to_rust(Some(file), "edr").expect("a text").expect("it is new"), @r#"
        resilmesh_sdk::main!();

        /// Fetches edr's own code into the folder `path`.
        #[resilmesh_sdk::pull]
        fn pull_code(_ctx: &resilmesh_sdk::Pull) -> resilmesh_sdk::Result<()> {
            resilmesh_sdk::bail!("pull_code: say where it comes from")
        }

        #[cfg(test)]
        mod tests {}
        "#);
    }
}
