//! `clone`, also of repositories that would like to have something run.

use insta::assert_snapshot;

use crate::support::{Person, Place, is_program};

/// A mesh that ann has put into a bare repository; its address.
fn shared(place: &Place, ann: &Person) -> String {
    let url = place.bare("mesh.git");
    ann.small_mesh();
    ann.git("mesh", &["push", "-q", "--no-verify", &url, "main"]);
    url
}

#[test]
fn a_colleague_joins_and_sees_what_there_is() {
    let place = Place::new();
    let (ann, bob) = (place.person("ann"), place.person("bob"));
    let url = shared(&place, &ann);
    let done = bob.resilmesh("", &["clone", &url]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert_snapshot!(done.out, @"
    Name    Product  Plugs
    edr-1   edr      alerts -> siem-1
    siem-1  siem     -
    ");
    let (seen, rest) = done.err.split_once('\n').expect("several lines");
    assert!(seen.starts_with("this machine sees the recipients of the secrets for the first time"), "{seen}");
    assert!(seen.ends_with(" (ann <ann@example.org>)"), "{seen}");
    assert_snapshot!(rest, @"
    joined mesh `mesh` in `mesh`
    its secrets are for its members: `resilmesh secret recipients request` and `resilmesh share` ask them for access
    go on with `cd mesh` and `resilmesh plan`
    ");
    assert_eq!(bob.git("mesh", &["status", "--porcelain", "-b"]), "## main...origin/main");
    assert!(is_program(&bob.path("mesh/.git/hooks/pre-push")));
    assert!(bob.git("mesh", &["config", "merge.resilmesh.driver"]).ends_with("%P"));
    assert!(bob.must("mesh", &["list", "plugs"]).contains("siem-1"));
    let data = bob.json("", &["clone", &url, "other/place"]);
    assert_eq!(
        (&data["schema"], &data["name"], &data["plugs"][0]["topic"]),
        (&1.into(), &"mesh".into(), &"alerts".into())
    );
    assert!(bob.has("other/place/resilmesh.yaml"));
}

#[test]
fn who_is_not_a_member_is_told_how_to_become_one() {
    let place = Place::new();
    let (ann, bob) = (place.person("ann"), place.person("bob"));
    let url = shared(&place, &ann);
    ann.write("mesh/secrets/.gpg-id", "0123456789ABCDEF0123456789ABCDEF01234567\n");
    ann.commit("mesh", "Keep secrets");
    ann.git("mesh", &["push", "-q", "--no-verify", &url, "main"]);
    let done = bob.resilmesh("", &["clone", &url]);
    assert!(done.err.contains("`resilmesh secret recipients request`"), "{}", done.err);
}

#[test]
fn a_repository_whose_own_branch_nobody_pushed_gives_the_one_there_is() {
    let place = Place::new();
    let (ann, bob) = (place.person("ann"), place.person("bob"));
    let url = place.bare("mesh.git");
    ann.git("", &["-C", &url, "symbolic-ref", "HEAD", "refs/heads/trunk"]);
    ann.small_mesh();
    ann.must("mesh", &["share", &url]);
    bob.must("", &["clone", &url]);
    assert_eq!(bob.git("mesh", &["status", "--porcelain", "-b"]), "## main...origin/main");
}

#[test]
fn what_is_no_mesh_leaves_nothing_behind() {
    let place = Place::new();
    let (ann, bob) = (place.person("ann"), place.person("bob"));
    let (empty, other) = (place.bare("empty.git"), place.bare("other.git"));
    ann.git("", &["init", "-q", "other"]);
    ann.write("other/README.md", "x");
    ann.commit("other", "Start");
    ann.git("other", &["push", "-q", &other, "main"]);
    assert_snapshot!(bob.refused("", &["clone", &empty]), @"
    error: the repository `[PLACE]/empty.git` is empty
    hint: whoever has the mesh runs `resilmesh share URL` first
    ");
    assert_snapshot!(bob.refused("", &["clone", &other]), @"
    error: `[PLACE]/other.git` is no mesh: it has no `resilmesh.yaml` and no folder `products`
    hint: `git clone` fetches any other repository
    ");
    assert_snapshot!(bob.refused("", &["clone", "../nowhere"]), @"error: `../nowhere` cannot be fetched: repository '../nowhere' does not exist");
    let unreachable = bob.refused("", &["clone", "http://127.0.0.1:1/mesh"]);
    assert!(unreachable.starts_with("error: `http://127.0.0.1:1/mesh` cannot be fetched: "), "{unreachable}");
    bob.write("mine/notes.txt", "mine");
    assert_snapshot!(bob.refused("", &["clone", &other, "mine"]), @"
    error: folder `./mine` is not empty
    hint: give another one: `resilmesh clone URL PATH`
    ");
    let mut left: Vec<String> = std::fs::read_dir(bob.path(""))
        .expect("readable")
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .collect();
    left.sort();
    assert_eq!(left, [".gitconfig", "mine"]);
}

#[test]
fn addresses_cannot_be_options_or_programs() {
    let place = Place::new();
    let bob = place.person("bob");
    let canary = place.path("canary").display().to_string();
    for address in
        [&format!("--upload-pack=touch {canary}"), &format!("-utouch {canary}"), &format!("ext::touch {canary}")]
    {
        let done = bob.resilmesh("", &["clone", "--", address, "x"]);
        assert_eq!(done.code, 1, "{address}: {}", done.err);
        assert!(!place.path("canary").exists(), "{address}");
    }
    let ssh = format!("ssh://-oProxyCommand=touch%20{canary}/x");
    assert_eq!(bob.resilmesh("", &["clone", &ssh, "x"]).code, 1);
    assert!(!place.path("canary").exists());
    let told = bob.refused("", &["clone", "https://me:hunter2@example.org/mesh"]);
    assert!(told.contains("password or token") && !told.contains("hunter2"), "{told}");
}

/// Everything a repository, or the configuration of who clones it, could do to have a program run.
#[test]
fn nothing_of_a_repository_is_run() {
    let place = Place::new();
    let (eve, bob) = (place.person("eve"), place.person("bob"));
    let url = place.bare("mesh.git");
    let canary = place.path("canary");
    let touch = format!("#!/bin/sh\ntouch {}\n", canary.display());
    eve.must("", &["init", "mesh"]);
    // Hooks in every place that git might look for some.
    let hooks = ["post-checkout", "post-merge", "pre-push", "reference-transaction", "post-index-change"];
    for folder in ["hooks", ".githooks", ".husky", "products/x/.hooks"] {
        for hook in hooks {
            eve.program(&format!("mesh/{folder}/{hook}"), &touch);
        }
    }
    // Filters, drivers, and a configuration that names them.
    let attributes = eve.read("mesh/.gitattributes");
    eve.write("mesh/.gitattributes", format!("{attributes}*.txt filter=evil diff=evil merge=evil\n* text=auto\n"));
    eve.write("mesh/notes.txt", "x");
    let config = format!(
        "[core]\n\thooksPath = .githooks\n\tfsmonitor = touch {0}\n\tsshCommand = touch {0}\n[filter \"evil\"]\n\tsmudge = touch {0}\n",
        canary.display()
    );
    eve.write("mesh/.gitconfig", &config);
    // A folder that looks like a repository, configuration included.
    for (path, text) in
        [("HEAD", "ref: refs/heads/main\n"), ("config", config.as_str()), ("objects/x", "x"), ("refs/x", "x")]
    {
        eve.write(&format!("mesh/products/bare/{path}"), text);
    }
    eve.write("mesh/products/bare/products/y/definition.yaml", "description: y\n");
    eve.write("mesh/products/bare/resilmesh.yaml", "version: 1\n");
    // A submodule, names that could be options or end a line, and a way out.
    eve.write("mesh/.gitmodules", format!("[submodule \"s\"]\n\tpath = s\n\turl = {url}\n"));
    eve.write("mesh/--upload-pack=x", "x");
    eve.write("mesh/instances/a\nb/c/config.yaml", "name: c\n");
    std::os::unix::fs::symlink("/etc", eve.path("mesh/products/out")).expect("writable");
    std::os::unix::fs::symlink("../README.md", eve.path("mesh/products/in")).expect("writable");
    eve.commit("mesh", "Nothing to see");
    let head = eve.git("mesh", &["rev-parse", "HEAD"]);
    eve.git("mesh", &["update-index", "--add", "--cacheinfo", &format!("160000,{head},s")]);
    eve.git("mesh", &["commit", "-q", "-m", "A submodule"]);
    eve.git("mesh", &["push", "-q", "--no-verify", &url, "main"]);
    // Whoever clones uses filters and templates with hooks elsewhere.
    bob.program("templates/hooks/post-checkout", &touch);
    bob.git("", &["config", "--global", "core.hooksPath", ".githooks"]);
    bob.git("", &["config", "--global", "init.templateDir", &bob.path("templates").display().to_string()]);
    bob.git("", &["config", "--global", "filter.evil.smudge", &format!("touch {}; cat", canary.display())]);
    bob.git("", &["config", "--global", "submodule.recurse", "true"]);

    let done = bob.resilmesh("", &["clone", &url]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.err.contains("warning: symbolic link `products/out` leads out of the project"), "{}", done.err);
    assert!(!done.err.contains("products/in"), "{}", done.err);
    for command in [&["list", "products"][..], &["list", "instances"], &["diff"], &["log"]] {
        for folder in ["mesh", "mesh/products/bare"] {
            let done = bob.resilmesh(folder, command);
            assert!(done.code <= 1, "{}", done.err);
        }
    }
    // Whatever else of eve's is wrong, an update and a share come to their end too.
    for command in [&["update"][..], &["share"], &["share", "-m", "-x"]] {
        bob.resilmesh("mesh", command);
        bob.resilmesh("mesh/products/bare", command);
    }
    assert!(!canary.exists(), "something of the repository was run");
    assert_eq!(bob.read("mesh/notes.txt"), "x");
    assert!(!bob.has("mesh/s/resilmesh.yaml"));
    // A submodule that names a program is refused altogether.
    eve.write(
        "mesh/.gitmodules",
        format!("[submodule \"s\"]\n\tpath = s\n\turl = {url}\n\tupdate = !touch {}\n", canary.display()),
    );
    eve.git("mesh", &["commit", "-q", "-m", "Worse", "--", ".gitmodules"]);
    eve.git("mesh", &["push", "-q", "-f", "--no-verify", &url, "main"]);
    assert!(bob.refused("", &["clone", &url, "worse"]).contains("invalid value for submodule 'update'"));
    assert!(!canary.exists() && !bob.has("worse"));
}
