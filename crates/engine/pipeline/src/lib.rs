//! Runs a Vector configuration folder: sources, VRL transforms, sinks, acknowledged end to end.
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`] | files to components with options; every mistake with file and place |
//! | [`event`] | events, and the share each has in the fate of what it was made from |
//! | [`codec`] | between bytes and events |
//! | [`source`] | where events enter |
//! | [`transform`] | what happens to them |
//! | [`sink`] | where they leave |
//! | [`topology`] | how components are connected, started, watched and stopped |
//! | [`rehearsal`] | what it would make of events, without the machine around it |
//! | [`readiness`] | who is ready, and what the others wait for |
//!
//! A batch of events travels through bounded channels; each event holds a share ([`event::Ack`])
//! in the input it was made from. When the last share is gone, the source knows what became of
//! that input, and only then acknowledges it where it came from.

pub mod codec;
pub mod config;
pub mod event;
pub mod readiness;
pub mod rehearsal;
mod seldom;
pub mod sink;
pub mod source;
#[cfg(test)]
mod testing;
pub mod topology;
pub mod transform;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use resilmesh_service::{Lifecycle, RunOptions, Stats, control};

pub use config::ConfigError;
use config::{Config, SecretMode, Section};
use topology::build::Parts;
use topology::run::Environment;
use topology::tap::{TapVerb, Taps};

/// Why a pipeline did not start or did not go on.
#[derive(Debug)]
pub enum RunError {
    /// The configuration has mistakes.
    Config(Vec<ConfigError>),
    /// A component, or the environment, failed.
    Failed(String),
}

impl RunError {
    /// The exit code of the process: 78 for a configuration error, as Vector has it, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 78,
            Self::Failed(_) => 1,
        }
    }

    pub(crate) fn component(section: &str, id: &str, reason: impl fmt::Display) -> Self {
        Self::Failed(format!("{section} `{id}`: {reason}"))
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(errors) => {
                for (n, error) in errors.iter().enumerate() {
                    write!(f, "{}{error}", if n > 0 { "\n" } else { "" })?;
                }
                Ok(())
            }
            Self::Failed(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for RunError {}

/// What a valid configuration holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// How many sources.
    pub sources: usize,
    /// How many transforms.
    pub transforms: usize,
    /// How many sinks.
    pub sinks: usize,
    /// What is doubtful, but no reason not to start.
    pub warnings: Vec<ConfigError>,
    /// Why several pipelines with this configuration cannot share the work; nothing if they can.
    pub single: Vec<ConfigError>,
}

/// What a pipeline is run with.
#[derive(Debug, Clone, Default)]
pub struct PipelineOptions {
    /// What every service is told.
    pub service: RunOptions,
    /// Where it keeps its state, in place of what the configuration says: each of several with one
    /// configuration needs a folder of its own.
    pub data_dir: Option<PathBuf>,
}

/// Checks a configuration without looking at the machine: no secret, address or server is used.
/// `config` is a folder that holds `vector/` (and perhaps `engine.yaml`), a plain Vector folder,
/// or one file with everything.
///
/// # Errors
/// Every mistake that can be told from the others.
pub fn validate(config: &Path) -> Result<Summary, Vec<ConfigError>> {
    let (config, parts) = checked(config, SecretMode::Leave, &Stats::new())?;
    let count = |section| config.components.iter().filter(|c| c.options.section == section).count();
    Ok(Summary {
        sources: count(Section::Source),
        transforms: count(Section::Transform),
        sinks: count(Section::Sink),
        warnings: parts.warnings,
        single: topology::single::found(&config),
    })
}

/// Runs a configuration until SIGTERM or SIGINT, until all sources have ended, or until a
/// component fails for good. Works on any tokio runtime.
///
/// # Errors
/// When the configuration has mistakes, something it needs is not to be had, or a component fails.
pub async fn run(config: &Path, options: PipelineOptions) -> Result<(), RunError> {
    let lifecycle = Lifecycle::new();
    lifecycle.stop_on_signals().map_err(|error| RunError::Failed(format!("no signals can be received: {error}")))?;
    run_with(config, options, lifecycle, Stats::new()).await
}

/// As [`run`], but stops when `lifecycle` says so, and counts into `stats`.
///
/// # Errors
/// As [`run`].
pub async fn run_with(
    config: &Path,
    options: PipelineOptions,
    lifecycle: Lifecycle,
    stats: Stats,
) -> Result<(), RunError> {
    let (mut config, parts) = checked(config, SecretMode::PutIn, &stats).map_err(RunError::Config)?;
    config.globals.data_dir = options.data_dir.or(config.globals.data_dir);
    for warning in &parts.warnings {
        tracing::warn!("{warning}");
    }
    let (data_dir, _lock) = data_dir(&config)?;
    let taps = Taps::default();
    let _control = match &options.service.control {
        None => None,
        Some(path) => {
            let verb = TapVerb { taps: taps.clone(), stop: lifecycle.stop_token() };
            let socket = control::serve(path, lifecycle.clone(), stats.clone(), Arc::new(verb)).map_err(|error| {
                RunError::Failed(format!("the control socket `{}` cannot be made: {error}", path.display()))
            })?;
            Some(socket)
        }
    };
    let environment = Environment { lifecycle, stats, taps, data_dir, engine: config.engine };
    topology::run::run(parts, &environment).await
}

/// Loads and builds, and tells all mistakes of both.
fn checked(path: &Path, secrets: SecretMode, stats: &Stats) -> Result<(Config, Parts), Vec<ConfigError>> {
    let (config, mut errors) = config::load(path, secrets);
    match topology::build::build(&config, stats) {
        Ok(parts) if errors.is_empty() => Ok((config, parts)),
        Ok(_) => Err(errors),
        Err(mistakes) => {
            errors.extend(mistakes.into_iter().map(|error| config.secrets.hide_in(error)));
            Err(errors)
        }
    }
}

/// The folder for state, locked. Without `data_dir` nothing is kept: only components that keep
/// nothing can run then.
fn data_dir(config: &Config) -> Result<(Option<PathBuf>, Option<std::fs::File>), RunError> {
    let Some(path) = &config.globals.data_dir else { return Ok((None, None)) };
    let lock = topology::run::lock_data_dir(path)
        .map_err(|reason| RunError::Config(vec![ConfigError::new(&config.root, reason)]))?;
    Ok((Some(path.clone()), Some(lock)))
}
