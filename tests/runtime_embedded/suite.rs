//! What every runtime MUST do: one function for each line of `docs/specs/runtime.md`, named as
//! there.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use resilmesh::runtime::{Runtime, RuntimeError, State};

use super::support::{WITHIN, Workshop, get, pid, runs, seen, signal, start_ready, until};

/// Tries everything, with one runtime, one line after the other.
pub(crate) async fn runtime_suite(runtime: &dyn Runtime, workshop: &Workshop) {
    observing_starts_nothing(runtime).await;
    starting_twice_changes_nothing(runtime, workshop).await;
    a_changed_service_is_replaced(runtime, workshop).await;
    reload_keeps_the_process(runtime, workshop).await;
    a_killed_service_is_started_again(runtime, workshop).await;
    who_hangs_is_told_and_may_go_on(runtime).await;
    stopping_leaves_no_process(runtime, workshop).await;
    who_does_not_listen_is_killed(runtime, workshop).await;
    waiting_tells_what_for(runtime, workshop).await;
    a_taken_port_is_no_readiness(runtime, workshop).await;
    a_wrong_configuration_is_given_up(runtime, workshop).await;
    a_crash_loop_is_told_early(runtime, workshop).await;
    a_missing_program_is_an_error(runtime, workshop).await;
    only_part_of_the_environment_is_passed_on(runtime, workshop).await;
    a_flood_of_output_does_not_block(runtime, workshop).await;
    finishing_with_services_left_does_nothing(runtime, workshop).await;
    finishing_twice_leaves_nothing(runtime).await;
}

async fn observing_starts_nothing(runtime: &dyn Runtime) {
    assert!(runtime.observe().await.expect("observe").is_empty());
    runtime.stop("nobody").await.expect("nothing to stop");
    runtime.finish().await.expect("nothing to finish");
    assert!(runtime.observe().await.expect("observe").is_empty());
}

async fn starting_twice_changes_nothing(runtime: &dyn Runtime, workshop: &Workshop) {
    let spec = workshop.web("web", "one");
    let first = start_ready(runtime, &spec).await;
    let before = seen(runtime, "web").await.expect("web");
    assert_eq!((before.state, before.restarts, before.because.as_deref()), (State::Ready, 0, None));
    assert_eq!(before.spec, spec);
    runtime.start(&spec).await.expect("start");
    assert_eq!(pid(runtime, "web").await, first);
    assert_eq!(seen(runtime, "web").await.expect("web").since, before.since);
    assert_eq!(get(&spec).as_deref(), Some("one"));
}

async fn a_changed_service_is_replaced(runtime: &dyn Runtime, workshop: &Workshop) {
    let mut spec = seen(runtime, "web").await.expect("web").spec;
    let first = pid(runtime, "web").await;
    workshop.change(&spec, "two");
    spec.files_digest = "second".to_owned();
    assert_ne!(start_ready(runtime, &spec).await, first);
    assert!(!runs(first), "the replaced process still runs");
    let now = seen(runtime, "web").await.expect("web");
    assert_eq!((now.restarts, now.spec), (0, spec.clone()));
    assert_eq!(get(&spec).as_deref(), Some("two"));
}

async fn reload_keeps_the_process(runtime: &dyn Runtime, workshop: &Workshop) {
    let mut spec = seen(runtime, "web").await.expect("web").spec;
    let first = pid(runtime, "web").await;
    workshop.change(&spec, "three");
    spec.files_digest = "third".to_owned();
    runtime.reload(&spec).await.expect("reload");
    until("the new content is there", || async { get(&spec).filter(|content| content == "three") }).await;
    assert_eq!(pid(runtime, "web").await, first);
    assert_eq!(seen(runtime, "web").await.expect("web").spec, spec);
    // What was reloaded is what runs now, so that starting it changes nothing.
    runtime.start(&spec).await.expect("start");
    assert_eq!(pid(runtime, "web").await, first);

    let absent = workshop.web("absent", "");
    let error = runtime.reload(&absent).await.expect_err("nothing to reload");
    assert!(text(&error).contains("`absent`"), "{error}");
}

