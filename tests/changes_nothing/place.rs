//! A project with everything that a command could touch: services, hooks with and without checks, secrets
//! in the vault, a catalogue, a repository.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Beginning of a file of hooks: `note` tells that a hook was called.
const HEAD: &str = "\
from resilmesh.decorators import *
from resilmesh.model import *


def note(*words):
    with open(get_project_dir().parent / 'noted', 'a') as file:
        print(*words, file=file)


";

const EDR: &str = "\
@setup_producer('alerts', title='send alerts')
def send(plug, instance):
    instance.get_secret('token')
    note('send', plug.src_instance)


@teardown_producer('alerts')
def stop(plug):
    note('stop', plug.src_instance)
";

const WEB: &str = "\
@setup_consumer('alerts', title='open an inlet')
def open_inlet(plug, instance):
    note('open', instance.name)


@check_consumer('alerts')
def is_open(plug, instance):
    note('check', instance.name)


@teardown_consumer('alerts')
def close_inlet(plug, instance):
    note('close', instance.name)
";

const WEB_DEFINITION: &str = r#"
settings: [{name: greeting, type: string, default: hello}]
consumes: {alerts: [{mode: push}]}
service:
  ports: {http: 8881}
  files: [{template: serve.txt, to: serve.txt}]
  ready: {http: /, port: http}
  embedded: {program: python3, args: ["-SE", "{{ product }}/serve.py", "{{ files }}"]}
"#;

const EDR_DEFINITION: &str = "\
settings: [{name: token, type: string, secret: true}]
produces: {alerts: [{mode: push}]}
";

/// Its mesh is taken down with it.
pub(crate) struct Place {
    home: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let home = tempfile::Builder::new().prefix("rm-").tempdir().expect("a temporary folder");
        for folder in ["run", "tmp", "catalogue/products/scanner"] {
            std::fs::create_dir_all(home.path().join(folder)).expect("folder");
        }
        // Others may not look into it, or it is not used.
        std::fs::set_permissions(home.path().join("run"), PermissionsExt::from_mode(0o700)).expect("mode");
        let place = Self { home };
        place.write("../.gitconfig", "[user]\n\tname = Ann\n\temail = ann@example.org\n");
        place.write("../catalogue/products/scanner/definition.yaml", "produces: {alerts: [{mode: push}]}\n");
        place.in_folder("catalogue", "git", &["init", "-q"]);
        place.in_folder("catalogue", "git", &["add", "-A"]);
        place.in_folder("catalogue", "git", &["commit", "-q", "-m", "A scanner"]);
        place.in_folder("", env!("CARGO_BIN_EXE_resilmesh"), &["init", "mesh"]);
        let serve = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sequences/products/web/serve.py");
        place.write("products/web/serve.py", &std::fs::read_to_string(serve).expect("a program"));
        place.write("products/web/templates/serve.txt", "{{ listen(\"http\") }}\n{{ settings.greeting }}\n");
        place.write("products/web/definition.yaml", WEB_DEFINITION);
        place.write("products/web/hooks.py", &format!("{HEAD}{WEB}"));
        place.write("products/edr/definition.yaml", EDR_DEFINITION);
        place.write("products/edr/hooks.py", &format!("{HEAD}{EDR}"));
        place.must(&["catalog", "add", &format!("file://{}", place.home().join("catalogue").display())]);
        place.must_with(&["add", "edr", "edr1", "-s", "token"], "hunter-22-hunter-22\n");
        place.must(&["add", "scanner"]);
        place.must(&["add", "web", "web1"]);
        place.must(&["add", "nats", "bus"]);
        place.must(&["plug", "alerts", "edr1", "web1"]);
        place
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.home().join("mesh")
    }

    /// Declares something else than what is up: another setting, another instance, another secret.
    pub(crate) fn edit(&self) {
        self.must(&["configure", "web1", "-c", "greeting=moin"]);
        self.must(&["add", "web", "web2"]);
        self.must(&["plug", "alerts", "edr1", "web2"]);
    }

    /// What hooks have noted.
    pub(crate) fn noted(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.home().join("noted")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.project().join(path);
        std::fs::create_dir_all(path.parent().expect("a file")).expect("folder");
        std::fs::write(path, text).expect("write");
    }

    /// In the project, with an environment that leads nowhere else.
    pub(crate) fn prepare(&self, command: &mut Command) {
        command.current_dir(self.project()).env_clear().stdin(Stdio::null());
        command.env("HOME", self.home()).env("XDG_RUNTIME_DIR", self.home().join("run"));
        command.env("TMPDIR", self.home().join("tmp"));
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs(std::env::var_os("RESILMESH_NATS_SERVER").map(|server| ("RESILMESH_NATS_SERVER", server)));
    }

    fn in_folder(&self, folder: &str, program: &str, args: &[&str]) {
        let mut command = Command::new(program);
        std::fs::create_dir_all(self.project()).expect("folder");
        self.prepare(&mut command);
        let output = command.current_dir(self.home().join(folder)).args(args).output().expect("it starts");
        assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Runs the program; it must succeed.
    pub(crate) fn must(&self, args: &[&str]) -> String {
        self.must_with(args, "")
    }

    /// With this standard input.
    fn must_with(&self, args: &[&str], input: &str) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_resilmesh"));
        self.prepare(&mut command);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        // It may not read it.
        let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "resilmesh {args:?}\n{}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut command = Command::new(env!("CARGO_BIN_EXE_resilmesh"));
            self.prepare(&mut command);
            // What can be done for those who run other tests here.
            let _ = command.arg("down").output();
        }
    }
}
