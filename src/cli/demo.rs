//! `resilmesh demo`: the example mesh from nothing to searchable events and away again.
//!
//! Every step is the command a user would type, run as such and shown.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::Value;

use super::failure::{Failure, Kind};
use super::{Context, ui::Ui};

/// How long any one step may take, apart from `up`, which has its own limit.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is sent over syslog. The first lines are those of the ResilMesh platform's demo (D3.1), the
/// others a firewall's and sshd's, with addresses and names that belong to nobody or to everybody.
const LINES: [&str; 9] = [
    "<85>Jan  5 16:27:46 login[821]: pam_unix(login:auth): check pass; user unknown",
    "<85>Jan  5 16:27:49 login[821]: FAILED LOGIN (1) on '/dev/pts/1' FOR 'UNKNOWN', Authentication failure",
    "<85>Jan  5 16:27:54 login[821]: pam_unix(login:auth): check pass; user unknown",
    "<85>Jan  5 16:28:05 login[821]: PAM service(login) ignoring max retries; 5 > 3",
    "<86>Jan  5 16:28:11 gw01 sshd[4242]: Failed password for invalid user admin from 203.0.113.9 port 4711 ssh2",
    "<4>Jan  5 16:28:12 fw01 kernel: [UFW BLOCK] IN=eth0 OUT= SRC=203.0.113.9 DST=198.51.100.7 LEN=60 TTL=52 PROTO=TCP SPT=4711 DPT=22 SYN",
    "<4>Jan  5 16:28:13 fw01 kernel: [UFW BLOCK] IN=eth0 OUT= SRC=9.9.9.9 DST=198.51.100.7 LEN=60 TTL=57 PROTO=UDP SPT=53 DPT=40001",
    "<134>Jan  5 16:28:14 gw01 app[7]: a line that says nothing of security",
    MARKED,
];

/// The line whose event is shown at every hop.
const MARKED: &str = "<85>Jan  5 16:28:15 gw01 sshd[4243]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=xk7f2qz9vbn3.duckdns.org  user=root";

/// Bring the example mesh up in a temporary folder, send it logs, show an event at every hop, take it down
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Leave the mesh up at the end
    #[arg(long)]
    keep: bool,
}

/// Runs the demo.
///
/// # Errors
/// When a step fails; the mesh is taken down all the same.
pub fn run(cx: &Context, args: &DemoArgs) -> Result<(), Failure> {
    let start = Instant::now();
    let folder = tempfile::Builder::new()
        .prefix("resilmesh-demo-")
        .tempdir()
        .map_err(|error| Failure::new(format!("cannot make a temporary folder: {error}")))?;
    let interrupted = Arc::new(AtomicBool::new(false));
    watch_for_interrupt(&interrupted)?;
    let demo = Demo { project: folder.path().join("soc"), ui: cx.ui.clone(), interrupted };
    let outcome = demo.show();
    if args.keep && outcome.is_ok() {
        let project = folder.keep().join("soc");
        cx.ui.line(format!("\nThe mesh is up. Go on in {}, and end with `resilmesh down` there.", project.display()));
        return Ok(());
    }
    let down = if demo.project.join(".resilmesh").exists() { demo.down() } else { Ok(()) };
    outcome.and(down)?;
    cx.ui.line(format!(
        "\nDone in {:.1} s. The same by hand: see README.md, or run `resilmesh demo --keep` and look around.",
        start.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// Ctrl-C goes to the whole foreground group; the demo itself goes on to `down`.
fn watch_for_interrupt(flag: &Arc<AtomicBool>) -> Result<(), Failure> {
    let flag = flag.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot watch for Ctrl-C: {error}")))?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            while tokio::signal::ctrl_c().await.is_ok() {
                flag.store(true, Ordering::Relaxed);
            }
        });
    });
    Ok(())
}

struct Demo {
    project: PathBuf,
    ui: Ui,
    interrupted: Arc<AtomicBool>,
}

impl Demo {
    fn show(&self) -> Result<(), Failure> {
        self.title("A mesh from the example");
        let project = self.project.display().to_string();
        self.step(None, &["init", &project, "--from", "soapa", "--no-key"])?;
        self.step(Some(&self.project), &["list", "plugs"])?;

        self.title("Up");
        self.step(Some(&self.project), &["up"])?;

        self.title("Logs");
        let mut normalised = self.watching("ecs_events")?;
        let mut enriched = self.watching("enriched_events")?;
        let port = self.port("collector", "syslog")?;
        send(port)?;
        self.ui.line(format!("sent {} lines over syslog to 127.0.0.1:{port}", LINES.len()));
        let log = Path::new("/var/log/dpkg.log");
        if log.exists() {
            self.ui.line(format!("{} is read by `packages`", log.display()));
        }

        self.title("One event at every hop");
        self.hop("raw line, as it came in", MARKED);
        let event = normalised.find_marked()?;
        self.event("normalised to ECS, on the bus as `ecs_events`", &event);
        self.event("enriched, on the bus as `enriched_events`", &enriched.find_marked()?);
        let id = event["event"]["id"].as_str().unwrap_or_default();
        let document = self.stored(id)?;
        self.event("stored document", &document);
        self.wait_until_all_are_stored()?;

        self.title("Status");
        self.step(Some(&self.project), &["status"])?;

        self.title("Look further");
        let store = self.port("store", "http")?;
        self.ui.line(format!(
            "search      http://127.0.0.1:{store}/resilmesh-processed-events/_search?q=event.outcome:failure"
        ));
        self.ui.line(format!("one event   http://127.0.0.1:{store}/resilmesh-processed-events/_doc/{id}"));
        self.ui
            .line(format!("broker      http://127.0.0.1:{}/jsz?streams=1&consumers=1", self.port("bus", "monitor")?));
        self.ui.line(format!("send        logger -n 127.0.0.1 -P {port} -T \"...\""));
        self.step(Some(&self.project), &["search", "event.outcome:failure", "--size", "3"])
    }

