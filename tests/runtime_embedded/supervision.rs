//! The supervisor: killed, replaced, told to end; and the commands that show what it does.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use super::support::{WITHIN, Workshop, get, pid, runs, seen, signal, start_ready, until};
use nix::sys::signal::Signal;
use resilmesh::runtime::embedded::{Embedded, Supervision};
use resilmesh::runtime::{Runtime, State};

const RESILMESH: &str = env!("CARGO_BIN_EXE_resilmesh");

fn embedded(workshop: &Workshop) -> Embedded {
    Embedded::with_executable(workshop.project(), Path::new(RESILMESH)).expect("runtime")
}

fn resilmesh(workshop: &Workshop, args: &[&str]) -> Output {
    Command::new(RESILMESH).arg("-C").arg(workshop.project()).args(args).output().expect("resilmesh")
}

async fn kill_supervisor(workshop: &Workshop) -> u32 {
    let pid = workshop.supervisor().expect("a supervisor");
    signal(pid, Signal::SIGKILL);
    until("the supervisor is gone", || async { (!runs(pid)).then_some(()) }).await;
    pid
}

#[tokio::test]
async fn keeps_the_promises_of_every_runtime() {
    let workshop = Workshop::new();
    let runtime = embedded(&workshop);
    super::suite::runtime_suite(&runtime, &workshop).await;
    assert_eq!(workshop.supervisor(), None, "the supervisor still has a seat");
}

#[tokio::test]
async fn nothing_is_left_of_the_supervisor_when_finished() {
    let workshop = Workshop::new();
    let runtime = embedded(&workshop);
    runtime.prepare().await.expect("prepare");
    assert_eq!(workshop.supervisor(), None, "there is nothing to supervise yet");
    runtime.start(&workshop.command("sleep", "sleep", &["1000"])).await.expect("start");
    let (supervisor, sockets) = (workshop.supervisor().expect("a supervisor"), workshop.sockets());
    assert!(runs(supervisor) && sockets.join("supervisor.sock").exists());
    runtime.stop("sleep").await.expect("stop");
    runtime.finish().await.expect("finish");
    assert!(!runs(supervisor), "the supervisor still runs");
    assert!(!sockets.exists(), "its sockets are left");
}

#[tokio::test]
async fn services_of_a_killed_supervisor_run_on_and_are_taken_over() {
    let workshop = Workshop::new();
    let runtime = embedded(&workshop);
    let (stays, dies) = (workshop.web("stays", "here"), workshop.web("dies", "gone"));
    let (first, second) = (start_ready(&runtime, &stays).await, start_ready(&runtime, &dies).await);

    let killed = kill_supervisor(&workshop).await;
    signal(second, Signal::SIGKILL);
    assert_eq!(get(&stays).as_deref(), Some("here"));
    assert_eq!(runtime.supervision().await.expect("supervision"), Supervision::Gone);
    let now = seen(&runtime, "stays").await.expect("stays");
    assert_eq!((now.state, now.pid), (State::Ready, Some(first)));
    until("the other is seen as ended", || async {
        seen(&runtime, "dies").await.filter(|it| it.state == State::Stopped && it.pid.is_none())
    })
    .await;

    runtime.prepare().await.expect("prepare");
    assert_ne!(workshop.supervisor(), Some(killed));
    runtime.wait_ready("dies", WITHIN).await.expect("started again");
    let now = seen(&runtime, "stays").await.expect("stays");
    assert_eq!((now.state, now.pid, now.restarts), (State::Ready, Some(first), 0));
    assert_eq!(seen(&runtime, "dies").await.expect("dies").restarts, 1);

    // What was taken over is looked after as before.
    signal(first, Signal::SIGKILL);
    let again = until("it is ready again", || async {
        seen(&runtime, "stays").await.filter(|it| it.state == State::Ready && it.pid != Some(first))
    });
    assert_eq!(again.await.restarts, 1);
    for name in ["stays", "dies"] {
        runtime.stop(name).await.expect("stop");
    }
    runtime.finish().await.expect("finish");
}

#[tokio::test]
async fn what_a_killed_supervisor_left_can_be_stopped_without_another() {
    let workshop = Workshop::new();
    let runtime = embedded(&workshop);
    let spec = workshop.web("left", "over");
    let (main, helper) = (start_ready(&runtime, &spec).await, workshop.helper(&spec));
    let sockets = workshop.sockets();
    kill_supervisor(&workshop).await;
    runtime.stop("left").await.expect("stop");
    runtime.finish().await.expect("finish");
    assert!(!runs(main) && !runs(helper), "a process is left");
    assert!(!sockets.exists(), "a socket is left");
    assert_eq!(runtime.supervision().await.expect("supervision"), Supervision::NotNeeded);
}

