//! `resilmesh engine`: what the embedded runtime runs. Not for people, who say `resilmesh up`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use resilmesh_service::RunOptions;
use resilmesh_service::log;

use super::failure::{Failure, Kind};
use super::{Context, block_on};

/// The services of the embedded runtime
#[derive(Debug, Subcommand)]
pub enum Engine {
    /// Run a Vector configuration folder
    Pipeline(PipelineArgs),
    /// Add what is known about an event's indicators
    Enrich(ServiceArgs),
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
    /// Check the configuration, with all its programs, and start nothing
    #[arg(long)]
    validate: bool,
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
        Engine::Pipeline(args) => serve(pipeline(args.service)),
        Engine::Enrich(args) => serve(enrich(args)),
        Engine::Store(args) => serve(store(args)),
    }
}

fn serve(service: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    log::init();
    block_on(service)
}

fn validate(cx: &Context, args: &PipelineArgs) -> Result<(), Failure> {
    let lines = |errors: Vec<resilmesh_pipeline::config::ConfigError>| {
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let summary = resilmesh_pipeline::validate(&args.service.config).map_err(|errors| configuration(lines(errors)))?;
    summary.warnings.iter().for_each(|warning| cx.ui.warning(&warning.to_string()));
    cx.ui.line(format!(
        "{} sources, {} transforms, {} sinks: valid",
        summary.sources, summary.transforms, summary.sinks
    ));
    Ok(())
}

async fn pipeline(args: ServiceArgs) -> Result<(), Failure> {
    resilmesh_pipeline::run(&args.config, args.options()).await.map_err(|error| match error.exit_code() {
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

async fn store(args: ServiceArgs) -> Result<(), Failure> {
    resilmesh_store::run(&args.config, args.options()).await.map_err(|error| match error {
        resilmesh_store::RunError::Config(_) => configuration(error.to_string()),
        _ => Failure::new(error.to_string()),
    })
}

fn configuration(message: String) -> Failure {
    Failure { kind: Kind::Configuration, ..Failure::new(message) }
}
