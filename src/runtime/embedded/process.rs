//! Processes on Linux: who they are, who belongs to a service, and how to end them.
//!
//! A process is known by its number and the moment it started, so that a number used again by
//! somebody else is never mistaken for it; signals go through pidfds for the same reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use futures::future::join_all;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, timeout_at};

use super::launch::MARK;

/// How long a process may take to vanish after SIGKILL (it may hang in the kernel, on a disk).
const KILLED_WITHIN: Duration = Duration::from_secs(10);

/// One process, told from all others that had or will have its number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Process {
    /// Its number.
    pub(crate) pid: u32,
    /// When it started, in clock ticks since boot.
    started: u64,
    /// The boot it belongs to.
    boot: String,
    /// Its session.
    session: u32,
}

impl Process {
    /// The process that has this number now.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        Stat::read(pid).map(|stat| stat.process(&boot()))
    }

    /// Whether it runs (a zombie does not).
    pub(crate) fn is_alive(&self) -> bool {
        Stat::read(self.pid).is_some_and(|stat| self.is(&stat)) && self.boot == boot()
    }

    fn is(&self, stat: &Stat) -> bool {
        stat.pid == self.pid && stat.started == self.started && !stat.ended()
    }

    /// A handle on it; none = it has ended.
    pub(crate) fn handle(&self) -> Option<OwnedFd> {
        let handle = pidfd_open(Pid::from_raw(self.pid.cast_signed())?, PidfdFlags::NONBLOCK).ok()?;
        // Checked after opening: from here on the handle means the process that was checked.
        self.is_alive().then_some(handle)
    }

    /// Sends it a signal; nothing happens if it has ended.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(handle) = self.handle() {
            send(&handle, signal);
        }
    }
}

fn send(handle: &OwnedFd, signal: Signal) {
    if let Err(error) = pidfd_send_signal(handle, signal) {
        tracing::debug!(%error, "signal not sent: the process has ended");
    }
}

/// Resolves when the process of this handle has ended.
pub(crate) async fn ended(handle: &AsyncFd<OwnedFd>) {
    if let Err(error) = handle.readable().await {
        tracing::warn!(%error, "a process cannot be watched");
    }
}

/// A handle that can be waited for.
// Deprecated because a type could answer with another descriptor each time, which the `unsafe`
// replacement makes the caller promise not to do. `OwnedFd` cannot.
#[allow(deprecated)]
pub(crate) fn watch(handle: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(handle, Interest::READABLE)
}

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// What `/proc/<pid>/stat` says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stat {
    pid: u32,
    state: char,
    parent: u32,
    group: u32,
    session: u32,
    started: u64,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name of the program stands in parentheses and may hold anything, so read from its end.
    fn parse(text: &str) -> Option<Self> {
        let (head, tail) = text.rsplit_once(')')?;
        let pid = head.split_once(' ')?.0.parse().ok()?;
        let fields: Vec<&str> = tail.split_whitespace().collect();
        Some(Self {
            pid,
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }

    fn ended(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }

    fn process(&self, boot: &str) -> Process {
        Process { pid: self.pid, started: self.started, boot: boot.to_owned(), session: self.session }
    }

    fn all() -> Vec<Self> {
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        let own = std::process::id();
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|pid| *pid != own)
            .filter_map(Self::read)
            .filter(|stat| !stat.ended())
            .collect()
    }
}

/// All processes of a service: the main one, its process group, whatever carries its mark in the
/// environment, and all descendants of these.
#[derive(Debug, Clone)]
pub(crate) struct Family {
    mark: String,
    main: Option<Process>,
}

impl Family {
    /// The family of the service with this mark and this last main process.
    pub(crate) fn new(mark: String, main: Option<Process>) -> Self {
        Self { mark: format!("{MARK}={mark}"), main }
    }

    /// Those that live.
    pub(crate) fn members(&self) -> Vec<Process> {
        let (boot, stats) = (boot(), Stat::all());
        let main = self.main.as_ref().filter(|main| main.boot == boot);
        let mut found: BTreeSet<u32> = stats
            .iter()
            .filter(|stat| main.is_some_and(|main| belongs(main, stat)) || self.is_marked(stat.pid))
            .map(|stat| stat.pid)
            .collect();
        let parents: BTreeMap<u32, u32> = stats.iter().map(|stat| (stat.pid, stat.parent)).collect();
        loop {
            let children: Vec<u32> = parents
                .iter()
                .filter(|(pid, parent)| found.contains(parent) && !found.contains(pid))
                .map(|(pid, _)| *pid)
                .collect();
            if children.is_empty() {
                break;
            }
            found.extend(children);
        }
        stats.iter().filter(|stat| found.contains(&stat.pid)).map(|stat| stat.process(&boot)).collect()
    }

