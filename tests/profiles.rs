//! Environments: `profiles/<name>.yaml`, what is in force, and what is up.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::os::unix::fs::PermissionsExt;

use common::TestProject;
use insta::assert_snapshot;
use serde_json::Value;

const STORE: &str = "name: store\nproduct: elasticsearch\nsettings:\n  max_age: 7d\n  index: events\n";
const PROD: &str = "\
version: 1
instances:
  store:
    settings:
      max_age: 365d
      index: null
      durability: always
";
const TEST: &str = "version: 1\ninstances: {store: {settings: {max_age: 1d}}}\n";

/// A mesh that is taken down when the test ends.
struct Place(TestProject);

impl Place {
    fn new() -> Self {
        let project = TestProject::with(&[
            ("resilmesh.yaml", "version: 1\nname: mesh\n"),
            ("instances/elasticsearch/store/config.yaml", STORE),
            ("profiles/prod.yaml", PROD),
            ("profiles/test.yaml", TEST),
        ]);
        let run = project.home().join("run");
        std::fs::create_dir(&run).expect("folder");
        std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o700)).expect("mode");
        Self(project)
    }

    fn output(&self, args: &[&str], more: &[(&str, &str)]) -> (i32, String, String) {
        let run = self.0.home().join("run").display().to_string();
        let variables: Vec<(&str, &str)> = [("XDG_RUNTIME_DIR", run.as_str())].iter().chain(more).copied().collect();
        self.0.output_with(args, &variables)
    }

    /// What a command that must succeed prints and says.
    fn must(&self, args: &[&str]) -> (String, String) {
        let (code, out, err) = self.output(args, &[]);
        assert_eq!(code, 0, "{args:?}\n{out}{err}");
        (out, err)
    }

    fn profile_up(&self) -> Value {
        let status: Value = serde_json::from_str(&self.must(&["status", "--json"]).0).expect("JSON");
        status["profile"].clone()
    }

    fn rendered(&self) -> String {
        self.0.read(".resilmesh/rendered/store/store.yaml")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.output(&["down"], &[]);
    }
}

#[test]
fn the_profile_that_is_up_stays_in_force_until_another_one_is_named() {
    let place = Place::new();
    let (_, said) = place.must(&["up", "--profile", "prod"]);
    assert!(said.contains("profile `prod`\n"), "{said}");
    assert!(place.rendered().contains("365d"), "{}", place.rendered());
    assert_eq!(place.profile_up(), "prod");
    assert!(place.must(&["status"]).1.contains("profile `prod` is up"));

    let (_, said) = place.must(&["plan"]);
    assert_eq!(said, "profile `prod`\nnothing to do\n", "it is the one that is up");
    let (out, said) = place.must(&["plan", "--profile", "test"]);
    assert!(said.contains("profile `test` in place of profile `prod`, which is up"), "{said}");
    assert!(out.contains("365d") && out.contains("1d"), "what changes is shown: {out}");
    let (_, _, said) = place.output(&["plan"], &[("RESILMESH_PROFILE", "none")]);
    assert!(said.contains("no profile in place of profile `prod`, which is up"), "{said}");
    assert_eq!(place.profile_up(), "prod", "a plan changes nothing");

    let (code, _, said) = place.output(&["up", "store", "--profile", "test"], &[]);
    assert_eq!(code, 1);
    assert!(said.contains("only a part would come up with profile `test`"), "{said}");

    place.must(&["up", "--profile", "none"]);
    assert!(place.rendered().contains("7d"), "{}", place.rendered());
    assert_eq!(place.profile_up(), Value::Null);

    place.must(&["up", "--profile", "prod"]);
    std::fs::remove_file(place.0.root().join("profiles/prod.yaml")).expect("it is there");
    let (_, said) = place.must(&["plan"]);
    assert!(said.contains("profile `prod` is up, but `profiles/prod.yaml` is gone"), "{said}");
    let (_, said) = place.must(&["down"]);
    assert!(said.contains("profile `prod`"), "{said}");
    assert_eq!(place.profile_up(), Value::Null);
}

#[test]
fn what_is_in_force_is_shown_with_who_says_so() {
    let place = Place::new();
    let project = &place.0;
    assert_snapshot!(project.run(&["show", "store", "--resolved", "--profile", "prod"]));
    assert_snapshot!(project.run(&["show", "store", "--origin", "max_age", "--profile", "prod"]));
    assert_snapshot!(project.run(&["show", "store", "--origin", "index", "--profile", "prod"]));
    assert_snapshot!(project.run(&["show", "store", "--origin", "max_age", "--json", "--profile", "test"]));
    assert_snapshot!(project.run(&["show", "store", "--origin", "max_aeg"]));
}

