//! Where programs come from, with a real nats-server and a pip that is told what to do.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::support::{WITHIN, Workshop, free_port, pid, start_ready};
use resilmesh::mesh::model::{Fetch, Program};
use resilmesh::project::position::{Mark, Position};
use resilmesh::runtime::embedded::program::{Finder, Resolved};
use resilmesh::runtime::embedded::{Embedded, resolve_program};
use resilmesh::runtime::{Ready, Runtime, RuntimeError};
use sha2::{Digest, Sha256};

const TOOL: &str = "#!/bin/sh\necho \"tool: v1.2.3\"\n";

/// A machine with nothing on it but what a test puts there.
struct Machine {
    folder: tempfile::TempDir,
    finder: Finder,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("bin")).expect("folder");
        let finder = Finder {
            path: at("bin").into(),
            cache: at("cache"),
            overrides: BTreeMap::new(),
            python: at("python"),
            may_run: true,
        };
        Self { folder, finder }
    }

    fn put(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
        std::fs::write(&path, content).expect("write");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("chmod");
        path
    }

    /// A Python whose pip downloads a wheel that holds the tool, and notes that it was asked.
    fn with_pip(self) -> Self {
        let wheel = self.folder.path().join("tool_bin-1.2.3-py3-none-any.whl");
        let script = "import sys, zipfile\n\
                      zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED).writestr(\n\
                      'tool_bin-1.2.3.data/scripts/tool', sys.argv[2])";
        let made = Command::new("python3").args(["-c", script]).arg(&wheel).arg(TOOL).status().expect("python3");
        assert!(made.success());
        let pip = format!(
            "#!/bin/sh\n\
             if [ \"$2\" != pip ]; then exec python3 \"$@\"; fi\n\
             echo \"$@\" >> {folder}/asked\n\
             while [ \"$1\" != --dest ]; do shift; done\n\
             cp {wheel} \"$2/\"\n",
            folder = self.folder.path().display(),
            wheel = wheel.display()
        );
        self.put("python", &pip);
        self
    }

    async fn resolve(&self, program: &Program, setting: Option<&str>) -> Result<Resolved, RuntimeError> {
        self.finder.resolve(program, setting, &|_| {}).await
    }
}

fn nowhere() -> Position {
    Position::new("definition.yaml", Mark::START)
}

fn tool(sha256: &str) -> Program {
    let pinned = BTreeMap::from([(std::env::consts::ARCH.to_owned(), sha256.to_owned())]);
    let fetch = Fetch {
        pypi: "tool-bin".to_owned(),
        version: "1.2.3".to_owned(),
        member: "bin/tool".to_owned(),
        sha256: pinned,
    };
    Program { program: "tool".to_owned(), args: Vec::new(), fetch: Some(fetch), at: nowhere() }
}

