//! `secret edit`, and two people who change the same project.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::{Outcome, Person};

/// An editor that is a shell script; `$1` is the file.
fn edit(person: &Person, name: &str, script: &str) -> Outcome {
    let editor = person.home().join("editor");
    fs::write(&editor, format!("#!/bin/sh\n{script}\n")).expect("writable");
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).expect("ours");
    person.run_with(&["secret", "edit", name], &[("EDITOR", editor.to_str().expect("text"))], b"")
}

#[test]
fn an_editor_changes_a_secret_in_memory_only() {
    let ann = Person::with_project("ann");
    ann.set("a", "one\ntwo");
    let told = ann.home().join("told");
    let told = told.display();
    let script = format!(
        "stat -c '%a %n' \"$1\" > {told}\nstat -f -c %T \"$1\" >> {told}\nsed -i s/two/three/ \"$1\"; touch \"$1~\""
    );
    let done = edit(&ann, "a", &script);
    assert_eq!((done.code, done.err.as_str()), (0, "changed `a`\n"));
    assert_eq!(ann.get("a"), "one\nthree\n");
    let told = fs::read_to_string(ann.home().join("told")).expect("the editor ran");
    let (first, second) = told.split_once('\n').expect("two lines");
    let (mode, file) = first.split_once(' ').expect("mode and file");
    assert_eq!((mode, second.trim()), ("600", "tmpfs"), "{told}");
    assert!(!Path::new(file).parent().expect("a folder").exists(), "{file} is left");

    let same = edit(&ann, "a", "true");
    assert_eq!((same.code, same.err.as_str()), (0, "`a` is unchanged\n"));
    let failed = edit(&ann, "a", "echo x > \"$1\"; exit 3").bad(1);
    assert!(failed.contains("ended with exit status: 3: nothing is changed"), "{failed}");
    let empty = edit(&ann, "a", ": > \"$1\"").bad(1);
    assert!(empty.contains("the value is empty: nothing is changed"), "{empty}");
    assert_eq!(ann.get("a"), "one\nthree\n");
    edit(&ann, "new", "echo made > \"$1\"").good();
    assert_eq!(ann.get("new"), "made\n");
}

/// `secret edit a` in an editor that waits until [`Waiting::go`].
struct Waiting {
    child: std::process::Child,
    /// The folder of the editor's file.
    folder: std::path::PathBuf,
    mode: String,
    gate: fs::File,
}

impl Waiting {
    fn start(person: &Person, memory: &Path) -> Self {
        let at = |name: &str| person.home().join(name);
        for old in ["told", "gate"] {
            let _ = fs::remove_file(at(old));
        }
        let made = person.command("mkfifo", person.home()).arg("gate").status().expect("mkfifo runs");
        assert!(made.success(), "mkfifo");
        // Open for both, so that neither side waits for the other to open it.
        let gate = fs::OpenOptions::new().read(true).write(true).open(at("gate")).expect("opened");
        let editor = at("waiting");
        let (told, fifo) = (at("told"), at("gate"));
        let script = format!(
            "#!/bin/sh\nstat -c '%a %n' \"$(dirname \"$1\")\" > {0}.new\nmv {0}.new {0}\nread go < {1}\necho changed > \"$1\"\n",
            told.display(),
            fifo.display()
        );
        fs::write(&editor, script).expect("writable");
        fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).expect("ours");
        let mut command = person.command(env!("CARGO_BIN_EXE_resilmesh"), &person.project());
        command.args(["secret", "edit", "a"]).env("EDITOR", &editor).env("XDG_RUNTIME_DIR", memory);
        let mut child = command.stdin(std::process::Stdio::null()).spawn().expect("it starts");
        while !told.exists() {
            assert!(child.try_wait().expect("asked").is_none(), "it ended before the editor ran");
            std::thread::park_timeout(std::time::Duration::from_millis(10));
        }
        let told = fs::read_to_string(&told).expect("readable");
        let (mode, folder) = told.trim().split_once(' ').expect("mode and folder");
        Self { child, folder: folder.into(), mode: mode.to_owned(), gate }
    }

    fn tell(&self, signal: nix::sys::signal::Signal) {
        let id = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).expect("small"));
        nix::sys::signal::kill(id, signal).expect("told");
    }

    /// Lets the editor go on and waits for the end of `secret edit`.
    fn go(mut self) -> std::process::ExitStatus {
        std::io::Write::write_all(&mut self.gate, b"go\n").expect("the editor reads");
        self.child.wait().expect("it ends")
    }
}