#[tokio::test]
async fn a_supervisor_told_to_end_stops_the_services_and_the_next_starts_them() {
    let workshop = Workshop::new();
    let runtime = embedded(&workshop);
    let spec = workshop.web("web", "back");
    let main = start_ready(&runtime, &spec).await;
    signal(workshop.supervisor().expect("a supervisor"), Signal::SIGHUP);
    signal(workshop.supervisor().expect("a supervisor"), Signal::SIGTERM);
    until("the service is stopped", || async { (!runs(main)).then_some(()) }).await;
    until("the supervisor has left", || async { workshop.supervisor().is_none().then_some(()) }).await;
    runtime.prepare().await.expect("prepare");
    runtime.wait_ready("web", WITHIN).await.expect("ready");
    assert_eq!(
        seen(&runtime, "web").await.expect("web").restarts,
        0,
        "a restart of the machine is none of the service"
    );
    assert_eq!(get(&spec).as_deref(), Some("back"));
    runtime.stop("web").await.expect("stop");
    runtime.finish().await.expect("finish");
}

#[tokio::test]
async fn a_supervisor_of_another_build_is_replaced_and_the_services_run_on() {
    let workshop = Workshop::new();
    let other = workshop.project().join("other-resilmesh");
    std::fs::copy(RESILMESH, &other).expect("copy");
    let earlier = SystemTime::now() - Duration::from_secs(3600);
    std::fs::File::options().write(true).open(&other).and_then(|file| file.set_modified(earlier)).expect("time");
    let old = Embedded::with_executable(workshop.project(), &other).expect("runtime");
    let spec = workshop.web("web", "still here");
    let main = start_ready(&old, &spec).await;
    let before = workshop.supervisor();

    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = told.clone();
    let runtime = embedded(&workshop).with_notice(move |text| heard.lock().expect("lock").push(text.to_owned()));
    runtime.observe().await.expect("observe");
    assert_eq!(workshop.supervisor(), before, "observing replaces nothing");
    runtime.prepare().await.expect("prepare");
    assert_ne!(workshop.supervisor(), before);
    assert_eq!(pid(&runtime, "web").await, main);
    assert_eq!(get(&spec).as_deref(), Some("still here"));
    let told = told.lock().expect("lock").join("\n");
    assert!(told.contains("another build of resilmesh") && told.contains("the services keep running"), "{told}");
    runtime.stop("web").await.expect("stop");
    runtime.finish().await.expect("finish");
}

#[tokio::test]
async fn two_at_once_make_one_supervisor() {
    let workshop = Workshop::new();
    let (one, other) = (embedded(&workshop), embedded(&workshop));
    let spec = workshop.web("web", "");
    let (first, second) = tokio::join!(one.start(&spec), other.start(&spec));
    first.and(second).expect("both succeed");
    assert_eq!(pid(&one, "web").await, pid(&other, "web").await);
    one.stop("web").await.expect("stop");
    one.finish().await.expect("finish");
    other.finish().await.expect("finish");
}

#[tokio::test]
async fn a_lost_socket_is_made_again() {
    let workshop = Workshop::new();
    let runtime = embedded(&workshop);
    let spec = workshop.web("web", "");
    let main = start_ready(&runtime, &spec).await;
    let supervisor = workshop.supervisor();
    std::fs::remove_dir_all(workshop.sockets()).expect("remove");
    assert_eq!(pid(&runtime, "web").await, main);
    assert_eq!(workshop.supervisor(), supervisor);
    runtime.stop("web").await.expect("stop");
    runtime.finish().await.expect("finish");
}

#[tokio::test]
async fn a_service_has_its_own_session_and_no_file_of_ours() {
    let workshop = Workshop::new();
    let runtime = embedded(&workshop);
    let spec = workshop.command("sleep", "sleep", &["1000"]);
    runtime.start(&spec).await.expect("start");
    let main = pid(&runtime, "sleep").await;
    let mut open: Vec<String> = std::fs::read_dir(format!("/proc/{main}/fd"))
        .expect("files")
        .map(|file| file.expect("entry").file_name().into_string().expect("a number"))
        .collect();
    open.sort();
    assert_eq!(open, ["0", "1", "2"]);
    let session = |pid: u32| nix::unistd::getsid(Some(nix::unistd::Pid::from_raw(pid.cast_signed()))).expect("session");
    assert_ne!(session(main), session(std::process::id()), "Ctrl-C here would reach the service");
    let log = workshop.project().join(".resilmesh/logs/sleep.log");
    let mode = std::os::unix::fs::PermissionsExt::mode(&log.metadata().expect("log").permissions());
    assert_eq!(mode & 0o777, 0o600);
    runtime.stop("sleep").await.expect("stop");
    runtime.finish().await.expect("finish");
}

