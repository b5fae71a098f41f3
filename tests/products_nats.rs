//! The hooks of product `nats` on a real nats-server that runs the rendered configuration.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod plan_support;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, consumer, stream};
use futures::StreamExt;
use plan_support::soapa;
use resilmesh::hooks::{self, Drift, From, HookContext, Kind, Outcome, Run};
use resilmesh::mesh::model::{Mesh, Plug};
use resilmesh::plan::paths::{StateFolder, make_folder, write_file};
use resilmesh::plan::ports::probe::{Machine, Protocols, ThisMachine};
use resilmesh::plan::ports::{PortId, Ports};
use resilmesh::plan::secrets::Secrets;
use resilmesh::plan::{calls, render};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(30);

/// A running bus of the example mesh.
struct Bus {
    _folder: tempfile::TempDir,
    state: StateFolder,
    mesh: Mesh,
    ports: Ports,
    secrets: Arc<Secrets>,
    server: Child,
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.server.kill().and_then(|()| self.server.wait()).expect("the server can be stopped");
    }
}

fn nats_server() -> PathBuf {
    std::env::var_os("NATS_SERVER").map_or_else(|| "nats-server".into(), PathBuf::from)
}

impl Bus {
    async fn start(mesh: Mesh) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let state = StateFolder::of(folder.path());
        let mut ports = plan_support::default_ports(&mesh);
        for name in ["client", "monitor"] {
            let number = ThisMachine::default().any_free("127.0.0.1", Protocols::Tcp).expect("a free port");
            ports.insert(PortId { instance: "bus".into(), plug: None, name: name.into() }, number);
        }
        let secrets = Arc::new(Secrets::default());
        let server = {
            write(&state, &mesh, &ports, &secrets);
            make_folder(&state.data("bus")).expect("folder");
            Command::new(nats_server())
                .args(["-c", "nats.conf"])
                .current_dir(state.rendered("bus"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("nats-server is needed: put it on PATH or name it in NATS_SERVER")
        };
        let bus = Self { _folder: folder, state, mesh, ports, secrets, server };
        let monitor = bus.ports.of_service("bus", "monitor").expect("a port");
        let until = Instant::now() + PATIENCE;
        while tokio::net::TcpStream::connect(("127.0.0.1", monitor)).await.is_err() {
            assert!(Instant::now() < until, "nats-server accepts the rendered configuration");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bus
    }

    /// Renders another mesh and has the server read it.
    fn change(&mut self, mesh: Mesh) {
        write(&self.state, &mesh, &self.ports, &self.secrets);
        self.mesh = mesh;
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.server.id()).expect("a pid"));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGHUP).expect("signal");
    }

    fn plug(&self, text: &str) -> &Plug {
        self.mesh.plugs.iter().find(|plug| plug.id.to_string() == text).expect("the plug is there")
    }

    fn context(&self, plug: &str) -> HookContext {
        let plug = self.plug(plug);
        let end = [&plug.source, &plug.destination].into_iter().find(|end| end.instance == "bus").expect("an end");
        HookContext {
            call: calls::of_plug(&calls::Surroundings::of(&self.mesh, &self.ports), plug, end),
            secrets: self.state.secrets(),
            controls: Vec::new(),
        }
    }

    async fn setup(&self, plug: &str) -> Outcome {
        let context = self.context(plug);
        match hooks::find(Kind::Setup, &context.call).expect("a hook").run {
            Run::Setup(run) => run(&context).await.expect("it is set up"),
            _ => panic!("a setup hook sets up"),
        }
    }

    async fn teardown(&self, plug: &str) -> Outcome {
        let context = self.context(plug);
        match hooks::find(Kind::Teardown, &context.call).expect("a hook").run {
            Run::Teardown(run) => run(&context).await.expect("it is undone"),
            _ => panic!("a teardown hook undoes"),
        }
    }

    async fn check(&self, plug: &str) -> Drift {
        let context = self.context(plug);
        match hooks::find(Kind::Check, &context.call).expect("a hook").run {
            Run::Check(run) => run(&context).await.expect("it is compared"),
            _ => panic!("a check hook compares"),
        }
    }

    async fn everything(&self) {
        for plug in [IN, "enriched_events/enrichment/bus", OUT, "enriched_events/bus/indexer (pull)"] {
            self.setup(plug).await;
        }
    }

    fn password(&self, owner: &str, key: &str) -> String {
        self.secrets.generated(owner, key).expose_text().expect("text").to_owned()
    }

    async fn client(&self, user: &str, owner: &str, key: &str) -> async_nats::Client {
        let options = async_nats::ConnectOptions::new()
            .user_and_password(user.to_owned(), self.password(owner, key))
            .custom_inbox_prefix(format!("_INBOX_{user}"));
        let number = self.ports.of_service("bus", "client").expect("a port");
        options.connect(format!("nats://127.0.0.1:{number}")).await.expect("it is let in")
    }

    async fn admin(&self) -> jetstream::Context {
        jetstream::new(self.client("resilmesh", "bus", "resilmesh_password").await)
    }

    async fn user(&self, name: &str) -> async_nats::Client {
        self.client(name, name, "bus_password").await
    }
}

