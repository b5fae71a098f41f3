//! New products, capabilities and integrations, each as a user sees it.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

mod common;

use common::TestProject;
use insta::assert_snapshot;

const ACME: (&str, &str) = (
    "products/acme/definition.yaml",
    "# Our own\ndescription: kept # as it is\nproduces:\n  alerts:\n    # to anybody\n    - {}\n",
);
const OTHER: (&str, &str) = ("products/other/definition.yaml", "tags: [siem]\n");

fn project() -> TestProject {
    TestProject::with(&[ACME, OTHER, ("resilmesh.yaml", "version: 1\n")])
}

#[test]
fn a_bare_product_has_a_name() {
    let project = project();
    assert_snapshot!(project.run(&["create", "product", "new.one_2"]), @"
    -- stderr
    created `products/new.one_2/definition.yaml`
    made product `new.one_2`; `resilmesh create capability new.one_2 TOPIC ROLE` says what it can do
    -- exit 0
    ");
    assert_snapshot!(project.read("products/new.one_2/definition.yaml"), @"
    # yaml-language-server: $schema=../../.resilmesh/schema/definition.json
    name: new.one_2
    ");
    let before = project.files();
    assert_snapshot!(project.run(&["create", "product", "acme"]), @"
    -- stderr
    product `acme` is there already
    -- exit 0
    ");
    assert_eq!(project.files(), before);
}

#[test]
fn bad_names_of_products_are_refused_with_a_better_one() {
    let project = project();
    assert_snapshot!(project.refused(&["create", "product", "my-edr"]), @"
    -- stderr
    error: product name `my-edr` has `-` in it, which Python cannot import
    hint: names of new products have letters, digits, `_` and `.`
    hint: how about `my_edr`?
    -- exit 1
    ");
    for name in ["", "a b", "../x", "a/b", ".", ".x", "x\ny"] {
        let refused = project.refused(&["create", "product", name]);
        assert!(refused.ends_with("-- exit 1"), "{refused}");
    }
}

#[test]
fn a_language_is_that_of_a_template_which_has_it() {
    let project = project();
    assert_snapshot!(project.refused(&["create", "product", "mine", "--lang", "rust"]), @"
    -- stderr
    error: `--lang rust` says how the code of a template is written; without `--from TEMPLATE` there is none
    hint: `resilmesh list templates` shows them all
    -- exit 2
    ");
    assert_snapshot!(project.refused(&["create", "product", "mine", "--from", "siem", "--lang", "vrl"]), @"
    -- stderr
    error: template `siem` is not to be had in `vrl`, but in `python`, `rust`
    -- exit 2
    ");
    assert_snapshot!(project.refused(&["create", "product", "mine", "--from", "./there", "--lang", "python"]), @"
    -- stderr
    error: `--lang python` is for templates; what comes from `./there` is in the language that it is in
    -- exit 2
    ");
    assert_snapshot!(project.refused(&["create", "product", "mine", "--lang", "cobol"]), @"
    -- stderr
    error: invalid value 'cobol' for '--lang <LANG>'
      [possible values: python, rust, vrl]

    For more information, try '--help'.
    -- exit 2
    ");
    // As Meshroom's users say it.
    project.must(&["create", "product", "mine", "--lang", "python"]);
}

#[test]
fn an_unknown_template_leaves_nothing_behind() {
    let project = project();
    assert_snapshot!(project.refused(&["create", "product", "mine", "--from", "siam"]), @"
    -- stderr
    error: there is no template `siam`
    hint: did you mean `siem`?
    hint: `resilmesh list templates` shows them all; a folder or the address of a repository does as well
    -- exit 1
    ");
    assert_snapshot!(project.refused(&["create", "product", "mine", "--from", "./nowhere"]), @"
    -- stderr
    error: there is no folder `./nowhere`
    -- exit 1
    ");
    assert_snapshot!(project.refused(&["create", "product", "mine", "--from", "instances.git"]), @"
    -- stderr
    fetching `instances.git`
    error: `instances.git` cannot be fetched: repository 'instances.git' does not exist
    -- exit 1
    ");
}

#[test]
fn a_dry_run_lists_and_writes_nothing() {
    let project = project();
    let before = project.files();
    assert_snapshot!(project.run(&["create", "product", "mine", "--from", "edr", "--dry-run"]), @"
    -- stdout
    create products/mine/README.md
    create products/mine/definition.yaml
    create products/mine/hooks.py
    create products/mine/tests/test_hooks.py
    -- exit 0
    ");
    assert_snapshot!(project.run(&["create", "integration", "acme", "other", "events", "producer", "--dry-run", "--json"]), @r#"
    -- stdout
    {
      "dry_run": true,
      "files": [
        {
          "effect": "change",
          "path": "products/acme/definition.yaml"
        },
        {
          "effect": "create",
          "path": "products/acme/integrations/other/events_producer.yml"
        },
        {
          "effect": "change",
          "path": "products/other/definition.yaml"
        }
      ],
      "schema": 1
    }
    -- exit 0
    "#);
    project.run(&["create", "capability", "acme", "events", "producer", "--dry-run"]);
    assert_eq!(project.files(), before);
}

#[test]
fn what_somebody_wrote_is_written_over_only_when_asked_for() {
    let project = project();
    project.must(&["create", "product", "mine", "--from", "edr"]);
    project.must(&["create", "product", "mine", "--from", "edr"]);
    project.write("products/mine/hooks.py", "# mine\n");
    let before = project.files();
    assert_snapshot!(project.run(&["create", "product", "mine", "--from", "edr"]), @"
    -- stderr
    warning: it differs from what it would be made from; `--force` writes over it, `--dry-run` lists the files
    product `mine` is there already
    -- exit 0
    ");
    assert_snapshot!(project.run(&["create", "product", "mine", "--from", "edr", "--dry-run"]), @"
    -- stdout
    keep products/mine/README.md
    keep products/mine/definition.yaml
    overwrite products/mine/hooks.py
    keep products/mine/tests/test_hooks.py
    -- exit 0
    ");
    assert_eq!(project.files(), before);
    assert_snapshot!(project.run(&["create", "product", "mine", "--from", "edr", "--force"]), @"
    -- stderr
    overwrote `products/mine/hooks.py`
    made product `mine` from `edr`
    -- exit 0
    ");
    assert!(project.read("products/mine/hooks.py").starts_with("\"\"\"Hooks of mine"));
}

#[test]
fn a_product_starts_from_a_folder_or_a_repository() {
    let project = project();
    project.must(&["create", "product", "second", "--from", "products/acme"]);
    assert_eq!(project.read("products/second/definition.yaml"), ACME.1);
    let repository = git2::Repository::init(project.root().join("vendor.git")).expect("a repository");
    project.write("vendor.git/products/a/definition.yaml", "name: a\ndescription: '{{NAME}}'\n");
    project.write("vendor.git/products/b/definition.yaml", "name: b\n");
    let mut index = repository.index().expect("an index");
    index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).expect("added");
    let tree = repository.find_tree(index.write_tree().expect("a tree")).expect("a tree");
    let who = git2::Signature::now("Ann", "ann@example.org").expect("a signature");
    repository.commit(Some("HEAD"), &who, &who, "Products", &tree, &[]).expect("a commit");
    assert_snapshot!(project.refused(&["create", "product", "third", "--from", "vendor.git"]), @"
    -- stderr
    fetching `vendor.git`
    error: there are several products in `vendor.git`: `a`, `b`
    hint: name one: `vendor.git#products/a`
    -- exit 1
    ");
    assert_snapshot!(project.run(&["create", "product", "third", "--from", "vendor.git#products/a"]), @"
    -- stderr
    fetching `vendor.git`
    created `products/third/definition.yaml`
    made product `third` from `vendor.git#products/a`
    warning: read `products/third` before you put it to use: its code now counts as yours
    -- exit 0
    ");
    assert_eq!(project.read("products/third/definition.yaml"), "name: third\ndescription: 'third'\n");
    assert_snapshot!(project.refused(&["create", "product", "fourth", "--from", "vendor.git#../x"]), @"
    -- stderr
    error: `../x` is no folder of a repository
    -- exit 2
    ");
}

#[test]
fn a_broken_product_is_not_taken_over() {
    let project = project();
    project.write("elsewhere/definition.yaml", "produces: [events]\n");
    assert_snapshot!(project.refused(&["create", "product", "mine", "--from", "./elsewhere"]), @"
    -- stderr
    products/mine/definition.yaml:1:11: error: `produces` of the product must be a map, but is a list [wrong-type]
      1 | produces: [events]
        |           ^
    error: nothing is written: the project would have mistakes with it
    -- exit 1
    ");
}

#[test]
fn a_capability_goes_into_its_section_and_comments_stay() {
    let project = project();
    project.must(&["create", "capability", "acme", "alerts", "producer", "-m", "pull", "-f", "ocsf"]);
    project.must(&["create", "capability", "acme", "alerts", "consumer"]);
    project.must(&["create", "capability", "acme", "*", "executor"]);
    project.must(&["create", "capability", "acme", "isolate", "trigger"]);
    assert_snapshot!(project.read(ACME.0), @r#"
    # Our own
    description: kept # as it is
    produces:
      alerts:
        # to anybody
        - {}
        - format: ocsf
          mode: pull
    consumes:
      alerts:
      - {}
    executes:
      "*":
      - {}
    triggers:
      isolate:
      - {}
    "#);
    let before = project.files();
    assert_snapshot!(project.run(&["create", "capability", "acme", "alerts", "producer", "-m", "pull", "-f", "ocsf"]), @"
    -- stderr
    `acme` has capability `alerts producer (pull ocsf)` already
    -- exit 0
    ");
    assert_eq!(project.files(), before);
}

#[test]
fn capabilities_that_cannot_be_are_refused() {
    let project = project();
    assert_snapshot!(project.refused(&["create", "capability", "amce", "alerts", "producer"]), @"
    -- stderr
    error: there is no product `amce`
    hint: did you mean `acme`?
    hint: `resilmesh list products` shows them all
    -- exit 1
    ");
    assert_snapshot!(project.refused(&["create", "capability", "nats", "alerts", "producer"]), @"
    -- stderr
    error: product `nats` comes from a catalogue: nothing is written to it
    hint: `resilmesh create product NAME` starts one of your own; it can be plugged to `nats`
    -- exit 1
    ");
    assert_snapshot!(project.refused(&["create", "capability", "acme", "a/b", "producer"]), @"
    -- stderr
    error: topic name `a/b` has `/` in it
    hint: names have letters, digits, `_`, `-` and `.`, and start with a letter, a digit or `_`
    -- exit 1
    ");
    assert!(project.refused(&["create", "capability", "acme", "alerts", "boss"]).ends_with("-- exit 2"));
    project.write(ACME.0, "produces: [\n");
    assert!(project.refused(&["create", "capability", "acme", "alerts", "producer"]).ends_with("-- exit 1"));
}

#[test]
fn an_integration_scaffolds_both_ends() {
    let project = project();
    assert_snapshot!(project.run(&["create", "integration", "acme", "other", "alerts", "producer", "-f", "ocsf"]), @"
    -- stderr
    created `products/acme/integrations/other/alerts_producer.yml`
    changed `products/other/definition.yaml`
    made the integration of `acme` with `other`: `alerts producer (ocsf)`
    -- exit 0
    ");
    assert_snapshot!(project.read("products/acme/integrations/other/alerts_producer.yml"), @"
    # yaml-language-server: $schema=../../../../.resilmesh/schema/integration.json
    # How acme produces alerts towards other. The path of this file says so too, and counts.
    # `settings` are asked for when such a plug is made; hooks go into alerts_producer.py beside this file.
    format: ocsf
    product: acme
    role: producer
    target_product: other
    topic: alerts
    ");
    assert_snapshot!(project.read(OTHER.0), @"
    tags: [siem]
    consumes:
      alerts:
      - format: ocsf
    ");
    assert_eq!(project.read(ACME.0), ACME.1, "it could do so in any format already");
    let before = project.files();
    assert_snapshot!(project.run(&["create", "integration", "acme", "other", "alerts", "producer"]), @"
    -- stderr
    integration `products/acme/integrations/other/alerts_producer.yml` is there already
    -- exit 0
    ");
    assert_eq!(project.files(), before);
    project.must(&["create", "integration", "other", "other", "notes_of_day", "consumer", "-m", "pull"]);
    assert_snapshot!(project.run(&["list", "integrations", "other"]), @"
    -- stdout
    Product  3rd-party product  Topic         Role      Mode  Format  Plugs
    other    acme               alerts        consumer  push  ocsf    -
    other    other              notes_of_day  consumer  pull  -       -
    other    other              notes_of_day  producer  pull  -       -
    -- exit 0
    ");
}

#[test]
fn nothing_is_written_to_a_product_of_the_catalogue() {
    let project = project();
    assert_snapshot!(project.run(&["create", "integration", "acme", "nats", "alerts", "producer"]), @"
    -- stderr
    created `products/acme/integrations/nats/alerts_producer.yml`
    made the integration of `acme` with `nats`: `alerts producer`
    -- exit 0
    ");
    assert_snapshot!(project.run(&["create", "integration", "acme", "syslog", "alerts", "producer"]), @"
    -- stderr
    warning: `syslog` comes from a catalogue and cannot do `alerts consumer`: the integration is of use only if it owns both ends
    created `products/acme/integrations/syslog/alerts_producer.yml`
    made the integration of `acme` with `syslog`: `alerts producer`
    -- exit 0
    ");
    assert!(!project.has("products/nats") && !project.has("products/syslog"));
}

#[test]
fn an_integration_is_checked_before_anything_is_written() {
    let project = project();
    assert_snapshot!(project.refused(&["create", "integration", "acme", "othre", "events", "producer"]), @"
    -- stderr
    error: there is no product `othre`
    hint: did you mean `other`?
    hint: `resilmesh list products` shows them all
    -- exit 1
    ");
    project.write(OTHER.0, "consumes: 3\n");
    assert_snapshot!(project.refused(&["create", "integration", "acme", "other", "events", "producer"]), @"
    -- stderr
    products/other/definition.yaml:1:11: error: `consumes` of the product must be a map, but is the number `3` [wrong-type]
      1 | consumes: 3
        |           ^
    error: the definition of `other` has mistakes: nothing is written
    -- exit 1
    ");
}

#[test]
fn capabilities_are_listed_and_filtered() {
    let project = project();
    project.must(&["create", "capability", "other", "alerts", "consumer", "-f", "ocsf"]);
    project.must(&["create", "capability", "other", "isolate", "executor", "-m", "pull"]);
    assert_snapshot!(project.run(&["list", "capabilities", "other"]), @"
    -- stdout
    Product  Topic    Role      Mode  Format
    other    alerts   consumer  push  ocsf
    other    isolate  executor  pull  -
    -- exit 0
    ");
    assert_snapshot!(project.run(&["list", "capabilities", "-t", "alerts", "--role", "producer", "-m", "push"]), @"
    -- stdout
    Product  Topic   Role      Mode  Format
    acme     alerts  producer  push  -
    -- exit 0
    ");
    assert_snapshot!(project.run(&["list", "capabilities", "nats", "--json", "-m", "pull"]), @r#"
    -- stdout
    {
      "capabilities": [
        {
          "product": "nats",
          "topic": "*",
          "role": "producer",
          "mode": "pull",
          "format": null
        }
      ],
      "schema": 1
    }
    -- exit 0
    "#);
    assert_snapshot!(project.refused(&["list", "capabilities", "natz"]), @"
    -- stderr
    error: there is no product `natz`
    hint: did you mean `nats`?
    hint: `resilmesh list products` shows them all
    -- exit 1
    ");
}

#[test]
fn templates_are_listed_without_a_project() {
    let project = TestProject::empty_folder();
    assert_snapshot!(project.run(&["list", "templates", "intelligence"]), @"
    -- stdout
    Name      Description
    cti_feed  Publishes indicators and reports about threats, each with its source, confidence and end of validity.
    tip       Collects threat intelligence from feeds, partners and the organisation's own incidents, removes doubles, weighs sources, and lets each indicator expire.
    -- exit 0
    ");
    assert_snapshot!(project.run(&["list", "templates", "orchestration", "--json"]), @r#"
    -- stdout
    {
      "schema": 1,
      "templates": [
        {
          "name": "soar",
          "description": "Runs playbooks: gathers context for an alert, asks a person where one has to decide, gives commands to the products that carry them out, and writes down each step. Playbooks come in a standard form, and can be tried before they are trusted.",
          "tags": [
            "soar",
            "orchestration",
            "playbooks"
          ],
          "languages": [
            "python",
            "rust"
          ]
        }
      ]
    }
    -- exit 0
    "#);
    assert_eq!(project.run(&["list", "templates"]).lines().count(), 34 + 3, "34 of them, a title, and how it ended");
}

#[test]
fn a_hook_goes_to_the_end_of_the_file() {
    let project = project();
    assert_snapshot!(project.run(&["create", "hook", "acme", "setup", "alerts", "producer", "-m", "push"]), @"
    -- stderr
    created `products/acme/hooks.py`
    write what it does into the function `setup_alerts_producer_push` of `products/acme/hooks.py`
    -- exit 0
    ");
    project.must(&["create", "hook", "acme", "teardown", "alerts", "producer", "--title", "take it away"]);
    project.must(&["create", "hook", "acme", "watch", "*"]);
    project.must(&["create", "hook", "acme", "pull"]);
    assert_snapshot!(project.read("products/acme/hooks.py"), @r#"
    """Hooks of acme."""

    from resilmesh.decorators import setup_producer, teardown_producer, watch, pull


    @setup_producer("alerts", mode="push")
    def setup_alerts_producer_push(plug, integration, instance):
        """Sets up acme's end of a plug: it produces alerts."""
        raise NotImplementedError("setup_alerts_producer_push: say how to set it up")


    @teardown_producer("alerts", title="take it away")
    def teardown_alerts_producer(plug, integration, instance):
        """Takes down acme's end of a plug: it produces alerts."""
        raise NotImplementedError("teardown_alerts_producer: say how to take it down")


    @watch()
    def watch_any(instance):
        """Yields what flows: `resilmesh watch TOPIC INSTANCE`."""
        raise NotImplementedError("watch_any: say where to look")
        yield


    @pull()
    def pull_code(path):
        """Fetches acme's own code into the folder `path`."""
        raise NotImplementedError("pull_code: say where it comes from")
    "#);
    let before = project.files();
    assert_snapshot!(project.run(&["create", "hook", "acme", "pull"]), @"
    -- stderr
    `products/acme/hooks.py` has a function `pull_code` already
    -- exit 0
    ");
    assert_eq!(project.files(), before);
    assert_snapshot!(project.run(&["create", "hook", "other", "publish", "alerts", "consumer", "--dry-run"]), @"
    -- stdout
    create products/other/hooks.py
    -- exit 0
    ");
}

#[test]
fn hooks_that_cannot_be_are_refused() {
    let project = project();
    for (words, why) in [
        (&["setup"][..], "a `setup` hook needs a topic"),
        (&["setup", "alerts"], "a `setup` hook needs a role"),
        (&["watch", "alerts", "producer"], "a `watch` hook is for no role"),
        (&["pull", "alerts"], "a `pull` hook is for no topic"),
        (&["pull", "-m", "push"], "a `pull` hook is for no mode and no format"),
        (&["watch", "alerts", "-t", "x"], "a `watch` hook has no title"),
        (&["wait", "alerts"], "invalid value 'wait'"),
    ] {
        let refused = project.refused(&[&["create", "hook", "acme"], words].concat());
        assert!(refused.contains(why) && refused.ends_with("-- exit 2"), "{refused}");
    }
    assert!(project.refused(&["create", "hook", "acme", "watch", "a b"]).ends_with("-- exit 1"));
    assert!(project.refused(&["create", "hook", "nats", "watch", "alerts"]).contains("comes from a catalogue"));
}
