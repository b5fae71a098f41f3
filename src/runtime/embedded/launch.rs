//! How a process is started: what it inherits and what it does not.

use std::ffi::OsString;
use std::io::{self, PipeReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};

use super::layout::Layout;
use super::rotate;
use crate::runtime::ServiceSpec;

/// The variable by which a process knows whose service it belongs to.
pub(crate) const MARK: &str = "RESILMESH_SERVICE";

/// More open files than this help nobody, and some programs look at each possible one.
const MOST_FILES: u64 = 1 << 20;

/// What of the operator's environment reaches the supervisor and the services: what programs need
/// to find files, speak the right language and reach the network; no secrets by accident.
fn allowed(name: &str) -> bool {
    matches!(
        name,
        "PATH"
            | "HOME"
            | "USER"
            | "LOGNAME"
            | "SHELL"
            | "LANG"
            | "LANGUAGE"
            | "TZ"
            | "TMPDIR"
            | "http_proxy"
            | "https_proxy"
            | "no_proxy"
            | "all_proxy"
            | "HTTP_PROXY"
            | "HTTPS_PROXY"
            | "NO_PROXY"
            | "ALL_PROXY"
    ) || ["LC_", "XDG_", "SSL_CERT_"].iter().any(|prefix| name.starts_with(prefix))
}

/// The allowed part of this process's environment.
pub(crate) fn environment() -> Vec<(OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(allowed)).collect()
}

/// The processes of a service that was started.
pub(crate) struct Launched {
    /// The service's.
    pub(crate) service: u32,
    /// That of its relay.
    pub(crate) relay: u32,
    /// Where the relay reads, for another one in its place. As long as it is open, the service is not
    /// ended by what it prints.
    pub(crate) printed: PipeReader,
}

/// Starts the process of a service in a process group of its own. What it prints goes through a
/// [relay](super::relay) into its log, so that no secret gets there.
pub(crate) fn service(spec: &ServiceSpec, layout: &Layout) -> io::Result<Launched> {
    let (printed, print) = io::pipe()?;
    // First: without a log nothing starts.
    let relay = relay(&spec.instance, layout, printed.try_clone()?)?;
    let child = Command::new(&spec.program)
        .args(&spec.args)
        .current_dir(&spec.directory)
        .env_clear()
        .envs(environment())
        .env(MARK, layout.mark(&spec.instance))
        .stdin(Stdio::null())
        .stdout(print.try_clone()?)
        .stderr(print)
        .process_group(0)
        .spawn()?;
    Ok(Launched { service: child.id(), relay, printed })
}

/// Starts a relay, which belongs to nobody: it ends when nobody is left who prints.
pub(crate) fn relay(instance: &str, layout: &Layout, printed: PipeReader) -> io::Result<u32> {
    let log = rotate::open(&layout.log(instance))?;
    let relay = Command::new("/proc/self/exe")
        .arg("relay")
        .arg(layout.secrets())
        .current_dir("/")
        .env_clear()
        .stdin(printed)
        .stdout(log)
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    Ok(relay.id())
}

/// Makes this process one that may outlive the terminal and start services: a session of its own,
/// no file of whoever started it, private files, as many open files as allowed.
pub(crate) fn detach() -> io::Result<()> {
    close_inherited()?;
    // Fails only where a service manager made us leader of a session or group already.
    if let Err(error) = rustix::process::setsid() {
        tracing::debug!(%error, "not detached: a leader already");
    }
    std::env::set_current_dir("/")?;
    umask(Mode::RWXG | Mode::RWXO);
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.map_or(MOST_FILES, |hard| hard.min(MOST_FILES));
    setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum })?;
    nix::sys::prctl::set_child_subreaper(true)?;
    Ok(())
}

/// Closes the files that were open when this program was started. Called before it opens any.
fn close_inherited() -> io::Result<()> {
    let open: Vec<i32> = std::fs::read_dir("/proc/self/fd")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    for number in open {
        // The one the list was read through is closed already.
        let _ = nix::unistd::close(number);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_the_operator_stay_outside() {
        for name in ["PATH", "LC_ALL", "XDG_RUNTIME_DIR", "HTTPS_PROXY", "SSL_CERT_FILE"] {
            assert!(allowed(name), "{name}");
        }
        for name in ["AWS_SECRET_ACCESS_KEY", "LD_PRELOAD", "SILENTPUSH_API_KEY", MARK, "PATHS"] {
            assert!(!allowed(name), "{name}");
        }
    }
}
