//! Definitions of products, and their integrations with single other products.

use super::super::{Field, Record, Shape, UnknownKeys};
use super::service::SERVICE;
use super::setting::SETTINGS_SHAPE;
use super::{MODES, PORT, ROLES};

/// What a product can do, by topic.
const CAPABILITIES: Shape = Shape::Map(&Shape::List(&Shape::Record(&CAPABILITY)));

pub(in crate::project) static DEFINITION: Record = Record {
    name: "definition",
    about: "What a product is and can do. The name of its folder is the product's name.",
    unknown: UnknownKeys::Warn,
    groups: &[&[
        Field::new("name", Shape::Text, "The product's name, as Meshroom writes it; that of the folder counts."),
        Field::new("description", Shape::Text, "What the product is, for people."),
        Field::new("vendor", Shape::Text, "Who makes it."),
        Field::new("tags", Shape::Texts, "Words to find it by."),
        Field::new("broker", Shape::Flag, "It passes each topic on as it came."),
        Field::new(
            "outgoing_topics",
            Shape::Whole(1, u16::MAX as i64),
            "How many different topics may leave an instance; without it, any number.",
        ),
        Field::new(
            "settings",
            SETTINGS_SHAPE,
            "What an instance is to be told: a list of settings, or a JSON Schema with `properties`.",
        ),
        Field::new("consumes", CAPABILITIES, "The events that it takes, by topic; `'*'` = every topic."),
        Field::new("produces", CAPABILITIES, "The events that it gives, by topic."),
        Field::new("triggers", CAPABILITIES, "The commands that it gives, by topic."),
        Field::new("executes", CAPABILITIES, "The commands that it carries out, by topic."),
        Field::new(
            "hooks",
            Shape::List(&Shape::Record(&HOOK)),
            "Hooks compiled into resilmesh, or run by `host`; those in Python and Rust are found in the product's files.",
        ),
        Field::new(
            "host",
            Shape::Text,
            "A program of the product, by its path below the product's folder, that speaks the protocol of hooks: it runs \
             the `hooks` that are named here, in whatever language.",
        ),
        Field::new("warn", Shape::List(&Shape::Record(&CAUTION)), "What to warn of, and when."),
        Field::new(
            "guarantees",
            Shape::List(&Shape::Record(&GUARANTEE)),
            "What becomes of events at its end of a plug; `check --guarantees` shows it.",
        ),
        Field::new("service", Shape::Record(&SERVICE), "How an instance runs when resilmesh runs it."),
        Field::new(
            "permissions",
            Shape::Record(&PERMISSIONS),
            "What the product's code needs; shown when it is to be trusted.",
        ),
    ]],
};

pub(in crate::project) static CAPABILITY: Record = Record {
    name: "capability",
    about: "One way in which a product plays its part for a topic.",
    unknown: UnknownKeys::WarnIfClose,
    groups: &[&[
        Field::new("mode", MODES, "Which end is active: the source (`push`) or the destination (`pull`).").or("push"),
        Field::new("format", Shape::Text, "The format of what is carried, such as `ecs`; without it, any."),
        Field::new("owns_both", Shape::Flag, "This side also sets up the other end."),
        Field::new("renders", Shape::List(&Shape::Record(&RENDER)), "Files rendered for each plug."),
        Field::new(
            "ports",
            Shape::Map(&PORT),
            "Ports needed for each plug: names, and the numbers that are taken if they are free.",
        ),
    ]],
};

pub(in crate::project) static RENDER: Record = Record {
    name: "render",
    about: "A file rendered for each plug.",
    unknown: UnknownKeys::Refuse,
    groups: &[&[
        Field::required("template", Shape::Text, "The template, below the product's `templates/`."),
        Field::required(
            "to",
            Shape::Text,
            "The file to write, below the instance's rendered folder; itself a template.",
        ),
        Field::new(
            "into",
            Shape::Word(&["self", "peer"]),
            "Whose rendered folder: this instance's, or the other end's.",
        )
        .or("self"),
        Field::new("when", Shape::Text, "An expression (minijinja) that must be true; without it, always."),
    ]],
};

