//! Whole configurations: what is loaded from which file, and what is said of mistakes.

use std::path::Path;

use crate::config::{SecretMode, load};
use crate::{Summary, validate};

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn validated(files: &[(&str, &str)], name: &str) -> Result<Summary, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), files);
    validate(&folder.path().join(name)).map_err(|errors| {
        let shown =
            |error: &crate::ConfigError| error.to_string().replace(&format!("{}/", folder.path().display()), "");
        errors.iter().map(shown).collect()
    })
}

const SOURCE: (&str, &str) = ("m/vector/sources/in.yaml", "type: stdin\n");
const SINK: (&str, &str) = ("m/vector/sinks/out.yaml", "type: blackhole\ninputs: [in]\n");
const ROOT: (&str, &str) = ("m/vector/vector.yaml", "data_dir: data\nacknowledgements: {enabled: true}\n");

/// The only error of a configuration made of these files beside the good ones.
fn only_error(files: &[(&str, &str)]) -> String {
    let mut all = vec![ROOT, SOURCE, SINK];
    all.retain(|(name, _)| !files.iter().any(|(other, _)| other == name));
    all.extend(files);
    let errors = validated(&all, "m").unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    errors[0].clone()
}

#[test]
fn a_folder_with_vector_in_it_a_plain_one_and_a_single_file_are_all_the_same() {
    let single = "sources: {in: {type: stdin}}\nsinks: {out: {type: blackhole, inputs: [in]}}\n";
    let json = r#"{"sources": {"in": {"type": "stdin"}}, "sinks": {"out": {"type": "blackhole", "inputs": ["in"]}}}"#;
    let files = [ROOT, SOURCE, SINK, ("m/vector/README.md", "x"), ("all.yaml", single), ("all.json", json)];
    for name in ["m", "m/vector", "all.yaml", "all.json"] {
        let Summary { sources, transforms, sinks, warnings, single: _ } = validated(&files, name).unwrap();
        assert_eq!((sources, transforms, sinks, warnings.len()), (1, 0, 1, 0), "{name}");
    }
}

