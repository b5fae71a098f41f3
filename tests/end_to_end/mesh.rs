//! A mesh brought up by the real command, in folders of its own, and taken down when dropped.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take on a loaded machine before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);

pub(crate) struct Mesh {
    home: tempfile::TempDir,
    pub(crate) project: PathBuf,
}

impl Mesh {
    /// The soapa example, with a file of this test as what `packages` reads.
    pub(crate) fn soapa() -> Self {
        let home = tempfile::Builder::new().prefix("rm-").tempdir().expect("temporary folder");
        let mesh = Self { project: home.path().join("soc"), home };
        mesh.expect_in(mesh.home.path(), &["init", "--no-key", "soc", "--from", "soapa"]);
        let include = format!("include={}", mesh.log_file().display());
        mesh.expect(&["configure", "packages", "-c", &include]);
        mesh
    }

    /// A mesh that these commands make.
    pub(crate) fn of(commands: &[&[&str]]) -> Self {
        let home = tempfile::Builder::new().prefix("rm-").tempdir().expect("temporary folder");
        let mesh = Self { project: home.path().join("soc"), home };
        mesh.expect_in(mesh.home.path(), &["init", "--no-key", "soc"]);
        for command in commands {
            mesh.expect(command);
        }
        mesh
    }

    /// The file that `packages` reads.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.home.path().join("packages.log")
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn command(&self, directory: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_resilmesh"));
        command
            .args(args)
            .current_dir(directory)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("XDG_RUNTIME_DIR", self.home.path().join("run"))
            .env("RESILMESH_NATS_SERVER", nats_server())
            .envs(cargo())
            .stdin(Stdio::null());
        std::fs::create_dir_all(self.home.path().join("run")).expect("runtime folder");
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(&self.project, args).output().expect("resilmesh runs")
    }

    /// Runs a command that must succeed; gives what it printed.
    pub(crate) fn expect(&self, args: &[&str]) -> String {
        self.expect_in(&self.project.clone(), args)
    }

    pub(crate) fn expect_in(&self, directory: &Path, args: &[&str]) -> String {
        let output = self.command(directory, args).output().expect("resilmesh runs");
        assert!(
            output.status.success(),
            "resilmesh {args:?} failed: {}\n-- stdout\n{}\n-- stderr\n{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
            self.logs(),
        );
        String::from_utf8(output.stdout).expect("UTF-8 output")
    }

    pub(crate) fn up(&self) {
        self.expect(&["up", "--wait-timeout", "120"]);
    }

    /// Every service's log, for the message of a failed test.
    pub(crate) fn logs(&self) -> String {
        let Ok(files) = std::fs::read_dir(self.project.join(".resilmesh/logs")) else { return String::new() };
        let mut text = String::new();
        for file in files.flatten() {
            let log = std::fs::read_to_string(file.path()).unwrap_or_default();
            let lines: Vec<&str> = log.lines().rev().take(15).collect();
            text.push_str(&format!("-- {}\n", file.path().display()));
            text.extend(lines.iter().rev().map(|line| format!("{line}\n")));
        }
        text
    }

