//! Commands that hooks run.

use std::path::PathBuf;
use std::process::Stdio;

use resilmesh_hook_api::{Failure as ApiFailure, HookKind, PlugFilter, Request};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Child;

use crate::hooks::desk::{Commands, Scope};
use crate::hooks::host::Items;
use crate::project::profile_file::NONE;

/// Commands that a hook runs: each is a command of its own, so that what is wrong with it ends neither
/// the hook nor the command that called that.
pub(super) struct OwnCommands {
    /// The project's folder, absolute.
    pub(super) project: PathBuf,
    /// The profile of the command that runs the hook.
    pub(super) profile: Option<String>,
}

#[async_trait::async_trait]
impl Commands for OwnCommands {
    async fn run(&self, scope: &Scope, request: Request, item: &Items) -> Result<Value, ApiFailure> {
        let failed = |message: String| ApiFailure { message, ..ApiFailure::default() };
        let watches = matches!(request, Request::CallHook { kind: HookKind::Watch, .. });
        let Some((words, input)) = words(scope, request) else {
            return Err(failed("plugs are not brought up or taken down from within a hook".to_owned()));
        };
        let depth = depth();
        if depth >= DEEPEST {
            return Err(failed(format!(
                "a hook runs a command whose hooks run commands, {DEEPEST} deep: `resilmesh {}` is not run",
                words.join(" ")
            )));
        }
        let own = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
        let mut child = tokio::process::Command::new(&own)
            .arg("-C")
            .arg(&self.project)
            .args(["--profile", self.profile.as_deref().unwrap_or(NONE)])
            .args(&words)
            .env(DEPTH, (depth + 1).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(format!("`resilmesh {}` cannot be started: {error}", words.join(" "))))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that does not read it is none the worse.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        if watches {
            return watch(child, item).await.map_err(failed);
        }
        let output = child.wait_with_output().await.map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            return Err(failed(reason(&String::from_utf8_lossy(&output.stderr))));
        }
        let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        Ok(if text.is_empty() { Value::Null } else { Value::String(text) })
    }
}

/// Hands over each line of a command that may have no end, as it comes.
async fn watch(mut child: Child, item: &Items) -> Result<Value, String> {
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err("the command has no output".to_owned());
    };
    let records = async {
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await? {
            item(serde_json::from_str(&line).unwrap_or(Value::String(line)));
        }
        Ok::<_, std::io::Error>(())
    };
    let complaints = async {
        let mut lines = BufReader::new(stderr).lines();
        let mut last = String::new();
        while let Some(line) = lines.next_line().await? {
            last = line;
        }
        Ok(last)
    };
    let ended = async {
        let ((), last) = tokio::try_join!(records, complaints)?;
        Ok::<_, std::io::Error>((child.wait().await?, last))
    };
    match ended.await {
        Ok((status, _)) if status.success() => Ok(Value::Null),
        Ok((_, last)) => Err(reason(&last)),
        Err(error) => Err(error.to_string()),
    }
}

/// Why a command has failed, by what it said.
fn reason(said: &str) -> String {
    let as_json = said.lines().rev().find_map(|line| {
        let document: Value = serde_json::from_str(line).ok()?;
        document["error"]["what"].as_str().map(str::to_owned)
    });
    as_json
        .unwrap_or_else(|| said.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or(said.trim()).to_owned())
}

/// Tells a command how many commands it is within that hooks run: a hook that runs the command that calls
/// it must come to an end.
const DEPTH: &str = "RESILMESH_DEPTH";

/// How deep commands may be within each other.
const DEEPEST: u32 = 4;

fn depth() -> u32 {
    std::env::var(DEPTH).ok().and_then(|depth| depth.parse().ok()).unwrap_or(0)
}

/// The command line for a request, and its standard input; none for what a hook may not do.
fn words(scope: &Scope, request: Request) -> Option<(Vec<String>, String)> {
    let flag = |flag: &str, value: Option<String>| value.map(|value| [flag.to_owned(), value]).into_iter().flatten();
    let some = |values: [Option<String>; 4]| values.into_iter().map_while(|value| value);
    let strings = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    let mut input = String::new();
    let words = match request {
        Request::PullProduct { name } => strings(&["pull", &name]),
        Request::Publish { product, target_product, topic, role, mode } => {
            let mut words = strings(&["publish"]);
            words.extend(some([product, target_product, topic, role]));
            words.extend(flag("--mode", mode));
            words
        }
        Request::ScaffoldProduct { name, template } => {
            let mut words = strings(&["create", "product", &name]);
            words.extend(flag("--from", template));
            words
        }
        Request::ScaffoldIntegration { integration: own, format } => {
            let mut words =
                strings(&["create", "integration", &own.product, &own.target_product, &own.topic, &own.role]);
            words.extend(flag("--mode", own.mode));
            words.extend(flag("--format", format));
            words
        }
        Request::CallHook { kind, topic, instance, dst_instance, mode, data } => {
            let command = match kind {
                HookKind::Produce => "produce",
                HookKind::Watch => "watch",
                HookKind::Trigger => "trigger",
                HookKind::Execute => "execute",
                _ => return None,
            };
            let mut words = strings(&[command, &topic, &instance.name]);
            words.extend(dst_instance);
            words.extend(flag("--mode", mode));
            if kind == HookKind::Watch {
                // Texts too come as JSON then: a record a line.
                words.extend(strings(&["--json", "--quiet"]));
            } else if matches!(kind, HookKind::Trigger | HookKind::Execute) {
                words.extend(strings(&["--data", "-"]));
                input = if data.is_null() { "{}".to_owned() } else { data.to_string() };
            } else if let Value::String(text) = data {
                input = text;
            } else if !data.is_null() {
                input = data.to_string();
            }
            words
        }
        Request::BringUp(part) if *scope == Scope::Anything => {
            strings(&["up"]).into_iter().chain(filter(part)).collect()
        }
        Request::TakeDown(part) if *scope == Scope::Anything => {
            strings(&["down"]).into_iter().chain(filter(part)).collect()
        }
        Request::InitProject { path } => strings(&["init", &path]),
        _ => return None,
    };
    Some((words, input))
}

fn filter(part: PlugFilter) -> impl Iterator<Item = String> {
    [part.src_instance, part.dst_instance, part.topic, part.mode].into_iter().map_while(|word| word)
}