    fn down(&self) -> Result<(), Failure> {
        self.title("Down");
        self.run(Some(&self.project), &["down"])
    }

    fn title(&self, text: &str) {
        self.ui.line(format!("\n== {text}"));
    }

    fn hop(&self, what: &str, text: &str) {
        self.ui.line(format!("\n-- {what}"));
        self.ui.line(text);
    }

    fn event(&self, what: &str, event: &Value) {
        self.hop(what, &serde_json::to_string_pretty(event).unwrap_or_default());
    }

    fn command(&self, project: Option<&Path>, words: &[&str]) -> Result<Command, Failure> {
        let program =
            std::env::current_exe().map_err(|error| Failure::new(format!("cannot find this program: {error}")))?;
        let mut command = Command::new(program);
        if let Some(project) = project {
            command.arg("-C").arg(project);
        }
        command.args(words);
        Ok(command)
    }

    /// Runs a command unless Ctrl-C was pressed.
    fn step(&self, project: Option<&Path>, words: &[&str]) -> Result<(), Failure> {
        self.go_on()?;
        self.run(project, words)
    }

    fn go_on(&self) -> Result<(), Failure> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(Failure { kind: Kind::Interrupted, ..Failure::new("interrupted") });
        }
        Ok(())
    }

    fn run(&self, project: Option<&Path>, words: &[&str]) -> Result<(), Failure> {
        self.ui.line(format!("$ resilmesh {}", words.join(" ")));
        let status =
            self.command(project, words)?.status().map_err(|error| Failure::new(format!("cannot run: {error}")))?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::new(format!("`resilmesh {}` failed, see above", words.join(" "))))
        }
    }

    fn read(&self, words: &[&str]) -> Result<Value, Failure> {
        self.go_on()?;
        let output = self
            .command(Some(&self.project), words)?
            .arg("--json")
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| Failure::new(format!("cannot run: {error}")))?;
        serde_json::from_slice(&output.stdout)
            .map_err(|error| Failure::new(format!("`resilmesh {}` gave no JSON: {error}", words.join(" "))))
    }

    fn port(&self, instance: &str, name: &str) -> Result<u16, Failure> {
        let status = self.read(&["status"])?;
        let services = status["services"].as_array().map(Vec::as_slice).unwrap_or_default();
        services
            .iter()
            .find(|service| service["instance"] == instance)
            .and_then(|service| u16::try_from(service["ports"][name].as_u64()?).ok())
            .ok_or_else(|| Failure::new(format!("`{instance}` has no port `{name}`")))
    }

    /// A `watch` on the bus that already sees what comes.
    fn watching(&self, topic: &str) -> Result<Watching, Failure> {
        let mut child = self
            .command(Some(&self.project), &["watch", topic, "bus"])?
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::new(format!("cannot run: {error}")))?;
        let said = child.stderr.take().map(BufReader::new);
        // Its first line says that it is subscribed.
        let first = said.and_then(|said| said.lines().next()).and_then(Result::ok).unwrap_or_default();
        let Some(lines) = child.stdout.take().map(|out| BufReader::new(out).lines()) else {
            return Err(Failure::new("`resilmesh watch` has no output"));
        };
        if !first.starts_with("watching") {
            return Err(Failure::new(format!("`resilmesh watch {topic} bus` failed: {first}")));
        }
        Ok(Watching { child, lines })
    }

    /// The stored document of an event.
    fn stored(&self, id: &str) -> Result<Value, Failure> {
        let query = format!("event.id:\"{id}\"");
        let found = self.read(&["search", &query, "--wait", "1"])?;
        Ok(found["events"][0].clone())
    }

    fn wait_until_all_are_stored(&self) -> Result<(), Failure> {
        let start = Instant::now();
        let found = self.read(&["search", "event.module:syslog", "--wait", &LINES.len().to_string(), "--size", "0"])?;
        let seconds = start.elapsed().as_secs_f64();
        self.ui.line(format!("\nall {} lines are searchable (waited {seconds:.1} s more)", found["total"]));
        Ok(())
    }
}

/// A running `watch`, ended when dropped.
struct Watching {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Watching {
    fn find_marked(&mut self) -> Result<Value, Failure> {
        let start = Instant::now();
        for line in self.lines.by_ref() {
            let event: Value = line.ok().and_then(|line| serde_json::from_str(&line).ok()).unwrap_or_default();
            if event["event"]["original"] == MARKED {
                return Ok(event);
            }
            if start.elapsed() > PATIENCE {
                break;
            }
        }
        Err(Failure::new("the event did not come by").hint("run `resilmesh demo --keep` and look at `resilmesh logs`"))
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn send(port: u16) -> Result<(), Failure> {
    let sending = || {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        LINES.iter().try_for_each(|line| writeln!(stream, "{line}"))
    };
    sending().map_err(|error| Failure::new(format!("cannot send to 127.0.0.1:{port}: {error}")))
}
