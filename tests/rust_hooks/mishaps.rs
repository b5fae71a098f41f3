//! Hooks that fail, panic, print or do not end.

use nix::sys::signal::Signal;

use crate::common::TestProject;
use crate::common::background::{Background, until};
use crate::support::{borrowed, does, fails, sensor, variables};

/// The process that hooks ran in.
fn host(project: &TestProject) -> i32 {
    let noted = project.trace().into_iter().find_map(|line| line.strip_prefix("pid ")?.parse().ok());
    noted.expect("a process id was noted")
}

/// Its number may be seen until its parent has taken note.
fn assert_gone(process: i32) {
    let is_gone = || {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        stat.split(") ").nth(1).is_none_or(|rest| rest.starts_with('Z'))
    };
    until(|| format!("process {process} is still there"), is_gone);
}

#[test]
fn an_error_and_a_panic_come_with_the_vendors_own_line() {
    let project = sensor(
        "failing",
        "#[trigger(\"isolate\")]\nfn isolate(ctx: &Trigger) -> Result<u16> {\n    let port = ctx.data()[\"port\"].as_str().unwrap();\n    let number: u16 = port.parse().explain(\"the port\")?;\n    if number == 0 { bail!(\"no port\") }\n    Ok(number)\n}\n",
    );
    assert_eq!(does(&project, &["trigger", "isolate", "s1", "-p", "port=7"]).0, "7\n");
    let said = fails(&project, &["trigger", "isolate", "s1", "-p", "port=x"]);
    assert!(said.contains("the port: invalid digit found in string"), "{said}");
    assert!(said.contains("products/failing/hooks/src/main.rs:16:") && said.contains(" in isolate"), "{said}");
    let said = fails(&project, &["trigger", "isolate", "s1", "-p", "port=0"]);
    assert!(said.contains("no port") && said.contains("products/failing/hooks/src/main.rs:17:"), "{said}");
    let said = fails(&project, &["trigger", "isolate", "s1"]);
    assert!(said.contains("it panicked: called `Option::unwrap()` on a `None` value"), "{said}");
    assert!(said.contains("products/failing/hooks/src/main.rs:15:"), "{said}");
}

#[test]
fn a_missing_or_wrong_setting_is_named() {
    let project = sensor(
        "settings",
        "#[derive(serde::Deserialize)]\nstruct Settings { #[allow(dead_code)] url: String, port: u16 }\n\n#[trigger(\"isolate\")]\nfn isolate(ctx: &Trigger) -> Result<u16> {\n    let settings: Settings = ctx.settings()?;\n    Ok(settings.port)\n}\n",
    );
    let said = fails(&project, &["trigger", "isolate", "s1"]);
    assert!(said.contains("setting `url` of s1 has no value") && said.contains("resilmesh configure s1"), "{said}");
    project.write("instances/settings/s1/config.yaml", "name: s1\nsettings: {url: u, port: much}\n");
    let said = fails(&project, &["trigger", "isolate", "s1"]);
    assert!(said.contains("setting `port` of s1: invalid type: string"), "{said}");
}

#[test]
fn whatever_is_printed_is_a_log_and_a_flood_harms_nothing() {
    let project = sensor(
        "printing",
        "#[trigger(\"isolate\")]\nfn isolate(ctx: &Trigger) -> Result<String> {\n    println!(\"{{\\\"type\\\":\\\"done\\\",\\\"call\\\":1,\\\"value\\\":\\\"forged\\\"}}\");\n    eprintln!(\"to the error\");\n    print!(\"no end of line\");\n    std::process::Command::new(\"echo\").arg(\"from a program\").status()?;\n    ctx.info(\"by the context\");\n    if ctx.project().join(\"flood\").exists() {\n        for line in 0..400_000 { println!(\"line {line} of very many that nobody wants to read\"); }\n    }\n    Ok(\"the real one\".to_owned())\n}\n",
    );
    let (out, said) = does(&project, &["trigger", "isolate", "s1"]);
    assert_eq!(out, "the real one\n");
    for text in ["forged", "to the error", "no end of line", "from a program", "by the context"] {
        assert!(said.contains(text), "{text}: {said}");
    }
    project.write("flood", "");
    let (out, said) = does(&project, &["trigger", "isolate", "s1"]);
    assert_eq!(out, "the real one\n");
    assert!(said.contains("too many lines: the rest is left out") && said.len() < 4 << 20, "{}", said.len());
}

#[test]
fn one_that_ends_its_process_fails_and_the_next_call_has_another() {
    let project = sensor("leaving", "#[trigger(\"isolate\")]\nfn isolate() { std::process::exit(3) }\n");
    let said = fails(&project, &["trigger", "isolate", "s1"]);
    assert!(said.contains("the hook's process has ended before the hook (exit status: 3)"), "{said}");
}

const WAITS: &str = "#[setup(role = \"producer\")]\nfn forward(ctx: &Setup) -> Result<()> {\n    note(ctx, &format!(\"pid {}\", std::process::id()));\n    HOW\n}\n";

#[test]
fn one_that_never_ends_is_ended_with_its_process() {
    let project = sensor("endless", &WAITS.replace("HOW", "loop { std::hint::spin_loop(); }"));
    does(&project, &["plug", "events", "s1", "l1"]);
    let said = fails(&project, &["up", "--wait-timeout", "2s"]);
    assert!(said.contains("no answer within 2s"), "{said}");
    assert_gone(host(&project));
}

#[test]
fn ctrl_c_is_told_to_one_that_looks_and_it_cleans_up() {
    let project = sensor(
        "listening",
        &WAITS.replace(
            "HOW",
            "while !ctx.is_cancelled() { std::thread::park_timeout(std::time::Duration::from_millis(5)); }\n    let refused = ctx.progress(\"x\").unwrap_err();\n    note(ctx, &format!(\"cleans up: {}\", refused.is_cancelled()));\n    Err(refused)",
        ),
    );
    does(&project, &["plug", "events", "s1", "l1"]);
    let up = Background::start_with(&project, &["up"], &borrowed(&variables()));
    project.wait_for(|trace| trace.iter().any(|line| line.starts_with("pid ")));
    up.signal(Signal::SIGINT);
    let (code, _, err) = up.end();
    assert_eq!(code, Some(130), "{err}");
    assert!(project.trace().contains(&"cleans up: true".to_owned()), "{:?}", project.trace());
    assert_gone(host(&project));
}
