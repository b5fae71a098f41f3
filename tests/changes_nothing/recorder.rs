//! Everything that a command does to the world around it.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::place::Place;

/// Far more than anything takes, on a loaded machine too.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a command did, with all that it has started until it ended.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// Files below the home that are not what they were: content, rights, owner, or time of change.
    pub(crate) files: Vec<String>,
    /// Calls that make, change or remove files, wherever these are.
    pub(crate) writes: Vec<String>,
    /// Programs that were started.
    pub(crate) processes: Vec<String>,
    /// Sockets that were listened on.
    pub(crate) listening: Vec<String>,
    /// Where sockets were bound.
    pub(crate) bound: Vec<String>,
    /// Whom sockets were connected to.
    pub(crate) connected: Vec<String>,
    /// What hooks have noted.
    pub(crate) hooks: Vec<String>,
}

/// System calls that change files. Some of them are not there on every processor.
const CHANGES: [&str; 24] = [
    "creat",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "unlink",
    "unlinkat",
    "rmdir",
    "chmod",
    "fchmod",
    "fchmodat",
    "chown",
    "fchown",
    "fchownat",
    "utimensat",
    "truncate",
    "ftruncate",
];
/// Those that open files.
const OPENS: [&str; 3] = ["open", "openat", "openat2"];
/// Those that start programs or use sockets.
const OTHERS: [&str; 6] = ["execve", "execveat", "bind", "listen", "connect", "sendto"];

/// Runs a command and records what it does; what it printed.
pub(crate) fn record(place: &Place, args: &[&str]) -> (Effects, String) {
    let before = files(place.home());
    let noted = place.noted().len();
    let trace = tempfile::NamedTempFile::new().expect("a temporary file");
    let said = run(place, args, trace.path());
    let after = files(place.home());
    let mut effects =
        Effects { files: difference(&before, &after), hooks: place.noted().split_off(noted), ..Effects::default() };
    let text = std::fs::read(trace.path()).expect("what strace wrote");
    String::from_utf8_lossy(&text).lines().for_each(|line| effects.note(line));
    let first = effects.processes.first().cloned().unwrap_or_default();
    assert!(first.contains("resilmesh"), "strace has recorded nothing; may it follow its own children here? {said}");
    effects.processes.remove(0);
    (effects, said)
}

/// Under strace, which needs no rights to look at what it has started itself.
fn run(place: &Place, args: &[&str], trace: &Path) -> String {
    let calls: Vec<String> =
        [&CHANGES[..], &OPENS, &OTHERS].concat().into_iter().map(|name| format!("?{name}")).collect();
    let mut command = Command::new("strace");
    // It can be told to let go while it waits.
    command.args(["--follow-forks", "-qq", "--string-limit=300", "--signal=none", "--interruptible=waiting"]);
    command.arg(format!("--trace={}", calls.join(","))).arg("--output").arg(trace);
    command.arg(env!("CARGO_BIN_EXE_resilmesh")).args(args);
    place.prepare(&mut command);
    let out = tempfile::NamedTempFile::new().expect("a temporary file");
    command.stdin(Stdio::null()).stdout(out.reopen().expect("open")).stderr(out.reopen().expect("open"));
    let mut strace = command.spawn().expect("strace: `scripts/bootstrap test` installs it");
    until_the_first_has_ended(&mut strace, trace);
    std::fs::read_to_string(out.path()).expect("what it printed")
}

/// Services that were started go on: strace lets go of them.
fn until_the_first_has_ended(strace: &mut Child, trace: &Path) {
    let end = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < end, "it does not come to an end");
        if strace.try_wait().expect("it can be waited for").is_some() {
            return;
        }
        let text = std::fs::read_to_string(trace).unwrap_or_default();
        if let Some(first) = text.split_whitespace().next().filter(|_| text.contains('\n'))
            && is_gone(first)
        {
            break;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    let pid = Pid::from_raw(i32::try_from(strace.id()).expect("a process id"));
    // It may have come to its end by itself.
    let _ = kill(pid, Signal::SIGTERM);
    strace.wait().expect("it has ended");
}

/// Whether a process has ended with all of its threads: strace waits for ever when it is told to let go of one that is
/// just ending.
fn is_gone(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let has_ended = stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']));
    has_ended && std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count) <= 1
}

impl Effects {
    /// Takes note of a line of strace: `PID CALL(ARGUMENTS) = RESULT`.
    fn note(&mut self, line: &str) {
        let Some((call, arguments, result)) = taken_apart(line) else { return };
        // What was refused has changed nothing; who cannot be reached may still have been asked.
        let done = !result.starts_with('-');
        match call {
            "execve" | "execveat" if done => self.processes.push(arguments.to_owned()),
            "listen" => self.listening.push(arguments.to_owned()),
            "bind" => self.bound.push(arguments.to_owned()),
            "connect" => self.connected.push(arguments.to_owned()),
            "sendto" if arguments.contains("sa_family") => self.connected.push(arguments.to_owned()),
            call if CHANGES.contains(&call) && done => self.writes.push(format!("{call} {arguments}")),
            call if OPENS.contains(&call) && done && writes(arguments) => {
                self.writes.push(format!("{call} {arguments}"))
            }
            _ => {}
        }
    }
}

/// Devices are no files.
fn writes(arguments: &str) -> bool {
    let for_writing = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_TMPFILE"];
    for_writing.iter().any(|flag| arguments.contains(flag)) && !arguments.contains("\"/dev/")
}

fn taken_apart(line: &str) -> Option<(&str, &str, &str)> {
    let (_, rest) = line.split_once(' ')?;
    let (call, rest) = rest.trim_start().split_once('(')?;
    // A call that another process has come between is told in two pieces.
    let (arguments, result) = rest.rsplit_once(" = ").unwrap_or((rest, "unfinished"));
    Some((call, arguments, result))
}

/// What can be seen of each file and folder, also of one that was only there for a moment: its folder has
/// another time then.
fn files(home: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut next = vec![home.to_owned()];
    while let Some(path) = next.pop() {
        let Ok(there) = path.symlink_metadata() else { continue };
        if there.is_dir() {
            next.extend(std::fs::read_dir(&path).expect("readable").flatten().map(|entry| entry.path()));
        }
        let content = if there.is_file() { std::fs::read(&path).unwrap_or_default() } else { Vec::new() };
        let seen = format!(
            "mode {:o}, owner {}:{}, changed at {}.{:09}, {} bytes: {:?}",
            there.mode(),
            there.uid(),
            there.gid(),
            there.mtime(),
            there.mtime_nsec(),
            content.len(),
            content
        );
        found.insert(path.strip_prefix(home).expect("below it").to_owned(), seen);
    }
    found
}

fn difference(before: &BTreeMap<PathBuf, String>, after: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let paths: BTreeSet<&PathBuf> = before.keys().chain(after.keys()).collect();
    let how = |path: &PathBuf| match (before.get(path), after.get(path)) {
        (None, _) => Some("new"),
        (_, None) => Some("gone"),
        (one, other) => (one != other).then_some("changed"),
    };
    paths.into_iter().filter_map(|path| Some(format!("{}: {}", path.display(), how(path)?))).collect()
}
