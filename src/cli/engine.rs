//! `resilmesh engine`: what the embedded runtime runs. Not for people, who say `resilmesh up`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use resilmesh_service::rehearsal::{self, Answer, Request};
use resilmesh_service::{RunOptions, log};

use super::failure::{Failure, Kind};
use super::{Context, block_on, block_on_two};

/// The services of the embedded runtime
#[derive(Debug, Subcommand)]
pub enum Engine {
    /// Run a Vector configuration folder
    Pipeline(PipelineArgs),
    /// Add what is known about an event's indicators
    Enrich(EnrichArgs),
    /// Run a module's code on events
    Module(ModuleArgs),
    /// Answer on standard output whether conditions on standard input hold
    Conditions,
    /// Serve the Elasticsearch REST API over an index on disk
    Store(ServiceArgs),
}

/// What every service is told.
#[derive(Debug, Args)]
pub struct ServiceArgs {
    /// Its configuration
    #[arg(long)]
    pub config: PathBuf,
    /// Unix socket to answer questions on
    #[arg(long)]
    pub control: Option<PathBuf>,
}

/// What a pipeline is told.
#[derive(Debug, Args)]
pub struct PipelineArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// Folder for state, in place of `data_dir` of the configuration
    #[arg(long)]
    data: Option<PathBuf>,
    /// Check the configuration, with all its programs, and start nothing
    #[arg(long)]
    validate: bool,
    /// Check that so many pipelines can share the work, too
    #[arg(long, value_name = "NUMBER", requires = "validate")]
    replicas: Option<u16>,
    #[command(flatten)]
    rehearse: RehearseArgs,
}

/// What enrichment is told.
#[derive(Debug, Args)]
pub struct EnrichArgs {
    #[command(flatten)]
    service: ServiceArgs,
    #[command(flatten)]
    rehearse: RehearseArgs,
}

/// What a module's service is told.
#[derive(Debug, Args)]
pub struct ModuleArgs {
    #[command(flatten)]
    service: ServiceArgs,
    #[command(flatten)]
    rehearse: RehearseArgs,
}

/// What a service that can be tried is told.
#[derive(Debug, Args)]
struct RehearseArgs {
    /// Start nothing, and answer on standard output what it would make of what comes on standard input
    #[arg(long)]
    rehearse: bool,
}

impl ServiceArgs {
    fn options(&self) -> RunOptions {
        RunOptions { control: self.control.clone() }
    }
}

/// Runs the service until it is told to stop.
///
/// # Errors
/// When its configuration is wrong (exit code 78) or it cannot go on.
pub fn run(cx: &Context, engine: Engine) -> Result<(), Failure> {
    match engine {
        Engine::Pipeline(args) if args.validate => validate(cx, &args),
        Engine::Pipeline(args) if args.rehearse.rehearse => rehearse_pipeline(&args.service.config),
        Engine::Enrich(args) if args.rehearse.rehearse => block_on(rehearse_enrich(&args.service.config)),
        Engine::Module(args) if args.rehearse.rehearse => block_on_two(rehearse_module(&args.service.config)),
        Engine::Module(args) => serve(module(args.service)),
        Engine::Conditions => serve_rehearsal(&Answer::Parts(Vec::new()), conditions),
        Engine::Pipeline(args) => serve(pipeline(args)),
        Engine::Enrich(args) => serve(enrich(args.service)),
        Engine::Store(args) => serve(store(args)),
    }
}

fn serve(service: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    log::init();
    block_on_two(service)
}