const IN: &str = "ecs_events/collector/bus";
const OUT: &str = "ecs_events/bus/enrichment (pull)";

fn write(state: &StateFolder, mesh: &Mesh, ports: &Ports, secrets: &Arc<Secrets>) {
    let rendered = render::render(mesh, ports, secrets).expect("renders");
    for (path, text) in &rendered.instances["bus"].files {
        write_file(&state.rendered("bus").join(path), text.as_bytes()).expect("write");
    }
    secrets.save(&state.secrets()).expect("save");
}

#[tokio::test]
async fn streams_and_consumers_are_made_once_and_as_the_contract_says() {
    let bus = Bus::start(soapa(&[])).await;
    assert!(matches!(bus.check(IN).await, Drift::Differs(_)));
    assert!(matches!(bus.setup(IN).await, Outcome::Changed(_)));
    assert_eq!(bus.setup(IN).await, Outcome::Unchanged);
    assert_eq!(bus.check(IN).await, Drift::AsDeclared);
    assert!(matches!(bus.setup(OUT).await, Outcome::Changed(_)));
    assert_eq!(bus.setup(OUT).await, Outcome::Unchanged);
    assert_eq!(bus.check(OUT).await, Drift::AsDeclared);

    let admin = bus.admin().await;
    let kept = admin.get_stream("ecs_events").await.expect("a stream").cached_info().config.clone();
    assert_eq!(kept.subjects, ["ecs_events"]);
    assert_eq!((kept.retention, kept.discard), (stream::RetentionPolicy::Interest, stream::DiscardPolicy::New));
    assert_eq!((kept.storage, kept.max_bytes), (stream::StorageType::File, 1 << 30));
    assert_eq!(kept.duplicate_window, Duration::from_secs(120));
    for topic in ["logs", "ecs_events"] {
        let rejected =
            admin.get_stream(format!("{topic}_rejected")).await.expect("a stream").cached_info().config.clone();
        assert_eq!(rejected.subjects, [format!("{topic}.rejected")]);
        assert_eq!(
            (rejected.retention, rejected.discard),
            (stream::RetentionPolicy::Limits, stream::DiscardPolicy::Old)
        );
        assert_eq!((rejected.max_bytes, rejected.max_age), (256 << 20, Duration::from_secs(30 * 86400)));
    }
    let consumer = admin.get_consumer_from_stream::<consumer::pull::Config, _, _>("enrichment", "ecs_events").await;
    let consumer = consumer.expect("a consumer").cached_info().config.clone();
    assert_eq!(consumer.ack_policy, consumer::AckPolicy::Explicit);
    assert_eq!(
        (consumer.ack_wait, consumer.max_ack_pending, consumer.max_deliver),
        (Duration::from_secs(30), 20000, -1)
    );
}

