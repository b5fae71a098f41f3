//! `log` and `diff`.

use insta::assert_snapshot;

use crate::support::{Person, Place};

fn edit(ann: &Person) {
    ann.must("mesh", &["configure", "edr-1", "-c", "retention=90d"]);
    ann.must("mesh", &["add", "edr", "edr-2"]);
    ann.must("mesh", &["plug", "alerts", "edr-2", "siem-1"]);
    ann.write("mesh/secrets/edr/token.gpg", "one");
}

#[test]
fn log_tells_what_was_done_to_the_mesh() {
    let place = Place::new();
    let ann = place.person("ann");
    ann.small_mesh();
    edit(&ann);
    ann.commit("mesh", "Keep alerts longer");
    let log: String = ann.must("mesh", &["log", "-n", "1"]).lines().skip(1).map(|line| format!("{line}\n")).collect();
    assert_snapshot!(log, @"
      instance edr-1: setting retention 30d -> 90d
      instance edr-2 added
      plug alerts edr-2 -> siem-1 added
      secret edr/token added
    ");
    let none = ann.resilmesh("mesh", &["log", "-n", "0"]);
    assert_eq!((none.code, none.out.as_str(), none.err.as_str()), (0, "", ""));
    let data = ann.json("mesh", &["log"]);
    let commits = data["commits"].as_array().expect("a list");
    let summaries: Vec<&str> = commits.iter().filter_map(|commit| commit["summary"].as_str()).collect();
    assert_eq!(summaries, ["Keep alerts longer", "Add the products and instances", "Make the mesh"]);
    assert_eq!((&data["schema"], &commits[0]["author"]), (&1.into(), &"ann".into()));
    assert_eq!(commits[0]["id"], ann.git("mesh", &["rev-parse", "HEAD"]));
    let shown = ann.must("mesh", &["log"]);
    assert!(shown.contains(&format!("{}  ", commits[0]["short"].as_str().expect("text"))), "{shown}");
}

#[test]
fn diff_shows_the_mesh_and_not_the_lines() {
    let place = Place::new();
    let ann = place.person("ann");
    ann.small_mesh();
    assert_eq!(ann.must("mesh", &["diff"]), "");
    edit(&ann);
    ann.must("mesh", &["unplug", "alerts", "edr-1", "siem-1"]);
    ann.write("mesh/products/edr/hooks.py", "pass\n");
    assert_snapshot!(ann.must("mesh", &["diff"]), @"
    product edr: hooks.py
    instance edr-1: setting retention 30d -> 90d
    instance edr-2 added
    plug alerts edr-1 -> siem-1 removed
    plug alerts edr-2 -> siem-1 added
    secret edr/token added
    ");
    ann.commit("mesh", "More");
    ann.write("mesh/instances/siem/siem-1/config.yaml", "# hello\nname: siem-1\nproduct: siem\n");
    assert_eq!(ann.must("mesh", &["diff"]), "instance siem-1 changed (comments or layout only)\n");
    assert_eq!(ann.must("mesh", &["diff", "HEAD~1", "HEAD"]).lines().count(), 6);
    assert_eq!(ann.must("mesh", &["diff", "HEAD~1"]).lines().count(), 7);
    let both = ann.must("mesh", &["diff", "HEAD~1", "HEAD"]);
    assert_eq!(ann.must("mesh", &["diff", "HEAD~1..HEAD"]), both);
    assert_eq!(ann.must("mesh", &["diff", "HEAD~1.."]), both);
    for odd in [&["diff", "HEAD~1...HEAD"][..], &["diff", "HEAD~1..HEAD", "HEAD"]] {
        let done = ann.resilmesh("mesh", odd);
        assert!(done.code == 2 && done.err.contains("hint: `resilmesh diff OLDER NEWER` takes two"), "{}", done.err);
    }
    let data = ann.json("mesh", &["diff"]);
    assert_eq!(data["changes"][0]["instance"], "siem-1");
    assert_snapshot!(ann.refused("mesh", &["diff", "nowhere"]), @"
    error: there is no revision `nowhere`
    hint: `resilmesh log` shows them; `HEAD~1`, branches and tags do as well
    ");
}

#[test]
fn a_project_in_a_folder_of_a_repository_has_its_own_history() {
    let place = Place::new();
    let ann = place.person("ann");
    ann.git("", &["init", "-q", "repo"]);
    ann.write("repo/README.md", "x");
    ann.commit("repo", "Start");
    ann.must("repo", &["init", "lab"]);
    ann.commit("repo", "Add the lab");
    ann.write("repo/README.md", "y");
    ann.commit("repo", "Outside");
    let log = ann.must("repo/lab", &["log"]);
    assert!(log.contains("Add the lab") && !log.contains("Outside") && !log.contains("Start"), "{log}");
    ann.write("repo/README.md", "z");
    assert_eq!(ann.must("repo/lab", &["diff"]), "");
}

#[test]
fn without_a_repository_the_way_to_one_is_told() {
    let place = Place::new();
    let ann = place.person("ann");
    ann.write("old/resilmesh.yaml", "version: 1\n");
    for command in ["log", "diff"] {
        let said = ann.refused("old", &[command]);
        assert_eq!(said, "error: the project is in no git repository\nhint: `resilmesh init` makes one\n");
    }
    ann.must("", &["init", "--no-key", "old"]);
    assert_eq!(ann.must("old", &["log"]), "");
    assert_eq!(ann.must("old", &["diff"]), "the mesh: version set to 1\n");
}