    /// Whether the main process was told to stop where it is (SIGSTOP), and to go on only later.
    pub(crate) fn is_suspended(&self) -> bool {
        let main = self.main.as_ref();
        main.and_then(|main| Stat::read(main.pid).filter(|stat| main.is(stat))).is_some_and(|stat| stat.state == 'T')
    }

    fn is_marked(&self, pid: u32) -> bool {
        let folder = format!("/proc/{pid}");
        fs::metadata(&folder).is_ok_and(|seen| seen.uid() == rustix::process::geteuid().as_raw())
            && fs::read(format!("{folder}/environ"))
                .is_ok_and(|environment| environment.split(|byte| *byte == 0).any(|it| it == self.mark.as_bytes()))
    }

    /// Ends all of them: SIGTERM, and SIGKILL for those that are left after `within`.
    ///
    /// # Errors
    /// Those that are left all the same.
    pub(crate) async fn end(&self, within: Duration) -> Result<(), Vec<Process>> {
        if self.signal_until_gone(Signal::TERM, Instant::now() + within).await.is_ok() {
            return Ok(());
        }
        self.signal_until_gone(Signal::KILL, Instant::now() + KILLED_WITHIN).await
    }

    /// Sends each member the signal once, and looks again when those that got it have ended: there
    /// may be new ones.
    async fn signal_until_gone(&self, signal: Signal, deadline: Instant) -> Result<(), Vec<Process>> {
        let mut signalled = BTreeSet::new();
        loop {
            let members = self.members();
            if members.is_empty() {
                return Ok(());
            }
            let mut handles = Vec::new();
            for (member, handle) in members.iter().filter_map(|member| Some((member, member.handle()?))) {
                if signalled.insert(member.clone()) {
                    send(&handle, signal);
                    // One that is suspended hears of it only when it goes on.
                    send(&handle, Signal::CONT);
                }
                handles.extend(watch(handle));
            }
            let late = timeout_at(deadline, join_all(handles.iter().map(ended))).await.is_err();
            if late || Instant::now() >= deadline {
                return Err(members);
            }
            // A member whose handle was not to be had is about to vanish, or cannot be watched here.
            if handles.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

fn belongs(main: &Process, stat: &Stat) -> bool {
    let in_group = stat.group == main.pid && stat.session == main.session && stat.started >= main.started;
    main.is(stat) || in_group
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};

    use super::*;

    #[test]
    fn a_program_name_may_hold_anything() {
        let text = "77 (a) b (c) S 1 77 70 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4711 99 100";
        let stat = Stat::parse(text).expect("stat");
        assert_eq!(stat, Stat { pid: 77, state: 'S', parent: 1, group: 77, session: 70, started: 4711 });
        assert_eq!(Stat::parse("77 (half"), None);
    }

    #[test]
    fn a_number_used_again_is_another_process() {
        let own = Process::of(std::process::id()).expect("ourselves");
        assert!(own.is_alive());
        assert!(!Process { started: own.started + 1, ..own.clone() }.is_alive());
        assert!(!Process { boot: "another".to_owned(), ..own }.is_alive());
    }

    fn shell(script: &str, mark: &str) -> Child {
        Command::new("sh").args(["-c", script]).env(MARK, mark).process_group(0).spawn().expect("sh")
    }

    #[tokio::test]
    async fn descendants_that_left_group_and_session_are_ended_too() {
        let mark = format!("test/{}", std::process::id());
        let mut main = shell("setsid sh -c 'sleep 300; :' & env -i setsid sleep 300 & sleep 300; :", &mark);
        let family = Family::new(mark, Process::of(main.id()));
        let deadline = Instant::now() + Duration::from_secs(30);
        while family.members().len() < 5 {
            assert!(Instant::now() < deadline, "{:?}", family.members());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let foreign = Command::new("sleep").arg("300").process_group(0).spawn().expect("sleep");
        let foreign = (Process::of(foreign.id()).expect("process"), foreign);

        family.end(Duration::from_secs(10)).await.expect("all end");
        assert_eq!(family.members(), []);
        assert!(foreign.0.is_alive(), "a process of somebody else was ended");
        main.wait().expect("reaped");
        let mut foreign = foreign.1;
        foreign.kill().and_then(|()| foreign.wait()).expect("reaped");
    }

    #[tokio::test]
    async fn who_does_not_listen_is_killed() {
        let mark = format!("deaf/{}", std::process::id());
        let mut main = shell("trap '' TERM; while :; do sleep 1; done", &mark);
        let family = Family::new(mark, Process::of(main.id()));
        family.end(Duration::from_millis(50)).await.expect("all end");
        assert_eq!(family.members(), []);
        main.wait().expect("reaped");
    }
}
