//! Attributes that are misused: the compiler points at what is wrong.

use crate::support::{fails, sensor};

/// Each with the place that the compiler points at, below the head of the file, and what it says.
fn refuses(name: &str, mistakes: &[(&str, (usize, usize), &str)]) {
    let mut hooks = "#[trigger(\"isolate\")]\nfn isolate() {}\n".to_owned();
    let mut expected = Vec::new();
    for (code, (line, column), says) in mistakes {
        let before = crate::support::HEAD.lines().count() + hooks.lines().count();
        expected.push((format!("main.rs:{}:{column}", before + line), *says));
        hooks.push_str(code);
        hooks.push('\n');
    }
    let project = sensor(name, &hooks);
    let said = fails(&project, &["trigger", "isolate", "s1"]);
    for (place, says) in expected {
        let blocks = said.split("error").filter(|block| block.contains(&place));
        let found: Vec<&str> = blocks.collect();
        assert!(found.iter().any(|block| block.contains(says)), "{place}: {says}\n{said}");
    }
}

#[test]
fn a_wrong_argument_is_pointed_at() {
    refuses(
        "misused",
        &[
            (
                "#[setup(topc = \"x\", role = \"consumer\")] fn a() {}",
                (1, 9),
                "`#[setup]` has no argument `topc`: did you mean `topic`?",
            ),
            ("#[setup(\"x\")]\nfn b() {}", (1, 1), "`#[setup]` needs the part that the product plays"),
            ("#[check(role = \"consumr\")] fn c() {}", (1, 16), "`consumr` is no role: did you mean `consumer`?"),
            (
                "const T: &str = \"x\";\n#[watch(T)] fn d() {}",
                (2, 9),
                "`#[watch]` has no argument `T`: it takes `topic`",
            ),
            ("#[watch(topic = T)] fn e() {}", (1, 17), "`topic` is computed: hooks are found without running the code"),
            ("#[pull]\nstruct F;", (1, 1), "`#[pull]` stands before a function"),
            ("#[watch] fn g(a: &Watch, b: u8) {}", (1, 26), "a hook has one parameter: the `&Watch`"),
            ("#[watch] fn h(a: Watch) {}", (1, 15), "`#[watch]` hands over a reference: `&Watch`"),
            ("#[watch] async fn i() {}", (1, 10), "an `async` hook needs the feature `async` of the SDK"),
            ("#[process(\"a\", \"b\")] fn j() {}", (1, 1), "a `process` hook has one parameter, the event"),
            ("struct K;\nimpl K { #[watch] fn k(&self) {} }", (2, 24), "not before a method"),
        ],
    );
}

#[test]
fn a_wrong_signature_is_pointed_at() {
    refuses(
        "mistyped",
        &[
            ("#[trigger(\"a\")] fn a(_: &Setup) {}", (1, 25), "mismatched types"),
            (
                "#[trigger(\"b\")] fn b() -> u32 { 3 }",
                (1, 24),
                "a hook returns nothing or a `resilmesh_sdk::Result`, not `u32`",
            ),
            (
                "#[check(role = \"consumer\")] fn c() -> Result<u32> { Ok(3) }",
                (1, 36),
                "a check hook returns what differs, not `u32`",
            ),
            (
                "#[watch] fn d() -> Result<Vec<u8>> { Ok(vec![]) }",
                (1, 17),
                "a watch hook returns `resilmesh_sdk::Items`",
            ),
            (
                "#[process(\"a\", \"b\")] fn e(_: u8) -> Outcome { Outcome::Same }",
                (1, 27),
                "a `process` hook takes an event, not `u8`",
            ),
        ],
    );
}
