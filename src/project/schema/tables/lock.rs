//! The lock of git catalogues.

use super::super::{Field, Record, Shape, UnknownKeys};

pub(in crate::project) static LOCK: Record = Record {
    name: "lock",
    about: "The git catalogues that the project uses. `resilmesh catalog` writes it; it is committed as it is.",
    unknown: UnknownKeys::Refuse,
    groups: &[&[
        Field::required("version", Shape::Whole(1, 1), "The version of this document's form."),
        Field::new("catalogues", Shape::Map(&Shape::Record(&CATALOGUE)), "The catalogues by name."),
    ]],
};

pub(in crate::project) static CATALOGUE: Record = Record {
    name: "catalogue",
    about: "A catalogue, pinned by commit and content.",
    unknown: UnknownKeys::Refuse,
    groups: &[&[
        Field::required("url", Shape::Text, "Where it is fetched from."),
        Field::new("rev", Shape::Text, "The branch, tag or commit that `catalog update` follows."),
        Field::required("commit", Shape::Text, "The commit in use, in hexadecimal digits."),
        Field::new("products", Shape::Map(&Shape::Text), "Its products, with the SHA-256 of what each holds."),
    ]],
};
