//! Secrets of instances: given when they are added, kept in the vault, checked against the mesh.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::Person;

const NEEDY: &str = "settings:\n- {name: token, secret: true, required: true}\n- {name: region}\n\
                     produces:\n  alerts:\n  - {mode: push}\n";

fn with_needy() -> Person {
    let ann = Person::with_project("ann");
    fs::create_dir_all(ann.path("products/edr")).expect("writable");
    fs::write(ann.path("products/edr/definition.yaml"), NEEDY).expect("writable");
    ann
}

#[test]
fn init_makes_a_key_and_a_vault_that_are_used_again() {
    let ann = Person::with_project("ann");
    let made = ann.run(&["init", "../two"], b"");
    assert_eq!(made.code, 0, "{}", made.err);
    for said in ["made your key ", "this key has no passphrase", "made the vault `secrets`, readable by "] {
        assert!(made.err.contains(said), "{}", made.err);
    }
    assert!(ann.path("../two/secrets/.gpg-id").is_file());
    let again = ann.run(&["init", "../three"], b"");
    assert!(!again.err.contains("made your key"), "{}", again.err);
    let id = |mesh: &str| fs::read_to_string(ann.path(&format!("../{mesh}/secrets/.gpg-id"))).expect("readable");
    assert_eq!(id("two"), id("three"));
}

#[test]
fn init_takes_a_key_of_gnupg() {
    let ann = Person::with_project("ann");
    ann.set("x", "y");
    let fingerprint = ann.key_into_gpg();
    fs::remove_dir_all(ann.home().join(".local")).expect("our own key goes");
    let made = ann.run(&["init", "../two", "--key", &fingerprint], b"");
    assert_eq!(made.code, 0, "{}", made.err);
    assert_eq!(fs::read_to_string(ann.path("../two/secrets/.gpg-id")).expect("readable").trim(), fingerprint);
    let unknown = ann.run(&["init", "../three", "--key", &"A".repeat(40)], b"");
    assert_eq!(unknown.code, 1, "{}", unknown.err);
}

#[test]
fn secrets_are_read_in_the_order_of_the_options_and_kept_in_the_vault_only() {
    let ann = with_needy();
    let done = ann.run(&["add", "edr", "edr-1", "-s", "token", "-c", "region=eu"], b"correct horse\n");
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(!done.err.contains("correct horse") && done.out.is_empty());
    assert_eq!(ann.get("edr_edr-1_token"), "correct horse\n");
    let written = fs::read_to_string(ann.path("instances/edr/edr-1/config.yaml")).expect("readable");
    let (modeline, document) = written.split_once('\n').expect("lines");
    assert!(modeline.starts_with("# yaml-language-server: "), "{modeline}");
    assert_eq!(document, "name: edr-1\nproduct: edr\nsettings:\n  region: eu\n");
    assert_eq!(ann.run(&["configure", "edr-1", "-s", "token"], b"battery staple").code, 0);
    assert_eq!(ann.get("edr_edr-1_token"), "battery staple\n");
}

#[test]
fn what_is_wrong_with_secrets_is_said_before_anything_is_written() {
    let ann = with_needy();
    for (args, input, said) in [
        (&["add", "edr"][..], &b""[..], "`edr` needs secret `token`"),
        (&["add", "edr", "-s", "token"], b"", "standard input ends before secret `token`"),
        (&["add", "edr", "-s", "token"], b"\n", "secret `token` is empty"),
        (&["add", "edr", "-s", "token"], b"-----BEGIN\nx\n", "more lines than there are options `-s`"),
        (&["add", "edr", "-s", "tokn"], b"x\n", "did you mean `token`?"),
        (&["add", "edr", "-s", "region"], b"x\n", "setting `region` of `edr` is no secret"),
        (&["add", "edr", "-s", "token", "-s", "token"], b"x\ny\n", "`-s token` is given twice"),
        (&["add", "edr", "-c", "token=x"], b"", "secret"),
    ] {
        let done = ann.run(args, input);
        assert!(done.code == 1 && done.err.contains(said), "{args:?}: {}", done.err);
        assert!(!ann.path("instances/edr").exists(), "{args:?}");
    }
}

#[test]
fn plan_and_check_name_what_is_needed_and_what_nobody_needs() {
    let ann = with_needy();
    fs::create_dir_all(ann.path("instances/edr/edr-1")).expect("writable");
    fs::write(ann.path("instances/edr/edr-1/config.yaml"), "name: edr-1\nproduct: edr\n").expect("writable");
    ann.set("forgotten", "correct horse");
    let checked = ann.run(&["secret", "check"], b"");
    assert_eq!(checked.code, 1);
    assert!(checked.out.contains("instance `edr-1` needs secret `edr_edr-1_token`"), "{}", checked.out);
    assert!(checked.out.contains("`forgotten`: no instance and no plug needs it"), "{}", checked.out);
    let plan = ann.run(&["plan"], b"");
    assert!(plan.code == 1 && plan.err.contains("`resilmesh secret set edr_edr-1_token` gives it"), "{}", plan.err);
    ann.set("edr_edr-1_token", "battery staple");
    assert_eq!(ann.run(&["plan"], b"").code, 0);
}