#[test]
fn the_mesh_of_the_worked_example_is_valid() {
    let files = [
        ("c/engine.yaml", "inbox_prefix: _INBOX_collector\n"),
        (
            "c/vector/vector.yaml",
            "data_dir: ../../data/collector\nacknowledgements: {enabled: true}\nsecret: {mesh: {type: directory, path: ../../secrets/collector}}\n",
        ),
        (
            "c/vector/sources/src_logs__senders.yaml",
            "{type: socket, mode: tcp, address: \"127.0.0.1:5514\", max_length: 1048576}\n",
        ),
        (
            "c/vector/sources/src_logs__packages.yaml",
            "{type: file, include: [/var/log/dpkg.log], offset_key: offset, max_line_bytes: 1048576}\n",
        ),
        (
            "c/vector/transforms/in_logs__senders.yaml",
            "type: remap\ninputs: [src_logs__senders]\nsource: |\n  line = string(.message) ?? \"\"\n  . = {\"event\": {\"id\": uuid_v7(), \"original\": line}, \"message\": line}\n",
        ),
        (
            "c/vector/transforms/in_logs__packages.yaml",
            "type: remap\ninputs: [src_logs__packages]\nsource: |\n  key = join([get_hostname() ?? \"\", to_string(.offset) ?? \"\", to_string(%resilmesh.file_id) ?? \"\"], \"\\n\")\n  . = {\"event\": {\"id\": slice!(sha2(key, variant: \"SHA-256\"), 0, 32)}, \"message\": .message}\n",
        ),
        (
            "c/vector/transforms/logs_to_ecs_events.yaml",
            "type: remap\ninputs: [\"in_logs__*\"]\ndrop_on_error: true\nreroute_dropped: true\nsource: |\n  .event.kind = \"event\"\n",
        ),
        (
            "c/vector/sinks/out_ecs_events__bus.yaml",
            "type: nats\ninputs: [logs_to_ecs_events]\nurl: nats://127.0.0.1:4222\nconnection_name: collector\nsubject: ecs_events\nauth: {strategy: user_password, user_password: {user: collector, password: \"SECRET[mesh.bus_password]\"}}\njetstream: {enabled: true, headers: {message_id: \"{{ event.id }}\"}}\nencoding: {codec: json}\nrequest: {concurrency: adaptive}\n",
        ),
        (
            "c/vector/sinks/rejected_logs__bus.yaml",
            "type: nats\ninputs: [logs_to_ecs_events.dropped]\nurl: nats://127.0.0.1:4222\nsubject: logs.rejected\njetstream: true\nencoding: {codec: json}\n",
        ),
    ];
    let summary = validated(&files, "c").unwrap();
    assert_eq!((summary.sources, summary.transforms, summary.sinks), (2, 3, 2));
    let warnings: Vec<_> = summary.warnings.iter().map(|warning| &warning.message).collect();
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn what_is_unknown_is_named_with_its_place_and_what_was_probably_meant() {
    assert_eq!(
        only_error(&[("m/vector/sources/in.yaml", "type: stdinn\n")]),
        "m/vector/sources/in.yaml:1:1: source `in`: this engine has no source of type `stdinn` (did you mean `stdin`?)"
    );
    assert_eq!(
        only_error(&[("m/vector/sources/in.yaml", "type: stdin\nmax_lenght: 3\n")]),
        "m/vector/sources/in.yaml:2:1: source `in`: unknown option `max_lenght` of `stdin` sources (did you mean `max_length`?)"
    );
    assert_eq!(
        only_error(&[("m/vector/sinks/out.yaml", "type: blackhole\ninputs:\n  - inn\n")]),
        "m/vector/sinks/out.yaml:3:5: sink `out`: input `inn` matches no source or transform, and no output of one (did you mean `in`?)"
    );
    assert_eq!(
        only_error(&[("m/vector/vector.yaml", "data_dirs: x\n")]),
        "m/vector/vector.yaml:1:1: unknown setting `data_dirs` (did you mean `data_dir`?)"
    );
}

#[test]
fn what_vector_has_and_this_engine_does_not_is_refused_by_name() {
    let error = only_error(&[(
        "m/vector/sources/in.yaml",
        "type: socket\nmode: tcp\naddress: 127.0.0.1:514\ntls: {enabled: true}\n",
    )]);
    assert!(error.starts_with("m/vector/sources/in.yaml:4:1: ") && error.contains("option `tls`"), "{error}");
    assert!(only_error(&[("m/vector/vector.yaml", "api: {enabled: true}\n")]).contains("`api`"));
    assert!(only_error(&[("m/vector/vector.yaml", "log_schema: {host_key: h}\n")]).contains("`log_schema.host_key`"));
    assert!(only_error(&[("m/vector/vector.yaml", "enrichment_tables: {}\n")]).contains("`enrichment_tables`"));
    assert!(only_error(&[("m/vector/sources/x.toml", "type = \"stdin\"\n")]).contains("not TOML"));
}

#[test]
fn a_program_that_does_not_compile_is_shown_with_its_place_in_the_file() {
    let text = "type: remap\ninputs: [in]\nsource: |\n\n  .a = 1\n  .b = to_int(.c)\n  .d = nothing()\n";
    let files = [ROOT, SOURCE, SINK, ("m/vector/transforms/t.yaml", text)];
    let errors = validated(&files, "m").unwrap_err();
    assert_eq!(errors.len(), 2, "{errors:#?}");
    let all = errors.join("\n");
    assert!(all.contains("m/vector/transforms/t.yaml:6:8: transform `t`: VRL: unhandled fallible assignment"), "{all}");
    assert!(all.contains("m/vector/transforms/t.yaml:7:8: transform `t`: VRL: call to undefined function"), "{all}");
    assert!(all.contains("│ .b = to_int(.c)") || all.contains("| .b = to_int(.c)"), "{all}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let files = [
        ("m/vector/vector.yaml", "timezone: Mars/Base\nx: 1\n"),
        ("m/vector/sources/in.yaml", "type: syslog\nmode: tcp\naddress: nowhere\n"),
        ("m/vector/transforms/t.yaml", "type: remap\ninputs: [in]\nsource: \".x =\"\n"),
        ("m/vector/transforms/u.yaml", "type: remap\ninputs: [in]\n"),
        ("m/vector/sinks/out.yaml", "type: blackhole\ninputs: [t, u.dropped]\nnope: 1\n"),
    ];
    let errors = validated(&files, "m").unwrap_err();
    let all = errors.join("\n");
    assert!(all.contains("`timezone`") && all.contains("unknown setting `x`"), "{all}");
    for (part, n) in [("`address`", 0), ("transform `t`: VRL", 1), ("exactly one of `source`", 2), ("`nope`", 3)] {
        assert!(all.contains(part), "{n}: {all}");
    }
}

#[test]
fn a_layout_that_vector_refuses_is_refused() {
    assert!(
        only_error(&[("m/vector/sources/in.yaml", "sources: {in: {type: stdin}}\n")])
            .contains("without the key `sources`")
    );
    assert!(only_error(&[("m/vector/transforms/deep/t.yaml", "type: remap\n")]).contains("deep"));
    assert!(
        only_error(&[("m/vector/sources/a.b.yaml", "type: demo_logs\nformat: json\n")]).contains("must not hold a `.`")
    );
    assert!(
        only_error(&[("m/vector/sources/in.yml", "type: demo_logs\nformat: json\n")]).contains("also that of a source")
    );
    assert!(only_error(&[("m/vector/sinks/out.yaml", "type: blackhole\ninputs: []\n")]).contains("`inputs` is empty"));
    assert!(only_error(&[("m/vector/sinks/out.yaml", "type: blackhole\ninputs: [in, in]\n")]).contains("given twice"));
    assert!(only_error(&[("m/vector/.hidden.yaml", "junk: [\n")]).contains(".hidden.yaml:2:1"));
    assert!(validated(&[ROOT, SOURCE, SINK, ("m/vector/sources/deep/x.yaml", "junk: [")], "m").is_ok());
    assert!(validated(&[("m/vector/vector.yaml", "")], "m").unwrap_err().join("\n").contains("has no source"));
}

#[test]
fn engine_yaml_is_checked() {
    let error = only_error(&[("m/engine.yaml", "refused: {out: rejects}\n")]);
    assert!(error.starts_with("m/engine.yaml: ") && error.contains("`rejects`, which is no sink"), "{error}");
    assert!(only_error(&[("m/engine.yaml", "inbox: x\n")]).contains("unknown field `inbox`"));
    assert!(only_error(&[("m/engine.yaml", "refused: {out: out}\n")]).contains("must not hand on itself"));
}

#[test]
fn no_message_shows_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("secrets");
    std::fs::create_dir(&secrets).unwrap();
    std::fs::write(secrets.join("key"), "hunter2\n").unwrap();
    write(
        folder.path(),
        &[
            ("m/vector/vector.yaml", &format!("secret: {{s: {{type: directory, path: {}}}}}\n", secrets.display())),
            ("m/vector/sources/in.yaml", "type: stdin\nmax_length: \"SECRET[s.key]\"\n"),
            SINK,
        ],
    );
    let errors =
        crate::checked(&folder.path().join("m"), SecretMode::PutIn, &Default::default()).map(drop).unwrap_err();
    let shown = errors[0].to_string();
    assert!(shown.contains("SECRET[s.key]") && !shown.contains("hunter2"), "{shown}");
    // Checking looks at no secret.
    std::fs::remove_file(secrets.join("key")).unwrap();
    assert!(validate(&folder.path().join("m")).unwrap_err()[0].message.contains("SECRET[s.key]"));
    let error = load(&folder.path().join("m"), SecretMode::PutIn).1[0].to_string();
    assert!(error.contains("`SECRET[s.key]` has no value"), "{error}");
}
