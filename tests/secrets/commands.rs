//! One person and their vault.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::Person;
use crate::terminal::OnTerminal;

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn the_first_secret_makes_a_key_and_the_vault() {
    let ann = Person::with_project("ann");
    let done = ann.run(&["secret", "set", "edr/token"], b"hunter2\n");
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(done.out, "");
    for said in [
        "made your key ",
        "keep a copy in a safe place",
        "warning: this key has no passphrase",
        "made the vault `secrets`, readable by ",
        "set `edr/token`",
    ] {
        assert!(done.err.contains(said), "{}", done.err);
    }
    assert_eq!(ann.get("edr/token"), "hunter2\n");
    let keys = ann.home().join(".local/share/resilmesh/keys");
    let key = fs::read_dir(&keys).expect("a folder").next().expect("a key").expect("readable").path();
    assert_eq!(fs::metadata(&key).expect("there").permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&keys).expect("there").permissions().mode() & 0o777, 0o700);
    let fingerprint = key.file_stem().expect("a name").to_string_lossy().into_owned();
    assert_eq!(fs::read_to_string(ann.path("secrets/.gpg-id")).expect("readable"), format!("{fingerprint}\n"));
    let again = ann.run(&["secret", "set", "edr/token"], b"hunter3");
    assert_eq!((again.code, again.err.as_str()), (0, "replaced `edr/token`\n"));
    assert_eq!(json(&ann.run(&["secret", "get", "edr/token", "--json"], b"").good())["value"], "hunter3");
}

#[test]
fn values_are_listed_by_name_only_and_without_a_key() {
    let ann = Person::with_project("ann");
    for name in ["b/c/d", "a", "b/c/e", "b/x"] {
        ann.set(name, "v");
    }
    fs::remove_dir_all(ann.home().join(".local")).expect("the key is gone");
    assert_eq!(ann.run(&["secret", "list"], b"").good(), "a\nb/\n  c/\n    d\n    e\n  x\n");
    assert_eq!(
        json(&ann.run(&["secret", "list", "--json", "b/c"], b"").good()),
        json!({"schema": 1, "secrets": ["b/c/d", "b/c/e"]})
    );
    let said = ann.run(&["secret", "get", "a"], b"").bad(1);
    assert!(said.contains("none of the keys here opens `[ann]/p/secrets/a.gpg`") && said.contains("hint: "), "{said}");
    let key = fs::read_to_string(ann.path("secrets/.gpg-id")).expect("readable");
    assert!(said.contains(&format!("it is encrypted to {} (ann <ann@example.org>);", key.trim())), "{said}");
    assert!(said.contains("there is no key in `[ann]/.local/share/resilmesh/keys`"), "{said}");
    let program = env!("CARGO_BIN_EXE_resilmesh");
    let homeless =
        ann.finish(ann.command(program, &ann.project()).args(["secret", "get", "a"]).env_remove("HOME"), b"");
    assert!(homeless.bad(1).contains("neither HOME nor XDG_DATA_HOME is set"));
}

#[test]
fn a_passphrase_comes_from_the_environment() {
    let ann = Person::with_project("ann");
    let with = |variables: &[(&str, &str)], args: &[&str], input: &[u8]| ann.run_with(args, variables, input);
    let made = with(&[("RESILMESH_PASSPHRASE", "sesame")], &["secret", "set", "a"], b"one");
    assert!(made.code == 0 && !made.err.contains("warning"), "{}", made.err);
    let get: &[&str] = &["secret", "get", "a"];
    let file = ann.home().join("passphrase");
    fs::write(&file, "sesame\n").expect("writable");
    let file = file.to_str().expect("text");
    for right in [("RESILMESH_PASSPHRASE", "sesame"), ("RESILMESH_PASSPHRASE_FILE", file), ("PASSWORD", "sesame")] {
        assert_eq!(with(&[right], get, b"").good(), "one\n");
    }
    let wrong = with(&[("PASSWORD", "hunter2")], get, b"").bad(1);
    assert!(wrong.contains("wrong passphrase for key") && !wrong.contains("hunter2"), "{wrong}");
    let none = ann.run(get, b"").bad(1);
    assert!(none.contains("needs its passphrase") && none.contains("set RESILMESH_PASSPHRASE"), "{none}");
}

