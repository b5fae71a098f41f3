//! What hooks ask of the project, and the answers.
//!
//! Files are read anew for each question and written whole, so that hooks see what other hooks have
//! written, and a command sees what its hooks have.

mod instances;
mod integrations;
mod plugs;
mod products;
mod reading;
mod scope;
mod secrets;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use resilmesh_hook_api::{Call, Failure, HookKind, Request};
use serde_json::{Map, Value};

use super::host::{Desk, Items};
use crate::project::load::{self, ProjectFiles};
use crate::project::position::Diagnostic;
use crate::project::write;
use crate::project::written::Written;

pub use scope::Scope;

/// The person at the terminal.
pub trait Person: Send + Sync {
    /// A line of text; none if nobody can be asked.
    ///
    /// # Errors
    /// When asking fails.
    fn ask(&self, message: &str, hidden: bool) -> Result<Option<String>, Failure>;
    /// Waits for Enter, if there is a terminal.
    fn wait(&self);
}

/// The secrets of the project.
pub trait Secrets: Send + Sync {
    /// The value; none if there is no such secret.
    ///
    /// # Errors
    /// When it cannot be read.
    fn get(&self, name: &str) -> Result<Option<Value>, Failure>;
    /// Keeps a value.
    ///
    /// # Errors
    /// When it cannot be written.
    fn set(&self, name: &str, value: &Value) -> Result<(), Failure>;
    /// Deletes a value; nothing happens if there is none.
    ///
    /// # Errors
    /// When it cannot be deleted.
    fn delete(&self, name: &str) -> Result<(), Failure>;
}

/// What is done with the project beyond its files.
#[async_trait::async_trait]
pub trait Commands: Send + Sync {
    /// Does it, or says that it is not to be done now. What a watch shows is handed to `item`.
    ///
    /// # Errors
    /// Why it was not done.
    async fn run(&self, scope: &Scope, request: Request, item: &Items) -> Result<Value, Failure>;
}

/// Answers from the files of a project.
pub struct ProjectDesk {
    /// The project's folder, absolute.
    project: PathBuf,
    /// The profile in force.
    profile: Option<String>,
    person: Arc<dyn Person>,
    secrets: Arc<dyn Secrets>,
    commands: Arc<dyn Commands>,
    /// What was written for hooks.
    written: Written,
}

type Answer = Result<Value, Failure>;

/// Where documents are written, and where it is noted that they were.
#[derive(Clone, Copy)]
struct Place<'a> {
    project: &'a Path,
    written: &'a Written,
}

impl Place<'_> {
    /// Writes a document of a product, whole or not at all.
    fn write(&self, path: &Path, document: Map<String, Value>) -> Result<(), Failure> {
        let text = write::to_yaml(&document.into_iter().collect());
        write::replace(path, &text).map_err(|error| not_written(path, &error))?;
        self.written.note(path, &text);
        Ok(())
    }
}

impl ProjectDesk {
    /// The desk of the project in the folder `project`, which is absolute.
    pub fn new(
        project: PathBuf,
        person: Arc<dyn Person>,
        secrets: Arc<dyn Secrets>,
        commands: Arc<dyn Commands>,
        written: Written,
    ) -> Self {
        Self { project, profile: None, person, secrets, commands, written }
    }

    /// The same with a profile in force.
    #[must_use]
    pub fn with_profile(self, profile: Option<String>) -> Self {
        Self { profile, ..self }
    }

