//! `update` and the merge driver: two people change the same mesh.

use std::path::Path;

use insta::assert_snapshot;
use resilmesh::git::repository::Repository;
use resilmesh::git::sides::{self, Sides};
use serde_json::Value;

use crate::support::{Person, Place};

/// ann and bob with the same mesh.
fn two(place: &Place) -> (Person, Person) {
    let (ann, bob) = (place.person("ann"), place.person("bob"));
    let url = place.bare("mesh.git");
    ann.small_mesh();
    ann.must("mesh", &["share", &url]);
    bob.must("", &["clone", &url]);
    (ann, bob)
}

const CONFIG: &str = "mesh/instances/edr/edr-1/config.yaml";

/// Sets a secret; what its file holds then.
fn secret(person: &Person, name: &str, value: &str) -> Option<Vec<u8>> {
    person.set_secret("mesh", name, value);
    Some(std::fs::read(person.path(&format!("mesh/secrets/{name}.gpg"))).expect("readable"))
}

#[test]
fn what_others_shared_is_told_as_a_mesh() {
    let place = Place::new();
    let (ann, bob) = two(&place);
    assert_eq!(bob.resilmesh("mesh", &["update"]).err, "nothing new at `[PLACE]/mesh.git`\n");
    ann.must("mesh", &["add", "edr", "edr-2"]);
    ann.must("mesh", &["plug", "alerts", "edr-2", "siem-1"]);
    secret(&ann, "edr/token", "one");
    ann.must("mesh", &["share"]);
    assert_snapshot!(bob.must("mesh", &["update"]), @"
    instance edr-2 added
    plug alerts edr-2 -> siem-1 added
    secret edr/token added
    ");
    assert_eq!(bob.git("mesh", &["status", "--porcelain", "-b"]), "## main...origin/main");
    let data = bob.json("mesh", &["update"]);
    assert_eq!((&data["state"], &data["changes"]), (&"up_to_date".into(), &Value::Array(Vec::new())));
}

#[test]
fn what_is_not_committed_is_kept() {
    let place = Place::new();
    let (ann, bob) = two(&place);
    ann.must("mesh", &["configure", "edr-1", "-c", "retention=90d"]);
    ann.write("mesh/new.md", "from ann");
    ann.must("mesh", &["share"]);
    bob.write("mesh/README.md", "mine\n");
    bob.must("mesh", &["configure", "edr-1", "-c", "region=us2"]);
    bob.write("mesh/new.md", "from bob");
    let before = bob.read(CONFIG);
    assert_snapshot!(bob.refused("mesh", &["update"]), @"
    error: others changed what you changed too and did not commit: `instances/edr/edr-1/config.yaml`, `new.md`; nothing is changed
    hint: commit your changes first, and both are joined: `git add -A && git commit`, then `resilmesh update`
    hint: or put them aside: `git stash -u`, `resilmesh update`, `git stash pop`
    ");
    assert_eq!((bob.read(CONFIG), bob.read("mesh/new.md")), (before, "from bob".to_owned()));
    bob.git("mesh", &["checkout", "-q", "instances"]);
    std::fs::remove_file(bob.path("mesh/new.md")).expect("there");
    bob.must("mesh", &["update"]);
    assert_eq!((bob.read("mesh/README.md"), bob.read("mesh/new.md")), ("mine\n".to_owned(), "from ann".to_owned()));
    assert_eq!(bob.git("mesh", &["status", "--porcelain"]), " M README.md");
}

#[test]
fn changes_of_different_things_are_joined() {
    let place = Place::new();
    let (ann, bob) = two(&place);
    ann.must("mesh", &["configure", "edr-1", "-c", "region=us2"]);
    secret(&ann, "edr/token", "one");
    ann.must("mesh", &["share"]);
    bob.must("mesh", &["configure", "edr-1", "-c", "tags=a", "-c", "retention=90d"]);
    bob.must("mesh", &["add", "edr", "edr-2"]);
    bob.must("mesh", &["plug", "alerts", "edr-2", "siem-1"]);
    secret(&bob, "siem/key", "two");
    bob.commit("mesh", "Mine");
    bob.write("mesh/README.md", "not committed\n");
    let done = bob.resilmesh("mesh", &["update"]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(done.out, "instance edr-1: setting region eu1 -> us2\nsecret edr/token added\n");
    assert_snapshot!(done.err, @"joined with yours from `[PLACE]/mesh.git`: `resilmesh share` gives it to the others");
    assert_snapshot!(bob.read(CONFIG), @r#"
    # the agents
    name: edr-1
    product: edr
    settings:
      # where
      region: us2
      # how long
      retention: "90d"
      tags:
      - a
    "#);
    assert_eq!(bob.git("mesh", &["status", "--porcelain"]), " M README.md");
    assert_eq!(bob.git("mesh", &["log", "-1", "--format=%s %an"]), "Join what others shared bob");
    bob.git("mesh", &["checkout", "-q", "README.md"]);
    bob.must("mesh", &["share"]);
    assert_eq!(ann.must("mesh", &["update"]).lines().count(), 4);
    assert_eq!(ann.git("mesh", &["rev-parse", "HEAD"]), bob.git("mesh", &["rev-parse", "HEAD"]));
}

#[test]
fn the_same_thing_changed_twice_is_named_and_left_to_settle() {
    let place = Place::new();
    let (ann, bob) = two(&place);
    let zero = secret(&ann, "edr/token", "zero");
    ann.must("mesh", &["add", "edr", "edr-2"]);
    ann.must("mesh", &["plug", "alerts", "edr-2", "siem-1"]);
    ann.must("mesh", &["share"]);
    bob.must("mesh", &["update"]);

    ann.must("mesh", &["configure", "edr-1", "-c", "retention=60d", "-c", "region=us2"]);
    ann.must("mesh", &["configure", "edr-2", "-c", "region=us2"]);
    let one = secret(&ann, "edr/token", "one");
    ann.must("mesh", &["share"]);
    bob.must("mesh", &["configure", "edr-1", "-c", "retention=90d", "-c", "tags=x"]);
    bob.must("mesh", &["remove", "edr-2"]);
    let two = secret(&bob, "edr/token", "two");
    bob.commit("mesh", "Mine");
    bob.write("mesh/README.md", "not committed\n");

    let done = bob.resilmesh("mesh", &["update"]);
    assert_eq!(done.code, 1);
    assert_snapshot!(done.out, @"
    instance edr-1: setting retention is 90d here and 60d there
    instance edr-2: removed here, changed there
    secret edr/token: changed on both sides
    ");
    assert_snapshot!(done.err, @"
    error: you and others changed the same 3 things
    hint: instance edr-1: edit `instances/edr/edr-1/config.yaml`, or `git add instances/edr/edr-1/config.yaml` to keep it, `git rm instances/edr/edr-1/config.yaml` to take it out
    hint: instance edr-2: edit `instances/edr/edr-2/config.yaml`, or `git add instances/edr/edr-2/config.yaml` to keep it, `git rm instances/edr/edr-2/config.yaml` to take it out
    hint: secret edr/token: `resilmesh secret edit edr/token`
    hint: then `resilmesh share` joins both and shares it
    hint: `resilmesh update --abort` goes back to before the update
    ");
    assert_snapshot!(bob.read(CONFIG), @r#"
    # the agents
    name: edr-1
    product: edr
    settings:
      # where
      region: us2
      # how long
    <<<<<<< ours
      retention: "90d"
    =======
      retention: "60d"
    >>>>>>> theirs
      tags:
      - x
    "#);
    let said = bob.refused("mesh", &["configure", "edr-1", "-c", "region=eu1"]);
    assert_snapshot!(said, @"
    instances/edr/edr-1/config.yaml:8:1: error: two people's changes are in conflict here, and git has marked both [not-yaml]
      8 | <<<<<<< ours
        | ^
      hint: keep what is right of what stands between `<<<<<<<` and `>>>>>>>`, take out these marks, then `resilmesh share`; `resilmesh update --abort` goes back to before the update
    error: instance `edr-1` cannot be read
    ");
    // The three sides of the secret are in the index, for `secret edit`.
    let stages = bob.git("mesh", &["ls-files", "-u", "--", "secrets/edr/token.gpg"]);
    assert_eq!(stages.lines().count(), 3, "{stages}");
    let repository = Repository::must(&bob.path("mesh")).expect("a repository");
    let token = Path::new("secrets/edr/token.gpg");
    let sides = sides::of(&repository, token).expect("readable").expect("in conflict");
    assert_eq!(sides, Sides { base: zero, ours: two, theirs: one });
    assert_eq!(sides::of(&repository, Path::new("README.md")).expect("readable"), None);
    assert!(bob.refused("mesh", &["update"]).starts_with("error: the last update is not finished: a merge is open\n"));
    assert!(
        bob.refused("mesh", &["share"]).starts_with("error: nothing is shared: the last update is still in conflict\n")
    );

    // Back, and again: nothing was lost.
    bob.must("mesh", &["update", "--abort"]);
    assert_eq!(bob.git("mesh", &["status", "--porcelain"]), " M README.md");
    assert!(bob.refused("mesh", &["update", "--abort"]).contains("no merge is open"));
    assert_eq!(bob.resilmesh("mesh", &["update"]).code, 1);

    let settled: String = bob
        .read(CONFIG)
        .lines()
        .filter(|line| !line.starts_with(['<', '=', '>']) && !line.contains("60d"))
        .map(|line| format!("{line}\n"))
        .collect();
    bob.write(CONFIG, settled);
    bob.git("mesh", &["rm", "-q", "instances/edr/edr-2/config.yaml"]);
    let said = bob.refused("mesh", &["share"]);
    assert!(
        said.contains("hint: secret edr/token: `resilmesh secret edit edr/token`") && !said.contains("edr-1"),
        "{said}"
    );
    secret(&bob, "edr/token", "three");
    sides::settle(&repository, token).expect("writable");
    assert_eq!(sides::of(&repository, token).expect("readable"), None);
    bob.must("mesh", &["share"]);
    assert_eq!(bob.git("mesh", &["log", "-1", "--format=%s"]), "Join what others shared, settled by hand");
    ann.must("mesh", &["update"]);
    assert!(ann.read(CONFIG).contains("90d") && !ann.has("mesh/instances/edr/edr-2/config.yaml"));
    assert_eq!(bob.git("mesh", &["status", "--porcelain"]), "");
}

#[test]
fn changes_that_merge_but_make_no_mesh_are_not_taken_over() {
    let place = Place::new();
    let (ann, bob) = two(&place);
    ann.must("mesh", &["add", "siem", "siem-2"]);
    ann.must("mesh", &["plug", "alerts", "edr-1", "siem-2"]);
    ann.must("mesh", &["share"]);
    bob.must("mesh", &["remove", "edr-1"]);
    bob.commit("mesh", "No agents");
    let done = bob.resilmesh("mesh", &["update"]);
    assert_eq!(done.code, 1);
    assert!(
        done.err
            .contains("instances/edr/edr-1/config.yaml:1:1: error: instance `edr-1` has plugs but no `config.yaml`"),
        "{}",
        done.err
    );
    assert!(done.err.contains("error: what others changed does not go together with your changes\n"), "{}", done.err);
    let data = bob.resilmesh("mesh", &["share"]);
    assert!(data.err.contains("nothing is shared: the project has 1 mistake"), "{}", data.err);
    std::fs::remove_dir_all(bob.path("mesh/instances/edr")).expect("there");
    bob.must("mesh", &["share"]);
    assert_eq!(bob.git("mesh", &["log", "-1", "--format=%p"]).split(' ').count(), 2, "the merge is finished");
}

#[test]
fn a_conflict_is_told_as_json() {
    let place = Place::new();
    let (ann, bob) = two(&place);
    ann.must("mesh", &["configure", "edr-1", "-c", "retention=60d"]);
    ann.must("mesh", &["share"]);
    bob.must("mesh", &["configure", "edr-1", "-c", "retention=90d"]);
    bob.commit("mesh", "Mine");
    let done = bob.resilmesh("mesh", &["update", "--json"]);
    let data: Value = serde_json::from_str(&done.out).expect("JSON");
    assert_eq!((done.code, &data["state"]), (1, &"conflict".into()));
    assert_eq!(
        data["conflicts"],
        serde_json::json!([{
            "what": "instance", "instance": "edr-1", "product": "edr",
            "conflict": "key", "key": "settings.retention", "ours": "90d", "theirs": "60d"
        }])
    );
}

#[test]
fn git_merge_uses_the_driver() {
    let place = Place::new();
    let (ann, bob) = two(&place);
    ann.must("mesh", &["configure", "edr-1", "-c", "retention=60d"]);
    secret(&ann, "edr/token", "one");
    ann.must("mesh", &["share"]);
    // Lines that git alone could not merge.
    bob.must("mesh", &["configure", "edr-1", "-c", "tags=x"]);
    bob.commit("mesh", "Mine");
    bob.git("mesh", &["pull", "-q", "--no-rebase", "--no-edit"]);
    assert!(bob.read(CONFIG).contains("retention: \"60d\"\n  tags:\n  - x\n"), "{}", bob.read(CONFIG));
    bob.must("mesh", &["share"]);
    ann.must("mesh", &["update"]);

    ann.must("mesh", &["configure", "edr-1", "-c", "retention=61d"]);
    secret(&ann, "edr/token", "two");
    ann.must("mesh", &["share"]);
    bob.must("mesh", &["configure", "edr-1", "-c", "retention=62d"]);
    secret(&bob, "edr/token", "three");
    bob.commit("mesh", "Mine");
    let done = bob.run("git", "mesh", &["pull", "-q", "--no-rebase", "--no-edit"]);
    assert_eq!(done.code, 1);
    let said = format!("{}{}", done.out, done.err);
    assert!(
        said.contains("error: in conflict: instance edr-1: setting retention is 62d here and 61d there\n"),
        "{said}"
    );
    assert!(said.contains("error: in conflict: secret edr/token: changed on both sides\nhint: `resilmesh secret edit edr/token` settles it\n"), "{said}");
    assert!(
        bob.read(CONFIG)
            .contains("<<<<<<< ours\n  retention: \"62d\"\n=======\n  retention: \"61d\"\n>>>>>>> theirs\n")
    );
    assert_eq!(bob.git("mesh", &["ls-files", "-u", "--", "secrets"]).lines().count(), 3);
}

#[test]
fn the_state_of_another_machine_is_refused() {
    let place = Place::new();
    let (ann, bob) = two(&place);
    ann.write("mesh/.resilmesh/journal.json", "{}");
    ann.git("mesh", &["add", "-f", ".resilmesh/journal.json"]);
    ann.commit("mesh", "Oops");
    ann.git("mesh", &["push", "-q", "--no-verify"]);
    let said = bob.refused("mesh", &["update"]);
    assert!(
        said.starts_with("error: the repository holds `.resilmesh`, which is a machine's own state: refused\n"),
        "{said}"
    );
    assert!(!bob.has("mesh/.resilmesh/journal.json"));
    let url = place.path("mesh.git").display().to_string();
    assert!(bob.refused("", &["clone", &url, "other"]).contains("a machine's own state"));
    assert!(!bob.has("other"));
}

#[test]
fn meshes_without_common_history_are_not_joined() {
    let place = Place::new();
    let (ann, _) = two(&place);
    let eve = place.person("eve");
    eve.must("", &["init", "mesh"]);
    eve.git("mesh", &["remote", "add", "origin", &place.path("mesh.git").display().to_string()]);
    assert!(
        eve.refused("mesh", &["update"]).starts_with("error: the mesh here and the one there have no common history\n")
    );
    assert_eq!(eve.git("mesh", &["status", "--porcelain"]), "");
    ann.git("mesh", &["switch", "-q", "-c", "side"]);
    assert!(ann.refused("mesh", &["update"]).contains("there is no branch `side`"));
}

#[test]
fn what_hooks_noted_in_a_plug_goes_along_with_what_others_changed_there() {
    let place = Place::new();
    let (ann, bob) = two(&place);
    let plug = "mesh/instances/edr/edr-1/plugs/siem-1/alerts.yaml";
    let with = |person: &Person, settings: &str| {
        let text = person.read(plug);
        let text = text.split("settings:").next().unwrap_or_default().to_owned();
        person.write(plug, format!("{text}settings:\n{settings}"));
    };
    with(&ann, "  stream: one\n");
    ann.commit("mesh", "settings");
    ann.must("mesh", &["share"]);
    bob.must("mesh", &["update"]);
    // As a hook does while bob brings his mesh up.
    with(&bob, "  stream: one\n  token_id: '7'\n");
    with(&ann, "  stream: two\n");
    ann.write("mesh/new.md", "from ann");
    ann.commit("mesh", "another stream");
    ann.must("mesh", &["share"]);
    bob.must("mesh", &["update"]);
    assert!(bob.read(plug).ends_with("settings:\n  stream: two\n  token_id: '7'\n"), "{}", bob.read(plug));
    assert_eq!(bob.git("mesh", &["status", "--porcelain"]).trim(), "M instances/edr/edr-1/plugs/siem-1/alerts.yaml");
    assert_eq!(bob.read("mesh/new.md"), "from ann");

    with(&ann, "  stream: three\n");
    ann.commit("mesh", "a third stream");
    ann.must("mesh", &["share"]);
    with(&bob, "  stream: mine\n  token_id: '7'\n");
    let refused = bob.refused("mesh", &["update"]);
    assert!(refused.contains("nothing is changed"), "{refused}");
    assert!(
        refused.contains(
            "hint: in `instances/edr/edr-1/plugs/siem-1/alerts.yaml`, `settings.stream` is mine here and three there"
        ),
        "{refused}"
    );
    assert!(refused.contains("hint: commit your changes first"), "{refused}");
}
