//! `resilmesh hooks test` of hooks in Rust: the same cases as for any other language.

use crate::support::{does, fails, output, sensor};

#[test]
fn hooks_in_rust_are_tried_like_others() {
    let project = sensor(
        "kept",
        "#[setup(\"events\", role = \"producer\")]\nfn forward(ctx: &Setup) -> Result<()> {\n    note(ctx, \"up\");\n    Ok(())\n}\n\n\
         #[teardown(\"events\", role = \"producer\")]\nfn end(ctx: &Teardown) -> Result<()> {\n    note(ctx, \"down\");\n    Ok(())\n}\n",
    );
    let (out, _) = does(&project, &["hooks", "test", "kept"]);
    for case in ["set-up", "set-up-again", "tear-down", "tear-down-again", "tear-down-first", "killed"] {
        assert!(out.lines().any(|line| line.starts_with("ok") && line.contains(&format!(" {case} "))), "{case}: {out}");
    }
    assert!(!out.contains("broken"), "{out}");
}

#[test]
fn a_crate_that_does_not_compile_is_told_before_anything_is_tried() {
    let project = sensor(
        "unkept",
        "#[setup(\"events\", role = \"producer\")]\nfn forward(ctx: &Setup) -> Result<()> {\n    nothing()\n}\n",
    );
    let said = fails(&project, &["hooks", "test", "unkept"]);
    assert!(said.contains("cannot find function `nothing`"), "{said}");
    let (_, out, _) = output(&project, &["hooks", "test", "unkept"]);
    assert_eq!(out, "");
}
