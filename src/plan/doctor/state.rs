//! `.resilmesh/`: whose it is and who may read it, what was left behind, who changes the mesh or looks
//! after it.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Area, Finding, Level};
use crate::plan::lock;
use crate::plan::paths::StateFolder;
use crate::project::names;
use crate::runtime::embedded::{self, Embedded, Seen};
use crate::runtime::{Runtime, RuntimeError, ServiceStatus};

/// Folders that are not looked into: what services and packages keep there is theirs.
const NOT_OURS: [&str; 4] = ["data", "venvs", "builds", "history.git"];
/// Nothing is being written for so long.
const WRITTEN_WITHIN: Duration = Duration::from_secs(600);

/// Looks at the state folder of a project.
pub fn examine(root: &Path) -> Vec<Finding> {
    let state = StateFolder::of(root);
    let Ok(seen) = state.root().symlink_metadata() else { return Vec::new() };
    if let Some(copied) = state.copied() {
        return vec![Finding::bad(Area::Files, copied.words(), copied.hint())];
    }
    let mut found = Vec::new();
    let own = rustix::process::geteuid().as_raw();
    match folder(state.root(), &seen, own) {
        Some(refused) if refused.level == Level::Bad => return vec![refused],
        open => found.extend(open),
    }
    let is_open = !found.is_empty();
    let mut files = Vec::new();
    collect(state.root(), &mut files);
    found.extend(exposed(&state, &files, is_open));
    found.extend(left_over(&files));
    if found.is_empty() {
        found.push(Finding::ok(Area::Files, "`.resilmesh` is yours alone"));
    }
    found.push(locked(&state.lock()));
    found
}

/// What is wrong with the state folder itself.
fn folder(path: &Path, seen: &Metadata, own: u32) -> Option<Finding> {
    let shown = path.display();
    if seen.is_symlink() || !seen.is_dir() {
        let message = format!("`{shown}` is no folder of its own: nothing is written through it");
        return Some(Finding::bad(Area::Files, message, "remove it; `up` makes it"));
    }
    if seen.uid() != own {
        let message = format!("`{shown}` belongs to another user");
        return Some(Finding::bad(
            Area::Files,
            message,
            format!("`chown -R` it to yourself, or work as that user ({})", seen.uid()),
        ));
    }
    let message = format!("others may enter `{shown}` (mode {:o})", seen.mode() & 0o777);
    (seen.mode() & 0o077 != 0).then(|| Finding::warn(Area::Files, message, format!("`chmod 700 {shown}`")))
}

/// A file of ours, or a folder.
type Entry = (PathBuf, Metadata);

fn collect(folder: &Path, into: &mut Vec<Entry>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(seen) = entry.metadata() else { continue };
        let is_theirs = NOT_OURS.iter().any(|name| entry.file_name() == *name);
        if seen.is_dir() && !is_theirs {
            collect(&entry.path(), into);
        }
        into.push((entry.path(), seen));
    }
}

/// Secrets that others may read: now, or as soon as they may enter the folder.
fn exposed(state: &StateFolder, files: &[Entry], is_open: bool) -> Vec<Finding> {
    let secrets = state.secrets();
    let is_exposed =
        |(path, seen): &&Entry| path.starts_with(&secrets) && !seen.is_symlink() && seen.mode() & 0o077 != 0;
    let told = |(path, seen): &Entry| {
        let mode = if seen.is_dir() { "700" } else { "600" };
        let message = format!("secrets: others may read `{}` (mode {:o})", path.display(), seen.mode() & 0o777);
        let more = if is_open { ", and give what is in it new values: somebody may have read them" } else { "" };
        Finding::warn(Area::Files, message, format!("`chmod {mode} {}`{more}", path.display()))
    };
    files.iter().filter(is_exposed).map(told).collect()
}

