//! Whether the hooks of a product keep what hooks must (`docs/specs/hooks.md`): they are called in a project made
//! for it, with stand-ins at the other ends, in the ways in which life calls them.

mod ears;
mod host;
mod silent;
mod stage;
mod trial;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use self::ears::Kept;
use self::silent::Silent;
use self::stage::Stage;
use self::trial::Part;
use crate::hooks::HookError;
use crate::hooks::host::Needs;
use crate::mesh::model::{End, HookCode, HookKind, Mesh, Plug, Product};
use crate::project::load::PRODUCTS;
use crate::project::position::Diagnostic;

pub use stage::{Settings, Subject};

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Case {
    /// An end of a plug is set up.
    SetUp,
    /// What is set up is set up again.
    SetUpAgain,
    /// What is set up is as it was set up.
    CheckSetUp,
    /// What is set up is taken down.
    TearDown,
    /// What was taken down is seen to be away.
    CheckTornDown,
    /// What was taken down is taken down again.
    TearDownAgain,
    /// What never was set up is taken down.
    TearDownFirst,
    /// The host is killed half-way; the next setup goes on from there.
    Killed,
    /// The secrets are not those of the product.
    WrongSecret,
    /// What the product's addresses lead to never answers.
    SlowApi,
    /// No secret stands in what hooks say.
    Unsaid,
    /// The product's own host says hello first.
    Hello,
    /// It goes on after lines that it does not understand, and a call of a hook that it does not have fails.
    UnknownHook,
    /// It ends at the end of its input.
    EndOfInput,
}

impl Case {
    /// Its name, as in the specification.
    pub const fn word(self) -> &'static str {
        match self {
            Self::SetUp => "set-up",
            Self::SetUpAgain => "set-up-again",
            Self::CheckSetUp => "check-set-up",
            Self::TearDown => "tear-down",
            Self::CheckTornDown => "check-torn-down",
            Self::TearDownAgain => "tear-down-again",
            Self::TearDownFirst => "tear-down-first",
            Self::Killed => "killed",
            Self::WrongSecret => "wrong-secret",
            Self::SlowApi => "slow-api",
            Self::Unsaid => "unsaid",
            Self::Hello => "hello",
            Self::UnknownHook => "unknown-hook",
            Self::EndOfInput => "end-of-input",
        }
    }
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// The hooks keep it.
    Kept,
    /// They do not.
    Broken {
        /// What happened.
        why: String,
        /// What to do about it.
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// There is nothing to try.
    NotTried {
        /// Why.
        why: String,
    },
}

impl Verdict {
    fn broken(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Broken { why: why.into(), hint: Some(hint.into()) }
    }

    fn not_tried(why: impl Into<String>) -> Self {
        Self::NotTried { why: why.into() }
    }
}

/// A case with how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The case.
    pub case: Case,
    /// What it was tried at: the plug, as `TOPIC/SOURCE/DESTINATION`, or the host.
    pub at: String,
    /// The part that the product plays in a plug.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    /// How it ended.
    #[serde(flatten)]
    pub verdict: Verdict,
}

impl Row {
    fn new(case: Case, plug: &Plug, end: &End, verdict: Verdict) -> Self {
        Self { case, at: plug.id.to_string(), role: Some(end.role.word()), verdict }
    }
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// One call of the hooks of an end; then they are interrupted.
    pub call: Duration,
    /// From the interruption to the end of the hook.
    pub interrupted: Duration,
}

/// What a trial works with.
pub struct Terms {
    /// The secrets that there are, by name; those that are missing are made up.
    pub secrets: Settings,
    /// Settings and secrets are those of the product, which is reached by them.
    pub is_real: bool,
    /// What gets packages and programs for hooks.
    pub needs: Needs,
    /// How long things may take.
    pub patience: Patience,
    /// Is told each line that hooks say, without secrets.
    pub line: Arc<dyn Fn(&str) + Send + Sync>,
}

