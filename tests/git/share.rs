//! `share`, and the same look-through for a plain `git push`.

use insta::assert_snapshot;

use crate::support::{Person, Place};
use crate::terminal::OnTerminal;

/// A token that must not stand in this file in one piece.
fn token() -> String {
    format!("ghp_{}", "Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4zAb3d")
}

fn at(url: &str, person: &Person) -> String {
    person.git("", &["--git-dir", url, "log", "--format=%s", "main"])
}

#[test]
fn the_first_share_names_the_place_and_later_ones_know_it() {
    let place = Place::new();
    let ann = place.person("ann");
    ann.small_mesh();
    assert_snapshot!(ann.refused("mesh", &["share"]), @"
    error: the mesh is shared nowhere yet
    hint: make an empty repository at your git server, then: `resilmesh share URL`
    ");
    let url = place.bare("mesh.git");
    ann.must("mesh", &["configure", "edr-1", "-c", "retention=90d"]);
    let done = ann.resilmesh("mesh", &["share", &url]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(
        done.err.starts_with("  instance edr-1: setting retention 30d -> 90d\nshared at `[PLACE]/mesh.git`: "),
        "{}",
        done.err
    );
    assert_snapshot!(at(&url, &ann), @"
    Instance edr-1: setting retention 30d -> 90d
    Add the products and instances
    Make the mesh
    ");
    assert_eq!(ann.git("mesh", &["status", "--porcelain", "-b"]), "## main...origin/main");
    assert_eq!(ann.resilmesh("mesh", &["share"]).err, "nothing new: `[PLACE]/mesh.git` has it all\n");

    ann.must("mesh", &["add", "edr", "edr-2"]);
    ann.must("mesh", &["plug", "alerts", "edr-2", "siem-1"]);
    ann.write("mesh/docs/-x\ny", "odd names do no harm\n");
    let data = ann.json("mesh", &["share", "-m", "-Two of them"]);
    assert_eq!((&data["schema"], &data["remote"]), (&1.into(), &"origin".into()));
    assert_eq!(data["changes"].as_array().map(Vec::len), Some(3));
    assert!(at(&url, &ann).starts_with("-Two of them\n"));
    assert_eq!(ann.git("mesh", &["status", "--porcelain"]), "");
}

#[test]
fn what_lies_beside_the_mesh_is_left_alone_until_git_knows_it() {
    let place = Place::new();
    let ann = place.person("ann");
    ann.small_mesh();
    ann.write("mesh/.env", format!("TOKEN={}\n", token()));
    ann.write("mesh/private/dump.pcap", "x");
    let done = ann.resilmesh("mesh", &["share", &place.bare("mesh.git")]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.err.contains("not of the mesh, and left alone: `.env`, `private/dump.pcap`"), "{}", done.err);
    assert_eq!(ann.git("mesh", &["status", "--porcelain"]), "?? .env\n?? private/");
    ann.git("mesh", &["add", ".env"]);
    assert!(ann.refused("mesh", &["share"]).contains(".env:1:7: error: a GitHub token"));
}

#[test]
fn a_secret_in_the_message_or_a_name_is_found_before_anything_is_committed() {
    let place = Place::new();
    let ann = place.person("ann");
    ann.small_mesh();
    let url = place.bare("mesh.git");
    ann.write("mesh/docs/a.md", "x");
    let head = ann.git("mesh", &["rev-parse", "HEAD"]);
    let said = ann.refused("mesh", &["share", &url, "-m", &format!("use {}", token())]);
    assert!(said.contains("error: nothing is committed or shared") && !said.contains(&token()), "{said}");
    ann.write(&format!("mesh/docs/{}", token()), "x");
    let said = ann.refused("mesh", &["share", &url]);
    assert!(said.contains("docs/***:1:1: error: a GitHub token, in the name of this file (there as ***)"), "{said}");
    assert_eq!(ann.git("mesh", &["rev-parse", "HEAD"]), head);
}

#[test]
fn nothing_is_shared_while_the_secrets_cannot_be_opened() {
    let place = Place::new();
    let ann = place.person("ann").with("RESILMESH_PASSPHRASE", "open sesame");
    ann.small_mesh();
    ann.set_secret("mesh", "edr/token", "correct horse battery");
    ann.write("mesh/docs/a.md", "correct horse battery");
    let url = place.bare("mesh.git");
    for (passphrase, why) in [("", "needs its passphrase"), ("wrong", "wrong passphrase")] {
        let locked = place.again("ann").with("RESILMESH_PASSPHRASE", passphrase);
        let said = locked.refused("mesh", &["share", &url]);
        assert!(said.contains("it cannot be told whether a secret stands in clear") && said.contains(why), "{said}");
    }
    assert!(ann.refused("mesh", &["share", &url]).contains("docs/a.md:1:1: error: the secret `edr/token`"));
}

#[test]
fn a_plain_git_push_asks_at_the_terminal_for_the_passphrase() {
    let place = Place::new();
    let ann = place.person("ann").with("RESILMESH_PASSPHRASE", "open sesame");
    ann.small_mesh();
    let url = place.bare("mesh.git");
    ann.set_secret("mesh", "edr/token", "correct horse battery");
    ann.commit("mesh", "Add a secret");
    let locked = place.again("ann");
    let without = locked.run("setsid", "mesh", &["-w", "git", "push", &url, "main"]);
    assert!(without.code == 1 && without.err.contains("needs its passphrase"), "{}", without.err);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let home = locked.path("");
    let variables = [("HOME", home.as_os_str()), ("PATH", path.as_os_str()), ("GIT_CONFIG_NOSYSTEM", "1".as_ref())];
    for (typed, works) in [("wrong", false), ("open sesame", true)] {
        // `-c`: the terminal is that of the session, as that of a shell is.
        let args = ["-w", "-c", "git", "push", "-q", &url, "main"];
        let mut terminal = OnTerminal::start_program("setsid", &ann.path("mesh"), &variables, &args);
        terminal.wait_for_hidden("Passphrase of key");
        terminal.type_line(typed);
        if !works {
            terminal.wait_for_hidden("That is not it.");
            terminal.child.kill().expect("it runs");
        }
        assert_eq!(terminal.child.wait().expect("it ends").success(), works);
        assert!(!terminal.seen.contains(typed), "{}", terminal.seen);
    }
    assert!(at(&url, &ann).starts_with("Add a secret\n"));
}

#[test]
fn a_mesh_with_mistakes_is_not_shared() {
    let place = Place::new();
    let ann = place.person("ann");
    ann.small_mesh();
    let url = place.bare("mesh.git");
    ann.write("mesh/instances/siem/siem-2/config.yaml", "name: siem-2\nproduct: siem\nruntime: moon\n");
    assert_snapshot!(ann.refused("mesh", &["share", &url]), @"
    instances/siem/siem-2/config.yaml:1:1: warning: nothing is plugged to `siem-2`
      hint: `resilmesh plug TOPIC SOURCE DESTINATION` connects it
    instances/siem/siem-2/config.yaml:3:10: error: runtime `moon` is unknown
      hint: there is `embedded`
    error: nothing is shared: the project has 1 mistake
    ");
    assert_eq!(ann.git("mesh", &["remote"]), "", "a remote is known only once it took the mesh");
    assert_eq!(ann.git("mesh", &["status", "--porcelain"]), "?? instances/siem/siem-2/");
}

#[test]
fn who_git_does_not_know_is_told_what_to_set() {
    let place = Place::new();
    let ann = place.stranger("ann");
    ann.must("", &["init", "mesh"]);
    assert_snapshot!(ann.refused("mesh", &["share", &place.bare("mesh.git")]), @r#"
    error: git does not know who you are
    hint: say who you are: `git config --global user.name "NAME"` and `git config --global user.email ADDRESS`
    "#);
    let ann = ann
        .with("GIT_AUTHOR_NAME", "ann")
        .with("GIT_AUTHOR_EMAIL", "a@b")
        .with("GIT_COMMITTER_NAME", "ann")
        .with("GIT_COMMITTER_EMAIL", "a@b");
    ann.must("mesh", &["share", &place.path("mesh.git").display().to_string()]);
}

#[test]
fn a_secret_in_a_file_is_neither_committed_nor_shared() {
    let place = Place::new();
    let ann = place.person("ann");
    ann.small_mesh();
    let url = place.bare("mesh.git");
    ann.write("mesh/.resilmesh/secrets/bus/password", "correct horse battery");
    ann.write("mesh/notes.md", format!("# Notes\nuse {} for it\n", token()));
    ann.write(
        "mesh/products/edr/x.py",
        "URL = 'nats://bus:Y29ycmVjdCBob3JzZSBiYXR0ZXJ5@localhost'\n# correct horse battery\n",
    );
    assert_snapshot!(ann.refused("mesh", &["share", &url]), @"
    notes.md:2:5: error: a GitHub token
    products/edr/x.py:1:19: error: a password in a URL
    products/edr/x.py:1:19: error: the password `bus/password`, as base64
    products/edr/x.py:2:3: error: the password `bus/password`
    error: nothing is committed or shared: secrets stand in clear in what would leave this machine
    hint: put it into the vault (`resilmesh secret set NAME`), and its name in its place
    hint: if it is none: `resilmesh:allow-secret` in a remark on its line, or its file in `.allow-secrets`
    ");
    assert_eq!(ann.git("mesh", &["status", "--porcelain"]), "?? notes.md\n?? products/edr/x.py");
    assert_eq!(ann.git("mesh", &["count-objects"]), ann.git("mesh", &["count-objects"]));
    // What is known to be secret no file allows.
    ann.write("mesh/products/edr/x.py", "# correct horse battery\n");
    ann.write("mesh/.allow-secrets", "notes.md\nproducts\n");
    let said = ann.refused("mesh", &["share", &url]);
    assert!(said.ends_with("hint: if it is none: `resilmesh:allow-secret` in a remark on its line\n"), "{said}");
    ann.write("mesh/products/edr/x.py", "pass\n");
    ann.write("mesh/.allow-secrets", "notes.md\n");
    ann.must("mesh", &["share", &url]);
}

#[test]
fn a_secret_that_was_taken_out_again_still_stands_in_the_history() {
    let place = Place::new();
    let ann = place.person("ann");
    ann.small_mesh();
    let url = place.bare("mesh.git");
    ann.write("mesh/notes.md", token());
    ann.commit("mesh", "Add notes");
    let id = &ann.git("mesh", &["rev-parse", "HEAD"])[..10];
    ann.git("mesh", &["rm", "-q", "notes.md"]);
    ann.git("mesh", &["commit", "-q", "-m", &format!("Take {} out", token())]);
    let last = &ann.git("mesh", &["rev-parse", "HEAD"])[..10];
    let said = ann.refused("mesh", &["share", &url]);
    assert!(!said.contains(&token()), "{said}");
    let said = said.replace(id, "[FIRST]").replace(last, "[LAST]");
    assert_snapshot!(said, @"
    <message>:1:6: error: a GitHub token, in commit [LAST]
    notes.md:1:1: error: a GitHub token, in commit [FIRST]
    error: nothing is shared: secrets stand in clear in what would leave this machine
    hint: put it into the vault (`resilmesh secret set NAME`), and its name in its place
    hint: it is in the history: take it out of the commit (`git rebase -i`, `git commit --amend`)
    hint: if it is none: `resilmesh:allow-secret` in a remark on its line, or its file in `.allow-secrets`
    ");
    assert_eq!(ann.git("", &["--git-dir", &url, "branch"]), "");
}

#[test]
fn a_plain_git_push_is_looked_through_as_well() {
    let place = Place::new();
    let ann = place.person("ann");
    ann.small_mesh();
    let url = place.bare("mesh.git");
    ann.git("mesh", &["remote", "add", "there", &url]);
    ann.git("mesh", &["push", "-q", "there", "main"]);
    ann.git("mesh", &["switch", "-q", "-c", "side"]);
    ann.write("mesh/a b/notes.md", token());
    ann.commit("mesh", "Add notes");
    let done = ann.run("git", "mesh", &["push", "-q", "there", "side"]);
    assert_eq!(done.code, 1);
    assert!(done.err.contains("a b/notes.md:1:1: error: a GitHub token, in commit "), "{}", done.err);
    assert!(done.err.contains("error: nothing is pushed: a secret stands in clear"), "{}", done.err);
    assert!(!done.err.contains(&token()));
    // By address, in a folder below, and a branch taken away.
    assert_eq!(ann.run("git", "mesh/products", &["push", "-q", &url, "side"]).code, 1);
    ann.git("mesh", &["push", "-q", "there", "main:other"]);
    ann.git("mesh", &["push", "-q", "there", ":other"]);
    ann.git("mesh", &["push", "-q", "--no-verify", "there", "side"]);
}

#[test]
fn tags_and_names_of_branches_are_looked_through_as_well() {
    let place = Place::new();
    let ann = place.person("ann");
    ann.small_mesh();
    let url = place.bare("mesh.git");
    ann.must("mesh", &["share", &url]);
    ann.git("mesh", &["tag", "-a", "v1", "-m", &format!("Release with {}", token())]);
    let done = ann.run("git", "mesh", &["push", "-q", "origin", "v1"]);
    assert!(done.err.contains("<message of tag v1>:1:14: error: a GitHub token\n"), "{}", done.err);
    let branch = format!("fix-{}", token());
    ann.git("mesh", &["switch", "-q", "-c", &branch]);
    let done = ann.run("git", "mesh", &["push", "-q", "origin", &branch]);
    assert!(done.err.contains("<name of a branch or tag>:1:16: error: a GitHub token\n"), "{}", done.err);
    assert!(ann.refused("mesh", &["share"]).contains("<name of a branch or tag>:1:5: error: a GitHub token\n"));
    ann.git("mesh", &["tag", "-a", "tree", "-m", "x", "HEAD^{tree}"]);
    let done = ann.run("git", "mesh", &["push", "-q", "origin", "tree"]);
    assert!(done.err.contains("a tag leads to a tree, which is not looked through"), "{}", done.err);
    assert_eq!(ann.git("", &["--git-dir", &url, "for-each-ref", "--format=%(refname)"]), "refs/heads/main");
}

#[test]
fn who_is_behind_is_told_to_update_and_loses_nothing() {
    let place = Place::new();
    let (ann, bob) = (place.person("ann"), place.person("bob"));
    let url = place.bare("mesh.git");
    ann.small_mesh();
    ann.must("mesh", &["share", &url]);
    bob.must("", &["clone", &url]);
    bob.must("mesh", &["configure", "edr-1", "-c", "region=us2"]);
    bob.must("mesh", &["share"]);
    ann.must("mesh", &["configure", "edr-1", "-c", "retention=90d"]);
    assert_snapshot!(ann.refused("mesh", &["share"]), @"
    error: others shared changes at `[PLACE]/mesh.git` that are not here yet; yours are committed
    hint: `resilmesh update` brings them here, then share again
    ");
    ann.must("mesh", &["update"]);
    ann.must("mesh", &["share"]);
    bob.must("mesh", &["update"]);
    assert!(
        bob.read("mesh/instances/edr/edr-1/config.yaml").contains("region: us2\n  # how long\n  retention: \"90d\"\n"),
        "{}",
        bob.read("mesh/instances/edr/edr-1/config.yaml")
    );
}

#[test]
fn a_place_that_is_not_there_leaves_no_remote() {
    let place = Place::new();
    let ann = place.person("ann");
    ann.small_mesh();
    let said = ann.refused("mesh", &["share", "../nowhere.git"]);
    assert!(said.starts_with("error: `../nowhere.git` does not take the mesh:\n  "), "{said}");
    ann.must("mesh", &["configure", "edr-1", "-c", "retention=90d"]);
    let said = ann.refused("mesh", &["share", "../nowhere.git"]);
    let id = &ann.git("mesh", &["rev-parse", "HEAD"])[..10];
    let told = format!("error: committed as {id}, not pushed: `../nowhere.git` does not take the mesh:\n  ");
    assert!(said.starts_with(&told), "{said}");
    assert_eq!(ann.git("mesh", &["remote"]), "");
    assert_snapshot!(ann.refused("mesh", &["share", "upstream"]), @"
    error: there is no remote `upstream`
    hint: give the address of a repository: `resilmesh share URL`
    ");
    ann.must("mesh", &["share", &place.bare("one.git")]);
    assert_snapshot!(ann.refused("mesh", &["share", &place.bare("two.git")]), @"
    error: the mesh is shared at `[PLACE]/one.git` already
    hint: `git remote add NAME URL` adds another place, `resilmesh share NAME` shares there
    hint: `git remote set-url origin URL` moves it
    ");
    ann.git("mesh", &["remote", "add", "two", &place.path("two.git").display().to_string()]);
    ann.must("mesh", &["share", "two"]);
    ann.git("mesh", &["checkout", "-q", "--detach"]);
    assert!(ann.refused("mesh", &["share"]).starts_with("error: no branch is checked out\n"));
}

#[test]
fn only_the_project_is_committed_when_the_repository_holds_more() {
    let place = Place::new();
    let ann = place.person("ann");
    ann.git("", &["init", "-q", "repo"]);
    ann.must("repo", &["init", "lab"]);
    ann.write("repo/draft.txt", format!("{}\n", token()));
    ann.must("repo/lab", &["share", &place.bare("repo.git"), "-m", "Add the lab"]);
    assert_eq!(ann.git("repo", &["status", "--porcelain"]), "?? draft.txt");
    assert!(ann.git("repo", &["ls-files"]).lines().all(|path| path.starts_with("lab/")));
    // A plain push from the top knows the lab's own passwords.
    ann.write("repo/lab/.resilmesh/secrets/bus/password", "correct horse battery");
    ann.write("repo/draft.txt", "correct horse battery");
    ann.commit("repo", "A draft");
    let done = ann.run("git", "repo", &["push", "-q"]);
    assert!(done.code == 1 && done.err.contains("draft.txt:1:1: error: the password `bus/password`"), "{}", done.err);
}
