//! Whether a product's own host keeps the protocol, whatever its hooks do.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use resilmesh_hook_api::{Call, FromHost, HookKind, HookRef, ToHost, VERSION};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::{Case, Verdict};

/// How long a host may take for its first line.
const START: Duration = Duration::from_secs(30);
/// How long it may take for anything else.
const WITHIN: Duration = Duration::from_secs(5);
/// A line that no version of the protocol has.
const UNKNOWN: &str = "{\"type\":\"dance\",\"with\":[1,2]}\nno JSON at all\n";

/// A host with its ends.
struct Tried {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

/// Tries the host `file` of the product in `folder`; tells each case as it ends.
pub(super) async fn run(product: &str, folder: &Path, file: &str, project: &Path, tell: &mut dyn FnMut(Case, Verdict)) {
    let (mut host, hello) = match start(&folder.join(file)).await {
        Ok(started) => started,
        Err(verdict) => return tell(Case::Hello, verdict),
    };
    tell(Case::Hello, hello);
    let welcome = ToHost::Welcome { project: project.to_string_lossy().into_owned(), packages: Vec::new() };
    host.say(&welcome).await;
    host.write(UNKNOWN).await;
    tell(Case::UnknownHook, unknown_hook(&mut host, product, folder, file).await);
    tell(Case::EndOfInput, end_of_input(host).await);
}

async fn start(program: &Path) -> Result<(Tried, Verdict), Verdict> {
    let mut command = Command::new(program);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| {
        Verdict::broken(
            format!("it cannot be started: {error}"),
            format!("`chmod +x` makes it a program; is its first line `#!...` right? ({})", program.display()),
        )
    })?;
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Verdict::broken("it has no pipes", "it must leave its standard input and output open"));
    };
    let mut host = Tried { child, stdin: Some(stdin), lines: BufReader::new(stdout).lines() };
    let hint = "its first line must be `{\"type\": \"hello\", \"version\": 1, \"language\": ..., \"runtime\": ...}`";
    match timeout(START, host.lines.next_line()).await {
        Ok(Ok(Some(line))) => match serde_json::from_str(&line) {
            Ok(FromHost::Hello { version: VERSION, .. }) => Ok((host, Verdict::Kept)),
            Ok(FromHost::Hello { version, .. }) => Err(Verdict::broken(format!("it speaks version {version}"), hint)),
            _ => Err(Verdict::broken(format!("its first line is `{}`", super::short(&line)), hint)),
        },
        _ => Err(Verdict::broken("it says no hello", hint)),
    }
}

/// After lines that it does not understand it goes on, and a call of a hook that it does not have fails, once.
async fn unknown_hook(host: &mut Tried, product: &str, folder: &Path, file: &str) -> Verdict {
    let hook = HookRef {
        product: product.to_owned(),
        folder: folder.to_string_lossy().into_owned(),
        file: file.to_owned(),
        function: "no_such_hook".to_owned(),
        line: 1,
    };
    host.say(&ToHost::Cancel { id: 4_711 }).await;
    host.say(&ToHost::Call { id: 1, call: Box::new(Call::of(hook, HookKind::Execute)) }).await;
    let ends = timeout(WITHIN, async {
        while let Ok(Some(line)) = host.lines.next_line().await {
            match serde_json::from_str(&line) {
                Ok(FromHost::Failed { call: 1, .. }) => return Some(true),
                Ok(FromHost::Done { call: 1, .. }) => return Some(false),
                _ => {}
            }
        }
        None
    });
    let hint = "a call must end with one `done` or `failed`, whatever was said before it";
    match ends.await {
        Ok(Some(true)) => Verdict::Kept,
        Ok(Some(false)) => Verdict::broken("it calls a hook that it does not have done", hint),
        Ok(None) => Verdict::broken(
            "it ends upon lines that it does not understand, or upon a call of a hook that it does not have",
            hint,
        ),
        Err(_) => Verdict::broken("it says nothing of a call of a hook that it does not have", hint),
    }
}

async fn end_of_input(mut host: Tried) -> Verdict {
    host.stdin = None;
    // What it still says may fill the pipe.
    let ended = async {
        while let Ok(Some(_)) = host.lines.next_line().await {}
        host.child.wait().await
    };
    match timeout(WITHIN, ended).await {
        Ok(_) => Verdict::Kept,
        Err(_) => Verdict::broken(
            format!("it does not end within {} s after the end of its input", WITHIN.as_secs()),
            "nobody else ends it when resilmesh itself was killed",
        ),
    }
}

impl Tried {
    /// A host that has ended hears nothing; what it does not say then tells.
    async fn write(&mut self, text: &str) {
        if let Some(stdin) = &mut self.stdin {
            let _ = stdin.write_all(text.as_bytes()).await;
        }
    }

    async fn say(&mut self, message: &ToHost) {
        if let Ok(line) = serde_json::to_string(message) {
            self.write(&format!("{line}\n")).await;
        }
    }
}