async fn a_killed_service_is_started_again(runtime: &dyn Runtime, workshop: &Workshop) {
    let spec = seen(runtime, "web").await.expect("web").spec;
    let (first, helper) = (pid(runtime, "web").await, workshop.helper(&spec));
    signal(first, Signal::SIGKILL);
    let now = until("it is ready again", || async {
        seen(runtime, "web").await.filter(|it| it.state == State::Ready && it.pid != Some(first))
    })
    .await;
    assert_eq!(now.restarts, 1);
    assert!(!runs(helper), "a process of the killed service still runs");
    assert_eq!(get(&spec).as_deref(), Some("three"));
}

async fn who_hangs_is_told_and_may_go_on(runtime: &dyn Runtime) {
    let first = pid(runtime, "web").await;
    signal(first, Signal::SIGSTOP);
    let now = seen(runtime, "web").await.expect("web");
    let because = now.because.expect("a reason");
    assert_eq!((now.state, now.pid), (State::Silent, Some(first)));
    assert!(because.starts_with("does not answer since 2") && because.contains("SIGSTOP"), "{because}");
    signal(first, Signal::SIGCONT);
    until("it answers again", || async { seen(runtime, "web").await.filter(|it| it.state == State::Ready) }).await;
    assert_eq!(pid(runtime, "web").await, first);

    signal(first, Signal::SIGSTOP);
    let spec = seen(runtime, "web").await.expect("web").spec;
    runtime.stop("web").await.expect("it is told to go on, to end");
    assert!(!runs(first));
    start_ready(runtime, &spec).await;
}

async fn stopping_leaves_no_process(runtime: &dyn Runtime, workshop: &Workshop) {
    let spec = seen(runtime, "web").await.expect("web").spec;
    let (main, helper) = (pid(runtime, "web").await, workshop.helper(&spec));
    let mut foreign = Command::new("sleep").arg("1000").spawn().expect("sleep");
    runtime.stop("web").await.expect("stop");
    assert!(!runs(main) && !runs(helper), "a process is left");
    assert!(runs(foreign.id()), "a process of somebody else was ended");
    assert!(seen(runtime, "web").await.is_none());
    runtime.stop("web").await.expect("stop again");
    foreign.kill().and_then(|()| foreign.wait()).expect("reaped");
}

async fn who_does_not_listen_is_killed(runtime: &dyn Runtime, workshop: &Workshop) {
    let mut spec = workshop.web("deaf", "la la la");
    spec.args.push("--deaf".to_owned());
    spec.stop_within = Duration::from_millis(200);
    let main = start_ready(runtime, &spec).await;
    signal(main, Signal::SIGTERM);
    assert_eq!(get(&spec).as_deref(), Some("la la la"));
    runtime.stop("deaf").await.expect("stop");
    assert!(!runs(main) && !runs(workshop.helper(&spec)), "a process is left");
}

async fn waiting_tells_what_for(runtime: &dyn Runtime, workshop: &Workshop) {
    let mut spec = workshop.web("slow", "at last");
    spec.args.extend(["--wait".to_owned(), "gate".to_owned()]);
    runtime.start(&spec).await.expect("start");
    until("it answers", || async { seen(runtime, "slow").await?.because.filter(|why| why.contains("503")) }).await;
    let error = runtime.wait_ready("slow", Duration::from_millis(100)).await.expect_err("not ready");
    let (what, seen_now) = (text(&error), seen(runtime, "slow").await.expect("slow"));
    assert!(what.contains("`slow` is not ready") && what.contains("503"), "{what}");
    assert!(what.contains("| listening"), "the log is missing: {what}");
    assert_eq!(seen_now.state, State::Starting);

    std::fs::write(spec.directory.join("gate"), "").expect("write");
    runtime.wait_ready("slow", WITHIN).await.expect("ready");
    // What was ready and is no more is seen the next time that somebody looks.
    std::fs::remove_file(spec.directory.join("gate")).expect("remove");
    let now = until("it is seen", || async { seen(runtime, "slow").await.filter(|it| it.state == State::Starting) });
    assert!(now.await.because.expect("a reason").contains("503"));
    runtime.stop("slow").await.expect("stop");
}

async fn a_taken_port_is_no_readiness(runtime: &dyn Runtime, workshop: &Workshop) {
    let foreign = TcpListener::bind("127.0.0.1:0").expect("bind");
    let port = foreign.local_addr().expect("address").port();
    let mut spec = workshop.web_on("late", "mine", port);
    spec.ready = resilmesh::runtime::Ready::Tcp(format!("127.0.0.1:{port}"));
    runtime.start(&spec).await.expect("start");
    let error = runtime.wait_ready("late", WITHIN).await.expect_err("the port is taken");
    assert!(text(&error).contains("Address already in use"), "{error}");
    drop(foreign);
    runtime.stop("late").await.expect("stop");
}

