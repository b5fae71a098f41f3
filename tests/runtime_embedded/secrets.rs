//! What a service prints reaches its log without the secrets it was given.

use nix::sys::signal::Signal;
use resilmesh::runtime::embedded::Embedded;
use resilmesh::runtime::{Runtime, ServiceSpec};

use super::support::{WITHIN, Workshop, get, pid, runs, seen, signal, start_ready, until};

const RESILMESH: &str = env!("CARGO_BIN_EXE_resilmesh");
const PASSWORD: &str = "kF8-hunter2";

fn embedded(workshop: &Workshop) -> Embedded {
    Embedded::with_executable(workshop.project(), std::path::Path::new(RESILMESH)).expect("runtime")
}

fn give(workshop: &Workshop, key: &str, value: &str) {
    let folder = workshop.project().join(".resilmesh/secrets/web");
    std::fs::create_dir_all(&folder).expect("folder");
    std::fs::write(folder.join(key), value).expect("write");
}

/// The process that writes the logs of this project's only service.
fn relay(workshop: &Workshop) -> Option<u32> {
    let wanted = format!("relay\0{}/.resilmesh/secrets", workshop.project().canonicalize().expect("folder").display());
    std::fs::read_dir("/proc").expect("/proc").flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let line = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
        (line.contains(&wanted) && runs(pid)).then_some(pid)
    })
}

/// Has the service print, and waits until it stands in the log.
async fn print(workshop: &Workshop, spec: &ServiceSpec, main: u32, line: &str, shown: &str) {
    workshop.change(spec, line);
    signal(main, Signal::SIGUSR2);
    until(shown, || async { workshop.log("web").contains(shown).then_some(()) }).await;
}

#[tokio::test]
async fn a_service_that_prints_its_password_leaves_none_in_its_log() {
    let workshop = Workshop::new();
    let runtime = embedded(&workshop);
    give(&workshop, "password", PASSWORD);
    let spec = workshop.web("web", "up");
    let main = start_ready(&runtime, &spec).await;
    let print = async |line: &str, shown: &str| print(&workshop, &spec, main, line, shown).await;

    print(&format!("one {PASSWORD}"), "one [secret web/password]\n").await;
    // The very first line after a change knows the new one.
    give(&workshop, "token", "tok-6GxPz");
    print("two tok-6GxPz", "two [secret web/token]\n").await;

    // A relay that is killed is replaced, and the service does not notice.
    let first = relay(&workshop).expect("a relay");
    signal(first, Signal::SIGKILL);
    let second = until("another relay", || async { relay(&workshop).filter(|pid| *pid != first) }).await;
    print(&format!("three {PASSWORD}"), "three [secret web/password]\n").await;

    // Without a supervisor it goes on.
    let supervisor = workshop.supervisor().expect("a supervisor");
    signal(supervisor, Signal::SIGKILL);
    until("the supervisor has ended", || async { (!runs(supervisor)).then_some(()) }).await;
    print(&format!("four {PASSWORD}"), "four [secret web/password]\n").await;
    runtime.prepare().await.expect("taken over");
    print(&format!("five {PASSWORD}"), "five [secret web/password]\n").await;
    assert_eq!((pid(&runtime, "web").await, get(&spec).is_some()), (main, true));

    runtime.stop("web").await.expect("stop");
    runtime.finish().await.expect("finish");
    until("the relay has ended", || async { (!runs(second)).then_some(()) }).await;
    let left = everything(&workshop);
    assert!(!left.contains(PASSWORD) && !left.contains("tok-6GxPz"), "{left}");
}

#[tokio::test]
async fn the_last_words_of_a_service_are_in_the_reason_without_the_secret() {
    let workshop = Workshop::new();
    let runtime = embedded(&workshop);
    give(&workshop, "password", PASSWORD);
    let spec = workshop.command("web", "sh", &["-c", "printf 'wrong password '; printf kF8-; printf hunter2; exit 78"]);
    runtime.start(&spec).await.expect("start");
    let error = runtime.wait_ready("web", WITHIN).await.expect_err("it ends").to_string();
    assert!(error.contains("wrong password [secret web/password]"), "{error}");
    let because = seen(&runtime, "web").await.and_then(|seen| seen.because).expect("a reason");
    assert!(because.ends_with("wrong password [secret web/password]"), "{because}");
    runtime.stop("web").await.expect("stop");
    runtime.finish().await.expect("finish");
}

/// All that lies in the state folder, apart from the secrets themselves.
fn everything(workshop: &Workshop) -> String {
    let state = workshop.project().join(".resilmesh");
    let mut text = String::new();
    let mut folders = vec![state.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("list").flatten() {
            let path = entry.path();
            if path.is_dir() && path != state.join("secrets") {
                folders.push(path);
            } else if path.is_file() {
                text.push_str(&String::from_utf8_lossy(&std::fs::read(path).expect("read")));
            }
        }
    }
    text
}
