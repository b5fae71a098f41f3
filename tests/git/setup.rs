//! `init` and git.

use insta::assert_snapshot;

use crate::support::{Place, is_program};

#[test]
fn init_makes_a_repository_with_a_first_commit() {
    let place = Place::new();
    let ann = place.person("ann");
    let done = ann.resilmesh("", &["init", "--no-key", "soc"]);
    assert_eq!((done.code, done.out.as_str()), (0, ""));
    assert_snapshot!(done.err, @"
    made project `soc`
    made a git repository in `soc`
    ");
    assert_eq!(ann.git("soc", &["status", "--porcelain"]), "");
    assert_eq!(ann.git("soc", &["log", "--format=%an <%ae> %s"]), "ann <ann@example.org> Make the mesh");
    assert_snapshot!(ann.git("soc", &["ls-files"]), @"
    .gitattributes
    .gitignore
    README.md
    instances/.gitkeep
    products/.gitkeep
    resilmesh.yaml
    ");
    assert!(is_program(&ann.path("soc/.git/hooks/pre-push")));
    assert!(ann.git("soc", &["config", "merge.resilmesh.driver"]).ends_with("resilmesh' git-merge %O %A %B %P"));
    let attributes = ["check-attr", "merge", "--", "instances/a/b/config.yaml", "secrets/x/y.gpg"];
    assert_snapshot!(ann.git("soc", &attributes), @"
    instances/a/b/config.yaml: merge: resilmesh
    secrets/x/y.gpg: merge: resilmesh-secret
    ");
    ann.write("soc/.resilmesh/journal.json", "{}");
    ann.write("soc/secrets.gpg", "x");
    ann.write("soc/secrets/a/b.gpg", "x");
    ann.write("soc/a.pyc", "x");
    assert_eq!(ann.git("soc", &["status", "--porcelain", "-uall"]), "?? secrets/a/b.gpg");
}

#[test]
fn init_from_an_example_commits_it() {
    let place = Place::new();
    let ann = place.person("ann");
    ann.must("", &["init", "--from", "soapa", "mesh"]);
    assert_eq!(ann.git("mesh", &["status", "--porcelain"]), "");
    assert_eq!(ann.git("mesh", &["log", "--format=%s"]), "Make the mesh from example soapa");
}

#[test]
fn without_a_name_the_repository_is_made_and_the_commit_waits() {
    let place = Place::new();
    let done = place.stranger("ann").resilmesh("", &["init", "--no-key", "soc"]);
    assert_eq!(done.code, 0);
    assert_snapshot!(done.err, @r#"
    made project `soc`
    made a git repository in `soc`
    warning: nothing is committed yet: git does not know who you are
    say who you are: `git config --global user.name "NAME"` and `git config --global user.email ADDRESS`; `resilmesh share` commits
    "#);
    assert!(place.path("ann/soc/.git").is_dir());
}

#[test]
fn init_of_a_project_that_is_there_changes_no_file_of_it() {
    let place = Place::new();
    let ann = place.person("ann");
    ann.write("old/products/edr/definition.yaml", "description: x\n");
    for said in ["`old` is a project already\nmade a git repository in `old`\n", "`old` is a project already\n"] {
        assert_eq!(ann.resilmesh("", &["init", "--no-key", "old"]).err, said);
    }
    assert_eq!(ann.git("old", &["status", "--porcelain"]), "?? products/");
}

#[test]
fn a_repository_that_is_there_is_used() {
    let place = Place::new();
    let ann = place.person("ann");
    ann.git("", &["init", "-q", "repo"]);
    ann.must("", &["init", "repo"]);
    assert_eq!(ann.git("repo", &["log", "--format=%s"]), "Make the mesh");
    let below = ann.resilmesh("repo", &["init", "--no-key", "lab"]);
    assert_snapshot!(below.err, @"
    made project `lab`
    it lies in the git repository `[PLACE]/ann/repo`
    ");
    assert!(!ann.has("repo/lab/.git"));
}

#[test]
fn the_hook_of_another_stays() {
    let place = Place::new();
    let ann = place.person("ann");
    ann.git("", &["init", "-q", "repo"]);
    ann.write("repo/.git/hooks/pre-push", "#!/bin/sh\n");
    let done = ann.resilmesh("", &["init", "--no-key", "repo"]);
    assert!(done.err.contains("warning: `[PLACE]/ann/repo/.git/hooks/pre-push` is not resilmesh's"), "{}", done.err);
    assert_eq!(ann.read("repo/.git/hooks/pre-push"), "#!/bin/sh\n");
}

#[test]
fn a_clone_that_git_made_is_set_up_by_share_and_update() {
    let place = Place::new();
    let (ann, bob) = (place.person("ann"), place.person("bob"));
    let url = place.bare("mesh.git");
    ann.small_mesh();
    ann.must("mesh", &["share", &url]);
    for command in ["update", "share"] {
        bob.git("", &["clone", "-q", &url, command]);
        let note = "note: in this clone a plain `git push` is not looked through for secrets, and git does not merge \
                    key by key: `resilmesh init` sets up both\n";
        let done = bob.resilmesh(command, &["status"]);
        assert!(done.err.ends_with(note), "{}", done.err);
        let done = bob.resilmesh(command, &[command]);
        let told = "set up this clone: git merges the mesh key by key, and looks for secrets before a push\n";
        assert!(done.code == 0 && done.err.starts_with(told), "{}", done.err);
        assert!(is_program(&bob.path(&format!("{command}/.git/hooks/pre-push"))));
        assert!(bob.git(command, &["config", "merge.resilmesh.driver"]).contains("git-merge"));
        assert!(!bob.resilmesh(command, &["status"]).err.contains("note:"));
        assert!(!bob.resilmesh(command, &[command]).err.contains("set up"));
        assert_eq!(bob.git(command, &["status", "--porcelain"]), "");
    }
}

#[test]
fn plan_says_what_a_clone_lacks_and_init_sets_it_up() {
    let place = Place::new();
    let ann = place.person("ann");
    ann.must("", &["init", "--no-key", "mesh"]);
    assert!(!ann.resilmesh("mesh", &["plan"]).err.contains("note:"));
    std::fs::remove_file(ann.path("mesh/.git/hooks/pre-push")).expect("removed");
    assert!(ann.resilmesh("mesh", &["plan"]).err.contains("note: in this clone a plain `git push` is not looked"));
    ann.must("mesh", &["init", "--no-key"]);
    assert!(!ann.resilmesh("mesh", &["plan"]).err.contains("note:"));
    // A program that is gone merges nothing.
    ann.git("mesh", &["config", "merge.resilmesh.driver", "'/gone/resilmesh' git-merge %O %A %B %P"]);
    assert!(ann.resilmesh("mesh", &["plan"]).err.contains("note:"));
}

#[test]
fn share_adds_the_lines_for_git_that_a_project_lacks_and_leaves_those_of_its_owner() {
    let place = Place::new();
    let ann = place.person("ann");
    ann.small_mesh();
    let url = place.bare("mesh.git");
    ann.write("mesh/.gitignore", "mine\n*.gpg\n# /secrets/**/.resilmesh-*");
    ann.write("mesh/.gitattributes", "/resilmesh.yaml merge=union\n");
    ann.commit("mesh", "As it was before");
    let done = ann.resilmesh("mesh", &["share", &url]);
    assert!(
        done.err.contains("added what git needs to know of a mesh to `.gitattributes`, `.gitignore`"),
        "{}",
        done.err
    );
    assert_snapshot!(ann.read("mesh/.gitignore"), @"
    mine
    *.gpg
    # /secrets/**/.resilmesh-*
    # Added by resilmesh
    !/secrets/**/*.gpg
    ");
    assert_snapshot!(ann.read("mesh/.gitattributes"), @"
    /resilmesh.yaml merge=union
    # Added by resilmesh
    /instances/**/*.yaml merge=resilmesh
    /products/**/*.yaml merge=resilmesh
    /products/**/*.yml merge=resilmesh
    *.gpg binary merge=resilmesh-secret
    ");
    assert_eq!(ann.git("mesh", &["status", "--porcelain"]), "");
    assert_eq!(ann.resilmesh("mesh", &["share"]).err, "nothing new: `[PLACE]/mesh.git` has it all\n");
}