async fn a_wrong_configuration_is_given_up(runtime: &dyn Runtime, workshop: &Workshop) {
    let mut spec = workshop.web("picky", "");
    spec.args.extend(["--exit".to_owned(), "78".to_owned()]);
    runtime.start(&spec).await.expect("start");
    let error = runtime.wait_ready("picky", WITHIN).await.expect_err("it fails");
    assert!(text(&error).contains("not to my taste"), "{error}");
    let now = seen(runtime, "picky").await.expect("picky");
    assert_eq!((now.state, now.restarts, now.pid), (State::Failed, 0, None));
    assert!(now.because.expect("a reason").contains("configuration is wrong"));

    // With another specification it is tried again.
    spec.args.truncate(spec.args.len() - 2);
    start_ready(runtime, &spec).await;
    runtime.stop("picky").await.expect("stop");
}

async fn a_crash_loop_is_told_early(runtime: &dyn Runtime, workshop: &Workshop) {
    let spec = workshop.command("loop", "sh", &["-c", "echo no luck today >&2; exit 3"]);
    runtime.start(&spec).await.expect("start");
    let error = runtime.wait_ready("loop", Duration::from_secs(600)).await.expect_err("it never comes up");
    assert!(text(&error).contains("exit status 3: no luck today"), "{error}");
    let now =
        until("it pauses", || async { seen(runtime, "loop").await.filter(|it| it.state == State::Backoff) }).await;
    assert!(now.restarts >= 4 && now.pid.is_none(), "{now:?}");
    assert!(now.because.expect("a reason").contains("no luck today"));
    runtime.stop("loop").await.expect("stop");
    assert!(seen(runtime, "loop").await.is_none());
}

async fn a_missing_program_is_an_error(runtime: &dyn Runtime, workshop: &Workshop) {
    let mut spec = workshop.command("missing", "sleep", &["1000"]);
    spec.program = "/nowhere/at-all".into();
    let error = runtime.start(&spec).await.expect_err("no such program");
    assert!(text(&error).contains("`/nowhere/at-all` cannot be started"), "{error}");
    assert_eq!(seen(runtime, "missing").await.expect("missing").state, State::Failed);
    runtime.stop("missing").await.expect("stop");
}

async fn only_part_of_the_environment_is_passed_on(runtime: &dyn Runtime, workshop: &Workshop) {
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "cargo sets it for tests");
    let spec = workshop.web("env", "");
    start_ready(runtime, &spec).await;
    let names = std::fs::read_to_string(spec.directory.join("environment")).expect("environment");
    assert!(names.lines().any(|name| name == "PATH"), "{names}");
    assert!(!names.contains("CARGO"), "{names}");
    runtime.stop("env").await.expect("stop");
}

async fn a_flood_of_output_does_not_block(runtime: &dyn Runtime, workshop: &Workshop) {
    let script = "i=0; while [ $i -lt 3 ]; do head -c 9000000 /dev/zero | tr '\\0' x; echo; i=$((i+1)); done; \
                  echo > flooded; exec sleep 1000";
    let spec = workshop.command("flood", "sh", &["-c", script]);
    runtime.start(&spec).await.expect("start");
    until("everything is written", || async { spec.directory.join("flooded").exists().then_some(()) }).await;
    runtime.stop("flood").await.expect("stop");
}

async fn finishing_with_services_left_does_nothing(runtime: &dyn Runtime, workshop: &Workshop) {
    let spec = workshop.web("left", "");
    let first = start_ready(runtime, &spec).await;
    runtime.finish().await.expect("finish");
    assert_eq!(pid(runtime, "left").await, first);
    runtime.stop("left").await.expect("stop");
}

async fn finishing_twice_leaves_nothing(runtime: &dyn Runtime) {
    runtime.finish().await.expect("finish");
    runtime.finish().await.expect("finish again");
    assert!(runtime.observe().await.expect("observe").is_empty());
}

fn text(error: &RuntimeError) -> String {
    error.to_string()
}