/// Files that were to take the place of others when whoever wrote them was killed.
fn left_over(files: &[Entry]) -> Option<Finding> {
    let is_left = |(path, seen): &&Entry| {
        let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|_| seen.is_file()) else {
            return false;
        };
        let is_old = || {
            let age = seen.modified().ok().and_then(|time| time.elapsed().ok());
            age.is_some_and(|age| age > WRITTEN_WITHIN)
        };
        match writer(name) {
            Some(pid) => !Path::new("/proc").join(pid.to_string()).exists(),
            None => name.starts_with(".new-") && is_old(),
        }
    };
    let left: Vec<String> = files.iter().filter(is_left).map(|(path, _)| path.display().to_string()).collect();
    let hint = format!("`rm {}`", left.join(" "));
    let files = names::counted(left.len(), "file");
    (!left.is_empty()).then(|| {
        let message = format!("{files} left half-written by a process that was killed: nobody reads them");
        Finding::warn(Area::Files, message, hint)
    })
}

/// The process that writes a file, by the file's name: `.<name>.<process>.new`.
fn writer(name: &str) -> Option<u32> {
    name.strip_prefix('.')?.strip_suffix(".new")?.rsplit_once('.')?.1.parse().ok()
}

/// Who changes the mesh just now. A lock without a holder is none: it ended with the process.
fn locked(path: &Path) -> Finding {
    match lock::holder(path) {
        Ok(None) => Finding::ok(Area::Locks, "nobody is changing the mesh"),
        Ok(Some(holder)) => {
            let message = format!("the mesh is being changed by {holder}");
            let hint = "wait until it is done; if it hangs, end that process: the lock ends with it";
            Finding::bad(Area::Locks, message, hint)
        }
        Err(error) => {
            let message = format!("lock file `{}` cannot be used: {error}", path.display());
            Finding::bad(Area::Locks, message, "remove it, unless somebody is changing the mesh")
        }
    }
}

/// What looks after the services, and what it looks after.
pub async fn supervisor(root: &Path) -> (Vec<ServiceStatus>, Vec<Finding>) {
    match look(root).await {
        Ok((services, seen)) => (services, seen.map(|seen| supervised(&seen)).into_iter().collect()),
        Err(RuntimeError::Failed { what, hint }) => {
            let hint = hint.unwrap_or_else(|| "`resilmesh status` tells more".to_owned());
            (Vec::new(), vec![Finding::bad(Area::Locks, what, hint)])
        }
    }
}

async fn look(root: &Path) -> Result<(Vec<ServiceStatus>, Option<Seen>), RuntimeError> {
    let state = StateFolder::of(root);
    if !state.root().is_dir() || state.copied().is_some() {
        return Ok((Vec::new(), None));
    }
    let runtime = Embedded::new(root)?;
    let seen = runtime.look().await?;
    // Of one that does not answer, nothing is to be heard.
    let services = if matches!(seen, Seen::Silent { .. }) { Vec::new() } else { runtime.observe().await? };
    Ok((services, Some(seen)))
}

fn supervised(seen: &Seen) -> Finding {
    let ours = env!("CARGO_PKG_VERSION");
    match seen {
        Seen::NotNeeded => Finding::ok(Area::Locks, "no service is to be looked after"),
        Seen::Present { pid, version, is_this_build: true } => Finding::ok(
            Area::Locks,
            format!("the supervisor (process {pid}, resilmesh {version}) looks after the services"),
        ),
        Seen::Present { pid, version, .. } => {
            let which =
                if version == ours { format!("another build of {ours}") } else { format!("{version}; this is {ours}") };
            let message = format!("the supervisor (process {pid}) is of resilmesh {which}");
            Finding::warn(Area::Locks, message, "the next `resilmesh up` replaces it; the services keep running")
        }
        Seen::Silent { pid, log } => {
            let pid = pid.map_or("unknown".to_owned(), |pid| pid.to_string());
            let message = format!("the supervisor (process {pid}) holds its lock but does not answer");
            let hint = format!(
                "see `{}`; ending the process leaves the services running, and the next `resilmesh up` takes them over",
                log.display()
            );
            Finding::bad(Area::Locks, message, hint)
        }
        Seen::Gone { running } => {
            let message = format!(
                "the supervisor has ended, and {} on without it",
                match running {
                    1 => "1 service runs".to_owned(),
                    many => format!("{many} services run"),
                }
            );
            Finding::warn(Area::Locks, message, "`resilmesh up` takes them over, `resilmesh down` stops them")
        }
    }
}

