use super::*;

fn hook(kind: Kind, role: Option<Role>) -> NewHook {
    NewHook { kind, role, topic: Some("alerts".to_owned()), mode: None, format: None, title: None, target: None }
}

#[test]
fn a_hook_is_a_function_with_a_decorator() {
    let mut setup = hook(Kind::Setup, Some(Role::Producer));
    setup.mode = Some(Mode::Pull);
    setup.title = Some("say \"hello\"".to_owned());
    insta::assert_snapshot!(setup.add_to(None, "edr").expect("a text").expect("it is new"), @r#"
    """Hooks of edr."""

    from resilmesh.decorators import setup_producer


    @setup_producer("alerts", mode="pull", title="say \"hello\"")
    def setup_alerts_producer_pull(plug, integration, instance):
        """Sets up edr's end of a plug: it produces alerts."""
        raise NotImplementedError("setup_alerts_producer_pull: say how to set it up")
    "#);
    let publish = NewHook { topic: None, ..hook(Kind::Publish, Some(Role::Consumer)) };
    insta::assert_snapshot!(publish.text("edr").expect("a text"), @r#"
    @publish(role="consumer")
    def publish_any_consumer(integration):
        """Brings an integration to edr's users."""
        raise NotImplementedError("publish_any_consumer: say where it goes")
    "#);
    insta::assert_snapshot!(hook(Kind::Watch, None).text("edr").expect("a text"), @r#"
    @watch("alerts")
    def watch_alerts(instance):
        """Yields what flows: `resilmesh watch alerts INSTANCE`."""
        raise NotImplementedError("watch_alerts: say where to look")
        yield
    "#);
}

#[test]
fn what_is_there_stays() {
    let file = "#!/usr/bin/env python3\n\"\"\"Ours.\n\nfrom x import y\n\"\"\"\nfrom __future__ import annotations\n\nimport os  # for the path\n\n\ndef produce_alerts():\n    return os.sep";
    let watch = hook(Kind::Watch, None);
    let once = watch.add_to(Some(file), "edr").expect("a text").expect("it is new");
    insta::assert_snapshot!(once, @r#"
    #!/usr/bin/env python3
    """Ours.

    from x import y
    """
    from __future__ import annotations

    from resilmesh.decorators import watch
    import os  # for the path


    def produce_alerts():
        return os.sep


    @watch("alerts")
    def watch_alerts(instance):
        """Yields what flows: `resilmesh watch alerts INSTANCE`."""
        raise NotImplementedError("watch_alerts: say where to look")
        yield
    "#);
    assert_eq!(watch.add_to(Some(&once), "edr"), Ok(None), "it is there now");
    assert_eq!(hook(Kind::Produce, None).add_to(Some(&once), "edr"), Ok(None), "the name is taken");
    let twice = hook(Kind::Setup, Some(Role::Consumer)).add_to(Some(&once), "edr").expect("a text").expect("new");
    assert!(twice.contains("\nfrom resilmesh.decorators import watch, setup_consumer\nimport os"), "{twice}");
}

#[test]
fn the_import_finds_its_place() {
    let imported = |file: &str| import(file, "watch");
    assert_eq!(imported("from meshroom.decorators import *\n"), "from meshroom.decorators import *\n");
    assert_eq!(imported("from meshroom.decorators import setup"), "from meshroom.decorators import setup, watch");
    assert_eq!(
        imported("from resilmesh.decorators import (\n    setup,\n)"),
        "from resilmesh.decorators import watch\nfrom resilmesh.decorators import (\n    setup,\n)"
    );
    assert_eq!(imported("# x\n'''y'''\nz = 1"), "# x\n'''y'''\nfrom resilmesh.decorators import watch\n\nz = 1");
    assert_eq!(
        imported("from __future__ import annotations\nz = 1"),
        "from __future__ import annotations\nfrom resilmesh.decorators import watch\n\nz = 1"
    );
    assert_eq!(imported("# only a remark"), "# only a remark\nfrom resilmesh.decorators import watch\n");
}