#[test]
fn what_is_typed_is_not_shown() {
    let ann = Person::with_project("ann");
    let variables = ann.variables();
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_os_str())).collect();
    let mut terminal = OnTerminal::start(&ann.project(), &variables, &["secret", "set", "a"]);
    for (question, answer) in [
        ("Value of `a`", "hunter2"),
        ("The same again", "hunter2"),
        ("Passphrase for your new key", "sesame"),
        ("The same again", "sesame"),
    ] {
        terminal.wait_for_hidden(question);
        assert!(!["hunter2", "sesame"].iter().any(|typed| terminal.seen.contains(typed)), "{}", terminal.seen);
        terminal.seen.clear();
        terminal.type_line(answer);
    }
    terminal.wait_for("set `a`");
    assert!(terminal.child.wait().expect("it ends").success());
    assert!(!terminal.seen.contains("hunter2") && !terminal.seen.contains("sesame"), "{}", terminal.seen);

    let mut terminal = OnTerminal::start(&ann.project(), &variables, &["secret", "get", "a"]);
    for (question, answer) in [("Passphrase of key", "wrong"), ("That is not it.", "sesame")] {
        terminal.wait_for_hidden(question);
        terminal.type_line(answer);
    }
    terminal.wait_for("hunter2");
    assert!(terminal.child.wait().expect("it ends").success());
    assert!(!terminal.seen.contains("sesame"), "{}", terminal.seen);
}

#[test]
fn a_name_that_leads_out_is_refused_before_anything_is_read() {
    let ann = Person::with_project("ann");
    for name in ["../x", "/etc/passwd", "a/../../x", ".git/config", "a\nb"] {
        let said = ann.run(&["secret", "set", "--", name], b"v").bad(2);
        assert!(said.contains("is no name for a secret"), "{said}");
    }
    assert!(!ann.path("secrets").exists());
}

#[test]
fn a_vault_that_is_a_link_is_not_opened() {
    let ann = Person::with_project("ann");
    std::os::unix::fs::symlink(ann.home(), ann.path("secrets")).expect("writable");
    let said = ann.run(&["secret", "list"], b"").bad(1);
    assert!(said.contains("`[ann]/p/secrets` is a symbolic link"), "{said}");
}

#[test]
fn nothing_and_too_much_are_no_values() {
    let ann = Person::with_project("ann");
    let said = ann.run(&["secret", "set", "a"], b"").bad(2);
    assert!(said.contains("there is no value on standard input"), "{said}");
    let said = ann.run(&["secret", "set", "a"], &vec![b'x'; 2 * 1024 * 1024]).bad(1);
    assert!(said.contains("larger than the 1048576 bytes"), "{said}");
    assert!(!ann.path("secrets").exists());
    // Exactly as much as fits, with its line end and without.
    let most = "x".repeat(1024 * 1024);
    for value in [most.clone(), format!("{most}\n")] {
        ann.run(&["secret", "set", "a"], value.as_bytes()).good();
        assert_eq!(ann.get("a").len(), most.len() + 1);
    }
    let said = ann.run(&["secret", "set", "a"], format!("{most}x\n").as_bytes()).bad(1);
    assert!(said.contains("larger than the 1048576 bytes"), "{said}");
}

#[test]
fn a_pipe_in_the_place_of_a_secret_is_refused_and_not_waited_for() {
    let ann = Person::with_project("ann");
    ann.set("a", "1");
    for pipe in ["secrets/pipe.gpg", "secrets/team/.gpg-id"] {
        fs::create_dir_all(ann.path(pipe).parent().expect("a folder")).expect("writable");
        nix::unistd::mkfifo(&ann.path(pipe), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    }
    for args in [&["secret", "get", "pipe"][..], &["secret", "set", "team/x"]] {
        let said = ann.run(args, b"v").bad(1);
        assert!(said.contains("` is no ordinary file"), "{said}");
    }
    assert_eq!(ann.get("a"), "1\n");
}

#[test]
fn a_value_that_is_piped_in_leaves_the_terminal_to_the_passphrase() {
    let ann = Person::with_project("ann");
    let variables = ann.variables();
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_os_str())).collect();
    let script = format!("printf hunter2 | '{}' secret set a", env!("CARGO_BIN_EXE_resilmesh"));
    // A terminal is asked by its name only when it is that of the session.
    let mut terminal =
        OnTerminal::start_program("setsid", &ann.project(), &variables, &["--ctty", "--wait", "sh", "-c", &script]);
    for question in ["Passphrase for your new key", "The same again"] {
        terminal.wait_for_hidden(question);
        terminal.type_line("sesame");
    }
    terminal.wait_for("set `a`");
    assert!(terminal.child.wait().expect("it ends").success());
    assert!(!terminal.seen.contains("warning"), "{}", terminal.seen);
    let value = ann.run_with(&["secret", "get", "a"], &[("PASSWORD", "sesame")], b"").good();
    assert_eq!(value, "hunter2\n");
}