#[tokio::test]
async fn a_changed_setting_changes_the_stream_and_a_teardown_keeps_it() {
    let mut bus = Bus::start(soapa(&[])).await;
    bus.everything().await;
    let smaller = "name: bus\nproduct: nats\nsettings: {max_bytes: 1000000, ack_wait_seconds: 5}\n";
    bus.change(soapa(&[("instances/nats/bus/config.yaml", Some(smaller))]));
    assert_eq!(bus.check(IN).await, Drift::Differs("stream `ecs_events` is different".into()));
    assert_eq!(bus.setup(IN).await, Outcome::Changed("changed stream `ecs_events`".into()));
    assert!(matches!(bus.check(OUT).await, Drift::Differs(_)));
    bus.setup(OUT).await;
    assert_eq!(bus.check(OUT).await, Drift::AsDeclared);

    assert!(matches!(bus.teardown(OUT).await, Outcome::Changed(_)));
    assert_eq!(bus.teardown(OUT).await, Outcome::Unchanged);
    assert_eq!(bus.teardown(IN).await, Outcome::Unchanged);
    let admin = bus.admin().await;
    assert!(admin.get_stream("ecs_events").await.is_ok(), "the stream is data");
    let consumer = admin.get_consumer_from_stream::<consumer::pull::Config, _, _>("enrichment", "ecs_events").await;
    assert!(consumer.is_err(), "a consumer without an owner would fill the stream");
}

#[tokio::test]
async fn a_user_may_do_what_its_plugs_name_and_nothing_else() {
    let bus = Bus::start(soapa(&[])).await;
    bus.everything().await;
    let collector = jetstream::new(bus.user("collector").await);
    for subject in ["ecs_events", "logs.rejected"] {
        collector.publish(subject, "x".into()).await.expect("sent").await.expect("it may");
    }
    for subject in ["enriched_events", "ecs_events.rejected", "$JS.API.STREAM.DELETE.ecs_events"] {
        assert!(is_refused(&bus, "collector", Wish::Publish(subject)).await, "{subject}");
    }
    for subject in ["ecs_events", ">", "_INBOX.>", "_INBOX_enrichment.>"] {
        assert!(is_refused(&bus, "collector", Wish::Subscribe(subject)).await, "{subject}");
    }
    assert!(!is_refused(&bus, "collector", Wish::Subscribe("_INBOX_collector.x")).await);

    let enrichment = jetstream::new(bus.user("enrichment").await);
    let own = enrichment.get_consumer_from_stream::<consumer::pull::Config, _, _>("enrichment", "ecs_events").await;
    let mut messages = own.expect("its consumer").messages().await.expect("messages");
    let message = tokio::time::timeout(PATIENCE, messages.next()).await.expect("in time").expect("one").expect("whole");
    assert_eq!(message.payload, "x");
    message.ack().await.expect("acknowledged");
    assert!(is_refused(&bus, "enrichment", Wish::Publish("$JS.API.CONSUMER.MSG.NEXT.enriched_events.indexer")).await);
    assert!(is_refused(&bus, "indexer", Wish::Publish("enriched_events")).await);
}

