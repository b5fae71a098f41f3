//! Memory, kernel, disk and clock: what is read of them, and what it means for a mesh.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Area, Finding};
use crate::mesh::model::Mesh;
use crate::plan::paths::StateFolder;
use crate::project::project_file::FILE_NAME;
use crate::runtime::ServiceStatus;

const MIB: u64 = 1 << 20;
/// What a service takes that does not say: enough for a small program.
const SOME_MIB: u64 = 64;
/// Below this, `up` cannot write what it renders and remembers.
const TOO_LITTLE_DISK: u64 = 64 * MIB;
/// Below this, streams and indices soon take nothing more.
const LITTLE_DISK: u64 = 1024 * MIB;
/// With fewer free inodes, files soon cannot be made.
const FEW_INODES: u64 = 1000;
/// Clocks of machines that share files differ by so much.
const SKEW: Duration = Duration::from_secs(120);
/// Where systemd says that it has set the clock.
const SYNCHRONISED: &str = "/run/systemd/timesync/synchronized";

/// Looks at the machine, for the project in `root` and its mesh.
pub fn examine(root: Option<&Path>, mesh: Option<&Mesh>, running: &[ServiceStatus]) -> Vec<Finding> {
    let mut found = Vec::new();
    let wants = mesh.map(|mesh| Wants::of(mesh, running)).unwrap_or_default();
    found.extend(available_memory().map(|available| memory(available, &wants)));
    let count = read("/proc/sys/vm/max_map_count").and_then(|text| text.trim().parse().ok());
    found.extend(wants.max_map_count.as_ref().zip(count).map(|((by, wanted), there)| kernel(there, *wanted, by)));
    found.extend(
        root.and_then(|root| Disk::below(&StateFolder::of(root).root().join("data"))).map(|disk| disk.judged()),
    );
    found.push(clock(SystemTime::now(), newest(root), Path::new(SYNCHRONISED).exists()));
    found
}

fn read(path: impl AsRef<Path>) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// What the services of a mesh that do not run yet need.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wants {
    services: usize,
    memory_mib: u64,
    /// The most that one asks for, and which.
    max_map_count: Option<(String, u64)>,
}

impl Wants {
    fn of(mesh: &Mesh, running: &[ServiceStatus]) -> Self {
        let runs = |name: &str| running.iter().any(|status| status.pid.is_some() && status.spec.instance == name);
        let mut wants = Self::default();
        for (instance, service) in mesh.services() {
            let count = instance.service_names().filter(|name| !runs(name)).count();
            if count == 0 {
                continue;
            }
            wants.services += count;
            wants.memory_mib += service.needs.memory_mib.unwrap_or(SOME_MIB) * count as u64;
            let most = wants.max_map_count.as_ref().map_or(0, |(_, most)| *most);
            if let Some(count) = service.needs.max_map_count.filter(|count| *count > most) {
                wants.max_map_count = Some((instance.name.clone(), count));
            }
        }
        wants
    }
}

/// Bytes of memory that can be had: on the machine, and in the group that this process is limited with.
fn available_memory() -> Option<u64> {
    let machine = available_in(&read("/proc/meminfo")?)?;
    Some(machine.min(left_in_group().unwrap_or(u64::MAX)))
}

/// `MemAvailable` of /proc/meminfo, in bytes.
fn available_in(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// What the control group of this process has left; none = it has no limit.
fn left_in_group() -> Option<u64> {
    let groups = read("/proc/self/cgroup")?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let folder = Path::new("/sys/fs/cgroup").join(group);
    let number = |name| read(folder.join(name))?.trim().parse::<u64>().ok();
    Some(number("memory.max")?.saturating_sub(number("memory.current")?))
}

fn memory(available: u64, wants: &Wants) -> Finding {
    let has = format!("{} MiB of memory can be had", available / MIB);
    if wants.services == 0 {
        return Finding::ok(Area::Memory, has);
    }
    let wanted = wants.memory_mib;
    let services = crate::project::names::counted(wants.services, "service");
    let message = format!("{has}; {services} to be started: about {wanted} MiB");
    if available / MIB >= wanted {
        return Finding::ok(Area::Memory, message);
    }
    let hint = "end other programs, or take instances out: a machine without memory kills some process, and which one it chooses";
    Finding::warn(Area::Memory, message, hint)
}

fn kernel(there: u64, wanted: u64, by: &str) -> Finding {
    let message = format!("`vm.max_map_count` is {there}; `{by}` asks for {wanted}");
    if there >= wanted {
        return Finding::ok(Area::Kernel, message);
    }
    let hint =
        format!("as root: `sysctl -w vm.max_map_count={wanted}`, and a line in /etc/sysctl.d for the next start");
    Finding::bad(Area::Kernel, message, hint)
}

/// The file system in which data lies.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Disk {
    folder: PathBuf,
    free: u64,
    /// None = it does not count them.
    inodes: Option<u64>,
    read_only: bool,
}

