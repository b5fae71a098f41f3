//! Everything that a mesh leaves on disk, prints, and shows of its processes is looked through for the
//! values of its secrets.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use sha2::{Digest, Sha256};

use crate::mesh::Mesh;

/// A typed secret that nothing else contains.
const TYPED: &str = "Zq7-typed-api-key-of-the-enrichment";
/// One that no service needs.
const FREE: &str = "Zq7-free-secret-of-the-vault";

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("folder").flatten() {
        let kind = entry.file_type().expect("kind");
        if kind.is_dir() {
            files(&entry.path(), found);
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
}

fn holds(text: &[u8], value: &str) -> bool {
    text.windows(value.len()).any(|part| part == value.as_bytes())
}

fn with_input(mesh: &Mesh, args: &[&str], input: &str) -> String {
    let mut child = mesh
        .command(&mesh.project, args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    std::io::Write::write_all(&mut child.stdin.take().expect("pipe"), input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{args:?}: {said}");
    said
}

fn said(mesh: &Mesh, args: &[&str]) -> String {
    let output = mesh.run(args);
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&said).into_owned()
}

#[test]
fn no_secret_is_where_it_should_not_be() {
    let mesh = Mesh::soapa();
    let who = "[user]\n\tname = Ann\n\temail = ann@example.org\n";
    fs::write(mesh.home().join(".gitconfig"), who).expect("configuration of git");
    let mut printed = with_input(&mesh, &["configure", "enrichment", "-s", "api_key"], TYPED);
    printed += &with_input(&mesh, &["secret", "set", "free"], FREE);
    mesh.up();
    mesh.send_syslog([b"<134>Nov 21 10:00:00 gw01 app[1]: a line".as_slice()].into_iter());
    mesh.wait_for_count(1);

    let mut values = vec![("the typed key".to_owned(), TYPED.to_owned()), ("free".to_owned(), FREE.to_owned())];
    let kept = mesh.project.join(".resilmesh/secrets");
    let mut generated = Vec::new();
    files(&kept, &mut generated);
    for path in generated {
        let value = fs::read_to_string(&path).expect("readable");
        values.push((path.strip_prefix(&kept).expect("inside").display().to_string(), value.trim_end().to_owned()));
    }
    assert!(values.len() >= 6, "every user of the bus has a password: {}", values.len());

    // What the processes of the mesh show of themselves.
    for entry in fs::read_dir("/proc").expect("proc").flatten() {
        let of = |what: &str| fs::read(entry.path().join(what)).unwrap_or_default();
        let (command, environment) = (of("cmdline"), of("environ"));
        let home = mesh.home().display().to_string();
        if !holds(&command, &home) && !holds(&environment, &home) {
            continue;
        }
        for (name, value) in &values {
            assert!(!holds(&command, value), "{name} is in an argument of {}", String::from_utf8_lossy(&command));
            assert!(!holds(&environment, value), "{name} is in an environment");
        }
    }

    // What commands say.
    let remote = mesh.home().join("mesh.git").display().to_string();
    let made = std::process::Command::new("git").args(["init", "-q", "--bare", &remote]).status().expect("git runs");
    assert!(made.success());
    for args in [
        &["status"][..],
        &["status", "--json"],
        &["plan", "--json"],
        &["list", "instances", "--json"],
        &["show", "enrichment"],
        &["show", "bus"],
        &["secret", "list"],
        &["secret", "show", "free"],
        &["secret", "check"],
        &["--verbose", "up"],
        &["logs"],
        &["share", &remote],
        &["log", "--json"],
        &["diff", "HEAD~1"],
        &["search", "*"],
    ] {
        printed += &said(&mesh, args);
    }
    assert!(printed.contains("shared at"), "{printed}");
    mesh.kill("enrichment");
    mesh.kill("bus");
    mesh.wait_for("both are back", |mesh| {
        ["enrichment", "bus"].iter().all(|name| mesh.service(name)["state"] == "ready")
    });
    mesh.expect_in(mesh.home(), &["clone", &remote, "colleague"]);
    mesh.expect(&["down"]);
    for (name, value) in &values {
        assert!(!holds(printed.as_bytes(), value), "{name} was printed");
    }

    // What lies on disk: only what services read, and nobody else may open that.
    let mut all = Vec::new();
    files(mesh.home(), &mut all);
    let state = mesh.project.join(".resilmesh");
    assert_eq!(fs::metadata(&state).expect("there").permissions().mode() & 0o777, 0o700);
    for path in &all {
        let text = fs::read(path).unwrap_or_default();
        for (name, value) in values.iter().filter(|(_, value)| holds(&text, value)) {
            let may = path.starts_with(state.join("secrets")) || path.starts_with(state.join("rendered"));
            let mode = fs::metadata(path).expect("there").permissions().mode() & 0o777;
            assert!(may && mode == 0o600, "{name} ({} letters) is in {} ({mode:o})", value.len(), path.display());
        }
    }
    // Nor can a digest of one be tried out.
    let digest = |text: &[u8]| Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for (name, value) in &values {
        let bytes = serde_json::to_vec(value.as_bytes()).expect("JSON");
        for digest in [digest(value.as_bytes()), digest(&bytes), digest(format!("\"{value}\"").as_bytes())] {
            let found = all.iter().find(|path| holds(&fs::read(path).unwrap_or_default(), &digest));
            assert!(found.is_none(), "an open digest of {name} is in {found:?}");
        }
    }
    // What git keeps is packed: it is unpacked to look at it.
    for repository in [mesh.project.clone(), PathBuf::from(&remote)] {
        let objects = std::process::Command::new("git")
            .arg("-C")
            .arg(&repository)
            .args(["cat-file", "--batch", "--batch-all-objects"])
            .output()
            .expect("git runs");
        assert!(objects.status.success() && objects.stdout.len() > 1000);
        for (name, value) in &values {
            assert!(!holds(&objects.stdout, value), "{name} is in the history of {}", repository.display());
        }
    }
}
