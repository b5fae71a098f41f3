//! `resilmesh logs`: what the services write.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::failure::Failure;
use super::{Context, status};
use crate::project::names;
use crate::runtime::Runtime;
use crate::runtime::embedded::Embedded;
use crate::runtime::embedded::logs::{Line, Logs};

/// Between two looks at the logs while following them.
const PAUSE: Duration = Duration::from_millis(100);

/// Colours that are told apart on dark and light terminals.
const COLORS: [&str; 6] = ["36", "33", "32", "35", "34", "31"];

/// Show what the services write
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// The instances; all of them when none is named. NAME/2 is the second replica of an instance, NAME stands
    /// for all
    pub instances: Vec<String>,
    /// Go on until interrupted
    #[arg(short, long)]
    pub follow: bool,
    /// Only the last lines of each
    #[arg(short = 'n', long, value_name = "LINES")]
    pub lines: Option<usize>,
    /// What the supervisor writes, which keeps the services running
    #[arg(long, conflicts_with = "instances")]
    pub supervisor: bool,
}

/// Prints the logs.
///
/// # Errors
/// When there is no project, or no such instance.
pub fn run(cx: &Context, args: LogsArgs) -> Result<(), Failure> {
    let project = cx.project_folder()?;
    let (names, mut logs) = if args.supervisor {
        (vec!["supervisor".to_owned()], Logs::of_supervisor(&project)?)
    } else {
        let names = choose(&args.instances, &services(cx, &project)?)?;
        let logs = Logs::of(&project, &names)?;
        (names, logs)
    };
    let printer = Printer::new(cx, &names);
    let unreadable = |error: std::io::Error| Failure::new(format!("a log cannot be read: {error}"));
    for line in logs.more(args.lines).map_err(unreadable)? {
        printer.print(&line);
    }
    if !args.follow {
        logs.unfinished().iter().for_each(|line| printer.print(line));
        return Ok(());
    }
    super::block_on(async {
        loop {
            for line in logs.more(None).map_err(unreadable)? {
                printer.print(&line);
            }
            tokio::time::sleep(PAUSE).await;
        }
    })
}

/// The services there are: those of the mesh, and those that run though the mesh has lost them.
fn services(cx: &Context, project: &Path) -> Result<BTreeSet<String>, Failure> {
    let runtime = Embedded::new(project)?;
    let running = super::block_on(async { Ok(runtime.observe().await?) })?;
    let running = running.into_iter().map(|service| service.spec.instance);
    let declared = status::declared(cx).1.into_iter().map(|service| service.service);
    Ok(running.chain(declared).collect())
}

fn choose(wanted: &[String], known: &BTreeSet<String>) -> Result<Vec<String>, Failure> {
    if wanted.is_empty() {
        return Ok(known.iter().cloned().collect());
    }
    // The name of an instance stands for all its replicas.
    let named = |name: &String| {
        let of_it = known.iter().filter(|known| *known == name || names::instance_of(known) == name);
        of_it.cloned().collect::<Vec<_>>()
    };
    match wanted.iter().find(|name| named(name).is_empty()) {
        None => Ok(wanted.iter().flat_map(named).collect()),
        Some(unknown) => {
            let failure = Failure::new(format!("no service is named `{unknown}`"));
            let hint = names::suggest(unknown, known.iter().map(String::as_str));
            Err(hint.into_iter().fold(failure, Failure::hint))
        }
    }
}

/// Prints lines, each behind the name of its instance when there are several.
struct Printer<'a> {
    cx: &'a Context,
    names: &'a [String],
    width: usize,
}

impl<'a> Printer<'a> {
    fn new(cx: &'a Context, names: &'a [String]) -> Self {
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        Self { cx, names, width }
    }

    fn print(&self, line: &Line) {
        let ui = &self.cx.ui;
        let Line { instance, text, at } = line;
        if ui.json {
            ui.line(json!({"instance": instance, "at": at, "line": text}).to_string());
        } else if self.names.len() == 1 {
            ui.line(text);
        } else {
            let number = self.names.iter().position(|name| name == instance).unwrap_or(0);
            let prefix = ui.paint_data(COLORS[number % COLORS.len()], &format!("{instance:<0$} |", self.width));
            ui.line(format!("{prefix} {text}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_told_the_closest() {
        let known: BTreeSet<String> = ["bus", "collector"].map(str::to_owned).into();
        assert_eq!(choose(&[], &known).expect("all"), ["bus", "collector"]);
        let failure = choose(&["colector".to_owned()], &known).expect_err("unknown");
        assert_eq!(failure.message, "no service is named `colector`");
        assert_eq!(failure.hints, ["did you mean `collector`?"]);
    }

    #[test]
    fn an_instance_stands_for_all_its_replicas() {
        let known: BTreeSet<String> = ["bus", "bus/2", "bus.2"].map(str::to_owned).into();
        let chosen = |name: &str| choose(&[name.to_owned()], &known).expect("known");
        assert_eq!(chosen("bus"), ["bus", "bus/2"]);
        assert_eq!(chosen("bus/2"), ["bus/2"]);
    }
}
