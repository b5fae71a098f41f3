//! Services to try a runtime with, and conditions to wait for.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use resilmesh::runtime::{Ready, Runtime, ServiceSpec, ServiceStatus};

/// How long anything may take on a loaded machine.
pub(crate) const WITHIN: Duration = Duration::from_secs(30);

/// A project folder with the things its services need. Removes what a failed test leaves running.
pub(crate) struct Workshop {
    folder: tempfile::TempDir,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        std::fs::write(folder.path().join("resilmesh.yaml"), "version: 1\nname: workshop\n").expect("write");
        Self { folder }
    }

    pub(crate) fn project(&self) -> &Path {
        self.folder.path()
    }

    fn directory(&self, instance: &str) -> PathBuf {
        let directory = self.project().join("work").join(instance);
        std::fs::create_dir_all(&directory).expect("folder");
        directory
    }

    /// A service that answers GET with `content` on a free port.
    pub(crate) fn web(&self, instance: &str, content: &str) -> ServiceSpec {
        self.web_on(instance, content, free_port())
    }

    pub(crate) fn web_on(&self, instance: &str, content: &str, port: u16) -> ServiceSpec {
        let directory = self.directory(instance);
        std::fs::write(directory.join("content"), content).expect("write");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/runtime_embedded/service.py");
        let mut spec = self.command(instance, "python3", &[]);
        spec.args = vec![script.display().to_string(), port.to_string(), "content".to_owned()];
        spec.ports = BTreeMap::from([("http".to_owned(), port)]);
        spec.ready = Ready::Http(format!("http://127.0.0.1:{port}/"));
        spec.reload = Some("HUP".to_owned());
        spec
    }

    /// Any program; it counts as ready when a port answers that nobody listens on.
    pub(crate) fn command(&self, instance: &str, program: &str, args: &[&str]) -> ServiceSpec {
        ServiceSpec {
            instance: instance.to_owned(),
            product: "test".to_owned(),
            label: program.to_owned(),
            program: on_path(program),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            directory: self.directory(instance),
            ports: BTreeMap::new(),
            ready: Ready::Tcp(format!("127.0.0.1:{}", free_port())),
            control: None,
            reload: None,
            stop_within: Duration::from_secs(10),
            files_digest: "first".to_owned(),
        }
    }

    pub(crate) fn change(&self, spec: &ServiceSpec, content: &str) {
        std::fs::write(spec.directory.join("content"), content).expect("write");
    }

    /// The process that the service has started beside itself.
    pub(crate) fn helper(&self, spec: &ServiceSpec) -> u32 {
        let text = std::fs::read_to_string(spec.directory.join("helper.pid")).expect("helper.pid");
        text.parse().expect("a number")
    }

    pub(crate) fn log(&self, instance: &str) -> String {
        let path = self.project().join(".resilmesh/logs").join(format!("{instance}.log"));
        std::fs::read_to_string(path).unwrap_or_default()
    }

    /// The process of the supervisor, from its note.
    pub(crate) fn supervisor(&self) -> Option<u32> {
        let text = std::fs::read(self.project().join(".resilmesh/supervisor.json")).ok()?;
        let seat: serde_json::Value = serde_json::from_slice(&text).ok()?;
        seat["process"]["pid"].as_u64()?.try_into().ok()
    }

    /// The folder of all sockets, from the same note.
    pub(crate) fn sockets(&self) -> PathBuf {
        let text = std::fs::read(self.project().join(".resilmesh/supervisor.json")).expect("supervisor.json");
        let seat: serde_json::Value = serde_json::from_slice(&text).expect("json");
        PathBuf::from(seat["sockets"].as_str().expect("a path"))
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        // What has ended meanwhile is as good.
        let end = |pid: u32| {
            let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
        };
        self.supervisor().into_iter().for_each(end);
        let records = std::fs::read_dir(self.project().join(".resilmesh/run")).into_iter().flatten().flatten();
        for record in records.filter_map(|entry| std::fs::read(entry.path()).ok()) {
            let record: serde_json::Value = serde_json::from_slice(&record).unwrap_or_default();
            if let Some(pid) = record["record"]["process"]["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()) {
                end(pid);
            }
        }
        for entry in std::fs::read_dir(self.project().join("work")).into_iter().flatten().flatten() {
            let pid = std::fs::read_to_string(entry.path().join("helper.pid")).ok().and_then(|text| text.parse().ok());
            pid.into_iter().for_each(|pid| signal(pid, Signal::SIGKILL));
        }
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

fn on_path(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").expect("PATH");
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file()).expect(program)
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.cast_signed()), signal).expect("the process is there");
}

/// Whether a process runs; a zombie does not.
pub(crate) fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X'])))
}

/// What a service answers on its port.
pub(crate) fn get(spec: &ServiceSpec) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", spec.ports["http"])).ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer.split_once("\r\n\r\n")?.1.to_owned())
}

/// Waits for a condition.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut condition: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + WITHIN;
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < deadline, "waited too long until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// One service as the runtime sees it.
pub(crate) async fn seen(runtime: &dyn Runtime, instance: &str) -> Option<ServiceStatus> {
    runtime.observe().await.expect("observe").into_iter().find(|service| service.spec.instance == instance)
}

/// The process of a service.
pub(crate) async fn pid(runtime: &dyn Runtime, instance: &str) -> u32 {
    seen(runtime, instance).await.and_then(|service| service.pid).expect("it runs")
}

/// Starts a service and waits until it is ready.
pub(crate) async fn start_ready(runtime: &dyn Runtime, spec: &ServiceSpec) -> u32 {
    runtime.start(spec).await.expect("start");
    runtime.wait_ready(&spec.instance, WITHIN).await.expect("ready");
    pid(runtime, &spec.instance).await
}