#[test]
fn two_owners_of_one_name_are_a_mistake() {
    let ann = Person::with_project("ann");
    for product in ["a", "a_b"] {
        let folder = ann.path(&format!("products/{product}"));
        fs::create_dir_all(&folder).expect("writable");
        fs::write(folder.join("definition.yaml"), "settings:\n- {name: key, secret: true, required: false}\n")
            .expect("writable");
    }
    ann.run(&["add", "a", "b_c"], b"").good();
    let clash = ann.run(&["add", "a_b", "c"], b"");
    assert_eq!(clash.code, 1);
    let said = "instance `b_c` and instance `c` both want the secret `a_b_c_key`";
    assert!(clash.err.contains(said), "{}", clash.err);
}

/// Takes the mesh down, however the test ends.
struct Down<'a> {
    person: &'a Person,
    soc: &'a str,
}

impl Drop for Down<'_> {
    fn drop(&mut self) {
        self.person.run(&["-C", self.soc, "down"], b"");
    }
}

#[test]
fn what_services_read_is_taken_from_the_vault_when_it_changes() {
    let ann = Person::with_project("ann");
    let nats = std::env::var_os("RESILMESH_NATS_SERVER").or_else(|| std::env::var_os("NATS_SERVER"));
    let nats = nats.map(|path| path.to_string_lossy().into_owned()).unwrap_or_else(|| "nats-server".to_owned());
    assert_eq!(ann.run(&["init", "--no-key", "../soc", "--from", "soapa"], b"").code, 0);
    let soc = ann.path("../soc").display().to_string();
    let _down = Down { person: &ann, soc: &soc };
    let run = |args: &[&str], input: &[u8]| {
        ann.run_with(&[&["-C", soc.as_str()], args].concat(), &[("RESILMESH_NATS_SERVER", &nats)], input)
    };
    let copy = ann.path("../soc/.resilmesh/secrets/enrichment/api_key");
    let pid = || {
        let status: serde_json::Value = serde_json::from_str(&run(&["status", "--json"], b"").good()).expect("JSON");
        let services = status["services"].as_array().expect("services").clone();
        services.iter().find(|one| one["instance"] == "enrichment").map(|one| one["pid"].clone()).expect("runs")
    };
    run(&["configure", "enrichment", "-s", "api_key"], b"correct horse\n").good();
    run(&["up"], b"").good();
    assert_eq!(fs::read_to_string(&copy).expect("taken over"), "correct horse");
    assert_eq!(fs::metadata(&copy).expect("there").permissions().mode() & 0o777, 0o600);
    let first = pid();
    assert!(run(&["up"], b"").err.contains("nothing to do"));

    // Written again with the same value, nothing restarts; with another one, its service does.
    run(&["secret", "set", "silentpush_enrichment_api_key"], b"correct horse").good();
    assert!(run(&["up"], b"").err.contains("nothing to do"));
    assert_eq!(pid(), first);
    run(&["secret", "set", "silentpush_enrichment_api_key"], b"battery staple").good();
    run(&["up"], b"").good();
    assert_eq!(fs::read_to_string(&copy).expect("taken over"), "battery staple");
    assert_ne!(pid(), first);

    // Without its key, the mesh still comes up with what was taken over; a new version cannot be read.
    let keys = ann.home().join(".local/share/resilmesh/keys");
    fs::rename(&keys, ann.home().join("elsewhere")).expect("moved");
    assert!(run(&["up"], b"").err.contains("nothing to do"));
    run(&["secret", "set", "silentpush_enrichment_api_key"], b"third value").good();
    let plan = run(&["plan", "--detailed-exitcode"], b"");
    assert!(plan.err.contains("`silentpush_enrichment_api_key` has changed, and no key here opens it"), "{}", plan.err);
    assert!(plan.code == 2 && !plan.err.contains("nothing to do\n"), "{}", plan.err);
    let locked = run(&["up"], b"");
    assert!(locked.code == 1 && locked.err.contains("none of the keys here opens"), "{}", locked.err);
    fs::rename(ann.home().join("elsewhere"), &keys).expect("moved back");

    run(&["secret", "rm", "silentpush_enrichment_api_key", "--yes"], b"").good();
    run(&["up"], b"").good();
    assert!(!copy.exists(), "what is taken out of the vault does not live on");
}