/// Sockets that supervisors have left behind.
pub fn dead_sockets() -> Option<Finding> {
    let dead: Vec<String> = embedded::dead_sockets().iter().map(|path| path.display().to_string()).collect();
    let hint =
        format!("`up` and `down` of their projects clear them away; if these are gone: `rm -r {}`", dead.join(" "));
    let message = format!("{} left by supervisors that have ended", names::counted(dead.len(), "socket folder"));
    (!dead.is_empty()).then(|| Finding::warn(Area::Locks, message, hint))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn state() -> (tempfile::TempDir, StateFolder) {
        let project = tempfile::tempdir().expect("temporary folder");
        let state = StateFolder::of(project.path());
        state.make().expect("make");
        (project, state)
    }

    fn open(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
    }

    fn troubles(project: &Path) -> Vec<String> {
        let found = examine(project).into_iter().filter(|found| found.level != Level::Ok);
        found.map(|found| found.message.replace(&project.display().to_string(), "")).collect()
    }

    #[test]
    fn a_folder_that_is_ours_alone_is_well() {
        let (project, _) = state();
        assert_eq!(troubles(project.path()), [""; 0]);
        assert_eq!(examine(&project.path().join("elsewhere")), [], "there is none yet");
    }

    #[test]
    fn what_others_may_read_is_told() {
        let (project, state) = state();
        let secret = state.secrets().join("bus/password");
        crate::plan::paths::write_file(&secret, b"x").expect("written");
        open(&secret, 0o640);
        assert_eq!(
            troubles(project.path()),
            ["secrets: others may read `/.resilmesh/secrets/bus/password` (mode 640)"]
        );
        open(state.root(), 0o755);
        let found = troubles(project.path());
        assert_eq!((found.len(), found[0].as_str()), (2, "others may enter `/.resilmesh` (mode 755)"));
    }

    #[test]
    fn a_link_in_its_place_is_refused() {
        let project = tempfile::tempdir().expect("temporary folder");
        std::os::unix::fs::symlink("/tmp", project.path().join(".resilmesh")).expect("a link");
        let found = examine(project.path());
        assert_eq!((found.len(), found[0].level), (1, Level::Bad));
        let (other, state) = state();
        let seen = state.root().metadata().expect("it is there");
        let anothers = folder(state.root(), &seen, seen.uid() + 1).expect("a finding");
        assert_eq!(anothers.level, Level::Bad);
        drop(other);
    }

    #[test]
    fn half_written_files_of_the_dead_are_told() {
        let (project, state) = state();
        let living = state.root().join(format!(".ports.json.{}.new", std::process::id()));
        fs::write(&living, "{").expect("written");
        fs::write(state.root().join(".new-abc"), "{").expect("written");
        assert_eq!(troubles(project.path()), [""; 0], "both are being written");
        // No process has a number as large.
        fs::write(state.root().join(".ports.json.4294967295.new"), "{").expect("written");
        fs::create_dir_all(state.data("bus")).expect("folder");
        fs::write(state.data("bus").join(".x.4294967295.new"), "{").expect("written");
        assert_eq!(
            troubles(project.path()),
            ["1 file left half-written by a process that was killed: nobody reads them"]
        );
    }

    #[test]
    fn a_lock_counts_only_as_long_as_somebody_holds_it() {
        let (project, state) = state();
        let held = lock::Lock::take(&state.lock(), "up").expect("free");
        let expected = format!("the mesh is being changed by process {} (`resilmesh up`), since ", std::process::id());
        let told = troubles(project.path());
        assert!(told.len() == 1 && told[0].starts_with(&expected), "{told:?}");
        drop(held);
        assert_eq!(troubles(project.path()), [""; 0]);
    }

    #[test]
    fn supervisors_are_told_apart() {
        let present = |version: &str, is_this_build| {
            supervised(&Seen::Present { pid: 7, version: version.to_owned(), is_this_build })
        };
        let ours = env!("CARGO_PKG_VERSION");
        assert_eq!(present(ours, true).level, Level::Ok);
        assert!(present(ours, false).message.contains("another build"));
        assert!(present("0.0.1", false).message.contains(&format!("resilmesh 0.0.1; this is {ours}")));
        assert_eq!(supervised(&Seen::Gone { running: 2 }).level, Level::Warn);
        assert_eq!(supervised(&Seen::Silent { pid: None, log: "x.log".into() }).level, Level::Bad);
    }
}