#[test]
fn a_damaged_secret_is_named_where_its_history_is() {
    let ann = Person::with_project("ann");
    ann.set("team/a", "1");
    let bytes = fs::read(ann.path("secrets/team/a.gpg")).expect("readable");
    fs::write(ann.path("secrets/team/a.gpg"), &bytes[..bytes.len() / 2]).expect("writable");
    let said = ann.run(&["secret", "get", "team/a"], b"").bad(1);
    assert!(said.contains("hint: git has older versions: `resilmesh secret history team/a`"), "{said}");
}

#[test]
fn a_password_is_made_up_and_not_shown() {
    let ann = Person::with_project("ann");
    let done = ann.run(&["secret", "generate", "a", "--length", "20", "--alphabet", "xy"], b"");
    let value = ann.get("a");
    assert!(value.trim_end().len() == 20 && value.trim_end().chars().all(|c| "xy".contains(c)), "{value}");
    assert!(done.code == 0 && !done.out.contains(value.trim()) && !done.err.contains(value.trim()));
    let said = ann.run(&["secret", "generate", "a"], b"").bad(1);
    assert!(said.contains("`a` has a value already") && said.contains("--force"), "{said}");
    ann.run(&["secret", "generate", "a", "--force"], b"").good();
    assert_eq!(ann.get("a").trim_end().len(), 32);
}

#[test]
fn a_secret_is_removed_when_somebody_says_yes() {
    let ann = Person::with_project("ann");
    ann.set("a", "1");
    let said = ann.run(&["secret", "rm", "a"], b"").bad(2);
    assert!(said.contains("there is no terminal to ask at: remove `a`?") && said.contains("`--yes`"), "{said}");
    let said = ann.run(&["secret", "rm", "a", "b", "--yes"], b"").bad(1);
    assert!(said.contains("there is no secret `b`"), "{said}");
    assert_eq!(ann.get("a"), "1\n");
    ann.run(&["secret", "rm", "a", "--yes"], b"").good();
    assert_eq!(json(&ann.run(&["secret", "list", "--json"], b"").good())["secrets"], json!([]));
    assert!(!ann.path("secrets/a.gpg").exists());
}

#[test]
fn history_and_show_tell_who_changed_a_secret_and_who_reads_it() {
    let ann = Person::with_project("ann");
    ann.set("a", "1");
    assert!(ann.run(&["secret", "show", "a"], b"").good().contains("last change: not committed yet"));
    ann.commit("Add the token");
    ann.set("a", "2");
    ann.commit("Change the token");
    let commits = json(&ann.run(&["secret", "history", "a", "--json"], b"").good());
    let subjects: Vec<&str> =
        commits["commits"].as_array().expect("a list").iter().filter_map(|one| one["subject"].as_str()).collect();
    assert_eq!(subjects, ["Change the token", "Add the token"]);
    let shown = json(&ann.run(&["secret", "show", "a", "--json"], b"").good());
    assert_eq!(shown["last_change"]["author"], "ann");
    assert_eq!(shown["readers"][0]["user_id"], "ann <ann@example.org>");
    assert!(shown.get("value").is_none());
    let table = ann.run(&["secret", "history", "a"], b"").good();
    assert!(table.starts_with("Commit") && table.lines().count() == 3, "{table}");
}

