//! Runs vendors' code on events between two streams of the bus: a *module*.
//!
//! Events come from a JetStream consumer, go through the module's `process` hook, and what it makes of them is
//! published. A message is acknowledged after that, and not before: whatever dies, its events come again, and their
//! results are recognised by their ids.
//!
//! A hook in Python or Rust runs in worker processes ([`resilmesh_hook_api::batch`]); a VRL program in threads of the
//! service. Events of a worker that dies, or takes too long, are given to the next one by one, so that the one that is
//! to blame is known; it is rejected, with the reason, after some tries.
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`] | `module.yaml` |
//! | `pool` | workers, and the events that wait for them |
//! | `result` | what is published of what a module made |
//! | `service` | what becomes of messages between the streams; the loop is `resilmesh_relay` |
//! | [`rehearsal`] | what it would make of messages, without a bus |

pub mod config;
mod pool;
pub mod rehearsal;
mod result;
mod service;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use resilmesh_hook_api::batch::Welcome;
pub use resilmesh_relay::RunError;
use resilmesh_service::control::{Answer, Handler, Reply};
use resilmesh_service::{Lifecycle, RunOptions, Stats, bus};
use serde_json::{Map, Value};

use config::{Code, Config};
use pool::Pool;
use pool::crew::Engine;
use pool::program::Program;

/// What the machine gives to modules.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// The program that runs hooks in Python; none if it is not installed.
    pub python_host: Option<PathBuf>,
}

/// Checks a VRL program: every mistake, with file, line and column, and the place drawn.
///
/// # Errors
/// The mistakes.
pub fn check_program(file: &Path, text: &str) -> Result<(), Vec<resilmesh_pipeline::ConfigError>> {
    resilmesh_pipeline::transform::program::Compiled::of_file(file, text).map(drop)
}

/// Runs the service until SIGTERM or SIGINT.
///
/// # Errors
/// When the configuration is wrong, or the process lacks what every service needs. A bus that is not there (yet, or
/// any more) is waited for, and so is a worker.
pub async fn run(config: &Path, options: RunOptions, machine: &Machine) -> Result<(), RunError> {
    run_until_stopped(config, options, resilmesh_relay::until_signalled()?, machine).await
}

/// As [`run`], with a life of the caller's.
///
/// # Errors
/// As [`run`].
pub async fn run_until_stopped(
    config: &Path,
    options: RunOptions,
    lifecycle: Lifecycle,
    machine: &Machine,
) -> Result<(), RunError> {
    let config = config::read(config).map_err(RunError::Configuration)?;
    let stats = Stats::new();
    let engine = engine(&config, machine).map_err(RunError::Configuration)?;
    let password = config.input.password_file.as_deref().map(bus::read_password).transpose();
    let password = password.map_err(|error| RunError::Configuration(vec![error.to_string()]))?;
    let pool = Pool::start(&config, engine, &stats);
    let _socket = resilmesh_relay::serve_control(options, &lifecycle, &stats, Arc::new(Verbs(pool.clone())))?;
    service::run(&config, password, &pool, &stats, &lifecycle).await;
    pool.stop().await;
    Ok(())
}

/// What runs the module's code.
fn engine(config: &Config, machine: &Machine) -> Result<Engine, Vec<String>> {
    match &config.code {
        Code::Vrl { file } => {
            let program = Program::read(file, config)?;
            Ok(Engine::Program(Arc::new(program)))
        }
        Code::Python { hook, environment } => {
            let program = machine.python_host.clone();
            let program =
                program.ok_or_else(|| vec!["the program that runs hooks in Python is not there".to_owned()])?;
            let packages = environment.as_deref().map(packages).transpose().map_err(|why| vec![why])?;
            Ok(Engine::Process { program, welcome: welcome(config, hook.clone(), packages)? })
        }
        Code::Program { program, hook } => {
            Ok(Engine::Process { program: program.clone(), welcome: welcome(config, hook.clone(), None)? })
        }
    }
}

fn welcome(
    config: &Config,
    hook: resilmesh_hook_api::HookRef,
    packages: Option<String>,
) -> Result<Box<Welcome>, Vec<String>> {
    let (mut secrets, mut mistakes) = (Map::new(), Vec::new());
    for (key, file) in &config.secrets {
        match std::fs::read_to_string(file) {
            Ok(text) => drop(secrets.insert(key.clone(), text.trim_end_matches(['\r', '\n']).into())),
            // One that need not be given, and was not.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => mistakes.push(format!("secret file `{}` cannot be read: {error}", file.display())),
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let packages = packages.into_iter().collect();
    let (instance, settings) = (config.name.clone(), config.settings.clone());
    Ok(Box::new(Welcome { hook, instance, settings, secrets, packages }))
}

/// The folder with the packages of a virtual environment.
fn packages(environment: &Path) -> Result<String, String> {
    let found = std::fs::read_dir(environment.join("lib")).ok().and_then(|entries| {
        let mut folders = entries.flatten().map(|entry| entry.path().join("site-packages"));
        folders.find(|folder| folder.is_dir())
    });
    found.map(|folder| folder.to_string_lossy().into_owned()).ok_or_else(|| {
        format!(
            "there are no packages in `{}`, the module's virtual environment: `resilmesh up` makes it",
            environment.display()
        )
    })
}

/// What the control socket answers besides what every service does: `workers`, a list of `{"worker", "state",
/// "process", "starts", "events", "seconds", "error"}`.
struct Verbs(Arc<Pool>);

impl Handler for Verbs {
    fn answer<'a>(&'a self, verb: &'a str, _: Value, _: &'a mut Reply) -> Option<Answer<'a>> {
        (verb == "workers").then(|| -> Answer<'a> {
            let told = self.0.told();
            Box::pin(async move { Ok(told) })
        })
    }
}