fn validate(cx: &Context, args: &PipelineArgs) -> Result<(), Failure> {
    let lines = |errors: Vec<resilmesh_pipeline::config::ConfigError>| {
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let summary = resilmesh_pipeline::validate(&args.service.config).map_err(|errors| configuration(lines(errors)))?;
    if args.replicas.is_some_and(|number| number > 1) && !summary.single.is_empty() {
        return Err(configuration(lines(summary.single)));
    }
    summary.warnings.iter().for_each(|warning| cx.ui.warning(&warning.to_string()));
    cx.ui.line(format!(
        "{} sources, {} transforms, {} sinks: valid",
        summary.sources, summary.transforms, summary.sinks
    ));
    Ok(())
}

fn rehearse_pipeline(config: &Path) -> Result<(), Failure> {
    match resilmesh_pipeline::rehearsal::Rehearsal::open(config) {
        Ok(rehearsal) => serve_rehearsal(&Answer::Parts(rehearsal.parts()), |request| rehearsal.answer(request)),
        Err(errors) => serve_rehearsal(&Answer::Wrong(errors.iter().map(ToString::to_string).collect()), |_| wrong()),
    }
}

async fn rehearse_enrich(config: &Path) -> Result<(), Failure> {
    match resilmesh_enrich::rehearsal::Rehearsal::open(config) {
        Ok(rehearsal) => serve_rehearsal(&Answer::Parts(rehearsal.parts()), |request| {
            futures::executor::block_on(rehearsal.answer(request))
        }),
        Err(mistakes) => serve_rehearsal(&Answer::Wrong(mistakes), |_| wrong()),
    }
}

async fn rehearse_module(config: &Path) -> Result<(), Failure> {
    match resilmesh_module::rehearsal::Rehearsal::open(config, &machine()) {
        Ok(rehearsal) => {
            let runtime = tokio::runtime::Handle::current();
            let served = tokio::task::block_in_place(|| {
                serve_rehearsal(&Answer::Parts(rehearsal.parts()), |request| {
                    runtime.block_on(rehearsal.answer(request))
                })
            });
            rehearsal.end().await;
            served
        }
        Err(mistakes) => serve_rehearsal(&Answer::Wrong(mistakes), |_| wrong()),
    }
}

/// What this machine gives to modules.
fn machine() -> resilmesh_module::Machine {
    resilmesh_module::Machine { python_host: crate::hooks::host::python_host().ok() }
}

fn wrong() -> Answer {
    Answer::Refused("the configuration has mistakes".to_owned())
}

fn conditions(request: Request) -> Answer {
    match request {
        Request::Condition { source, event } => resilmesh_pipeline::rehearsal::condition(&source, event),
        other => Answer::Refused(format!("no condition: {other:?}")),
    }
}

fn serve_rehearsal(first: &Answer, answer: impl FnMut(Request) -> Answer) -> Result<(), Failure> {
    rehearsal::serve(first, std::io::stdin().lock(), std::io::stdout().lock(), answer)
        .map_err(|error| Failure::new(format!("the rehearsal has ended: {error}")))
}

async fn pipeline(args: PipelineArgs) -> Result<(), Failure> {
    let options = resilmesh_pipeline::PipelineOptions { service: args.service.options(), data_dir: args.data };
    resilmesh_pipeline::run(&args.service.config, options).await.map_err(|error| match error.exit_code() {
        78 => configuration(error.to_string()),
        _ => Failure::new(error.to_string()),
    })
}

async fn enrich(args: ServiceArgs) -> Result<(), Failure> {
    resilmesh_enrich::run(&args.config, args.options()).await.map_err(|error| match error {
        resilmesh_enrich::RunError::Configuration(_) => configuration(error.to_string()),
        _ => Failure::new(error.to_string()),
    })
}

async fn module(args: ServiceArgs) -> Result<(), Failure> {
    resilmesh_module::run(&args.config, args.options(), &machine()).await.map_err(|error| match error {
        resilmesh_module::RunError::Configuration(_) => configuration(error.to_string()),
        _ => Failure::new(error.to_string()),
    })
}

async fn store(args: ServiceArgs) -> Result<(), Failure> {
    resilmesh_store::run(&args.config, args.options()).await.map_err(|error| match error {
        resilmesh_store::RunError::Config(_) => configuration(error.to_string()),
        _ => Failure::new(error.to_string()),
    })
}

fn configuration(message: String) -> Failure {
    Failure { kind: Kind::Configuration, ..Failure::new(message) }
}