#[tokio::test]
async fn a_state_that_somebody_else_wrote_starts_nothing() {
    let workshop = Workshop::new();
    let runtime = embedded(&workshop);
    let spec = workshop.command("evil", "sh", &["-c", "echo > harm; exec sleep 1000"]);
    runtime.start(&spec).await.expect("start");
    until("it was started", || async { spec.directory.join("harm").exists().then_some(()) }).await;
    let record = workshop.project().join(".resilmesh/run/evil.json");
    let written = std::fs::read_to_string(&record).expect("record");
    runtime.stop("evil").await.expect("stop");
    runtime.finish().await.expect("finish");

    let harm = spec.directory.join("harm");
    std::fs::remove_file(&harm).expect("remove");
    std::fs::create_dir_all(record.parent().expect("folder")).expect("folder");
    std::fs::write(&record, written.replace("echo > harm;", "echo > harm; :;")).expect("write");
    assert!(runtime.observe().await.expect("observe").is_empty());
    runtime.prepare().await.expect("prepare");
    assert!(runtime.observe().await.expect("observe").is_empty());
    runtime.finish().await.expect("finish");

    // The same without the change is started: the proof is what made the difference.
    std::fs::create_dir_all(record.parent().expect("folder")).expect("folder");
    std::fs::write(&record, written).expect("write");
    assert!(!harm.exists(), "a foreign state was carried out");
    runtime.prepare().await.expect("prepare");
    until("it was started", || async { harm.exists().then_some(()) }).await;
    runtime.stop("evil").await.expect("stop");
    runtime.finish().await.expect("finish");
}

#[tokio::test]
async fn a_service_whose_state_was_lost_is_stopped_all_the_same() {
    let workshop = Workshop::new();
    let runtime = embedded(&workshop);
    let spec = workshop.web("web", "");
    for supervised in [false, true] {
        start_ready(&runtime, &spec).await;
        kill_supervisor(&workshop).await;
        std::fs::write(workshop.project().join(".resilmesh/run/web.json"), "torn").expect("write");
        assert!(runtime.observe().await.expect("observe").is_empty());
        assert!(get(&spec).is_some(), "it still runs");
        if supervised {
            runtime.start(&workshop.command("other", "sleep", &["1000"])).await.expect("start");
        }
        runtime.stop("web").await.expect("stop");
        assert_eq!(get(&spec), None);
    }
    runtime.stop("other").await.expect("stop");
    runtime.finish().await.expect("finish");
}

#[tokio::test]
async fn a_log_that_is_a_link_is_not_written_to() {
    let workshop = Workshop::new();
    let runtime = embedded(&workshop);
    std::fs::create_dir_all(workshop.project().join(".resilmesh/logs")).expect("folder");
    let target = workshop.project().join("precious");
    std::fs::write(&target, "mine").expect("write");
    let log = workshop.project().join(".resilmesh/logs/echo.log");
    std::os::unix::fs::symlink(&target, &log).expect("link");
    let spec = workshop.command("echo", "sh", &["-c", "echo hello; exec sleep 1000"]);
    runtime.start(&spec).await.expect_err("the log cannot be opened");
    assert_eq!(std::fs::read_to_string(&target).expect("read"), "mine");
    runtime.stop("echo").await.expect("stop");
    runtime.finish().await.expect("finish");
}

#[tokio::test]
async fn status_and_logs_tell_what_runs() {
    let workshop = Workshop::new();
    let runtime = embedded(&workshop);
    let spec = workshop.web("web", "");
    let main = start_ready(&runtime, &spec).await;

    let status = resilmesh(&workshop, &["status", "--json", "--exit-code"]);
    assert!(status.status.success(), "{status:?}");
    let seen: serde_json::Value = serde_json::from_slice(&status.stdout).expect("json");
    assert_eq!((&seen["schema"], &seen["mesh"]), (&1.into(), &"workshop".into()));
    let service = &seen["services"][0];
    assert_eq!((&service["instance"], &service["state"]), (&"web".into(), &"ready".into()));
    assert_eq!((&service["pid"], &service["ports"]["http"]), (&main.into(), &spec.ports["http"].into()));

    let logs = resilmesh(&workshop, &["logs", "web", "-n", "1"]);
    assert!(workshop.log("web").contains("listening"));
    assert_eq!(String::from_utf8_lossy(&logs.stdout).lines().count(), 1, "{logs:?}");
    let unknown = resilmesh(&workshop, &["logs", "wep"]);
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(unknown.status.code() == Some(1) && said.contains("did you mean `web`?"), "{said}");

    kill_supervisor(&workshop).await;
    let status = resilmesh(&workshop, &["status"]);
    let said = String::from_utf8_lossy(&status.stderr).into_owned();
    assert!(status.status.success() && said.contains("the supervisor has ended"), "{said}");
    assert!(String::from_utf8_lossy(&status.stdout).contains("web"), "{status:?}");
    runtime.stop("web").await.expect("stop");
    let status = resilmesh(&workshop, &["status", "--json"]);
    let seen: serde_json::Value = serde_json::from_slice(&status.stdout).expect("json");
    assert_eq!(seen["services"], serde_json::json!([]));
    runtime.finish().await.expect("finish");
}
