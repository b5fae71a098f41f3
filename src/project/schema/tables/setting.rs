//! Settings as products and integrations declare them.

use super::super::{Field, Record, Shape, UnknownKeys};

/// `settings`: a list of them, or a map as JSON Schema has it.
pub(super) const SETTINGS_SHAPE: Shape =
    Shape::Either(&[Shape::List(&Shape::Record(&SETTING)), Shape::Record(&SETTINGS)]);

const TYPES: Shape = Shape::Word(&["string", "integer", "float", "number", "boolean", "array", "object"]);

static TYPES_OR_NULL: Shape =
    Shape::Word(&["string", "integer", "float", "number", "boolean", "array", "object", "null"]);

/// What can be said of a setting besides its name.
static ABOUT: [Field; 21] = [
    Field::new(
        "type",
        Shape::Either(&[TYPES, Shape::List(&TYPES_OR_NULL)]),
        "What its values are; of a list, as JSON Schema has them, the first type that is not `null`.",
    )
    .or("string"),
    Field::new("description", Shape::Text, "What it is for, for people."),
    Field::new("title", Shape::Text, "What people call it; without it, its name."),
    Field::new(
        "secret",
        Shape::Flag,
        "Its value is kept in the vault, never in a document. Only settings themselves can be secret, not their entries.",
    ),
    Field::new("writeOnly", Shape::Flag, "The same as `secret`, as JSON Schema calls it."),
    Field::new(
        "required",
        Shape::Either(&[Shape::Flag, Shape::List(&Shape::Text)]),
        "It must have a value; as a list, which of its `properties` must. A secret is expected unless this is `false`.",
    ),
    Field::new("default", Shape::Any, "What it is when nobody says."),
    Field::new("choices", Shape::List(&Shape::Any), "The allowed values; of an `array`, those of its items."),
    Field::new("enum", Shape::List(&Shape::Any), "The same as `choices`, as JSON Schema calls it."),
    Field::new(
        "format",
        Shape::Text,
        "What a text must be: `address` = an IP address or `localhost`; `timespan` = a number with `s`, `m`, `h`, `d` or `w`; `bytes` = a number with `B`, `KB`, `KiB` and so on; `password` makes it secret. Others mean nothing here.",
    ),
    Field::new("pattern", Shape::Text, "A regular expression that a text must match."),
    Field::new("minimum", Shape::Any, "The least that a number may be."),
    Field::new("maximum", Shape::Any, "The most that a number may be."),
    Field::new("example", Shape::Text, "A value that is right, for messages."),
    Field::new("examples", Shape::List(&Shape::Any), "The same, as JSON Schema calls it: the first one."),
    Field::new(
        "items",
        Shape::Either(&[TYPES, Shape::Record(&PROPERTY), Shape::List(&Shape::Record(&SETTING))]),
        "What the items of an `array` are: a type, all that a setting says, or the entries of maps.",
    ),
    Field::new(
        "properties",
        Shape::Either(&[Shape::List(&Shape::Record(&SETTING)), Shape::Map(&Shape::Record(&PROPERTY))]),
        "The known entries of an `object`: a list of settings, or a map from their names to what each is.",
    ),
    Field::new("$ref", Shape::Any, "Not understood, with a warning."),
    Field::new("allOf", Shape::Any, "Not understood, with a warning."),
    Field::new("anyOf", Shape::Any, "Not understood, with a warning."),
    Field::new("oneOf", Shape::Any, "Not understood, with a warning."),
];

pub(in crate::project) static SETTING: Record = Record {
    name: "setting",
    about: "What a product or an integration wants to be told.",
    unknown: UnknownKeys::WarnIfClose,
    groups: &[&[Field::required("name", Shape::Text, "Its name.")], &ABOUT],
};

pub(in crate::project) static PROPERTY: Record = Record {
    name: "property",
    about: "What an entry of an `object` or an item of an `array` is: as a setting, without a name.",
    unknown: UnknownKeys::WarnIfClose,
    groups: &[&[Field::new("name", Shape::Text, "Nothing: the entry has its name already.")], &ABOUT],
};

pub(in crate::project) static SETTINGS: Record = Record {
    name: "settings",
    about: "All settings as one JSON Schema: its `properties` are the settings.",
    unknown: UnknownKeys::WarnIfClose,
    groups: &[&ABOUT],
};
