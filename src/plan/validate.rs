//! Has the engine check pipelines before anything is started: a mistake in VRL or in an option is
//! reported with its place while everything still runs as it did.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::{fmt, fs, io};

use futures::StreamExt;
use futures::future::{join_all, ready};
use tokio::process::Command;

use super::anywhere::Anywhere;
use super::desired::Desired;
use super::paths;
use super::session::Session;
use super::step::Action;
use super::trouble::Trouble;
use crate::project::names;
use crate::runtime::ServiceSpec;

/// Checks every pipeline whose files the plan writes, or which is to share its work with others.
///
/// # Errors
/// What the engine finds wrong with them, all at once.
pub async fn validate(session: &Session) -> Result<(), Trouble> {
    let changed = session.plan.steps.iter().filter_map(|step| match &step.action {
        Action::Render { instance, .. } => Some(instance.as_str()),
        Action::Start(launch) if names::number_of(&launch.spec.instance) > 1 => {
            Some(names::instance_of(&launch.spec.instance))
        }
        _ => None,
    });
    let changed: BTreeSet<&str> = changed.collect();
    let mut pipelines = pipelines(&session.desired);
    pipelines.retain(|pipeline| changed.contains(names::instance_of(&pipeline.spec.instance)));
    if pipelines.is_empty() {
        return Ok(());
    }
    let folder = Folder::make(session)?;
    let checks = pipelines.iter().map(|pipeline| pipeline.check(&folder.0));
    let wrong: Vec<String> =
        join_all(checks).await.into_iter().filter_map(Result::err).map(|wrong| wrong.to_string()).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Trouble::new(wrong.join("\n"))
        .hint("nothing was started; mend the setting or the template that it comes from, then `resilmesh up`"))
}

/// Checks every pipeline of a rehearsal, in a temporary folder.
///
/// # Errors
/// When that folder cannot be written.
pub async fn rehearsed(rehearsal: &Anywhere) -> io::Result<Vec<Wrong>> {
    let pipelines = pipelines(&rehearsal.desired);
    if pipelines.is_empty() {
        return Ok(Vec::new());
    }
    let folder = tempfile::Builder::new().prefix("resilmesh-check-").tempdir()?;
    rehearsal.secrets.save_all(&folder.path().join("secrets"))?;
    let checks = futures::stream::iter(pipelines.iter().map(|pipeline| pipeline.check(folder.path())));
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(checks.buffered(at_once).filter_map(|checked| ready(checked.err())).collect().await)
}

/// An instance that is a pipeline, or several that share its work.
struct Pipeline<'a> {
    /// How the first of them runs.
    spec: &'a ServiceSpec,
    files: &'a BTreeMap<String, String>,
    replicas: usize,
}

fn pipelines(wanted: &Desired) -> Vec<Pipeline<'_>> {
    let services = wanted.instances().map(|(instance, service)| Pipeline {
        spec: &service.launch.spec,
        files: &service.files.files,
        replicas: wanted.services_of(instance).count(),
    });
    services.filter(|own| own.spec.args.iter().map(String::as_str).take(2).eq(["engine", "pipeline"])).collect()
}

/// A folder laid out as the state folder, which goes when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn make(session: &Session) -> Result<Self, Trouble> {
        let folder = Self(session.state.root().join("check"));
        let made = session.state.make().and_then(|()| match fs::remove_dir_all(&folder.0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => paths::make_folder(&folder.0),
        });
        let made = made.and_then(|()| session.secrets.save_all(&folder.0.join("secrets")));
        made.map_err(|error| Trouble::io(&folder.0, &error))?;
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left over is in the state folder, private, and replaced by the next check.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Why a pipeline cannot run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Its instance.
    pub instance: String,
    /// It could, if it were alone; but it is to share its work with so many others and itself.
    pub replicas: Option<usize>,
    /// The engine could not be asked, or what it says: one finding a line.
    pub why: Result<String, String>,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.why, self.replicas) {
            (Ok(found), Some(replicas)) => {
                write!(f, "`{}` cannot have {replicas} replicas:\n{found}", self.instance)
            }
            (Ok(found), None) => write!(f, "the configuration of `{}` is wrong:\n{found}", self.instance),
            (Err(why), _) => write!(f, "the configuration of `{}` cannot be checked: {why}", self.instance),
        }
    }
}

impl Pipeline<'_> {
    async fn check(&self, folder: &Path) -> Result<(), Wrong> {
        let name = self.spec.directory.file_name().unwrap_or_default();
        let own = folder.join("rendered").join(name);
        let wrong =
            |replicas| move |why| Wrong { instance: names::instance_of(&self.spec.instance).to_owned(), replicas, why };
        let failed = |error: io::Error| wrong(None)(Err(error.to_string()));
        for (path, content) in self.files {
            paths::write_file(&own.join(path), content.as_bytes()).map_err(failed)?;
        }
        paths::make_folder(&folder.join("data").join(name)).map_err(failed)?;
        self.ask(&own, &[]).await.map_err(wrong(None))?;
        if self.replicas > 1 {
            let more = ["--replicas".to_owned(), self.replicas.to_string()];
            self.ask(&own, &more).await.map_err(wrong(Some(self.replicas)))?;
        }
        Ok(())
    }

    /// What the engine says of the files in a folder, unless it is content; inside, why it cannot be asked.
    async fn ask(&self, own: &Path, more: &[String]) -> Result<(), Result<String, String>> {
        let real = &self.spec.directory;
        let output = Command::new(&self.spec.program)
            .args(arguments(&self.spec.args, real, own))
            .args(more)
            .current_dir(own)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|error| Err(error.to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        let text = [output.stderr, output.stdout].concat();
        let text =
            String::from_utf8_lossy(&text).trim().replace(&own.display().to_string(), &real.display().to_string());
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        Err(Ok(text.to_owned()))
    }
}

/// The service's own arguments, about the other folder, with `--validate` and without a socket.
fn arguments(args: &[String], real: &Path, checked: &Path) -> Vec<String> {
    let (real, checked) = (real.display().to_string(), checked.display().to_string());
    offline(args, "--validate").into_iter().map(|arg| arg.replace(&real, &checked)).collect()
}

/// The arguments of a service of our own without its socket, and with a flag that keeps it from
/// starting anything.
pub(super) fn offline(args: &[String], flag: &str) -> Vec<String> {
    let mut after_control = false;
    let kept = args.iter().filter(|arg| {
        let control = arg.as_str() == "--control";
        !(std::mem::replace(&mut after_control, control) || control)
    });
    kept.cloned().chain([flag.to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_about_the_checked_folder_and_opens_no_socket() {
        let args = ["engine", "pipeline", "--config", "/p/rendered/a", "--control", "/run/a.sock"];
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let checked = arguments(&args, Path::new("/p/rendered/a"), Path::new("/p/check/a"));
        assert_eq!(checked, ["engine", "pipeline", "--config", "/p/check/a", "--validate"]);
    }
}
