//! Two people with one mesh.

use crate::team::{AtWork, PLUG, Team, says, state};

#[test]
fn a_colleague_sees_what_is_up_leaves_it_and_takes_it_down() {
    let team = Team::new();
    team.ann.must("mesh", &["up"]);
    assert_eq!(team.log(), ["begins edr-1", "up edr-1"]);
    assert_eq!(state(&team.bob), "down", "he was not told yet");
    assert!(says(&team.bob, &["up"]).contains("nothing to do"));
    assert_eq!((state(&team.bob), team.log().len()), ("up".to_owned(), 2));
    assert!(says(&team.bob, &["status"]).contains("between tenants: 1 plug up\n"));
    assert_eq!(team.bob.json("mesh", &["status"])["tenants"][0]["by"]["who"], "ann <ann@example.org>");
    team.bob.must("mesh", &["down"]);
    assert_eq!(team.log()[2..], ["down edr-1 s-17 eu1"]);
    assert_eq!((state(&team.ann), state(&team.bob)), ("up".to_owned(), "down".to_owned()));
    assert!(says(&team.ann, &["down"]).contains("nothing to do"), "he has taken it down");
    team.ann.must("mesh", &["up"]);
    assert_eq!(team.count("up edr-1"), 2);
    // Commands that exchange the mesh exchange that too.
    team.bob.must("mesh", &["update"]);
    assert_eq!(state(&team.bob), "up");
}

#[test]
fn what_a_setup_has_noted_takes_it_down_from_everywhere() {
    let team = Team::new();
    // The hook keeps in the plug's settings what it was given by the tenant.
    let hooks = team.ann.read("mesh/products/edr/hooks.py");
    let keeps = hooks.replace("    note('up', plug.src_instance)\n", "    note('up', plug.src_instance)\n    plug.settings['stream'] = 's-of-' + str(len(open(PLACE / 'tenant.log').readlines()))\n");
    assert_ne!(hooks, keeps);
    for person in [&team.ann, &team.bob] {
        person.write("mesh/products/edr/hooks.py", &keeps);
        person.must("mesh", &["trust", "--yes"]);
    }
    team.ann.must("mesh", &["up"]);
    team.bob.must("mesh", &["down"]);
    assert_eq!(team.log()[2..], ["down edr-1 s-of-2 eu1"], "his own file still says s-17");
    team.bob.must("mesh", &["up"]);
    team.ann.must("mesh", &["down"]);
    assert_eq!(team.log()[5..], ["down edr-1 s-of-5 eu1"]);
}

#[test]
fn of_two_at_the_same_moment_one_sets_up_and_the_other_waits_or_is_told() {
    let team = Team::new();
    team.hold();
    let ann = AtWork::start(&team.ann, &["up"]);
    team.wait_for("begins edr-1");
    let said = team.bob.refused("mesh", &["up"]);
    assert!(said.contains("error: nothing was changed: ann <ann@example.org> on "), "{said}");
    assert!(said.contains("is at work on `alerts/edr-1/siem-1`") && said.contains("`--take-over`"), "{said}");
    let mut bob = AtWork::start(&team.bob, &["up", "--lock-timeout", "60s"]);
    bob.wait_for("waiting: ann");
    team.let_go();
    let (code, said) = ann.end();
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = bob.end();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(team.log(), ["begins edr-1", "up edr-1"]);
    assert_eq!(state(&team.bob), "up");
}

#[test]
fn who_pushes_first_sets_up() {
    let team = Team::new();
    let both = [&team.ann, &team.bob].map(|person| AtWork::start(person, &["up", "--lock-timeout", "60s"]));
    for up in both {
        let (code, said) = up.end();
        assert_eq!(code, Some(0), "{said}");
    }
    assert_eq!(team.log(), ["begins edr-1", "up edr-1"]);
}

/// A team of which Ann's `up` was killed in the middle of a setup.
fn killed_at_work() -> Team {
    let team = Team::new();
    team.hold();
    let ann = AtWork::start(&team.ann, &["up"]);
    team.wait_for("begins edr-1");
    ann.kill();
    team.let_go();
    team
}

