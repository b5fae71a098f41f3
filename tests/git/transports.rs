//! Private repositories over ssh and https, with the real programs on loopback.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Person, Place};

/// A process that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn made(command: &mut Command, package: &str) {
    let done = command.output().unwrap_or_else(|error| panic!("install the Debian package `{package}`: {error}"));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn key(file: &Path) {
    made(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(file), "openssh-client");
}

fn user() -> String {
    nix::unistd::User::from_uid(nix::unistd::getuid()).expect("known").expect("there").name
}

/// A real sshd that lets the key of `person` in; the port it listens on.
fn sshd(place: &Place, person: &Person) -> (Server, u16) {
    let folder = place.path("sshd");
    std::fs::create_dir(&folder).expect("writable");
    let at = |name: &str| folder.join(name);
    key(&at("host_key"));
    key(&person.path("id"));
    std::fs::copy(person.path("id.pub"), at("authorized_keys")).expect("made");
    // Run by root, sshd wants this folder, which no package makes without systemd.
    if nix::unistd::geteuid().is_root() {
        std::fs::create_dir_all("/run/sshd").expect("writable by root");
    }
    for _ in 0..20 {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let config = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\n\
             StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
             LogLevel VERBOSE\n",
            at("host_key").display(),
            at("authorized_keys").display()
        );
        std::fs::write(at("config"), config).expect("writable");
        let mut child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(at("config"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("install the Debian package `openssh-server`: {error}"));
        let mut said = BufReader::new(child.stderr.take().expect("piped"));
        let mut heard = String::new();
        let listening = loop {
            let from = heard.len();
            if said.read_line(&mut heard).expect("readable") == 0 {
                break false;
            }
            if heard[from..].contains("Server listening on") {
                break true;
            }
        };
        let server = Server(child);
        if listening {
            // Nobody reads on: it must not wait for a reader.
            std::thread::spawn(move || drop(said.read_to_end(&mut Vec::new())));
            return (server, port);
        }
        assert!(heard.contains("Address already in use"), "sshd does not start: {heard}");
    }
    panic!("no free port for sshd");
}

/// An agent that holds the key of `person`; its socket.
fn agent(place: &Place, person: &Person) -> (Server, String) {
    let socket = place.path("agent").display().to_string();
    let child = Command::new("ssh-agent").args(["-D", "-a", &socket]).stdout(Stdio::null()).spawn();
    let server = Server(child.expect("install the Debian package `openssh-client`"));
    until("the agent's socket is there", || Path::new(&socket).exists());
    made(Command::new("ssh-add").arg("-q").arg(person.path("id")).env("SSH_AUTH_SOCK", &socket), "openssh-client");
    std::fs::remove_file(person.path("id")).expect("there");
    (server, socket)
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::yield_now();
    }
}

/// ann shares through the private repository, bob joins, both change something.
fn together(ann: &Person, bob: &Person, url: &str) {
    ann.small_mesh();
    ann.must("mesh", &["share", url]);
    bob.must("", &["clone", url, "mesh"]);
    bob.must("mesh", &["configure", "edr-1", "-c", "retention=90d"]);
    bob.must("mesh", &["share"]);
    let told = ann.must("mesh", &["update"]);
    assert_eq!(told, "instance edr-1: setting retention 30d -> 90d\n");
}

