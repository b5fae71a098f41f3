//! A product in Rust and one in Python in one mesh.

use crate::common::TestProject;
use crate::common::background::Background;
use crate::common::python::hooks as in_python;
use crate::support::{HEAD, MANIFEST, borrowed, does, sensor, variables};

const SENSOR: &str = r#"
/// Makes the way out.
#[setup("events", role = "producer")]
fn forward(ctx: &Setup) -> Result<String> {
    note(ctx, &format!("rust setup {} {}", ctx.topic(), ctx.mode()));
    ctx.plug().set_secret("KEY", "k1")?;
    ctx.plug().save(&serde_json::json!({"way": "w1"}))?;
    Ok(format!("forwards to {}", ctx.plug().dst_instance))
}

#[teardown("events", role = "producer")]
fn no_more(ctx: &Teardown) -> Result<()> {
    let key = ctx.plug().need_secret("KEY")?;
    #[derive(serde::Deserialize)]
    struct Way { way: String }
    let Way { way } = ctx.plug_settings()?;
    note(ctx, &format!("rust teardown {way} {}", key.len()));
    ctx.plug().delete_secret("KEY")
}

#[check("events", role = "producer")]
fn is_there(ctx: &Check) -> Result<Option<String>> {
    Ok(ctx.project().join("broken").exists().then(|| "the way is gone".to_owned()))
}

#[produce("events")]
fn send(ctx: &Produce) -> Result<String> {
    note(ctx, &format!("rust produce {}", ctx.data()));
    Ok(format!("sent {}", ctx.data()))
}

#[watch("events")]
fn see(ctx: &Watch) -> Result<Items<'_>> {
    Ok(Items::of(["one", "two"].map(|text| format!("{text} of {}", ctx.instance().name))))
}

#[trigger("isolate")]
fn isolate(ctx: &Trigger) -> Result<serde_json::Value> {
    #[derive(serde::Deserialize)]
    struct Host { host: String }
    let Host { host } = ctx.parameters()?;
    Ok(serde_json::json!({"asked": host}))
}
"#;

const LAKE: &str = "
@setup_consumer('events')
def inlet(plug):
    note('python setup', plug.topic)


@teardown_consumer('events')
def no_inlet(plug):
    note('python teardown', plug.topic)


@produce('events')
def put(data):
    note('python produce', data)


@watch('events')
def see(instance):
    yield 'three of ' + instance.name


@execute('isolate')
def carry_out(data):
    return {'done': data}
";

fn mesh(name: &str) -> TestProject {
    let project = sensor(name, SENSOR);
    project.write("products/lake/hooks.py", in_python(LAKE));
    project
}

#[test]
fn a_rust_product_and_a_python_product_are_plugged_to_each_other() {
    let project = mesh("mixed");
    does(&project, &["plug", "events", "s1", "l1"]);
    let (_, said) = does(&project, &["up"]);
    assert!(said.contains("forwards to l1"), "{said}");
    let mut trace = project.trace();
    trace.sort();
    assert_eq!(trace, ["python setup events", "rust setup events push"]);
    assert!(project.read("instances/mixed/s1/plugs/l1/events.yaml").contains("way: w1"));

    let (_, again) = does(&project, &["up"]);
    assert!(again.contains("nothing to do"), "{again}");
    project.write("broken", "");
    let (differs, _) = does(&project, &["hooks", "run", "mixed", "is_there"]);
    assert_eq!(differs, "differs: the way is gone\n");
    let (_, mended) = does(&project, &["up"]);
    assert!(mended.contains("forwards to l1"), "{mended}");
    std::fs::remove_file(project.root().join("broken")).expect("removed");

    let (watched, _) = does(&project, &["watch", "events", "s1"]);
    assert_eq!(watched, "one of s1\ntwo of s1\n");
    let (watched, _) = does(&project, &["watch", "events", "l1"]);
    assert_eq!(watched, "three of l1\n");
    for target in [&["s1"][..], &["s1", "l1"]] {
        let args = [&["produce", "events"], target].concat();
        let (code, _, said) = project.output_of(&args, &borrowed(&variables()), "hello\n");
        assert_eq!(code, 0, "{said}");
    }
    let (asked, _) = does(&project, &["trigger", "isolate", "s1", "-p", "host=h1"]);
    assert!(asked.contains("\"asked\":\"h1\"") || asked.contains("\"asked\": \"h1\""), "{asked}");
    let (done, _) = does(&project, &["execute", "isolate", "l1", "-p", "host=h1"]);
    assert!(done.contains("h1"), "{done}");
    assert!(project.trace().contains(&"rust produce hello".to_owned()), "{:?}", project.trace());
    assert!(project.trace().contains(&"python produce hello".to_owned()), "{:?}", project.trace());

    project.forget_trace();
    // What was set up is taken down by the same hook, wherever it stands by now.
    let main = "products/mixed/hooks/src/main.rs";
    project.write(main, format!("// Moved.\n\n\n{}", project.read(main)));
    does(&project, &["down"]);
    let mut trace = project.trace();
    trace.sort();
    assert_eq!(trace, ["python teardown events", "rust teardown w1 2"]);
}

