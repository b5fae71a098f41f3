use super::*;

fn read_hooks(text: &str) -> (Vec<RustHook>, Vec<String>) {
    let mut found = Vec::new();
    let hooks = read("hooks/src/main.rs", Path::new("products/edr/hooks/src/main.rs"), text, &mut found);
    let found = found.into_iter().map(|found| {
        let at = found.at.expect("a place");
        format!("{}:{} {}", at.line, at.column, found.message)
    });
    (hooks, found.collect())
}

#[test]
fn a_hook_is_read_with_all_that_it_says() {
    let (hooks, found) = read_hooks(
        "use resilmesh_sdk::{Setup, setup};\n\n/// Makes an intake.\n#[setup(topic = \"events\", role = \"consumer\", mode = \"pull\", order = 3, owns_both)]\nfn intake(ctx: &Setup) {}\n",
    );
    assert_eq!(found, Vec::<String>::new());
    let [RustHook { hook, target: None }] = hooks.as_slice() else { panic!("{hooks:?}") };
    assert_eq!((hook.kind, hook.role, hook.mode), (HookKind::Setup, Some(Role::Consumer), Some(Mode::Pull)));
    assert_eq!((hook.topic.as_deref(), hook.title.as_str()), (Some("events"), "Makes an intake."));
    assert_eq!((hook.order, hook.owns_both), (HookOrder::At(3), true));
    assert_eq!(hook.code.place(), Some(("hooks/src/main.rs", "intake", 4)));
    assert_eq!(hook.at.to_string(), "products/edr/hooks/src/main.rs:4:1");
}

#[test]
fn each_attribute_of_a_function_is_a_hook_of_its_own_line() {
    let (hooks, _) = read_hooks(
        "#[resilmesh_sdk::setup(\"a\", role = \"consumer\")]\n#[resilmesh_sdk::setup(\n    \"b\", role = \"consumer\")]\nfn f() {}\n",
    );
    let lines: Vec<u32> = hooks.iter().filter_map(|own| Some(own.hook.code.place()?.2)).collect();
    assert_eq!(lines, [1, 2]);
}

#[test]
fn attributes_are_known_under_the_names_that_they_are_imported_by() {
    for (text, expected) in [
        ("use resilmesh_sdk::*;\n#[watch] fn f() {}", 1),
        ("use resilmesh_sdk::watch as see;\n#[see] fn f() {}", 1),
        ("use resilmesh_sdk as sdk;\n#[sdk::watch(\"events\")] fn f() {}", 1),
        ("use resilmesh_sdk::watch;\nmod m { use super::*;\n#[watch] fn f() {} }", 1),
        ("use resilmesh_sdk::watch;\nmod m { use super::watch;\n#[watch] fn f() {} }", 1),
        ("use resilmesh_sdk::watch;\n#[cfg(test)] mod tests { use super::*;\n#[watch] fn f() {} }", 0),
        ("use other::watch;\n#[watch] fn f() {}", 0),
        ("#[watch] fn f() {}", 0),
        ("use resilmesh_sdk::watch;\nmod m { #[watch] fn f() {} }", 0),
    ] {
        assert_eq!(read_hooks(text).0.len(), expected, "{text}");
    }
}

#[test]
fn a_process_hook_leads_from_a_topic_to_another() {
    let (hooks, found) = read_hooks(
        "use resilmesh_sdk::process;\n#[process(\"ecs_events\", \"enriched_events\", init = Seen::new, batch)]\nfn once() {}\n",
    );
    assert_eq!(found, Vec::<String>::new());
    let [RustHook { hook, target: None }] = hooks.as_slice() else { panic!("{hooks:?}") };
    assert_eq!((hook.kind, hook.role), (HookKind::Process, None));
    assert_eq!((hook.topic.as_deref(), hook.into.as_deref()), (Some("ecs_events"), Some("enriched_events")));
}

#[test]
fn what_is_computed_is_warned_of() {
    let (hooks, found) = read_hooks(
        "use resilmesh_sdk::*;\n#[watch(topic = TOPIC)] fn f() {}\n#[pull(title = TITLE)] fn g() {}\n#[setup] fn h() {}",
    );
    let functions: Vec<_> = hooks.iter().filter_map(|own| own.hook.code.function()).collect();
    assert_eq!(functions, ["g"]);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("2:17 `topic` is computed") && found[0].contains("left out"), "{found:?}");
    assert!(found[1].starts_with("3:16 `title` is computed") && !found[1].contains("left out"), "{found:?}");
    assert!(found[2].starts_with("4:1 `#[setup]` needs the part that the product plays"), "{found:?}");
}

#[test]
fn what_is_no_rust_is_warned_of() {
    for (text, expected) in [
        ("fn broken( {\n", "1:12 not Rust: a bracket or a text that is opened is not closed"),
        ("fn one() {}\nfunction two() {}\n", "2:10 not Rust: expected `!`"),
    ] {
        let (hooks, found) = read_hooks(text);
        assert!(hooks.is_empty());
        assert_eq!(found, [expected]);
    }
}

#[test]
fn code_is_below_src_of_the_crate() {
    assert!(is_code("hooks/src/main.rs") && is_code("hooks/src/a/b.rs"));
    assert!(!is_code("hooks/build.rs") && !is_code("src/main.rs") && !is_code("hooksx/src/main.rs"));
    assert!(is_output("hooks/target") && !is_output("hooks/src"));
}