#[test]
fn a_mesh_whose_secrets_are_in_meshrooms_vault_comes_up_with_them() {
    let ann = Person::with_project("ann");
    let nats = std::env::var_os("RESILMESH_NATS_SERVER").or_else(|| std::env::var_os("NATS_SERVER"));
    let nats = nats.map(|path| path.to_string_lossy().into_owned()).unwrap_or_else(|| "nats-server".to_owned());
    assert_eq!(ann.run(&["init", "--no-key", "../soc", "--from", "soapa"], b"").code, 0);
    let soc = ann.path("../soc").display().to_string();
    let _down = Down { person: &ann, soc: &soc };
    let run_with = |args: &[&str], variables: &[(&str, &str)]| {
        let all = [&[("RESILMESH_NATS_SERVER", nats.as_str())], variables].concat();
        ann.run_with(&[&["-C", soc.as_str()], args].concat(), &all, b"")
    };
    // As Meshroom keeps them: one message to a key of GnuPG with a passphrase.
    let make = ["--passphrase", "sesame", "--quick-generate-key", "x <0a1b2c3d@meshroom>", "default"];
    let encrypt = ["--encrypt", "--armor", "--recipient", "0a1b2c3d@meshroom", "--output", "-"];
    ann.gpg(&make, b"").good();
    let write = |value: &str| {
        let plain = format!("{{\"silentpush_enrichment_api_key\": \"{value}\", \"other\": \"x\"}}");
        fs::write(ann.path("../soc/secrets.gpg"), ann.gpg(&encrypt, plain.as_bytes()).good()).expect("writable");
        ann.forget_passphrases();
    };
    write("correct horse");
    let said = run_with(&["plan"], &[]);
    let known = "secret `silentpush_enrichment_api_key` may be in Meshroom's `secrets.gpg`";
    assert!(said.code == 0 && said.err.contains(known), "{}", said.err);
    assert!(run_with(&["up"], &[("PASSWORD", "wrong")]).bad(1).contains("wrong passphrase"));
    run_with(&["up"], &[("PASSWORD", "sesame")]).good();
    let copy = ann.path("../soc/.resilmesh/secrets/enrichment/api_key");
    assert_eq!(fs::read_to_string(&copy).expect("taken over"), "correct horse");
    // From then on nothing is opened before it changes, and what is in it is known by name.
    ann.forget_passphrases();
    assert!(run_with(&["up"], &[]).err.contains("nothing to do\n"));
    assert!(run_with(&["plan"], &[]).err.ends_with("nothing to do\n"));
    write("battery staple");
    assert!(run_with(&["plan"], &[]).err.contains(known));
    run_with(&["up"], &[("PASSWORD", "sesame")]).good();
    assert_eq!(fs::read_to_string(&copy).expect("taken over"), "battery staple");
    // Ours goes before it.
    ann.finish(
        ann.command(env!("CARGO_BIN_EXE_resilmesh"), ann.home()).args([
            "-C",
            &soc,
            "secret",
            "set",
            "silentpush_enrichment_api_key",
        ]),
        b"third value",
    )
    .good();
    run_with(&["up"], &[]).good();
    assert_eq!(fs::read_to_string(&copy).expect("taken over"), "third value");
}

#[test]
fn what_is_required_may_be_in_meshrooms_vault() {
    let ann = with_needy();
    ann.gpg(&["--quick-generate-key", "x <0a1b2c3d@meshroom>", "default"], b"").good();
    let write = |plain: &[u8]| {
        let args = ["--encrypt", "--armor", "--recipient", "0a1b2c3d@meshroom", "--output", "-"];
        fs::write(ann.path("secrets.gpg"), ann.gpg(&args, plain).good()).expect("writable");
    };
    write(br#"{"edr_edr-1_token": "one"}"#);
    ann.set("mine", "1");
    ann.run(&["add", "edr", "edr-1"], b"").good();
    let checked = ann.run(&["secret", "check"], b"");
    assert!(checked.code == 0 && checked.out.contains("is not known before it is opened"), "{}", checked.out);
    let opened = ann.run(&["secret", "check", "--open"], b"");
    assert!(opened.code == 0 && !opened.out.contains("edr_edr-1_token"), "{}", opened.out);
    assert_eq!(ann.run(&["plan"], b"").code, 0);
    write(br#"{"another": "one"}"#);
    let plan = ann.run(&["plan"], b"").bad(1);
    assert!(plan.contains("instance `edr-1` needs secret `token`"), "{plan}");
    assert!(ann.run(&["secret", "check", "--open"], b"").out.contains("needs secret `edr_edr-1_token`: `resilmesh"));
}