#[test]
fn a_signal_leaves_nothing_in_clear() {
    use nix::sys::signal::Signal::{SIGHUP, SIGINT, SIGKILL, SIGTERM};
    let ann = Person::with_project("ann");
    ann.set("a", "hunter2");
    let memory = tempfile::tempdir_in("/dev/shm").expect("a folder in memory");
    let left = || fs::read_dir(memory.path()).expect("listed").count();
    for signal in [SIGTERM, SIGHUP] {
        let mut edit = Waiting::start(&ann, memory.path());
        assert_eq!(edit.mode, "700");
        edit.tell(signal);
        let code = edit.child.wait().expect("it ends").code();
        assert_eq!((code, left()), (Some(128 + signal as i32), 0), "{signal}");
        edit.go();
    }
    let edit = Waiting::start(&ann, memory.path());
    edit.tell(SIGINT);
    assert!(edit.go().success(), "Ctrl-C is for the editor");
    assert_eq!((ann.get("a").as_str(), left()), ("changed\n", 0));

    // What could not be wiped is at the next edit, but not what is in use.
    let mut killed = Waiting::start(&ann, memory.path());
    killed.tell(SIGKILL);
    killed.child.wait().expect("it ends");
    assert!(killed.folder.join("secret.txt").exists());
    let other = Waiting::start(&ann, memory.path());
    assert!(!killed.folder.exists() && other.folder.join("secret.txt").exists());
    assert_eq!(left(), 1);
    assert!(other.go().success());
    assert_eq!(left(), 0);
}

/// Two people who can both read the secrets `a` and `b`, each with a clone.
fn two() -> (Person, Person) {
    let ann = Person::with_project("ann");
    ann.set("a", "1");
    ann.set("b", "1");
    ann.commit("secrets");
    let bob = Person::who_clones("bob", &ann);
    let fingerprint = bob.run(&["secret", "recipients", "request"], b"").good();
    bob.commit("ask");
    ann.git(&["pull", "--quiet", bob.project().to_str().expect("text"), "main"]);
    ann.run(&["secret", "recipients", "add", fingerprint.trim(), "--yes"], b"").good();
    ann.commit("let bob in");
    bob.git(&["pull", "--quiet", "origin", "main"]);
    (ann, bob)
}

#[test]
fn two_clones_that_change_different_secrets_merge() {
    let (ann, bob) = two();
    ann.set("a", "from ann");
    ann.set("c", "new from ann");
    ann.commit("ann");
    bob.set("b", "from bob");
    bob.set("d", "new from bob");
    bob.commit("bob");
    bob.git(&["pull", "--quiet", "--no-edit", "origin", "main"]);
    assert_eq!(bob.get("a") + &bob.get("b"), "from ann\nfrom bob\n");
    assert_eq!(bob.get("c") + &bob.get("d"), "new from ann\nnew from bob\n");
}

/// Two who have changed the secret `a`, and one of whom has begun to merge.
fn in_conflict() -> (Person, Person) {
    let (ann, bob) = two();
    ann.set("a", "from ann");
    ann.commit("ann");
    bob.set("a", "from bob");
    bob.commit("bob");
    let mut pull = bob.command("git", &bob.project());
    let pulled = bob.finish(pull.args(["pull", "--quiet", "--no-edit", "origin", "main"]), b"");
    assert!(pulled.code != 0 && pulled.out.contains("CONFLICT"), "git cannot merge encrypted files: {pulled:?}");
    (ann, bob)
}

#[test]
fn a_conflict_is_told_and_settled_by_a_new_value_too() {
    let (_ann, bob) = in_conflict();
    let got = bob.run(&["secret", "get", "a"], b"");
    // git either leaves one side, or takes what happens to look like text for it and writes both.
    assert!(got.err.contains("`a` is in conflict"), "{got:?}");
    let checked = bob.run(&["secret", "check"], b"");
    assert!(checked.code == 1 && checked.out.contains("`a`: in conflict"), "{}{}", checked.out, checked.err);
    let set = bob.run(&["secret", "set", "a"], b"from both");
    assert_eq!((set.code, set.err.as_str()), (0, "replaced `a`\nsettled the conflict in `a`\n"));
    bob.git(&["commit", "--quiet", "--no-edit"]);
    assert_eq!(bob.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_conflict_is_settled_in_the_editor() {
    let (_ann, bob) = in_conflict();

    let seen = bob.home().join("seen");
    let kept = edit(&bob, "a", &format!("cp \"$1\" {}", seen.display())).bad(1);
    assert!(kept.contains("the marks of the conflict are still there: nothing is changed"), "{kept}");
    let seen = fs::read_to_string(seen).expect("the editor ran");
    assert_eq!(seen, "<<<<<<< ours\nfrom bob\n=======\nfrom ann\n>>>>>>> theirs\n");
    let settled = edit(&bob, "a", "echo from both > \"$1\"");
    assert_eq!((settled.code, settled.err.as_str()), (0, "settled the conflict in `a`\n"));
    bob.git(&["commit", "--quiet", "--no-edit"]);
    assert_eq!(bob.get("a"), "from both\n");
    assert_eq!(bob.git(&["status", "--porcelain"]), "");
}
