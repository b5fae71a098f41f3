//! Git catalogues: pinned, used offline, updated in sight, contributed to; with the real git.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "shared with the tests of git")]
#[path = "git/support.rs"]
mod support;

use std::os::unix::fs::symlink;

use support::{Person, Place};

const EDR: &str = "description: An EDR\nproduces:\n  alerts:\n  - {}\n";
const HOOKS: &str = "print('hooked')\n";

/// A vendor with a catalogue of two products, and a user with a project.
struct Scene {
    place: Place,
    vendor: Person,
    user: Person,
    url: String,
}

impl Scene {
    fn new() -> Self {
        let place = Place::new();
        let url = place.bare("catalogue.git");
        let (vendor, user) = (place.person("vendor"), place.person("user"));
        vendor.git("", &["clone", "-q", &url, "work"]);
        vendor.write("work/products/edr/definition.yaml", EDR);
        vendor.write("work/products/edr/hooks.py", HOOKS);
        vendor.write("work/products/siem/definition.yaml", "consumes:\n  alerts:\n  - {}\n");
        let scene = Self { place, vendor, user, url };
        scene.release("first");
        scene.user.must("", &["init", "mesh"]);
        scene
    }

    fn release(&self, message: &str) -> String {
        self.vendor.commit("work", message);
        self.vendor.git("work", &["push", "-q", "origin", "HEAD:main"]);
        self.vendor.git("work", &["rev-parse", "HEAD"])
    }

    /// With the catalogue in use.
    fn added() -> Self {
        let scene = Self::new();
        scene.user.must("mesh", &["catalog", "add", &scene.url, "soc"]);
        scene
    }

    /// Takes the network away.
    fn offline(&self) {
        std::fs::rename(self.place.path("catalogue.git"), self.place.path("away.git")).expect("renamed");
    }
}