#[test]
fn one_product_may_mix_languages_and_hooks_of_one_integration_take_the_place_of_general_ones() {
    let own = "#[setup(role = \"producer\")]\nfn general(ctx: &Setup) { note(ctx, \"general\"); }\n\n#[setup(role = \"producer\", keep_when_overloaded, order = \"last\")]\nfn kept(ctx: &Setup) { note(ctx, \"kept\"); }\n\n#[setup(\"events\", role = \"producer\", target = \"lake\")]\nfn of_lake(ctx: &Setup) { note(ctx, \"of lake\"); }\n";
    let project = sensor("overloaded", own);
    project.write(
        "products/overloaded/more.py",
        in_python("@teardown_producer()\ndef off():\n    note('teardown in python')\n"),
    );
    let (listed, _) = does(&project, &["hooks", "list", "overloaded", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    let rows: Vec<_> = listed["hooks"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| [&row["function"], &row["language"], &row["target"]].map(|text| text.as_str().unwrap_or("-")))
        .collect();
    assert_eq!(
        rows,
        [["general", "rust", "-"], ["kept", "rust", "-"], ["off", "python", "-"], ["of_lake", "rust", "lake"]]
    );
    does(&project, &["plug", "events", "s1", "l1"]);
    does(&project, &["up"]);
    let own: Vec<String> = project.trace().into_iter().filter(|line| !line.starts_with("consumer")).collect();
    assert_eq!(own, ["of lake", "kept"]);
    does(&project, &["down"]);
    assert!(project.trace().contains(&"teardown in python".to_owned()), "{:?}", project.trace());
}

#[test]
fn listing_checking_and_planning_build_nothing() {
    let project = sensor("unbuilt", "#[setup(role = \"producer\")]\nfn forward() { compile_error!() }\n");
    does(&project, &["plug", "events", "s1", "l1"]);
    let own = project.root().join("builds").display().to_string();
    let mut variables = variables();
    variables.push(("RESILMESH_BUILD".to_owned(), own));
    for args in [&["hooks", "list"][..], &["check"], &["plan"]] {
        let (code, out, err) = project.output_with(args, &borrowed(&variables));
        assert_eq!(code, 0, "{args:?} {out}{err}");
    }
    assert!(!project.has("builds") && !project.has(".resilmesh/build"));
}

#[test]
fn functions_of_one_name_and_several_attributes_of_one_function_are_told_apart() {
    let own = "#[watch(\"a\")]\n#[watch(\n    \"b\",\n)]\n#[trigger(\"c\")]\nfn both() {}\n\nmod more {\n    use super::*;\n    #[trigger(\"d\")]\n    fn both() -> Result<&'static str> { Ok(\"the inner one\") }\n}\n";
    // The context of each attribute is another, so this function takes none.
    let project = sensor("told_apart", own);
    for topic in ["a", "b"] {
        does(&project, &["watch", topic, "s1"]);
    }
    assert_eq!(does(&project, &["trigger", "c", "s1"]).0, "");
    assert_eq!(does(&project, &["trigger", "d", "s1"]).0, "the inner one\n");
}

#[test]
fn an_async_hook_is_awaited_and_dropped_where_it_waits() {
    let project = sensor(
        "asynchronous",
        "#[trigger(\"isolate\")]\nasync fn isolate(ctx: &Trigger) -> Result<String> {\n    tokio::time::sleep(std::time::Duration::from_millis(1)).await;\n    if ctx.project().join(\"wait\").exists() {\n        struct Dropped<'a>(&'a Context);\n        impl Drop for Dropped<'_> { fn drop(&mut self) { note(self.0, \"dropped\"); } }\n        let _dropped = Dropped(ctx);\n        note(ctx, \"waits\");\n        std::future::pending::<()>().await;\n    }\n    Ok(\"awaited\".to_owned())\n}\n",
    );
    project.write(
        "products/asynchronous/hooks/Cargo.toml",
        MANIFEST.replace("resilmesh-sdk = \"0.1\"", "resilmesh-sdk = { version = \"0.1\", features = [\"async\"] }\ntokio = { version = \"1\", features = [\"time\"] }"),
    );
    assert!(HEAD.contains("resilmesh_sdk"));
    assert_eq!(does(&project, &["trigger", "isolate", "s1"]).0, "awaited\n");
    project.write("wait", "");
    let running = Background::start_with(&project, &["trigger", "isolate", "s1"], &borrowed(&variables()));
    project.wait_for(|trace| trace.contains(&"waits".to_owned()));
    running.signal(nix::sys::signal::Signal::SIGINT);
    let (code, out, err) = running.end();
    assert_eq!(code, Some(130), "{out}{err}");
    assert_eq!(project.trace(), ["waits", "dropped"]);
}
