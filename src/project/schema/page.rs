//! The reference page of all documents, made of the tables.

use super::kinds::Kind;
use super::{Field, Record, Shape, UnknownKeys};

const INTRODUCTION: &str = "\
# Files of a mesh

Every key of every document. `resilmesh schema KIND` prints the same as a JSON Schema, for editors
([docs/making.md](../making.md#in-the-editor)).

A key without a value counts as missing. The path of a document says what it is about; a key that says
so again is checked against it. Yes and no, on and off are read as true and false.
";

/// The page, as Markdown.
pub fn markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    let mut shown: Vec<&'static str> = Vec::new();
    let mut groups = Groups::default();
    for kind in Kind::ALL {
        page.push_str(&format!("\n## {}\n\n`{}`\n", capitalised(kind.word()), kind.place()));
        section(kind.record(), &mut groups, &mut page);
        let mut below = Vec::new();
        records(kind.record(), &mut below);
        for record in below {
            if shown.contains(&record.name) {
                continue;
            }
            shown.push(record.name);
            page.push_str(&format!("\n### {}\n", capitalised(record.name)));
            section(record, &mut groups, &mut page);
        }
    }
    page
}

/// The records that `record` leads to, itself left out, in the order in which they are met.
fn records(record: &'static Record, found: &mut Vec<&'static Record>) {
    for field in record.fields() {
        in_shape(&field.shape, found);
    }
}

fn in_shape(shape: &'static Shape, found: &mut Vec<&'static Record>) {
    match shape {
        Shape::Record(record) if !found.iter().any(|known| known.name == record.name) => {
            found.push(record);
            records(record, found);
        }
        Shape::Map(of) | Shape::List(of) => in_shape(of, found),
        Shape::Either(shapes) => shapes.iter().for_each(|shape| in_shape(shape, found)),
        _ => {}
    }
}

/// Groups of keys that several records share, with the first of these.
#[derive(Default)]
struct Groups(Vec<(&'static [Field], &'static str)>);

impl Groups {
    /// The record that the group was shown with before; from now on, at the latest `record`.
    fn shown_with(&mut self, group: &'static [Field], record: &'static str) -> Option<&'static str> {
        let says = |group: &'static [Field]| group.iter().map(|field| (field.key, field.about));
        let known = self.0.iter().find(|(known, _)| says(known).eq(says(group))).map(|(_, with)| *with);
        if known.is_none() {
            self.0.push((group, record));
        }
        known
    }
}

fn section(record: &'static Record, groups: &mut Groups, page: &mut String) {
    page.push_str(&format!("\n{} {}\n", record.about, other_keys(record.unknown)));
    let mut rows = String::new();
    let mut more = String::new();
    for group in record.groups {
        if let Some(other) = groups.shown_with(group, record.name) {
            let keys: Vec<String> = group.iter().map(|field| format!("`{}`", field.key)).collect();
            more.push_str(&format!("\nAs in [{other}](#{other}): {}.\n", keys.join(", ")));
            continue;
        }
        for field in *group {
            rows.push_str(&format!("| `{}` | {} | {} |\n", field.key, value(field), field.about.replace('|', "\\|")));
        }
    }
    if !rows.is_empty() {
        page.push_str(&format!("\n| key | value | |\n|---|---|---|\n{rows}"));
    }
    page.push_str(&more);
}

fn other_keys(unknown: UnknownKeys) -> &'static str {
    match unknown {
        UnknownKeys::Refuse => "Another key is a mistake.",
        UnknownKeys::Warn => "Another key is kept, with a warning.",
        UnknownKeys::WarnIfClose => "Other keys are kept; one that looks like a slip of these is warned of.",
    }
}

fn value(field: &Field) -> String {
    let mut value = shape(&field.shape);
    if field.required {
        value.push_str(", **required**");
    }
    if let Some(default) = field.default {
        value.push_str(&format!("; default `{default}`"));
    }
    value
}

fn shape(shape: &Shape) -> String {
    match shape {
        Shape::Text => "text".to_owned(),
        Shape::Flag => "true or false".to_owned(),
        Shape::Whole(from, to) if from == to => format!("`{from}`"),
        Shape::Whole(from, to) => format!("{from} to {to}"),
        Shape::Texts => "text, or a list of texts".to_owned(),
        Shape::Word(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Shape::Map(of) => format!("map from names to: {}", self::shape(of)),
        Shape::List(of) => format!("list of: {}", self::shape(of)),
        Shape::Record(record) => format!("[{}](#{})", record.name, record.name),
        Shape::Either(shapes) => shapes.iter().map(self::shape).collect::<Vec<_>>().join("; or "),
        Shape::Any => "anything".to_owned(),
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
