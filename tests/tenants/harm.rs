//! What others write may be damaged or meant badly; what leaves this machine must hold no secret.

use sha2::{Digest, Sha256};

use crate::support::Person;
use crate::team::{PLUG, Team, says};

/// Puts other text in place of the one entry of the shared journal, and pushes it.
fn put(person: &Person, change: impl Fn(&str) -> String) {
    let reference = "refs/resilmesh/journal/none";
    let path = "top/edr-1+siem-1+alerts.json";
    let was = person.git("mesh", &["show", &format!("{reference}:{path}")]);
    person.write("mesh/entry.txt", change(&was));
    let blob = person.git("mesh", &["hash-object", "-w", "entry.txt"]);
    std::fs::remove_file(person.path("mesh/entry.txt")).expect("it is there");
    let index = person.path("index").display().to_string();
    let git = |args: &[&str]| {
        let done = person.command("git", "mesh").env("GIT_INDEX_FILE", &index).args(args).output().expect("git runs");
        assert!(done.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).expect("text").trim().to_owned()
    };
    git(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},{path}")]);
    let tree = git(&["write-tree"]);
    let commit = git(&["commit-tree", &tree, "-p", reference, "-m", "harm"]);
    git(&["update-ref", reference, &commit]);
    git(&["push", "-q", "--no-verify", "origin", reference]);
}

#[test]
fn a_damaged_entry_is_named_and_nothing_is_done() {
    let team = Team::new();
    team.ann.must("mesh", &["up"]);
    put(&team.ann, |text| text[..text.len() / 2].to_owned());
    let said = team.bob.refused("mesh", &["up"]);
    assert!(said.contains("`top/edr-1+siem-1+alerts.json` in `refs/resilmesh/journal/none` is damaged: "), "{said}");
    assert!(said.contains("hint: `git log -p refs/resilmesh/journal/none` shows who has written it"), "{said}");
    assert_eq!(team.log().len(), 2);
    // As the hint says, it goes back to what it was before.
    let reference = "refs/resilmesh/journal/none";
    team.bob.git("mesh", &["update-ref", reference, &format!("{reference}~1")]);
    team.bob.git("mesh", &["push", "-q", "--force", "--no-verify", "origin", reference]);
    assert!(says(&team.bob, &["up"]).contains("nothing to do"));
}

#[test]
fn an_entry_names_no_code_but_that_of_products_here() {
    let team = Team::new();
    team.ann.must("mesh", &["up"]);
    team.bob.write("evil.py", "raise SystemExit('run')\n");
    put(&team.ann, |text| text.replace("\"hooks.py\"", "\"../../../bob/evil.py\""));
    std::fs::remove_file(team.bob.path(&format!("mesh/{PLUG}"))).expect("it is there");
    let said = says(&team.bob, &["up"]);
    assert!(said.contains("the hooks that take it down are not here: it stays"), "{said}");
    put(&team.ann, |text| text.replace("\"edr\"", "\"../edr\""));
    let said = team.bob.refused("mesh", &["up"]);
    assert!(said.contains("is damaged: product name `../edr`"), "{said}");
    assert_eq!(team.log().len(), 2);
}

#[test]
fn no_secret_and_no_open_digest_of_one_is_in_a_journal() {
    let team = Team::new();
    let secret = "Zq7-key-of-the-tenant";
    team.ann.set_secret("mesh", "free", secret);
    // Somebody has put it into the clear, and has not shared that.
    let plug = format!("{}  note: {secret}\n", team.ann.read(&format!("mesh/{PLUG}")));
    team.ann.write(&format!("mesh/{PLUG}"), plug);
    team.ann.must("mesh", &["up"]);
    let shared = team.ann.git("mesh", &["log", "-p", "--format=%B", "refs/resilmesh/journal/none"]);
    assert!(shared.contains("edr-1") && !shared.contains("s-17"), "settings are left out: {shared}");
    let digest = Sha256::digest(secret).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert!(!shared.contains(secret) && !shared.contains(&digest), "{shared}");
    team.bob.must("mesh", &["down"]);
    assert_eq!(team.log()[2..], ["down edr-1 s-17 eu1"], "his own documents say the rest");
}
