//! Names that are unknown are told, with the closest.

use insta::{allow_duplicates, assert_snapshot};

use crate::common::TestProject;
use crate::common::python::working_pair;

#[test]
fn plugs_of_an_unknown_instance_are_an_error() {
    let project = working_pair();
    project.must(&["plug", "events", "s1", "l1"]);
    for args in [&["list", "plugs", "s2"][..], &["list", "plugs", "s1", "s2"]] {
        allow_duplicates!(assert_snapshot!(project.refused(args), @"
        -- stderr
        error: there is no instance `s2`
        hint: did you mean `s1`?
        hint: `resilmesh list instances` shows them all
        -- exit 1
        "));
    }
    assert_eq!(project.prints(&["list", "plugs", "l1"]).lines().count(), 1, "there is none from there");
}

#[test]
fn a_search_that_finds_nothing_says_so() {
    let project = working_pair();
    assert_snapshot!(project.run(&["list", "instances", "s2"]), @"
    -- stdout
    Name  Product  Plugs
    -- stderr
    no instance has `s2` in its name; did you mean `s1`?
    -- exit 0
    ");
    assert_snapshot!(project.run(&["list", "instances", "-p", "sensors"]), @"
    -- stdout
    Name  Product  Plugs
    -- stderr
    there is no product `sensors`; did you mean `sensor`?
    -- exit 0
    ");
}

#[test]
fn down_names_the_instance_that_it_does_not_know() {
    let project = working_pair();
    project.must(&["plug", "events", "s1", "l1"]);
    for up in [false, true] {
        if up {
            project.must(&["up"]);
        }
        allow_duplicates!(assert_snapshot!(project.refused(&["down", "s2"]), @"
        -- stderr
        error: there is no instance `s2`
        hint: did you mean `s1`?
        -- exit 1
        "));
    }
    project.must(&["down", "s1"]);
}

#[test]
fn a_default_that_is_given_keeps_its_line_with_the_comment() {
    let project = TestProject::with(&[
        (
            "products/edr/definition.yaml",
            "settings:\n- {name: region, default: eu}\nproduces: {alerts: [{owns_both: true}]}\n",
        ),
        (
            "instances/edr/e1/config.yaml",
            "name: e1\nproduct: edr\nsettings:\n  # agreed with the vendor\n  region: us # not eu yet\n",
        ),
    ]);
    project.must(&["configure", "e1", "-c", "region=eu"]);
    assert_eq!(
        project.read("instances/edr/e1/config.yaml"),
        "name: e1\nproduct: edr\nsettings:\n  # agreed with the vendor\n  region: eu # not eu yet\n"
    );
    project.must(&["configure", "e1", "-c", "region="]);
    assert!(!project.read("instances/edr/e1/config.yaml").contains("region"));
    // One that does not stand there is not written for being the default.
    project.must(&["configure", "e1", "-c", "region=eu"]);
    assert!(!project.read("instances/edr/e1/config.yaml").contains("region"));
}

#[test]
fn init_says_what_to_do_about_a_key_for_a_vault_that_is_there() {
    let project = TestProject::new();
    project.must(&["secret", "generate", "token"]);
    assert_snapshot!(project.refused(&["init", "--key", "0123456789ABCDEF0123456789ABCDEF01234567"]), @"
    -- stderr
    error: `.` is a project already, and has its vault: `--key` says who reads a new one
    hint: `resilmesh secret recipients add FINGERPRINT|FILE` lets a key read the secrets
    -- exit 1
    ");
}