pub(in crate::project) static HOOK: Record = Record {
    name: "hook",
    about: "A hook that is compiled into resilmesh, or that the product's own host runs.",
    unknown: UnknownKeys::Refuse,
    groups: &[&[
        Field::required(
            "kind",
            Shape::Word(&["setup", "teardown", "check", "produce", "watch", "trigger", "execute"]),
            "When it is called.",
        ),
        Field::required("role", ROLES, "For which part that its product plays."),
        Field::required("title", Shape::Text, "What it does, for people."),
        Field::new("function", Shape::Text, "What the product's own host (`host`) calls it."),
        Field::new("topic", Shape::Text, "For which topic; without it, for any."),
        Field::new("mode", MODES, "In which mode; without it, in any."),
        Field::new("format", Shape::Text, "For which format; without it, for any."),
        Field::new("owns_both", Shape::Flag, "It also sets up the other end."),
    ]],
};

pub(in crate::project) static CAUTION: Record = Record {
    name: "caution",
    about: "What to warn of.",
    unknown: UnknownKeys::Refuse,
    groups: &[&[
        Field::required("when", Shape::Text, "An expression (minijinja) over `instance` and `settings`."),
        Field::required("message", Shape::Text, "What to say when it is true."),
    ]],
};

pub(in crate::project) static GUARANTEE: Record = Record {
    name: "guarantee",
    about: "How often an event arrives at the least and at the most; the first entry that fits a plug counts.",
    unknown: UnknownKeys::Refuse,
    groups: &[&[
        Field::required("role", ROLES, "For which part that its product plays."),
        Field::required(
            "delivery",
            Shape::Word(&["at_most_once", "at_least_once", "exactly_once"]),
            "What is promised.",
        ),
        Field::required("because", Shape::Text, "Why that is so, for people."),
        Field::new("mode", MODES, "In which mode; without it, in any."),
        Field::new("format", Shape::Text, "For which format; without it, for any."),
        Field::new("product", Shape::Text, "With which product at the other end; without it, with any."),
        Field::new("when", Shape::Text, "An expression (minijinja) over `settings`; without it, always."),
    ]],
};

pub(in crate::project) static PERMISSIONS: Record = Record {
    name: "permissions",
    about: "What the code of a product needs.",
    unknown: UnknownKeys::Refuse,
    groups: &[&[
        Field::new("hosts", Shape::Texts, "Hosts that it talks to: `api.example.org`, `*.example.org`."),
        Field::new("secrets", Shape::Texts, "Secrets that it reads."),
        Field::new("paths", Shape::Texts, "Paths that it reads or writes."),
    ]],
};

pub(in crate::project) static INTEGRATION: Record = Record {
    name: "integration",
    about: "How a product plays a part towards one other product; what it says goes before what the definition says.",
    // Hooks may keep there what they like.
    unknown: UnknownKeys::WarnIfClose,
    groups: &[&[
        Field::new("format", Shape::Text, "The format; without it, any."),
        Field::new("owns_both", Shape::Flag, "This side also sets up the other end."),
        Field::new("renders", Shape::List(&Shape::Record(&RENDER)), "Files rendered for each plug."),
        Field::new(
            "ports",
            Shape::Map(&PORT),
            "Ports needed for each plug: names, and the numbers that are taken if they are free.",
        ),
        Field::new(
            "settings",
            SETTINGS_SHAPE,
            "What a plug is to be told: a list of settings, or a JSON Schema with `properties`.",
        ),
        Field::new("description", Shape::Text, "What it does, for people."),
        Field::new("documentation_url", Shape::Text, "Where to read more."),
        Field::new("product", Shape::Any, "The product, as the path says it."),
        Field::new("target_product", Shape::Any, "The product at the other end, as the path says it."),
        Field::new("topic", Shape::Any, "The topic, as the path says it."),
        Field::new("role", Shape::Any, "The part that the product plays, as the path says it."),
        Field::new("mode", Shape::Any, "Which end is active, as the path says it."),
        Field::new("is_generic", Shape::Any, "Nothing: Meshroom writes it."),
        Field::new("owns_self", Shape::Any, "Nothing: Meshroom writes it."),
    ]],
};
