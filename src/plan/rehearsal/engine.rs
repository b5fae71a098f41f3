//! A process of the engine that answers what its service would make of events.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use resilmesh_service::rehearsal::{Answer, Part, Request};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::hooks::host::PYTHON_HOST;

/// How long an answer may take: a program of a template may be slow, but must come to an end.
const PATIENCE: Duration = Duration::from_secs(60);

/// The mistakes of a configuration on one line, without the drawings of their places.
fn summary(mistakes: &[String]) -> String {
    let first_lines = mistakes.iter().filter_map(|mistake| mistake.lines().next());
    first_lines.collect::<Vec<_>>().join("; ")
}

/// The process. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Engine {
    child: Child,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
    /// The components of its service.
    pub(super) parts: Vec<Part>,
}

impl Engine {
    /// Starts `resilmesh` with these arguments. It sees nothing of this process's environment, and its
    /// clock shows UTC, so that a case has the same outcome on every machine.
    ///
    /// # Errors
    /// What is wrong with the configuration, or why it does not start.
    pub(super) async fn start(args: &[String], folder: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("the engine cannot be started: {error}");
        // Where modules in Python find what runs them, if it is not beside this program.
        let host = std::env::var_os(PYTHON_HOST).map(|host| (PYTHON_HOST, host));
        let mut child = Command::new(std::env::current_exe().map_err(failed)?)
            .args(args)
            .current_dir(folder)
            .env_clear()
            .env("TZ", "UTC")
            .envs(host)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the engine has no standard input and output".to_owned());
        };
        let mut engine = Self { child, to, from: BufReader::new(from).lines(), parts: Vec::new() };
        match engine.read().await? {
            Answer::Parts(parts) => engine.parts = parts,
            Answer::Wrong(mistakes) => return Err(summary(&mistakes)),
            other => return Err(format!("the engine began with {other:?}")),
        }
        Ok(engine)
    }

    /// Asks something.
    ///
    /// # Errors
    /// When there is no answer.
    pub(super) async fn ask(&mut self, request: &Request) -> Result<Answer, String> {
        let mut line = serde_json::to_vec(request).map_err(|error| error.to_string())?;
        line.push(b'\n');
        // What is wrong is told by the end of its output.
        let _ = self.to.write_all(&line).await;
        match self.read().await? {
            Answer::Refused(why) => Err(why),
            answer => Ok(answer),
        }
    }

    async fn read(&mut self) -> Result<Answer, String> {
        let line = tokio::time::timeout(PATIENCE, self.from.next_line()).await;
        match line {
            Err(_) => Err(format!("no answer came within {} s", PATIENCE.as_secs())),
            Ok(Ok(Some(line))) => serde_json::from_str(&line).map_err(|error| format!("an answer is none: {error}")),
            Ok(_) => Err(self.last_words().await),
        }
    }

    async fn last_words(&mut self) -> String {
        let mut said = String::new();
        if let Some(errors) = &mut self.child.stderr {
            // Less may have been said than was meant to.
            let _ = errors.read_to_string(&mut said).await;
        }
        match said.lines().last() {
            Some(last) => format!("the engine has ended: {last}"),
            None => "the engine has ended".to_owned(),
        }
    }
}