#[test]
fn a_private_repository_over_ssh_with_an_agent() {
    let place = Place::new();
    let (ann, bob, eve) = (place.person("ann"), place.person("bob"), place.person("eve"));
    let (_sshd, port) = sshd(&place, &ann);
    let (_agent, socket) = agent(&place, &ann);
    let host_key = std::fs::read_to_string(place.path("sshd/host_key.pub")).expect("made");
    let known = place.path("known_hosts");
    std::fs::write(&known, format!("[127.0.0.1]:{port} {host_key}")).expect("writable");
    // ssh takes the home of its user from the system, not from HOME: its files are named here.
    let ssh =
        |known: &Path| format!("ssh -F none -o UserKnownHostsFile={} -o StrictHostKeyChecking=yes", known.display());
    let with = |person: Person| person.with("GIT_SSH_COMMAND", ssh(&known)).with("SSH_AUTH_SOCK", &socket);
    let (ann, bob) = (with(ann), with(bob));
    let url = format!("ssh://{}@127.0.0.1:{port}{}", user(), place.bare("mesh.git"));
    together(&ann, &bob, &url);

    // Without a key of hers, and with a host that is not known.
    let eve = eve.with("GIT_SSH_COMMAND", ssh(&known));
    let said = eve.refused("", &["clone", &url]);
    assert!(said.contains("Permission denied (publickey)") && said.contains("in your agent (`ssh-add -l`)?"), "{said}");
    let stranger =
        place.person("dan").with("GIT_SSH_COMMAND", ssh(Path::new("/dev/null"))).with("SSH_AUTH_SOCK", &socket);
    let said = stranger.refused("", &["clone", &url]);
    assert!(said.contains("Host key verification failed") && said.contains("compare its fingerprint"), "{said}");
    assert!(!stranger.has("mesh"));
}

/// git's own http-backend behind a server that asks for a password and speaks TLS.
const HTTPS: &str = r#"
import base64, os, ssl, subprocess, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
root, cert, key, user, password = sys.argv[1:6]
allowed = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *args): pass
    def answer(self):
        if self.headers.get("Authorization") != allowed:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, query = self.path.partition("?")
        environment = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": root, "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command, "PATH_INFO": path, "QUERY_STRING": query, "REMOTE_USER": user,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "REMOTE_ADDR": "127.0.0.1"}
        out = subprocess.run(["git", "http-backend"], input=body, env=environment, stdout=subprocess.PIPE).stdout
        head, _, content = out.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            if name != "Content-Length": self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
    do_GET = do_POST = answer
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
"#;

fn https(place: &Place, password: &str) -> (Server, u16) {
    let (cert, key) = (place.path("cert.pem"), place.path("key.pem"));
    made(
        Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1", "-out"])
            .arg(&cert)
            .arg("-keyout")
            .arg(&key),
        "openssl",
    );
    let mut child = Command::new("python3")
        .args(["-c", HTTPS])
        .args([place.path(""), cert, key])
        .args(["soc", password])
        .stdout(Stdio::piped())
        .spawn()
        .expect("install the Debian package `python3`");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("readable");
    (Server(child), line.trim().parse().unwrap_or_else(|_| panic!("the server says no port: {line}")))
}

#[test]
fn a_private_repository_over_https_with_a_credential_helper() {
    let place = Place::new();
    let password = "correct horse battery";
    let (_server, port) = https(&place, password);
    let bare = place.bare("mesh.git");
    let done = Command::new("git").args(["--git-dir", &bare, "config", "http.receivepack", "true"]).status();
    assert!(done.expect("git is installed").success());
    let url = format!("https://127.0.0.1:{port}/mesh.git");
    let trust = |person: &Person| {
        person.git("", &["config", "--global", "http.sslCAInfo", &place.path("cert.pem").display().to_string()]);
    };
    let with_helper = |name: &str| {
        let person = place.person(name);
        trust(&person);
        person.git("", &["config", "--global", "credential.helper", "store"]);
        let encoded = password.replace(' ', "%20");
        person.write(".git-credentials", format!("https://soc:{encoded}@127.0.0.1:{port}\n"));
        person
    };
    let (ann, bob) = (with_helper("ann"), with_helper("bob"));
    together(&ann, &bob, &url);

    // Without the password nobody hangs at a prompt; without the certificate nobody talks to it.
    let eve = place.person("eve");
    let said = eve.refused("", &["clone", &url]);
    assert!(said.contains("certificate"), "{said}");
    trust(&eve);
    let said = eve.refused("", &["clone", &url]);
    assert!(said.contains("hint: set up a credential helper (`git help credentials`), or use ssh\n"), "{said}");
    assert!(!eve.has("mesh"));
}