    fn place(&self) -> Place<'_> {
        Place { project: &self.project, written: &self.written }
    }

    fn files(&self) -> Result<ProjectFiles, Failure> {
        let files = load::load(&self.project)
            .map_err(|error| failure(format!("project `{}` cannot be opened: {error}", self.project.display())))?;
        Ok(ProjectFiles { profile: self.profile.clone(), ..files })
    }

    fn prompt(&self, message: &str, hidden: bool) -> Result<String, Failure> {
        self.person.ask(message, hidden)?.ok_or_else(|| Failure {
            hint: Some("run the command at a terminal".to_owned()),
            ..failure(format!("nobody can be asked: {message}"))
        })
    }

    /// Answers a question; blocks.
    fn answer_now(&self, scope: &Scope, request: Request) -> Answer {
        match request {
            Request::Prompt { message, hidden } => self.prompt(&message, hidden).map(Value::from),
            Request::WaitForEnter => {
                self.person.wait();
                Ok(Value::Null)
            }
            Request::GetSecret { owner, key, prompt } => self.get_secret(scope, &owner, &key, prompt.as_deref()),
            Request::SetSecret { owner, key, value } => self.set_secret(scope, &owner, &key, &value),
            Request::DeleteSecret { owner, key } => self.delete_secret(scope, &owner, &key),
            Request::ReadSecrets => Err(failure("all secrets at once are not given to a hook")),
            Request::ListProducts { tags, search } => products::list(&self.files()?, &tags, search.as_deref()),
            Request::GetProduct { name } => products::get(self.files()?, &name),
            Request::SaveProduct { name, document } => products::save(self.place(), &name, document),
            Request::ScaffoldCapability { product, topic, role, mode, format } => {
                let wanted = products::Wanted { topic, role, mode, format };
                products::add_capability(self.place(), &product, &wanted)
            }
            Request::ListCapabilities { product, topic, role, mode, format } => {
                let only = [topic, role, mode, format];
                products::capabilities(self.files()?, &product, &only)
            }
            Request::ListIntegrations { product, target_product, topic, role, mode, format } => {
                let only = integrations::Only { product, target_product, topic, role, mode, format };
                integrations::list(self.files()?, &only)
            }
            Request::GetIntegration(name) => integrations::get(self.files()?, name),
            Request::SaveIntegration { integration, document } => {
                integrations::save(self.place(), &integration, document)
            }
            Request::ListInstances { product, search } => {
                instances::list(&self.files()?, product.as_deref(), search.as_deref())
            }
            Request::GetInstance(name) => instances::get(&self.files()?, &name),
            Request::CreateInstance { product, name } => instances::create(self.files()?, &product, name),
            Request::SaveInstance { instance, settings } => instances::save(&self.files()?, &instance, settings),
            Request::DeleteInstance(name) => instances::delete(&self.files()?, &name),
            Request::SettingsSchema(name) => instances::schema(self.files()?, &name),
            Request::ListPlugs { src_instance, dst_instance, topic, mode } => {
                plugs::list(&self.files()?, &[src_instance, dst_instance, topic, mode])
            }
            Request::GetPlug(name) => plugs::get(&self.files()?, &name),
            Request::CreatePlug { plug, format, owner } => plugs::create(self.files()?, &plug, format, owner),
            Request::SavePlug { plug, document } => plugs::save(&self.files()?, &plug, document),
            Request::DeletePlug(name) => plugs::delete(&self.files()?, &name),
            Request::MatchingIntegrations(name) => plugs::integrations(self.files()?, &name),
            Request::UnconfiguredSettings(name) => plugs::unconfigured(self.files()?, &name),
            Request::Validate => {
                let files = self.files()?;
                let found = crate::mesh::compile::compile(&files).err().unwrap_or_default();
                let errors = found.iter().filter(|found| found.is_error());
                Ok(errors.map(|found| Value::from(say(found))).collect())
            }
            _ => Err(failure("this cannot be asked for here")),
        }
    }
}

/// A desk that hosts can share.
#[derive(Clone)]
pub struct DeskOf(pub Arc<ProjectDesk>);

#[async_trait::async_trait]
impl Desk for DeskOf {
    async fn answer(&self, call: &Call, request: Request, item: &Items) -> Answer {
        let request = if call.kind == HookKind::Check { reading::only_reading(request)? } else { request };
        self.answer_in(Scope::of(call), request, item).await
    }
}

impl DeskOf {
    /// Answers a question of this scope: a hook's, or with [`Scope::Anything`] that of a program of the
    /// user's own. What comes one by one is handed to `item` before.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn answer_in(&self, scope: Scope, request: Request, item: &Items) -> Answer {
        let is_command = matches!(
            request,
            Request::BringUp(_)
                | Request::TakeDown(_)
                | Request::CallHook { .. }
                | Request::PullProduct { .. }
                | Request::Publish { .. }
                | Request::ScaffoldProduct { .. }
                | Request::ScaffoldIntegration { .. }
                | Request::InitProject { .. }
        );
        if !is_command {
            return self.ask(scope, request).await;
        }
        // What was made is answered, rather than what making it has printed.
        let made = match &request {
            Request::ScaffoldProduct { name, .. } => Some(Request::GetProduct { name: name.clone() }),
            Request::ScaffoldIntegration { integration, .. } => Some(Request::GetIntegration(integration.clone())),
            _ => None,
        };
        let said = self.0.commands.run(&scope, request, item).await?;
        match made {
            Some(made) => self.ask(scope, made).await,
            None => Ok(said),
        }
    }

    async fn ask(&self, scope: Scope, request: Request) -> Answer {
        let desk = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || desk.answer_now(&scope, request))
            .await
            .unwrap_or_else(|_| Err(failure("the question could not be answered")))
    }
}

/// A failure with nothing more to say.
pub(super) fn failure(message: impl Into<String>) -> Failure {
    Failure { message: message.into(), ..Failure::default() }
}

fn say(found: &Diagnostic) -> String {
    let place = found.at.as_ref().map(|at| format!("{at}: ")).unwrap_or_default();
    let hint = found.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{place}{}{hint}", found.message)
}

fn to_value(document: &impl serde::Serialize) -> Answer {
    serde_json::to_value(document).map_err(|error| failure(error.to_string()))
}

fn not_written(path: &Path, error: &std::io::Error) -> Failure {
    failure(format!("`{}` cannot be written: {error}", path.display()))
}
