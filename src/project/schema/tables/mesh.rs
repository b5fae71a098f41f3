//! The documents of a mesh: the project, its instances and its plugs.

use super::super::{Field, Record, Shape, UnknownKeys};
use super::MODES;
use crate::mesh::model::Replicas;

/// How many services an instance can have.
const REPLICAS: Shape = Shape::Whole(1, Replicas::MOST as i64);

pub(in crate::project) static PROJECT: Record = Record {
    name: "project",
    about: "What holds for the whole project. A project of Meshroom has no such file.",
    unknown: UnknownKeys::Refuse,
    groups: &[&[
        Field::required("version", Shape::Whole(1, 1), "The version of this document's form."),
        Field::new("name", Shape::Text, "The name of the mesh; without it, the name of the project's folder."),
        Field::new("runtime", Shape::Text, "Where managed instances run unless they say otherwise.").or("embedded"),
        Field::new(
            "zones",
            Shape::Map(&Shape::Record(&ZONE)),
            "The network zones, by name. Where there are some, a plug from one zone to another needs a conduit.",
        ),
    ]],
};

pub(in crate::project) static ZONE: Record = Record {
    name: "zone",
    about: "A network zone: instances say with `zone` which one they are in.",
    unknown: UnknownKeys::Refuse,
    groups: &[&[
        Field::new("description", Shape::Text, "What is in it, and what sets it apart."),
        Field::new(
            "conduits",
            Shape::Map(&Shape::Texts),
            "The zones that may get something from this one, each with the topics; `'*'` = every topic.",
        ),
    ]],
};

pub(in crate::project) static INSTANCE: Record = Record {
    name: "instance",
    about: "A product in use. The path says its product and its name.",
    unknown: UnknownKeys::Warn,
    groups: &[&[
        Field::new("name", Shape::Text, "The instance's name, as the path says it."),
        Field::new("product", Shape::Text, "The product's name, as the path says it."),
        Field::new(
            "settings",
            Shape::Map(&Shape::Any),
            "Values of the product's settings by name. Secrets are not among them: they are in the vault.",
        ),
        Field::new("runtime", Shape::Text, "Where its service runs; without it, where the project says."),
        Field::new("replicas", REPLICAS, "How many like services run for it and share its work; 1 without it."),
        Field::new("zone", Shape::Text, "The network zone that it is in, one of `zones` of the project."),
    ]],
};

pub(in crate::project) static PLUG: Record = Record {
    name: "plug",
    about: "A connection: one topic from one instance to another. The path says which.",
    unknown: UnknownKeys::Warn,
    groups: &[&[
        Field::new("src_instance", Shape::Text, "The instance that gives, as the path says it."),
        Field::new("dst_instance", Shape::Text, "The instance that takes, as the path says it."),
        Field::new("topic", Shape::Text, "The topic, as the path says it."),
        Field::new(
            "mode",
            MODES,
            "Which end is active, as the path says it: the source (`push`) or the destination (`pull`).",
        ),
        Field::new("format", Shape::Text, "The format; without it, the most specific one that both ends have."),
        Field::new(
            "kind",
            Shape::Word(&["trigger", "producer", "default"]),
            "`trigger` if the plug carries commands; the others, which Meshroom writes, mean that it carries events.",
        ),
        Field::new("owner", Shape::Text, "The instance that is to set up both ends."),
        Field::new(
            "settings",
            Shape::Map(&Shape::Any),
            "Values of the settings that the integrations of both ends declare, by name.",
        ),
        Field::new(
            "src_config",
            Shape::Map(&Shape::Any),
            "Settings as Meshroom keeps them for the source; read, not written.",
        ),
        Field::new(
            "dst_config",
            Shape::Map(&Shape::Any),
            "Settings as Meshroom keeps them for the destination; read, not written.",
        ),
        Field::new("status", Shape::Text, "`up` if Meshroom has brought it up; read, not written."),
    ]],
};

pub(in crate::project) static PROFILE: Record = Record {
    name: "profile",
    about: "What is different in one environment. It has neither instances nor plugs of its own.",
    unknown: UnknownKeys::Refuse,
    groups: &[&[
        Field::required("version", Shape::Whole(1, 1), "The version of this document's form."),
        Field::new("runtime", Shape::Text, "Where managed instances run unless they say otherwise."),
        Field::new(
            "instances",
            Shape::Map(&Shape::Record(&OVERLAY)),
            "What is different for single instances, by name.",
        ),
    ]],
};

pub(in crate::project) static OVERLAY: Record = Record {
    name: "overlay",
    about: "What is different for one instance.",
    unknown: UnknownKeys::Refuse,
    groups: &[&[
        Field::new(
            "settings",
            Shape::Map(&Shape::Any),
            "Values of the product's settings by name; null = the default of the product.",
        ),
        Field::new("runtime", Shape::Text, "Where its service runs."),
        Field::new("replicas", REPLICAS, "How many like services run for it and share its work."),
    ]],
};