#[test]
fn check_fails_when_something_is_wrong_and_names_it() {
    let ann = Person::with_project("ann");
    ann.set("good", "1");
    ann.set("bad", "2");
    let done = ann.run(&["secret", "check"], b"");
    assert!(done.code == 0 && done.err.contains("2 secrets checked"), "{}{}", done.out, done.err);
    let mut bytes = fs::read(ann.path("secrets/bad.gpg")).expect("readable");
    *bytes.last_mut().expect("not empty") ^= 1;
    fs::write(ann.path("secrets/bad.gpg"), bytes).expect("writable");
    let done = ann.run(&["secret", "check"], b"");
    assert_eq!(done.code, 1);
    assert!(done.out.contains("`bad`: `[ann]/p/secrets/bad.gpg` is damaged"), "{}", done.out);
    assert!(done.err.contains("1 problem found"), "{}", done.err);
    let report = json(&ann.run(&["secret", "check", "--json"], b"").out);
    assert_eq!(report["problems"].as_array().expect("a list").len(), 1);
    assert_eq!(report["recipients"][0]["usable"], true);
}

#[test]
fn git_ignores_what_is_being_written() {
    let ann = Person::with_project("ann");
    ann.set("a/b", "1");
    ann.commit("a secret");
    for file in ["secrets/.resilmesh-1.tmp", "secrets/a/.resilmesh-2.tmp"] {
        fs::write(ann.path(file), "x").expect("writable");
    }
    assert_eq!(ann.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_vault_that_lost_its_recipients_is_not_made_anew() {
    let ann = Person::with_project("ann");
    ann.set("a", "1");
    ann.commit("a secret");
    fs::remove_file(ann.path("secrets/.gpg-id")).expect("removed");
    let said = ann.run(&["secret", "set", "b"], b"2").bad(1);
    assert!(said.contains("`secrets` holds 1 secret, but `secrets/.gpg-id`"), "{said}");
    assert!(said.contains("hint: `git checkout -- secrets/.gpg-id`"), "{said}");
    assert!(!ann.path("secrets/.gpg-id").exists() && !ann.path("secrets/b.gpg").exists());
    ann.git(&["checkout", "--", "secrets/.gpg-id"]);
    ann.set("b", "2");
}

#[test]
fn check_open_fails_when_a_key_cannot_be_unlocked() {
    let ann = Person::with_project("ann");
    let right = [("RESILMESH_PASSPHRASE", "sesame")];
    ann.run_with(&["secret", "set", "a"], &right, b"1").good();
    let open = ["secret", "check", "--open"];
    ann.run_with(&open, &right, b"").good();
    let wrong = ann.run_with(&open, &[("RESILMESH_PASSPHRASE", "hunter2")], b"").bad(1);
    assert!(wrong.contains("wrong passphrase for key") && !wrong.contains("checked"), "{wrong}");
    assert!(ann.run(&open, b"").bad(1).contains("needs its passphrase"));
    let wrong = ann.run_with(&["secret", "check"], &[("PASSWORD", "hunter2")], b"").bad(1);
    assert!(wrong.contains("wrong passphrase for key"), "{wrong}");
    let outside = ann.run(&["secret", "check"], b"");
    assert!(outside.code == 0 && outside.err.contains("looked at from outside only"), "{}", outside.err);
}

#[test]
fn check_gives_no_advice_that_cannot_help() {
    let ann = Person::with_project("ann");
    for name in ["cut", "changed", "clear"] {
        ann.set(name, "1");
    }
    let file = |name: &str| ann.path(&format!("secrets/{name}.gpg"));
    let bytes = fs::read(file("cut")).expect("readable");
    fs::write(file("cut"), &bytes[..bytes.len() / 2]).expect("writable");
    let mut bytes = fs::read(file("changed")).expect("readable");
    *bytes.last_mut().expect("not empty") ^= 1;
    fs::write(file("changed"), bytes).expect("writable");
    fs::write(file("clear"), "hunter2\n").expect("writable");
    for args in [&["secret", "check"][..], &["secret", "check", "--open"]] {
        let said = ann.run(args, b"").bad(1);
        assert!(said.contains("3 problems found") && said.contains("`resilmesh secret set NAME`"), "{said}");
        assert!(!said.contains("no key at hand") && !said.contains("--stale"), "{said}");
    }
}