#[test]
fn what_a_killed_up_began_is_known_and_taken_over_when_asked_for() {
    let team = killed_at_work();
    assert!(team.bob.refused("mesh", &["up"]).contains("ann <ann@example.org> on "));
    assert_eq!(state(&team.bob), "partial");
    let said = says(&team.bob, &["status"]);
    assert!(said.contains("between tenants: 1 plug half up\nplug `alerts/edr-1/siem-1`: ann "), "{said}");
    let said = says(&team.bob, &["up", "--take-over"]);
    assert!(said.contains("warning: takes over plug `alerts/edr-1/siem-1`, which ann <ann@example.org> on "), "{said}");
    assert_eq!((team.count("begins edr-1"), state(&team.bob)), (2, "up".to_owned()));
    let said = says(&team.ann, &["up"]);
    assert!(said.contains("nothing to do"), "{said}");
    assert_eq!(team.count("begins edr-1"), 2);
}

#[test]
fn who_was_killed_goes_on_without_being_asked() {
    let team = killed_at_work();
    team.ann.must("mesh", &["up"]);
    assert_eq!(team.count("begins edr-1"), 2);
    assert!(says(&team.bob, &["up"]).contains("nothing to do"));
}

#[test]
fn a_plug_that_a_colleague_deletes_is_taken_down_with_what_was_noted_of_it() {
    let team = Team::new();
    team.ann.must("mesh", &["up"]);
    std::fs::remove_file(team.bob.path(&format!("mesh/{PLUG}"))).expect("it is there");
    team.bob.must("mesh", &["up"]);
    assert_eq!(team.log()[2..], ["down edr-1 s-17 eu1"]);
    // Without its code, it stays, and that is said.
    team.ann.must("mesh", &["up"]);
    let hooks = team.bob.read("mesh/products/edr/hooks.py").replace("def stop", "def halt");
    team.bob.write("mesh/products/edr/hooks.py", hooks);
    team.bob.must("mesh", &["trust", "--yes"]);
    let said = says(&team.bob, &["up"]);
    assert!(said.contains("warning: plug `alerts/edr-1/siem-1`, set up by ann <ann@example.org> on "), "{said}");
    assert!(said.contains("is no longer declared, and the hooks that take it down are not here: it stays"), "{said}");
    assert_eq!(team.log().iter().filter(|line| line.starts_with("down")).count(), 1);
}

#[test]
fn what_is_unplugged_is_forgotten_by_all() {
    let team = Team::new();
    team.ann.must("mesh", &["up"]);
    team.ann.must("mesh", &["unplug", "alerts", "edr-1", "siem-1"]);
    team.ann.must("mesh", &["share"]);
    team.bob.must("mesh", &["update"]);
    team.bob.must("mesh", &["up"]);
    assert_eq!(team.log(), ["begins edr-1", "up edr-1"]);
}

#[test]
fn environments_are_set_up_beside_each_other() {
    let team = Team::new();
    for profile in ["prod", "test"] {
        let text = format!("version: 1\ninstances:\n  edr-1:\n    settings: {{region: {profile}}}\n");
        team.ann.write(&format!("mesh/profiles/{profile}.yaml"), text);
    }
    team.ann.must("mesh", &["up", "--profile", "test"]);
    team.ann.must("mesh", &["up", "--profile", "prod"]);
    assert_eq!(team.count("up edr-1"), 2, "each has tenants of its own");
    let refs = team.ann.git("mesh", &["ls-remote", "origin", "refs/resilmesh/*"]);
    let names: Vec<&str> = refs.lines().filter_map(|line| line.split('\t').nth(1)).collect();
    assert_eq!(names, ["refs/resilmesh/journal/prod", "refs/resilmesh/journal/test"]);
    assert!(says(&team.ann, &["up", "--profile", "test"]).contains("nothing to do"));
    team.ann.must("mesh", &["down", "--profile", "prod"]);
    assert_eq!(team.log().iter().filter(|line| line.starts_with("down")).count(), 1);
    assert_eq!(team.ann.json("mesh", &["list", "plugs", "--profile", "test"])["plugs"][0]["state"], "up");
    assert_eq!(team.ann.json("mesh", &["list", "plugs", "--profile", "prod"])["plugs"][0]["state"], "down");
}