impl Disk {
    /// That of a folder, or of the one that it would be made in.
    fn below(folder: &Path) -> Option<Self> {
        let folder = folder.ancestors().find(|folder| folder.is_dir())?.to_owned();
        let seen = rustix::fs::statvfs(&folder).ok()?;
        Some(Self {
            free: seen.f_bavail.saturating_mul(seen.f_frsize),
            inodes: (seen.f_files > 0).then_some(seen.f_favail),
            read_only: seen.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY),
            folder,
        })
    }

    fn judged(&self) -> Finding {
        let folder = self.folder.display();
        if self.read_only {
            let message = format!("nothing can be written in `{folder}`: its file system is read-only");
            return Finding::bad(Area::Disk, message, "move the project elsewhere, or mount it for writing");
        }
        let message = format!("{} MiB of disk are free in `{folder}`", self.free / MIB);
        let hint = "make room: streams and indices take no more events when it is full, and senders wait";
        match self.free {
            ..TOO_LITTLE_DISK => Finding::bad(Area::Disk, message, hint),
            TOO_LITTLE_DISK..LITTLE_DISK => Finding::warn(Area::Disk, message, hint),
            _ if self.inodes.is_some_and(|inodes| inodes < FEW_INODES) => {
                let message = format!("{message}, but there is hardly room for more files (inodes)");
                Finding::warn(Area::Disk, message, "delete small files that nobody needs")
            }
            _ => Finding::ok(Area::Disk, message),
        }
    }
}

/// Something that was written here, and when.
type Written = (PathBuf, SystemTime);

/// What was written last of this program, and of what people and `up` have written of the project.
fn newest(root: Option<&Path>) -> Option<Written> {
    let state = root.map(StateFolder::of);
    let of_project = root.into_iter().flat_map(|root| [root.join(FILE_NAME), root.join(".git/logs/HEAD")]);
    let of_state = state.iter().flat_map(|state| [state.journal(), state.ports(), state.history()]);
    let all = std::env::current_exe().ok().into_iter().chain(of_project).chain(of_state);
    let time = |path: PathBuf| Some((path.metadata().ok()?.modified().ok()?, path));
    all.filter_map(time).max().map(|(time, path)| (path, time))
}

fn clock(now: SystemTime, newest: Option<Written>, is_synchronised: bool) -> Finding {
    let shown = |time: SystemTime| chrono::DateTime::<chrono::Utc>::from(time).format("%Y-%m-%d %H:%M UTC").to_string();
    let hint =
        "set the clock, and have it kept by NTP (`timedatectl set-ntp true`): events, keys and certificates go by it";
    match newest {
        Some((path, time)) if time > now + SKEW => {
            let message =
                format!("the clock says {}, but `{}` was written on {}", shown(now), path.display(), shown(time));
            Finding::warn(Area::Clock, message, hint)
        }
        _ if is_synchronised => Finding::ok(Area::Clock, "the clock is kept by NTP"),
        _ => Finding::ok(
            Area::Clock,
            "the clock is not behind what was written here; whether NTP keeps it cannot be seen",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    fn wants(memory_mib: u64) -> Wants {
        Wants { services: 2, memory_mib, max_map_count: None }
    }

    #[test]
    fn memory_is_what_the_kernel_says_can_be_had() {
        let meminfo = "MemTotal:  8000000 kB\nMemFree:  1 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(available_in(meminfo), Some(2 * MIB));
        assert_eq!(available_in("MemTotal: 1 kB\n"), None);
        assert_eq!(memory(500 * MIB, &wants(300)).level, Level::Ok);
        let little = memory(200 * MIB, &wants(300));
        assert_eq!(little.level, Level::Warn);
        assert_eq!(little.message, "200 MiB of memory can be had; 2 services to be started: about 300 MiB");
        assert_eq!(memory(MIB, &Wants::default()).level, Level::Ok, "nothing is to be started");
    }

    #[test]
    fn a_limit_of_the_kernel_counts_for_whoever_asks_for_it() {
        assert_eq!(kernel(262_144, 262_144, "es").level, Level::Ok);
        let low = kernel(65_530, 262_144, "es");
        assert_eq!(low.level, Level::Bad);
        assert!(low.hint.expect("a hint").contains("sysctl -w vm.max_map_count=262144"));
    }

    #[test]
    fn a_disk_is_told_before_it_is_full() {
        let level = |free, inodes, read_only| Disk { folder: "/d".into(), free, inodes, read_only }.judged().level;
        assert_eq!(level(10 * MIB, None, false), Level::Bad);
        assert_eq!(level(500 * MIB, None, false), Level::Warn);
        assert_eq!(level(5000 * MIB, Some(10), false), Level::Warn);
        assert_eq!(level(5000 * MIB, Some(100_000), false), Level::Ok);
        assert_eq!(level(5000 * MIB, None, true), Level::Bad);
        let folder = tempfile::tempdir().expect("temporary folder");
        let disk = Disk::below(&folder.path().join("not/there/yet")).expect("a file system");
        assert_eq!((disk.folder.as_path(), disk.read_only), (folder.path(), false));
    }

    #[test]
    fn a_clock_behind_what_was_written_is_wrong() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let written = |after| Some((PathBuf::from("x.yaml"), now + Duration::from_secs(after)));
        assert_eq!(clock(now, written(60), false).level, Level::Ok);
        assert_eq!(clock(now, None, true).message, "the clock is kept by NTP");
        let behind = clock(now, written(3600), true);
        assert_eq!(behind.level, Level::Warn);
        assert_eq!(
            behind.message,
            "the clock says 2023-11-14 22:13 UTC, but `x.yaml` was written on 2023-11-14 23:13 UTC"
        );
    }
}