#[test]
fn products_of_a_catalogue_are_used_pinned_and_offline() {
    let scene = Scene::new();
    let done = scene.user.resilmesh("mesh", &["catalog", "add", &scene.url]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(
        done.err.contains("added catalogue `catalogue` at ") && done.err.ends_with(" with `edr`, `siem`\n"),
        "{}",
        done.err
    );
    let commit = scene.vendor.git("work", &["rev-parse", "HEAD"]);
    let lock = scene.user.read("mesh/resilmesh.lock");
    assert!(
        lock.contains(&format!("    commit: {commit}")) || lock.contains(&format!("    commit: \"{commit}\"")),
        "{lock}"
    );
    scene.offline();
    let list = scene.user.json("mesh", &["catalog", "list"]);
    assert_eq!(
        (&list["catalogues"][0]["commit"], &list["catalogues"][0]["fetched"]),
        (&commit.as_str().into(), &true.into())
    );
    let products = scene.user.must("mesh", &["list", "products"]);
    assert!(products.contains("\nedr ") && products.contains("\nsiem ") && products.contains("\nnats "), "{products}");
    scene.user.must("mesh", &["add", "edr", "edr-1"]);
    scene.user.must("mesh", &["add", "siem", "siem-1"]);
    let refused = scene.user.refused("mesh", &["plug", "alert", "edr-1", "siem-1"]);
    assert!(refused.contains("alerts"), "{refused}");
    let refused = scene.user.refused("mesh", &["catalog", "update"]);
    assert!(refused.contains("cannot be fetched"), "{refused}");
    assert_eq!(scene.user.read("mesh/resilmesh.lock"), lock);
}

#[test]
fn the_project_comes_first_and_the_built_in_products_last() {
    let scene = Scene::new();
    scene.vendor.write("work/products/nats/definition.yaml", "description: Not the real one\n");
    scene.release("a product called nats");
    scene.user.write("mesh/products/siem/definition.yaml", "description: Ours\n");
    let done = scene.user.resilmesh("mesh", &["catalog", "add", &scene.url, "soc"]);
    assert!(done.err.contains("`nats` of catalogue `soc` takes the place of the built-in one"), "{}", done.err);
    assert!(done.err.contains("`siem` of the project is used, not that of catalogue `soc`"), "{}", done.err);
    let products = scene.user.json("mesh", &["list", "products"]);
    let description = |name: &str| {
        let found = products["products"].as_array().expect("a list").iter().find(|product| product["name"] == name);
        found.expect(name)["description"].as_str().map(str::to_owned)
    };
    assert_eq!(description("siem").as_deref(), Some("Ours"));
    assert_eq!(description("nats").as_deref(), Some("Not the real one"));
    assert_eq!(description("edr").as_deref(), Some("An EDR"));
}

#[test]
fn code_of_a_catalogue_needs_trust_also_in_an_own_project() {
    let scene = Scene::added();
    // One that nothing uses yet is listed, and can be trusted by its name.
    let unused = scene.user.json("mesh", &["trust", "--list"]);
    assert_eq!((&unused["subjects"][0]["name"], &unused["subjects"][0]["state"]), (&"edr".into(), &"new".into()));
    let nothing = scene.user.resilmesh("mesh", &["trust"]).err;
    assert_eq!(nothing, "nothing to trust: no code of others waits for it\n");
    scene.user.must("mesh", &["trust", "edr", "--yes"]);
    assert_eq!(scene.user.json("mesh", &["trust", "--list"])["subjects"][0]["state"], "trusted");
    scene.user.must("mesh", &["untrust", "edr"]);
    scene.user.must("mesh", &["add", "edr", "edr-1"]);
    let refused = scene.user.refused("mesh", &["up"]);
    assert!(
        refused.contains(
            "<soc>/edr/definition.yaml:1:1: error: product `edr` is not trusted, and may run code: `hooks.py`"
        ),
        "{refused}"
    );
    assert!(refused.contains("it comes from catalogue `soc`"), "{refused}");
    // The lock pins by the hash that trust goes by.
    let listed = scene.user.json("mesh", &["trust", "--list"]);
    let hash = listed["subjects"][0]["hash"].as_str().expect("a hash").to_owned();
    assert!(scene.user.read("mesh/resilmesh.lock").contains(&hash));
    scene.user.must("mesh", &["trust", "edr", "--yes"]);
    scene.user.must("mesh", &["up"]);

    scene.vendor.write("work/products/edr/hooks.py", "print('changed')\n");
    scene.release("second");
    scene.user.must("mesh", &["catalog", "update"]);
    let refused = scene.user.refused("mesh", &["up"]);
    assert!(refused.contains("product `edr` has changed since it was trusted"), "{refused}");
    let shown = scene.user.resilmesh("mesh", &["trust"]).out;
    assert!(shown.contains("-print('hooked')\n+print('changed')\n"), "{shown}");
}

#[test]
fn a_colleague_fetches_what_the_lock_pins_and_nothing_else() {
    let scene = Scene::added();
    scene.user.must("mesh", &["add", "edr", "edr-1"]);
    scene.user.commit("mesh", "use the EDR");
    scene.vendor.write("work/products/edr/definition.yaml", "description: A later one\n");
    scene.release("second");
    let shared = scene.user.path("mesh").display().to_string();
    let colleague = scene.place.person("colleague");
    colleague.git("", &["clone", "-q", &shared, "mesh"]);
    let listed = colleague.resilmesh("mesh", &["list", "products"]);
    assert!(listed.code == 0 && listed.err.contains("`resilmesh catalog fetch soc` fetches it from"), "{}", listed.err);
    assert!(!colleague.has(".cache"), "listing fetches nothing");
    let refused = colleague.refused("mesh", &["plan"]);
    assert!(
        refused.contains(
            "resilmesh.lock:3:3: error: product `edr` is in catalogue `soc`, which is not on this machine yet"
        ),
        "{refused}"
    );
    assert!(!refused.contains("does not exist"), "one reason is enough: {refused}");
    colleague.must("mesh", &["catalog", "fetch"]);
    colleague.must("mesh", &["plan"]);
    let products = colleague.must("mesh", &["list", "products", "--json"]);
    assert!(products.contains("An EDR") && !products.contains("A later one"), "{products}");
    let again = colleague.resilmesh("mesh", &["catalog", "fetch"]);
    assert_eq!(again.err, "catalogue `soc` is there\n");
}

#[test]
fn what_is_not_what_was_pinned_is_refused() {
    let scene = Scene::added();
    scene.user.must("mesh", &["add", "edr", "edr-1"]);
    let commit = scene.vendor.git("work", &["rev-parse", "HEAD"]);
    let cache = std::fs::read_dir(scene.user.path(".cache/resilmesh/catalogues")).expect("a cache").flatten().next();
    let files = cache.expect("a catalogue").path().join(&commit);
    std::fs::write(files.join("products/edr/hooks.py"), "evil()\n").expect("written");
    let refused = scene.user.refused("mesh", &["plan"]);
    assert!(
        refused.contains("product `edr` of catalogue `soc` is not what `resilmesh.lock` pins: it is not used"),
        "{refused}"
    );
    // As it says: remove, and fetch again.
    std::fs::remove_dir_all(&files).expect("removed");
    scene.user.must("mesh", &["catalog", "fetch", "soc"]);
    scene.user.must("mesh", &["plan"]);
    // A lock that was changed by hand pins what nobody has.
    let lock = scene.user.read("mesh/resilmesh.lock");
    let hash =
        scene.user.json("mesh", &["trust", "--list"])["subjects"][0]["hash"].as_str().expect("a hash").to_owned();
    scene.user.write("mesh/resilmesh.lock", lock.replace(&hash, &"0".repeat(64)));
    std::fs::remove_dir_all(&files).expect("removed");
    let refused = scene.user.refused("mesh", &["catalog", "fetch"]);
    assert!(
        refused.contains(
            "product `edr` of catalogue `soc` is not what `resilmesh.lock` pins, though the commit is the same"
        ),
        "{refused}"
    );
    scene.user.write("mesh/resilmesh.lock", lock.replace(&commit, "../../../../../etc"));
    assert!(scene.user.refused("mesh", &["plan"]).contains("a commit has 40 or 64 hexadecimal digits"));
    let refused = scene.user.refused("mesh", &["catalog", "remove", "soc"]);
    assert!(refused.contains("`resilmesh.lock` is not changed: it has mistakes"), "{refused}");
}

#[test]
fn an_update_shows_what_changes_before_it_is_used() {
    let scene = Scene::added();
    let lock = scene.user.read("mesh/resilmesh.lock");
    assert!(scene.user.resilmesh("mesh", &["catalog", "update"]).err.contains("is up to date"));
    scene.vendor.write("work/products/edr/hooks.py", "print('second')\n");
    scene.vendor.write("work/products/ids/definition.yaml", "description: An IDS\n");
    std::fs::remove_dir_all(scene.vendor.path("work/products/siem")).expect("removed");
    let commit = scene.release("second");
    let shown = scene.user.must("mesh", &["catalog", "update", "--plan"]);
    for part in [
        "product `edr`: changed",
        "-print('hooked')\n+print('second')",
        "product `ids`: new\n  definition.yaml  20 bytes",
        "product `siem`: removed",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert_eq!(scene.user.read("mesh/resilmesh.lock"), lock, "a plan changes nothing");
    let news = scene.user.json("mesh", &["catalog", "update", "soc"]);
    assert_eq!(news["catalogues"][0]["to"], commit);
    assert_eq!(news["catalogues"][0]["products"].as_array().map(Vec::len), Some(3));
    let products = scene.user.must("mesh", &["list", "products"]);
    assert!(products.contains("\nids ") && !products.contains("\nsiem "), "{products}");
}

#[test]
fn a_revision_holds_until_it_moves() {
    let scene = Scene::new();
    let first = scene.vendor.git("work", &["rev-parse", "HEAD"]);
    scene.vendor.git("work", &["tag", "v1"]);
    scene.vendor.git("work", &["push", "-q", "origin", "v1"]);
    scene.vendor.write("work/products/edr/hooks.py", "print('second')\n");
    scene.release("second");
    for (name, rev) in [("by-tag", "v1"), ("by-commit", first.as_str())] {
        scene.user.must("mesh", &["catalog", "add", &scene.url, name, "--rev", rev]);
        scene.user.must("mesh", &["catalog", "update", name]);
        let list = scene.user.json("mesh", &["catalog", "list"]);
        let row = list["catalogues"].as_array().expect("a list").iter().find(|row| row["name"] == name).expect("it");
        assert_eq!(row["commit"], first);
    }
    for wrong in ["v2", "--output=x", "main..v1"] {
        let rev = format!("--rev={wrong}");
        let refused = scene.user.refused("mesh", &["catalog", "add", &scene.url, "other", &rev]);
        assert!(refused.contains("has no branch, tag or commit"), "{refused}");
    }
    scene.user.must("mesh", &["add", "edr", "edr-1"]);
    scene.user.must("mesh", &["catalog", "remove", "by-tag"]);
    let refused = scene.user.refused("mesh", &["catalog", "remove", "by-commit"]);
    assert!(refused.contains("in use by `edr-1`"), "{refused}");
    scene.user.must("mesh", &["catalog", "remove", "by-commit", "--force"]);
    assert!(!scene.user.has("mesh/resilmesh.lock"));
}

#[test]
fn a_hostile_catalogue_is_refused_by_name() {
    let scene = Scene::new();
    for (bad, why) in [
        ("--upload-pack=touch x", "is no address"),
        ("ext::sh -c 'touch x'", "run a program"),
        ("https://me:hunter2@example.org/c", "password"),
    ] {
        let done = scene.user.resilmesh("mesh", &["catalog", "add", "--", bad, "soc"]);
        assert!(done.code == 1 && done.err.contains(why) && !done.err.contains("hunter2"), "{}", done.err);
    }
    symlink("/etc/passwd", scene.vendor.path("work/products/edr/data")).expect("link");
    scene.release("a link that leads out");
    let refused = scene.user.refused("mesh", &["catalog", "add", &scene.url, "soc"]);
    assert!(
        refused.contains("<soc>/edr/data: a symbolic link leads out of the product, to `/etc/passwd`"),
        "{refused}"
    );
    assert!(!scene.user.has("mesh/resilmesh.lock") && !scene.user.has("mesh/x"));
    // A tree that no git would make: a file that would be written outside.
    std::fs::remove_file(scene.vendor.path("work/products/edr/data")).expect("removed");
    let blob = scene.vendor.git("work", &["rev-parse", "HEAD:products/edr/hooks.py"]);
    let repository = git2::Repository::open_bare(scene.place.path("catalogue.git")).expect("repository");
    let raw = |mode: &str, name: &str, id: &str| {
        let id = git2::Oid::from_str(id).expect("an id");
        let entry = [format!("{mode} {name}\0").as_bytes(), id.as_bytes()].concat();
        repository.odb().and_then(|odb| odb.write(git2::ObjectType::Tree, &entry)).expect("a tree").to_string()
    };
    let tree = raw("40000", "products", &raw("40000", "..", &raw("100644", "escaped", &blob)));
    let commit = scene.vendor.git("", &["-C", &scene.url, "commit-tree", "-m", "evil", &tree]);
    scene.vendor.git("", &["-C", &scene.url, "update-ref", "refs/heads/main", &commit]);
    let refused = scene.user.refused("mesh", &["catalog", "add", &scene.url, "soc"]);
    assert!(refused.contains("a file called `..`") || refused.contains("cannot be fetched"), "{refused}");
    assert!(!scene.user.has(".cache/resilmesh/escaped") && !scene.user.has("mesh/resilmesh.lock"));
}

#[test]
fn a_product_is_contributed_as_a_patch_or_a_branch() {
    let scene = Scene::added();
    scene.user.write("mesh/products/ndr/definition.yaml", "produces:\n  alerts:\n  - {}\n");
    scene.user.write("mesh/products/ndr/hooks.py", HOOKS);
    scene.user.write("mesh/products/ndr/secret.log", "not for others\n");
    scene.user.write("mesh/products/ndr/.gitignore", "*.log\n");
    let refused = scene.user.refused("mesh", &["catalog", "publish", "ndr"]);
    assert!(
        refused.contains("products/ndr/definition.yaml:1:1: error: a product of a catalogue needs a `description`"),
        "{refused}"
    );
    scene.user.write("mesh/products/ndr/definition.yaml", "description: An NDR\nproduces:\n  alerts:\n  - {}\n");
    let done = scene.user.resilmesh("mesh", &["catalog", "publish", "ndr"]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.err.contains("wrote `ndr.patch`"), "{}", done.err);
    assert!(!scene.user.read("mesh/ndr.patch").contains("not for others"));
    assert_eq!(scene.user.resilmesh("mesh", &["catalog", "publish", "ndr"]).code, 1, "a file is not replaced unasked");

    // The vendor takes it, and it is what the user has.
    let patch = scene.user.path("mesh/ndr.patch").display().to_string();
    scene.vendor.git("work", &["am", "-q", &patch]);
    assert_eq!(scene.vendor.read("work/products/ndr/hooks.py"), HOOKS);
    assert_eq!(scene.vendor.git("work", &["log", "-1", "--format=%an <%ae> %s"]), "user <user@example.org> Add ndr");
    assert!(scene.vendor.has("work/products/edr/hooks.py"), "the rest is as it was");

    scene.user.must("mesh", &["catalog", "publish", "ndr", "--to", "soc", "--push", "add-ndr", "-m", "Add our NDR"]);
    let pushed = scene.vendor.git("", &["-C", &scene.url, "log", "-1", "--format=%s", "add-ndr"]);
    assert_eq!(pushed, "Add our NDR");
    scene.vendor.git("work", &["push", "-q", "origin", "HEAD:main"]);
    let refused = scene.user.refused("mesh", &["catalog", "publish", "ndr", "--push", "again"]);
    assert!(refused.contains("has exactly this `ndr` already"), "{refused}");
    let refused = scene.user.refused("mesh", &["catalog", "publish", "edr"]);
    assert!(refused.contains("the project has no product `edr` of its own"), "{refused}");
}

#[test]
fn a_project_without_a_repository_contributes_too() {
    let scene = Scene::added();
    std::fs::remove_dir_all(scene.user.path("mesh/.git")).expect("removed");
    scene.user.write("mesh/products/ndr/definition.yaml", "description: An NDR\nproduces:\n  alerts:\n  - {}\n");
    scene.user.write("mesh/products/ndr/hooks.py", format!("KEY = 'ghp_{}'\n", "Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4zAb3d"));
    let refused = scene.user.refused("mesh", &["catalog", "publish", "ndr"]);
    assert!(refused.contains("products/ndr/hooks.py:1:8: error: a GitHub token"), "{refused}");
    scene.user.write("mesh/.allow-secrets", "products/ndr/hooks.py\n");
    scene.user.must("mesh", &["catalog", "publish", "ndr", "--push", "add-ndr"]);
    let pushed = scene.vendor.git("", &["-C", &scene.url, "log", "-1", "--format=%an %s", "add-ndr"]);
    assert_eq!(pushed, "user Add ndr");
}

#[test]
fn a_product_with_a_secret_in_clear_is_not_published() {
    let scene = Scene::added();
    scene.user.set_secret("mesh", "ndr/password", "correct-horse-battery");
    scene.user.write("mesh/products/ndr/definition.yaml", "description: An NDR\n");
    // In pieces, so that nothing finds one here.
    let token = format!("ghp_{}", "Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4zAb3d");
    for (text, what) in [
        ("password = 'correct-horse-battery'\n", "the secret `ndr/password`"),
        (&format!("use = '{token}'\n"), "a GitHub token"),
    ] {
        scene.user.write("mesh/products/ndr/hooks.py", text);
        for way in [["--push", "add-ndr"], ["--patch", "ndr.patch"]] {
            let refused = scene.user.refused("mesh", &["catalog", "publish", "ndr", way[0], way[1]]);
            assert!(refused.contains("`ndr` is not published: a secret stands in clear"), "{refused}");
            assert!(refused.contains("products/ndr/hooks.py:1:") && refused.contains(what), "{refused}");
            assert!(!refused.contains("correct-horse") && !refused.contains(&token), "{refused}");
        }
    }
    scene.user.write("mesh/products/ndr/hooks.py", HOOKS);
    let told = ["catalog", "publish", "ndr", "--push", "add-ndr", "-m", "Use correct-horse-battery"];
    assert!(scene.user.refused("mesh", &told).contains("<message>:1:5"), "the message goes out too");
    assert!(!scene.user.has("mesh/ndr.patch"));
    assert_eq!(scene.vendor.git("", &["-C", &scene.url, "branch", "--list", "add-ndr"]), "");
    scene.user.must("mesh", &["catalog", "publish", "ndr", "--push", "add-ndr"]);
}

#[test]
fn a_catalogue_without_products_is_told_as_one() {
    let place = Place::new();
    let url = place.bare("empty.git");
    let (vendor, user) = (place.person("vendor"), place.person("user"));
    vendor.git("", &["clone", "-q", &url, "work"]);
    vendor.write("work/products/README.md", "none yet\n");
    vendor.commit("work", "begin");
    vendor.git("work", &["push", "-q", "origin", "HEAD:main"]);
    user.must("", &["init", "mesh"]);
    let added = user.resilmesh("mesh", &["catalog", "add", &url, "soc"]);
    assert!(
        added.err.contains("added catalogue `soc` at ") && added.err.ends_with("; it has no products yet\n"),
        "{added:?}"
    );
}