enum Wish<'a> {
    Publish(&'a str),
    Subscribe(&'a str),
}

/// Whether the server says no. It answers in order, so a wish that it surely refuses shows when the
/// one in question has been decided.
async fn is_refused(bus: &Bus, user: &str, wish: Wish<'_>) -> bool {
    const SURELY: &str = "surely.refused";
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let options = async_nats::ConnectOptions::new()
        .user_and_password(user.to_owned(), bus.password(user, "bus_password"))
        .event_callback(move |event| {
            // Nobody listens any more when the answer is known.
            let _ = tell.send(event.to_string().to_lowercase());
            async {}
        });
    let number = bus.ports.of_service("bus", "client").expect("a port");
    let client = options.connect(format!("nats://127.0.0.1:{number}")).await.expect("it is let in");
    let subject = match wish {
        Wish::Publish(subject) | Wish::Subscribe(subject) => subject.to_lowercase(),
    };
    let _kept = match wish {
        Wish::Publish(subject) => client.publish(subject.to_owned(), "x".into()).await.map(|()| None).expect("sent"),
        Wish::Subscribe(subject) => Some(client.subscribe(subject.to_owned()).await.expect("asked")),
    };
    client.publish(SURELY, "x".into()).await.expect("sent");
    let mut refused = false;
    loop {
        let event = tokio::time::timeout(PATIENCE, told.recv()).await.expect("in time").expect("an event");
        let about =
            |subject: &str| event.contains("permissions violation") && event.contains(&format!("\"{subject}\""));
        refused |= about(&subject);
        if about(SURELY) {
            return refused;
        }
    }
}

#[tokio::test]
async fn a_foreign_program_gets_a_user_and_a_consumer_while_the_bus_runs() {
    let mut bus = Bus::start(soapa(&[])).await;
    bus.everything().await;
    bus.change(soapa(&[
        ("instances/nats_client/lab/config.yaml", Some("name: lab\nproduct: nats_client\n")),
        (
            "instances/nats/bus/plugs/lab/ecs_events_pull.yaml",
            Some("src_instance: bus\ndst_instance: lab\ntopic: ecs_events\nmode: pull\n"),
        ),
    ]));
    let outcome = bus.setup("ecs_events/bus/lab (pull)").await;
    assert_eq!(outcome, Outcome::Changed("created consumer `lab` of stream `ecs_events`".into()));
    let lab = bus.user("lab").await;
    let mut seen = lab.subscribe("ecs_events").await.expect("subscribed");
    lab.flush().await.expect("flushed");
    bus.admin().await.publish("ecs_events", "x".into()).await.expect("sent").await.expect("taken");
    let message = tokio::time::timeout(PATIENCE, seen.next()).await.expect("in time").expect("one");
    assert_eq!(message.payload, "x");
}

#[tokio::test]
async fn produced_events_can_be_watched_and_counted() {
    let bus = Bus::start(soapa(&[])).await;
    bus.everything().await;
    let context = bus.context(IN);
    let Run::Watch(watch) = hooks::find(Kind::Watch, &context.call).expect("a hook").run else {
        panic!("a watch hook")
    };
    let Run::Produce(open) = hooks::find(Kind::Produce, &context.call).expect("a hook").run else {
        panic!("a produce hook")
    };
    let mut live = watch(&context, From::Now).await.expect("watching");
    let mut producer = open(&context).await.expect("open");
    let id = producer.send(r#"{"event": {"id": "one"}, "message": "hello"}"#).await.expect("sent");
    assert_eq!(id.as_deref(), Some("one"));
    producer.send(r#"{"event": {"id": "one"}, "message": "again"}"#).await.expect("sent");
    producer.finish().await.expect("accepted");
    let expected = json!({"event": {"id": "one"}, "message": "hello"});
    for from in [From::Now, From::Start] {
        let mut events = if from == From::Now { live } else { watch(&context, from).await.expect("watching") };
        let event = tokio::time::timeout(PATIENCE, events.next()).await.expect("in time").expect("one").expect("whole");
        assert_eq!(event, expected);
        live = events;
    }
    let whole = HookContext {
        call: calls::of_instance(&bus.mesh, &bus.ports, &bus.mesh.instances["bus"], None, None),
        ..context
    };
    let Run::Stats(stats) = hooks::find(Kind::Stats, &whole.call).expect("a hook").run else { panic!("a stats hook") };
    let numbers = stats(&whole).await.expect("numbers");
    assert_eq!(numbers["enrichment"]["lag"], 1, "one with the same id is the same event");
    assert_eq!(numbers["bus"]["events"], 1);
}