#[test]
fn how_many_services_an_instance_has_is_shown_with_who_says_so() {
    let project = TestProject::example("soapa");
    project.write("instances/vector/indexer/config.yaml", "name: indexer\nproduct: vector\nreplicas: 2\n");
    project.write("profiles/prod.yaml", "version: 1\ninstances:\n  indexer: {replicas: 8}\n");
    assert_snapshot!(project.run(&["show", "indexer", "--resolved", "--profile", "prod"]));
    assert_snapshot!(project.run(&["show", "indexer", "--origin", "replicas", "--profile", "prod"]));
    assert_snapshot!(project.run(&["show", "indexer", "--origin", "replicas", "--json"]));
    let (_, out, _) = project.output(&["status", "--profile", "prod"]);
    assert!(out.contains("indexer/8"), "{out}");
    project.must(&["configure", "indexer", "--replicas", "1"]);
    assert_eq!(project.read("instances/vector/indexer/config.yaml"), "name: indexer\nproduct: vector\n");
    let (code, _, said) = project.output(&["configure", "store", "--replicas", "2"]);
    assert_eq!(code, 1);
    assert!(said.contains("it keeps documents, and each replica would have a part of them"), "{said}");
}

#[test]
fn a_secret_is_named_and_never_shown() {
    let project = TestProject::with(&[
        ("resilmesh.yaml", "version: 1\n"),
        ("instances/silentpush/e/config.yaml", "name: e\nproduct: silentpush\n"),
        ("profiles/prod.yaml", "version: 1\ninstances: {e: {settings: {api_key: hunter2hunter2}}}\n"),
    ]);
    let refused = project.refused(&["show", "e", "--resolved", "--profile", "prod"]);
    assert!(refused.contains("profiles/prod.yaml:2:28: error: setting `api_key` is secret"), "{refused}");
    for args in [
        &["show", "e", "--resolved", "--profile", "prod"][..],
        &["show", "e", "--origin", "api_key", "--json", "--profile", "prod"],
    ] {
        assert!(!project.run(args).contains("hunter2"), "{args:?}");
    }
    assert_snapshot!(project.run(&["show", "e", "--origin", "api_key"]));
}

#[test]
fn a_profile_that_is_not_there_is_named() {
    let place = Place::new();
    assert_snapshot!(place.0.refused(&["plan", "--profile", "prd"]));
    std::fs::remove_dir_all(place.0.root().join("profiles")).expect("it is there");
    assert_snapshot!(place.0.refused(&["plan", "--profile", "prod"]));
}

#[test]
fn mistakes_of_a_profile_keep_only_its_own_mesh_from_coming_up() {
    let place = Place::new();
    place.0.write("profiles/prod.yaml", "version: 1\ninstances: {stor: {}}\n");
    assert_snapshot!(place.0.run(&["show", "store", "--origin", "index", "--profile", "test"]));
    assert_snapshot!(place.0.refused(&["show", "store", "--resolved", "--profile", "prod"]));
}

#[test]
fn a_renamed_instance_has_its_new_name_in_profiles_too() {
    let place = Place::new();
    place.0.must(&["rename", "store", "archive"]);
    assert_eq!(place.0.read("profiles/prod.yaml"), PROD.replace("store", "archive"));
    assert_eq!(place.0.read("profiles/test.yaml"), TEST.replace("store", "archive"));
    assert!(place.0.prints(&["show", "archive", "--resolved", "--profile", "prod"]).contains("365d"));
}

#[test]
fn a_check_is_about_the_profile_in_force() {
    let project = TestProject::with(&[
        ("resilmesh.yaml", "version: 1\nname: mesh\n"),
        ("instances/logfile/packages/config.yaml", "name: packages\nproduct: logfile\n"),
        ("profiles/prod.yaml", "version: 1\ninstances: {packages: {settings: {include: [/var/log/dpkg.log]}}}\n"),
    ]);
    let refused = project.refused(&["check"]);
    assert!(refused.contains("setting `include` of product `logfile` is required"), "{refused}");
    project.must(&["check", "--profile", "prod"]);
}

#[test]
fn a_mistake_in_another_profile_is_named_as_its_own_and_hides_no_instance() {
    let project = TestProject::with(&[
        ("resilmesh.yaml", "version: 1\nname: mesh\n"),
        ("instances/nats/bus/config.yaml", "name: bus\nproduct: nats\n"),
        ("profiles/prod.yaml", "version: 1\ninstances: {bus: {settings: {max_store: much}}}\n"),
    ]);
    assert_snapshot!(project.run(&["check"]), @"
    -- stdout
    profiles/prod.yaml:2:41: error: setting `max_store` must be a text such as `4GB`, but is `much` (in profile `prod`, which is not in force) [setting-value]
      2 | instances: {bus: {settings: {max_store: much}}}
        |                                         ^
    -- stderr
    error: the project has 1 mistake
    hint: `resilmesh check --explain CODE` says why one of a code in brackets is one
    -- exit 1
    ");
    assert_snapshot!(project.run(&["status"]), @"
    -- stdout
    Instance  Product  Program      State    Since  Restarts  Ports  In/s  Out/s  Lag  Dropped
    bus       nats     nats-server  stopped  -      0         -      -     -      -    -
    -- exit 0
    ");
    project.write("profiles/prod.yaml", "version: 1\n");
    project.write("instances/nats/bus/config.yaml", "name: bus\nproduct: nats\nsettings: {max_store: much}\n");
    assert_snapshot!(project.run(&["status"]), @"
    -- stdout
    Instance  Product  Program      State    Since  Restarts  Ports  In/s  Out/s  Lag  Dropped
    bus       nats     nats-server  stopped  -      0         -      -     -      -    -
    -- stderr
    warning: the project has mistakes; `resilmesh check` names them
    -- exit 0
    ");
}
