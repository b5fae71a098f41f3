//! Arguments in, words and exit codes out: one file per command.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

pub mod add;
pub mod api;
mod ask;
pub mod catalog;
pub mod check;
pub mod clone;
mod colleagues;
mod command_hook;
pub mod completion;
pub mod configure;
pub mod create;
pub mod demo;
pub mod diff;
pub mod doctor;
pub mod down;
pub mod drift;
mod edit;
mod editors;
pub mod engine;
pub mod execute;
pub mod failure;
mod file_hooks;
mod finding;
pub mod git_hook;
pub mod git_merge;
mod going_back;
pub mod history;
pub mod hooks;
mod hosts;
pub mod init;
mod leaks;
mod left_secrets;
pub mod list;
pub mod log;
pub mod logs;
mod open;
mod own_clone;
mod own_commands;
pub mod part;
pub mod plan;
pub mod plug;
pub mod port;
pub mod produce;
pub mod publish;
pub mod pull;
mod recording;
pub mod reference;
pub mod relay;
pub mod remove;
pub mod rename;
pub mod rollback;
mod running;
pub mod schema;
pub mod search;
pub mod secret;
pub mod secret_settings;
mod setting_input;
pub mod share;
pub mod show;
pub mod status;
mod steps;
pub mod supervise;
pub mod test;
pub mod trace;
pub mod trigger;
pub mod trust;
pub mod ui;
pub mod unplug;
pub mod untrust;
pub mod up;
pub mod update;
pub mod watch;

use failure::Failure;
use ui::{Color, Ui};

/// Compose a cybersecurity mesh from a git repository of YAML, and run it.
#[derive(Debug, Parser)]
#[command(name = "resilmesh", version, disable_version_flag = true, max_term_width = 100)]
struct Cli {
    /// Print the version
    #[arg(short = 'v', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The project's folder
    #[arg(short = 'C', long, global = true, value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
    /// The same, as Meshroom calls it; before the command only
    #[arg(short, long, value_name = "DIR", conflicts_with = "directory")]
    pub path: Option<PathBuf>,
    /// Print data as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Print no progress
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say more
    #[arg(long, global = true)]
    pub verbose: bool,
    /// Print the whole traceback of a hook that fails
    #[arg(short, long, global = true)]
    pub debug: bool,
    /// When to colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    /// Answer yes to every question
    #[arg(short, long, global = true)]
    pub yes: bool,
    /// The environment: `profiles/NAME.yaml`, or `none` [default: the one that is up]
    #[arg(long, global = true, value_name = "NAME", env = "RESILMESH_PROFILE", hide_env_values = true)]
    #[arg(add = completion::profiles())]
    pub profile: Option<String>,
}

