//! `service` of a definition.

use super::super::{Field, Record, Shape, UnknownKeys};
use super::PORT;

pub(in crate::project) static SERVICE: Record = Record {
    name: "service",
    about: "How an instance runs when resilmesh runs it. A product without one is a tenant, which others run.",
    unknown: UnknownKeys::Refuse,
    groups: &[&[
        Field::new("ports", Shape::Map(&PORT), "Its ports: names, and the numbers that are taken if they are free."),
        Field::new("files", Shape::List(&Shape::Record(&FILE)), "Files rendered once for each instance."),
        Field::required("ready", Shape::Record(&READY), "How to see that it is ready."),
        Field::new(
            "reload",
            Shape::Record(&RELOAD),
            "How to have it read its files again; without it, it is restarted.",
        ),
        Field::required("embedded", Shape::Record(&PROGRAM), "What runs on the embedded runtime."),
        Field::new("needs", Shape::Record(&NEEDS), "What it needs of the machine, for `resilmesh doctor`."),
        Field::new(
            "replicas",
            Shape::Record(&REPLICATION),
            "Several like ones can share the work of an instance; without it, `replicas` of an instance can only be 1.",
        ),
    ]],
};

pub(in crate::project) static NEEDS: Record = Record {
    name: "needs",
    about: "What an instance needs of the machine that it runs on.",
    unknown: UnknownKeys::Refuse,
    groups: &[&[
        Field::new("memory_mib", Shape::Whole(1, 1 << 20), "Memory that it takes at work, roughly, in MiB."),
        Field::new(
            "max_map_count",
            Shape::Whole(1, i32::MAX as i64),
            "The least `vm.max_map_count` of the kernel that it starts with.",
        ),
    ]],
};

pub(in crate::project) static REPLICATION: Record = Record {
    name: "replication",
    about: "That several like services can share the work of an instance: each event goes to one of them, whichever it is.",
    unknown: UnknownKeys::Refuse,
    groups: &[&[Field::new(
        "unless",
        Shape::List(&Shape::Record(&UNLESS)),
        "When they cannot; the first entry that holds counts. Who listens on a port never can.",
    )]],
};

pub(in crate::project) static UNLESS: Record = Record {
    name: "unless",
    about: "When an instance cannot have several services.",
    unknown: UnknownKeys::Refuse,
    groups: &[&[
        Field::new(
            "when",
            Shape::Text,
            "An expression (minijinja) over `instance` and `settings`; without it, always.",
        ),
        Field::required("because", Shape::Text, "Why not, for people: a sentence without its subject, the instance."),
    ]],
};

pub(in crate::project) static FILE: Record = Record {
    name: "file",
    about: "A file of a service.",
    unknown: UnknownKeys::Refuse,
    groups: &[&[
        Field::required("template", Shape::Text, "The template, below the product's `templates/`."),
        Field::required(
            "to",
            Shape::Text,
            "The file to write, below the instance's rendered folder; itself a template.",
        ),
        Field::new("when", Shape::Text, "An expression (minijinja) that must be true; without it, always."),
    ]],
};

pub(in crate::project) static READY: Record = Record {
    name: "ready",
    about: "How to see that a service is ready: `{control: true}`, `{http: /path, port: name}` or `{port: name}`.",
    unknown: UnknownKeys::Refuse,
    groups: &[&[
        Field::new("control", Shape::Flag, "It answers `health` on its control socket."),
        Field::new("http", Shape::Text, "It answers GET of this path on `port` with 2xx."),
        Field::new("port", Shape::Text, "The name of the port that answers, or just accepts connections."),
    ]],
};

pub(in crate::project) static RELOAD: Record = Record {
    name: "reload",
    about: "How to have a service read its files again.",
    unknown: UnknownKeys::Refuse,
    groups: &[&[Field::required("signal", Shape::Word(&["HUP", "USR1", "USR2"]), "The signal that it is sent.")]],
};

pub(in crate::project) static PROGRAM: Record = Record {
    name: "program",
    about: "A program of the embedded runtime.",
    unknown: UnknownKeys::Refuse,
    groups: &[&[
        Field::required("program", Shape::Text, "`resilmesh` for itself, else a name on `PATH`; never a path."),
        Field::new(
            "args",
            Shape::Texts,
            "Its arguments: templates that know `files`, `data`, `control` and, unless the product is built in, `product`.",
        ),
        Field::new("fetch", Shape::Record(&FETCH), "How to get the program when it is not on the machine."),
    ]],
};

pub(in crate::project) static FETCH: Record = Record {
    name: "fetch",
    about: "A program in a package of PyPI.",
    unknown: UnknownKeys::Refuse,
    groups: &[&[
        Field::required("pypi", Shape::Text, "The name of the package."),
        Field::required("version", Shape::Text, "Its version."),
        Field::required("member", Shape::Text, "The path of the program in the wheel."),
        Field::required(
            "sha256",
            Shape::Map(&Shape::Text),
            "The SHA-256 of the program itself, by architecture (`x86_64`, `aarch64`).",
        ),
    ]],
};