/// Why nothing could be tried.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The project of the trial could not be made.
    #[error("the project of the trial cannot be made: {0}")]
    Files(#[from] std::io::Error),
    /// The product has mistakes, or cannot be plugged to a stand-in.
    #[error("the product cannot be plugged to a stand-in")]
    Mistakes(Vec<Diagnostic>),
    /// What the hooks need cannot be had, or does not compile.
    #[error("{0}")]
    Needs(#[from] HookError),
}

/// Tries the hooks of a product at each of its plugs; tells each case as it ends.
///
/// # Errors
/// Why nothing could be tried.
pub async fn run(subject: &Subject<'_>, terms: &Terms, tell: &mut dyn FnMut(Row)) -> Result<(), Trouble> {
    let stage = Stage::make(subject)?;
    if let Some(file) = own_host(subject.product) {
        let mut tell = |case, verdict| tell(Row { case, at: format!("host `{file}`"), role: None, verdict });
        host::run(&subject.product.name, subject.folder, file, stage.root(), &mut tell).await;
    }
    prepare(subject, &stage, terms).await?;
    let mesh = compiled(stage.root())?;
    let secrets = Arc::new(Kept::new(all_secrets(&mesh, &terms.secrets)));
    for (plug, end) in parts(&mesh, &subject.product.name) {
        let part = Part { stage: &stage, mesh: &mesh, plug, end, terms };
        trial::of(&part, &secrets, tell).await?;
    }
    slow_api(subject, &mesh, &secrets, terms, tell).await
}

/// Makes packages and builds programs beforehand: that is no part of how long hooks take.
async fn prepare(subject: &Subject<'_>, stage: &Stage, terms: &Terms) -> Result<(), HookError> {
    let product = subject.product;
    let folder = stage.root().join(PRODUCTS).join(&product.name);
    let of_integrations = product.integrations.iter().flat_map(|own| &own.hooks);
    let codes: Vec<&HookCode> = product.hooks.iter().chain(of_integrations).map(|hook| &hook.code).collect();
    if codes.iter().any(|code| matches!(code, HookCode::Python { .. })) {
        terms.needs.packages.of(&product.name, &folder).await?;
    }
    if codes.iter().any(|code| matches!(code, HookCode::Rust { .. })) {
        terms.needs.programs.of(&product.name, &folder).await?;
    }
    Ok(())
}

/// What the addresses among the settings lead to never answers.
async fn slow_api(
    subject: &Subject<'_>,
    mesh: &Mesh,
    secrets: &Arc<Kept>,
    terms: &Terms,
    tell: &mut dyn FnMut(Row),
) -> Result<(), Trouble> {
    let silent = Silent::start().await?;
    let settings = mesh.instances.get(subject.instance).map(|own| silent.instead(&own.settings));
    let Some(settings) = settings.filter(|settings| !settings.is_empty()) else {
        for (plug, end) in parts(mesh, &subject.product.name) {
            let verdict = Verdict::not_tried("no setting is an address (`https://...`)");
            tell(Row::new(Case::SlowApi, plug, end, verdict));
        }
        return Ok(());
    };
    let settings = subject.settings.clone().into_iter().chain(settings).collect();
    let stage = Stage::make(&Subject { settings, ..subject.clone() })?;
    let mesh = compiled(stage.root())?;
    for (plug, end) in parts(&mesh, &subject.product.name) {
        let part = Part { stage: &stage, mesh: &mesh, plug, end, terms };
        let verdict = trial::at_silence(&part, secrets).await?;
        tell(Row::new(Case::SlowApi, plug, end, verdict));
    }
    Ok(())
}

/// The host that the product brings.
fn own_host(product: &Product) -> Option<&str> {
    product.hooks.iter().find_map(|hook| hook.code.own_host())
}

/// The beginning of a text, for people.
fn short(text: &str) -> &str {
    text.char_indices().nth(100).map_or(text, |(end, _)| &text[..end])
}

fn compiled(root: &Path) -> Result<Mesh, Trouble> {
    let files = crate::project::load::load(root)?;
    crate::mesh::compile::compile_used(&files).map(|(mesh, _)| mesh).map_err(Trouble::Mistakes)
}

/// The given secrets, and made-up ones for those that the mesh wants besides.
fn all_secrets(mesh: &Mesh, given: &Settings) -> Settings {
    let made_up = crate::mesh::secrets::wanted(mesh).into_iter().map(|wanted| {
        let value = format!("made-up-{}", uuid::Uuid::new_v4().simple());
        (wanted.name, Value::from(value))
    });
    made_up.chain(given.clone()).collect()
}

/// The ends of plugs at which the product has setup hooks in files.
fn parts<'a>(mesh: &'a Mesh, product: &str) -> Vec<(&'a Plug, &'a End)> {
    let ends = mesh.plugs.iter().flat_map(|plug| [(plug, &plug.source), (plug, &plug.destination)]);
    let is_own = |end: &End| mesh.instances.get(&end.instance).is_some_and(|own| own.product == product);
    ends.filter(|(plug, end)| is_own(end) && !mesh.hooks_at(plug, end, HookKind::Setup).is_empty()).collect()
}