fn right_hash() -> String {
    Sha256::digest(TOOL).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn the_nearest_wish_wins() {
    let mut machine = Machine::new();
    let program = tool(&right_hash());
    let cached = machine.put("cache/bin/tool-1.2.3", TOOL);
    assert_eq!(machine.resolve(&program, None).await.expect("cached").path, cached);
    let on_path = machine.put("bin/tool", "#!/bin/sh\necho tool 1.2.4\n");
    let found = machine.resolve(&program, None).await.expect("on PATH");
    assert_eq!((found.path, found.label.as_str()), (on_path.clone(), "tool 1.2.4"));
    let named = machine.put("else/where", "#!/bin/sh\nexit 1\n");
    machine.finder.overrides.insert("RESILMESH_TOOL".to_owned(), named.clone());
    let found = machine.resolve(&program, None).await.expect("by variable");
    assert_eq!((found.path, found.label.as_str()), (named, "tool"), "it does not say its version");
    assert_eq!(machine.resolve(&program, Some("tool")).await.expect("by setting").path, on_path);
}

#[tokio::test]
async fn a_wish_that_cannot_be_met_is_an_error() {
    let machine = Machine::new();
    machine.put("bin/tool", TOOL);
    let error = machine.resolve(&tool(""), Some("/nowhere/tool")).await.expect_err("not there");
    assert!(error.to_string().contains("`/nowhere/tool` (named by setting `program`)"), "{error}");
}

#[tokio::test]
async fn another_build_is_another_identity() {
    let machine = Machine::new();
    let program = tool("");
    machine.put("bin/tool", TOOL);
    let first = machine.resolve(&program, None).await.expect("found");
    assert_eq!(machine.resolve(&program, None).await.expect("found"), first);
    machine.put("bin/tool", "#!/bin/sh\necho tool 2.0.0\n");
    let second = machine.resolve(&program, None).await.expect("found");
    assert_ne!(second.identity, first.identity);
    assert_eq!(second.label, "tool 2.0.0");
}

#[tokio::test]
async fn what_is_missing_is_fetched_once_also_by_several_at_once() {
    let machine = Machine::new().with_pip();
    let program = tool(&right_hash());
    let (one, other) = tokio::join!(machine.resolve(&program, None), machine.resolve(&program, None));
    let (one, other) = (one.expect("fetched"), other.expect("fetched"));
    assert_eq!((&one.path, one.label.as_str()), (&other.path, "tool 1.2.3"));
    assert_eq!(one.path.metadata().expect("program").permissions().mode() & 0o777, 0o755);
    let asked = || std::fs::read_to_string(machine.folder.path().join("asked")).expect("asked");
    assert!(asked().contains("download --no-deps --only-binary :all:") && asked().contains("tool-bin==1.2.3"));
    let before = asked();
    machine.resolve(&program, None).await.expect("cached");
    assert_eq!(asked(), before, "what is in the cache is not fetched again");
    let left = std::fs::read_dir(machine.finder.cache.join("bin")).expect("cache").count();
    assert_eq!(left, 1, "only the program is left in the cache");
}

#[tokio::test]
async fn what_is_not_pinned_is_refused() {
    let machine = Machine::new().with_pip();
    let wrong = "0".repeat(64);
    let error = machine.resolve(&tool(&wrong), None).await.expect_err("refused");
    assert!(error.to_string().contains(&format!("its SHA-256 is {}, expected {wrong}", right_hash())), "{error}");
    assert!(!machine.finder.cache.join("bin/tool-1.2.3").exists());
    let mut elsewhere = tool(&right_hash());
    elsewhere.fetch.as_mut().expect("fetch").sha256 = BTreeMap::from([("sparc".to_owned(), right_hash())]);
    let error = machine.resolve(&elsewhere, None).await.expect_err("not pinned");
    assert!(error.to_string().contains(&format!("for {} is pinned", std::env::consts::ARCH)), "{error}");
}

#[tokio::test]
async fn without_network_it_says_what_was_tried_and_what_to_do() {
    let machine = Machine::new();
    machine.put("python", "#!/bin/sh\necho 'noise' >&2\necho 'ERROR: no route to the index' >&2\nexit 1\n");
    let RuntimeError::Failed { what, hint } =
        machine.resolve(&tool(&right_hash()), None).await.expect_err("no network");
    for part in ["`tool` is not to be had", "no route to the index", "PATH", "RESILMESH_TOOL", "tool-bin 1.2.3"] {
        assert!(what.contains(part), "{part} is missing: {what}");
    }
    let hint = hint.expect("a hint");
    for part in ["install tool", "`program` setting", "RESILMESH_TOOL", "cache/bin/tool-1.2.3"] {
        assert!(hint.contains(part), "{part} is missing: {hint}");
    }
    let nobody = Machine::new();
    let error = nobody.resolve(&tool(&right_hash()), None).await.expect_err("no Python");
    assert!(error.to_string().contains("cannot be started"), "{error}");
}

#[tokio::test]
async fn our_own_services_are_this_program() {
    let args = ["engine", "pipeline", "--config", "x"].map(str::to_owned).to_vec();
    let program = Program { program: "resilmesh".to_owned(), args, fetch: None, at: nowhere() };
    let found = resolve_program(&program, None, &|_| {}).await.expect("ourselves");
    assert_eq!(found.path, std::env::current_exe().expect("path"));
    assert_eq!(found.label, "resilmesh engine pipeline");
}

/// The real server: what the environment names, else what is on PATH.
fn nats_server() -> String {
    std::env::var("NATS_SERVER").unwrap_or_else(|_| "nats-server".to_owned())
}

#[tokio::test]
async fn a_real_nats_server_starts_reloads_and_stops() {
    let workshop = Workshop::new();
    let runtime =
        Embedded::with_executable(workshop.project(), Path::new(env!("CARGO_BIN_EXE_resilmesh"))).expect("runtime");
    let program = Program { program: "nats-server".to_owned(), args: Vec::new(), fetch: None, at: nowhere() };
    let found = resolve_program(&program, Some(&nats_server()), &|_| {})
        .await
        .expect("these tests need nats-server on PATH, or its path in NATS_SERVER");
    assert!(found.label.starts_with("nats-server 2."), "{}", found.label);

    let (client, monitor) = (free_port(), free_port());
    let mut spec = workshop.command("bus", "true", &["-c", "nats.conf"]);
    let file = spec.directory.join("nats.conf");
    let configure = |payload: u32| {
        let text = format!("listen: 127.0.0.1:{client}\nhttp: 127.0.0.1:{monitor}\nmax_payload: {payload}\n");
        std::fs::write(&file, text).expect("write");
    };
    configure(100_000);
    spec.program = found.path;
    spec.ports = BTreeMap::from([("client".to_owned(), client), ("monitor".to_owned(), monitor)]);
    spec.ready = Ready::Http(format!("http://127.0.0.1:{monitor}/healthz"));
    spec.reload = Some("HUP".to_owned());
    let main = start_ready(&runtime, &spec).await;

    configure(200_000);
    let reloaded = resilmesh::runtime::ServiceSpec { files_digest: "second".to_owned(), ..spec.clone() };
    runtime.reload(&reloaded).await.expect("reload");
    super::support::until("it has reloaded", || async {
        workshop.log("bus").contains("Reloaded: max_payload").then_some(())
    })
    .await;
    assert_eq!(pid(&runtime, "bus").await, main);
    runtime.wait_ready("bus", WITHIN).await.expect("still ready");
    runtime.stop("bus").await.expect("stop");
    runtime.finish().await.expect("finish");
}

#[tokio::test]
async fn a_finder_that_may_run_nothing_only_looks() {
    let mut machine = Machine::new().with_pip();
    machine.finder.may_run = false;
    let refused = machine.resolve(&tool(&right_hash()), None).await.expect_err("not there");
    assert!(refused.to_string().contains("is not there yet"), "{refused}");
    let ran = machine.folder.path().join("ran");
    let path = machine.put("bin/tool", &format!("#!/bin/sh\necho > {}\necho tool 1.2.4\n", ran.display()));
    let found = machine.resolve(&tool(&right_hash()), None).await.expect("on PATH");
    assert_eq!((&found.path, found.label.as_str()), (&path, "tool"));
    assert!(!ran.exists() && !machine.folder.path().join("asked").exists(), "something ran");

    machine.finder.may_run = true;
    machine.resolve(&tool(&right_hash()), None).await.expect("asked");
    assert!(ran.exists());
    machine.finder.may_run = false;
    let remembered = machine.resolve(&tool(&right_hash()), None).await.expect("on PATH");
    assert_eq!(remembered.label, "tool 1.2.4");
}