    pub(crate) fn status(&self) -> Value {
        let output = self.run(&["status", "--json"]);
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// What `status` says of a service: `indexer`, `indexer/2`.
    pub(crate) fn service(&self, name: &str) -> Value {
        let status = self.status();
        let services = status["services"].as_array().expect("services").clone();
        services.into_iter().find(|service| service["service"] == name).expect("service is listed")
    }

    pub(crate) fn port(&self, instance: &str, name: &str) -> u16 {
        let port = self.service(instance)["ports"][name].as_u64().expect("port");
        u16::try_from(port).expect("port number")
    }

    /// The process that looks after this mesh's services.
    pub(crate) fn supervisor(&self) -> Option<nix::unistd::Pid> {
        let project = self.project.to_string_lossy().into_owned();
        std::fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
            let pid = entry.file_name().to_string_lossy().parse().ok()?;
            let words = std::fs::read(entry.path().join("cmdline")).ok()?;
            let words = String::from_utf8_lossy(&words).into_owned();
            (words.contains("supervise\0") && words.contains(&project)).then(|| nix::unistd::Pid::from_raw(pid))
        })
    }

    pub(crate) fn kill(&self, instance: &str) {
        let pid = self.service(instance)["pid"].as_u64().expect("pid");
        let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).expect("pid"));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("kill");
    }

    /// The answer of the store to a GET or, with a body, a POST.
    pub(crate) fn store(&self, path: &str, body: Option<&Value>) -> Value {
        let (status, answer) = http(self.port("store", "http"), path, body).expect("the store answers");
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        serde_json::from_str(&answer).expect("JSON")
    }

    /// How many documents are searchable; 0 while the store does not answer.
    pub(crate) fn count(&self, port: u16) -> u64 {
        http(port, "/resilmesh-processed-events/_count", None)
            .ok()
            .filter(|(status, _)| *status == 200)
            .and_then(|(_, body)| serde_json::from_str::<Value>(&body).ok()?["count"].as_u64())
            .unwrap_or(0)
    }

    /// Waits until so many documents are searchable.
    pub(crate) fn wait_for_count(&self, at_least: u64) {
        let port = self.port("store", "http");
        let start = Instant::now();
        while self.count(port) < at_least {
            assert!(
                start.elapsed() < PATIENCE,
                "{} of {at_least} documents after {PATIENCE:?}\n{}\n{}",
                self.count(port),
                self.expect(&["status"]),
                self.logs()
            );
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// Waits until something is so.
    pub(crate) fn wait_for(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}\n{}", self.logs());
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// The `message` of every stored document, in no order.
    pub(crate) fn messages(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut after: Option<Value> = None;
        loop {
            let mut search = serde_json::json!({
                "size": 10_000, "_source": ["message"], "sort": [{"event.id": "asc"}], "query": {"match_all": {}}
            });
            if let Some(after) = after {
                search["search_after"] = after;
            }
            let page = self.store("/resilmesh-processed-events/_search", Some(&search));
            let hits = page["hits"]["hits"].as_array().expect("hits").clone();
            let Some(last) = hits.last() else { return all };
            after = Some(last["sort"].clone());
            all.extend(hits.iter().map(|hit| hit["_source"]["message"].as_str().expect("message").to_owned()));
        }
    }

    /// Sends lines to the collector over TCP, newline-framed.
    pub(crate) fn send_syslog<'a>(&self, lines: impl Iterator<Item = &'a [u8]>) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port("collector", "syslog"))).expect("connect");
        for line in lines {
            stream.write_all(line).expect("send");
            stream.write_all(b"\n").expect("send");
        }
    }
}

impl Drop for Mesh {
    fn drop(&mut self) {
        if self.project.join(".resilmesh").exists() {
            let output = self.run(&["down"]);
            if !output.status.success() && !std::thread::panicking() {
                panic!("down failed: {}", String::from_utf8_lossy(&output.stderr));
            }
        }
    }
}

/// The real nats-server: what `make test` installed, else the one on PATH.
pub(crate) fn nats_server() -> PathBuf {
    if let Some(path) = std::env::var_os("RESILMESH_NATS_SERVER") {
        return path.into();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join("nats-server"))
        .find(|program| program.exists())
        .expect("nats-server: run the tests with `make test`, which installs it")
}

/// The Python that has the official clients.
pub(crate) fn python() -> PathBuf {
    std::env::var_os("RESILMESH_TEST_PYTHON").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-tools/python/bin/python"),
        PathBuf::from,
    )
}

/// One HTTP/1.1 exchange on loopback.
pub(crate) fn http(port: u16, path: &str, body: Option<&Value>) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let text = body.map(Value::to_string).unwrap_or_default();
    let method = if body.is_some() { "POST" } else { "GET" };
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Ok((status, if chunked { unchunk(body) } else { body.to_owned() }))
}

fn unchunk(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        if size == 0 || size > rest.len() {
            break;
        }
        text.push_str(&rest[..size]);
        body = rest[size..].trim_start_matches("\r\n");
    }
    text
}

/// What the program needs to find cargo although its home is another, and to build quickly what is in Rust: the SDK
/// once for all tests.
fn cargo() -> Vec<(&'static str, PathBuf)> {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let below_home = |name: &str, folder: &str| std::env::var_os(name).map_or_else(|| home.join(folder), PathBuf::from);
    vec![
        ("CARGO_HOME", below_home("CARGO_HOME", ".cargo")),
        ("RUSTUP_HOME", below_home("RUSTUP_HOME", ".rustup")),
        ("RESILMESH_BUILD", Path::new(env!("CARGO_TARGET_TMPDIR")).join("rust-hooks")),
        ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0".into()),
    ]
}
