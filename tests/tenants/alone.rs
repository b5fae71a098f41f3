//! Without others, or out of their reach.

use std::os::unix::fs::PermissionsExt;

use crate::support::Place;
use crate::team::{AtWork, Team, count, log, mesh_of, says, state, until};

#[test]
fn out_of_reach_it_goes_on_and_tells_the_others_later() {
    let team = Team::new();
    let (remote, away) = (team.place.path("mesh.git"), team.place.path("away.git"));
    std::fs::rename(&remote, &away).expect("it is there");
    let said = says(&team.ann, &["up"]);
    assert!(
        said.contains(
            "warning: what others have set up at tenants since is not known, so that it may be set up twice: "
        ),
        "{said}"
    );
    assert_eq!((team.count("up edr-1"), state(&team.ann)), (1, "up".to_owned()));
    std::fs::rename(&away, &remote).expect("it is there");
    assert!(says(&team.ann, &["up"]).contains("nothing to do"));
    assert!(says(&team.bob, &["up"]).contains("nothing to do"), "she has told him");
    assert_eq!(team.count("up edr-1"), 1);
    // One who is offline by choice is not warned.
    assert!(!says(&team.bob, &["down", "--offline"]).contains("warning"));
    assert_eq!(state(&team.ann), "up");
    team.bob.must("mesh", &["update"]);
    team.ann.must("mesh", &["update"]);
    assert_eq!(state(&team.ann), "down");
}

#[test]
fn a_remote_that_refuses_such_references_is_told_of_and_keeps_nobody_from_work() {
    let team = Team::new();
    let hook = team.place.path("mesh.git").join("hooks/update");
    std::fs::write(&hook, "#!/bin/sh\ncase $1 in refs/resilmesh/*) exit 1;; esac\n").expect("writable");
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).expect("writable");
    let said = says(&team.ann, &["up"]);
    assert!(
        said.contains("warning: others cannot be told what is about to be set up, so that they may do it too: "),
        "{said}"
    );
    assert!(said.contains("warning: others do not know yet what is set up here: "), "{said}");
    assert_eq!((team.count("up edr-1"), state(&team.ann)), (1, "up".to_owned()));
    std::fs::remove_file(hook).expect("it is there");
    team.ann.must("mesh", &["up"]);
    assert!(says(&team.bob, &["up"]).contains("nothing to do"));
}

#[test]
fn a_mesh_that_is_shared_nowhere_tells_the_others_once_it_is() {
    let place = Place::new();
    let (ann, bob) = (place.person("ann"), place.person("bob"));
    mesh_of(&ann);
    ann.must("mesh", &["up"]);
    assert!(says(&ann, &["up"]).contains("nothing to do"));
    let remote = place.bare("mesh.git");
    ann.must("mesh", &["share", &remote]);
    bob.must("", &["clone", &remote, "mesh"]);
    assert_eq!(state(&bob), "up");
    bob.must("mesh", &["trust", "--yes"]);
    bob.must("mesh", &["down"]);
    assert_eq!(log(&place), ["begins edr-1", "up edr-1", "down edr-1 s-17 eu1"]);
}

#[test]
fn without_a_repository_there_is_the_own_journal() {
    let place = Place::new();
    let ann = place.person("ann");
    mesh_of(&ann);
    std::fs::remove_dir_all(ann.path("mesh/.git")).expect("it is there");
    ann.must("mesh", &["up"]);
    assert!(says(&ann, &["up"]).contains("nothing to do"));
    // What was set up before there was a repository is told of then.
    ann.must("mesh", &["init"]);
    ann.must("mesh", &["up"]);
    assert_eq!(
        ann.git("mesh", &["ls-tree", "-r", "--name-only", "refs/resilmesh/journal/none"]),
        "top/edr-1+siem-1+alerts.json"
    );
    ann.must("mesh", &["down"]);
    assert_eq!(ann.git("mesh", &["ls-tree", "-r", "--name-only", "refs/resilmesh/journal/none"]), "");
    assert_eq!(log(&place).len(), 3);
}

#[test]
fn a_second_command_in_the_same_folder_waits_or_says_who_is_at_work() {
    let place = Place::new();
    let ann = place.person("ann");
    mesh_of(&ann);
    std::fs::write(place.path("hold"), "").expect("writable");
    let up = AtWork::start(&ann, &["up"]);
    until("it begins", || count(&place, "begins edr-1") == 1);
    let said = ann.refused("mesh", &["down"]);
    assert!(
        said.contains("error: this mesh is being changed by process ") && said.contains(" (`resilmesh up`), since 2"),
        "{said}"
    );
    let mut down = AtWork::start(&ann, &["down", "--lock-timeout", "60s"]);
    down.wait_for("waiting: this mesh is being changed by process ");
    std::fs::remove_file(place.path("hold")).expect("it was held");
    assert_eq!((up.end().0, down.end().0), (Some(0), Some(0)));
    assert_eq!(log(&place), ["begins edr-1", "up edr-1", "down edr-1 s-17 eu1"]);
}