/// What a command is given: where it works and how it talks.
#[derive(Debug, Clone)]
pub struct Context {
    /// The project's folder, as given.
    pub directory: PathBuf,
    /// How to talk.
    pub ui: Ui,
    /// Answer yes to every question.
    pub yes: bool,
    /// Say more.
    pub verbose: bool,
    /// The profile that is asked for; none = the one that is up.
    pub profile: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Add(add::AddArgs),
    #[command(hide = true)]
    Api(api::ApiArgs),
    Catalog(catalog::CatalogArgs),
    Check(check::CheckArgs),
    Clone(clone::CloneArgs),
    Completion(completion::CompletionArgs),
    Configure(configure::ConfigureArgs),
    Create(create::CreateArgs),
    Demo(demo::DemoArgs),
    Diff(diff::DiffArgs),
    Doctor(doctor::DoctorArgs),
    Down(down::DownArgs),
    Drift(drift::DriftArgs),
    #[command(subcommand, hide = true)]
    Engine(engine::Engine),
    #[command(subcommand, hide = true)]
    GitHook(git_hook::GitHook),
    #[command(hide = true)]
    GitMerge(git_merge::GitMergeArgs),
    Execute(execute::ExecuteArgs),
    History(history::HistoryArgs),
    #[command(subcommand)]
    Hooks(hooks::HooksCommand),
    Init(init::InitArgs),
    List(list::ListArgs),
    Log(log::LogArgs),
    Logs(logs::LogsArgs),
    Plan(plan::PlanArgs),
    Plug(plug::PlugArgs),
    Port(port::PortArgs),
    Produce(produce::ProduceArgs),
    Publish(publish::PublishArgs),
    Pull(pull::PullArgs),
    #[command(hide = true)]
    Reference(reference::ReferenceArgs),
    #[command(hide = true)]
    Relay(relay::RelayArgs),
    Remove(remove::RemoveArgs),
    Rename(rename::RenameArgs),
    Rollback(rollback::RollbackArgs),
    Schema(schema::SchemaArgs),
    Search(search::SearchArgs),
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    Share(share::ShareArgs),
    Show(show::ShowArgs),
    Status(status::StatusArgs),
    #[command(hide = true)]
    Supervise(supervise::SuperviseArgs),
    Test(test::TestArgs),
    Trace(trace::TraceArgs),
    Trigger(trigger::TriggerArgs),
    Trust(trust::TrustArgs),
    Unplug(unplug::UnplugArgs),
    Untrust(untrust::UntrustArgs),
    Up(up::UpArgs),
    Update(update::UpdateArgs),
    Watch(watch::WatchArgs),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    // Answers the shell's question and ends, if it asks one.
    clap_complete::CompleteEnv::with_factory(command).complete();
    let cli = Cli::try_parse().unwrap_or_else(|error| refuse(&error));
    let ui = Ui::new(cli.global.json, cli.global.quiet, cli.global.debug, cli.global.color);
    let context = Context {
        directory: cli.global.path.unwrap_or(cli.global.directory),
        ui: ui.clone(),
        yes: cli.global.yes,
        verbose: cli.global.verbose,
        profile: cli.global.profile.filter(|name| !name.is_empty()),
    };
    match run(&context, cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            ui.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Ends a command line that is none: help and version are no failure.
fn refuse(error: &clap::Error) -> ! {
    let as_json = std::env::args_os().take_while(|word| word != "--").any(|word| word == "--json");
    if !error.use_stderr() || !as_json {
        error.exit();
    }
    let said = error.render().to_string();
    let mut parts = said.trim().split("\n\n");
    let what = parts.next().unwrap_or_default();
    let failure = parts.fold(Failure::usage(what.strip_prefix("error: ").unwrap_or(what)), Failure::hint);
    Ui::new(true, false, false, Color::Never).failure(&failure);
    std::process::exit(failure.exit_code().into())
}

fn run(cx: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Add(args) => add::run(cx, args),
        Command::Api(args) => api::run(cx, &args),
        Command::Catalog(args) => catalog::run(cx, args),
        Command::Check(args) => check::run(cx, &args),
        Command::Clone(args) => clone::run(cx, args),
        Command::Completion(args) => completion::run(cx, args),
        Command::Configure(args) => configure::run(cx, args),
        Command::Create(args) => create::run(cx, args),
        Command::Demo(args) => demo::run(cx, &args),
        Command::Diff(args) => diff::run(cx, args),
        Command::Doctor(args) => doctor::run(cx, &args),
        Command::Down(args) => down::run(cx, args),
        Command::Drift(args) => drift::run(cx, args),
        Command::Engine(engine) => engine::run(cx, engine),
        Command::GitHook(hook) => git_hook::run(cx, hook),
        Command::GitMerge(args) => git_merge::run(cx, args),
        Command::Execute(args) => execute::run(cx, &args),
        Command::History(args) => history::run(cx, &args),
        Command::Hooks(command) => hooks::run(cx, command),
        Command::Init(args) => init::run(cx, args),
        Command::List(args) => list::run(cx, args),
        Command::Log(args) => log::run(cx, args),
        Command::Logs(args) => logs::run(cx, args),
        Command::Plan(args) => plan::run(cx, args),
        Command::Plug(args) => plug::run(cx, args),
        Command::Port(args) => port::run(cx, args),
        Command::Produce(args) => produce::run(cx, args),
        Command::Publish(args) => publish::run(cx, &args),
        Command::Pull(args) => pull::run(cx, &args),
        Command::Reference(args) => reference::run(cx, &args),
        Command::Relay(args) => relay::run(cx, &args),
        Command::Remove(args) => remove::run(cx, args),
        Command::Rename(args) => rename::run(cx, args),
        Command::Rollback(args) => rollback::run(cx, &args),
        Command::Schema(args) => schema::run(cx, args),
        Command::Search(args) => search::run(cx, args),
        Command::Secret(command) => secret::run(cx, command),
        Command::Share(args) => share::run(cx, args),
        Command::Show(args) => show::run(cx, args),
        Command::Status(args) => status::run(cx, args),
        Command::Supervise(args) => supervise::run(cx, args),
        Command::Test(args) => test::run(cx, args),
        Command::Trace(args) => trace::run(cx, args),
        Command::Trigger(args) => trigger::run(cx, &args),
        Command::Trust(args) => trust::run(cx, &args),
        Command::Unplug(args) => unplug::run(cx, args),
        Command::Untrust(args) => untrust::run(cx, &args),
        Command::Up(args) => up::run(cx, args),
        Command::Update(args) => update::run(cx, args),
        Command::Watch(args) => watch::run(cx, args),
    }
}

/// The whole command line, for completion.
fn command() -> clap::Command {
    Cli::command()
}

/// Runs the work of a command to its end, in this thread: it mostly waits, and to hand each of many answers
/// from thread to thread would take longer than what is done with them.
///
/// # Errors
/// Those of `work`, or that the asynchronous runtime cannot be made.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    run_on(tokio::runtime::Builder::new_current_thread(), work)
}

/// Runs a service to its end, on two threads.
///
/// # Errors
/// Those of `work`, or that the asynchronous runtime cannot be made.
fn block_on_two<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    threads.worker_threads(2);
    run_on(threads, work)
}

fn run_on<T>(
    mut threads: tokio::runtime::Builder,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let runtime = threads.enable_all().build();
    runtime.map_err(|error| Failure::new(format!("cannot start the asynchronous runtime: {error}")))?.block_on(work)
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_two_options_are_the_same() {
        super::command().debug_assert();
    }
}
