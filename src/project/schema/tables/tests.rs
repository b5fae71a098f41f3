//! Files with test cases.

use super::super::{Field, Record, Shape, UnknownKeys};

pub(in crate::project) static TESTS: Record = Record {
    name: "tests",
    about: "Cases for `resilmesh test`: what comes out of lines and events that go in.",
    unknown: UnknownKeys::Refuse,
    groups: &[
        &[
            Field::required("schema", Shape::Whole(1, 1), "The version of this document's form."),
            Field::required("cases", Shape::List(&Shape::Record(&CASE)), "The cases."),
        ],
        PLACE,
    ],
};

/// What may be said for a case or for all of them.
const PLACE: &[Field] = &[
    Field::new("at", Shape::Text, "A way through the mesh: `SOURCE -> DESTINATION`, each perhaps with `/TOPIC`."),
    Field::new("instance", Shape::Text, "The instance whose program is tested; in the mesh's own tests."),
    Field::new("transform", Shape::Text, "The program that is tested."),
    Field::new("ignore", Shape::Texts, "Fields that differ each time and are not compared."),
];

pub(in crate::project) static CASE: Record = Record {
    name: "case",
    about: "One case.",
    unknown: UnknownKeys::Refuse,
    groups: &[
        &[
            Field::required("name", Shape::Text, "What it is about."),
            Field::new("line", Shape::Text, "The one line that goes in."),
            Field::new("given", Shape::List(&Shape::Any), "The lines (texts) and events (maps) that go in."),
            Field::new(
                "expect",
                Shape::Either(&[Shape::Record(&EXPECTATION), Shape::Map(&Shape::Any), Shape::List(&Shape::Any)]),
                "What comes out: fields of the one event by path, or more (see expectation), or a list of these.",
            ),
            Field::new("count", Shape::Whole(0, 1_000_000), "How many events come out, without saying which."),
            Field::new("rejected", Shape::Texts, "A part of the reason of each event that is rejected."),
        ],
        PLACE,
    ],
};

pub(in crate::project) static EXPECTATION: Record = Record {
    name: "expectation",
    about: "What is expected of one event, if more than the values of some fields.",
    unknown: UnknownKeys::Refuse,
    groups: &[&[
        Field::new("fields", Shape::Map(&Shape::Any), "Values of fields by path."),
        Field::new("absent", Shape::Texts, "Paths of fields that must not be there."),
        Field::new("exactly", Shape::Map(&Shape::Any), "The whole event."),
        Field::new("conditions", Shape::Texts, "Conditions in VRL that must hold."),
    ]],
};
