//! From a YAML document to cases.

use super::{Case, End, Expected, Field, Given, Owner, Place};
use crate::project::decode::{self, Fields, Located, Report};
use crate::project::position::Mark;
use crate::project::replace::Step;
use crate::project::schema::tables::{CASE, EXPECTATION, TESTS};
use crate::project::yaml::{Node, Value};

/// The keys of an expectation that says more than values of fields.
const LONG: [&str; 4] = ["fields", "absent", "exactly", "conditions"];

/// What a file says for all its cases.
struct Defaults {
    at: Option<Located<String>>,
    instance: Option<Located<String>>,
    transform: Option<Located<String>>,
    ignore: Vec<String>,
}

/// The cases of a document.
pub(super) fn cases(node: &Node, owner: &Owner, report: &mut Report) -> Vec<Case> {
    let Some(mut fields) = Fields::of(node, "the test file", &TESTS, report) else { return Vec::new() };
    fields.number("schema", report);
    let defaults = Defaults {
        at: fields.text("at", report),
        instance: fields.text("instance", report),
        transform: fields.text("transform", report),
        ignore: values(fields.texts("ignore", report)),
    };
    let items = match fields.get("cases") {
        Some(list) => decode::list(list, "`cases`", report),
        None => &[],
    };
    fields.finish(report);
    let cases = items.iter().enumerate();
    cases.filter_map(|(index, item)| case(item, index, owner, &defaults, report)).collect()
}

fn values<T>(located: Vec<Located<T>>) -> Vec<T> {
    located.into_iter().map(|located| located.value).collect()
}

fn case(node: &Node, index: usize, owner: &Owner, defaults: &Defaults, report: &mut Report) -> Option<Case> {
    let mut fields = Fields::of(node, format!("case {}", index + 1), &CASE, report)?;
    let name = fields.text("name", report);
    let place = place(&mut fields, owner, defaults, report);
    let given = given(&mut fields, report);
    let steps = vec![Step::Key("cases".to_owned()), Step::Index(index), Step::Key("expect".to_owned())];
    let expect = fields.get("expect").map(|node| expectations(node, &steps, report));
    let count = fields.get("count").and_then(|node| {
        let number = decode::number(node, "`count`", 0..=1_000_000, report)?;
        Some(Located { value: usize::try_from(number).ok()?, at: node.at })
    });
    if let (Some(count), Some(_)) = (&count, &expect) {
        report.error(count.at, "`count` beside `expect`, which says how many events by itself");
    }
    let rejected = fields.texts("rejected", report);
    let mut ignore = defaults.ignore.clone();
    ignore.extend(values(fields.texts("ignore", report)));
    let at = report.position(fields.at);
    fields.finish(report);
    Some(Case { name: name?.value, at, index, place: place?, given, expect, count, rejected, ignore })
}

/// Where a case takes place: what it says itself counts, else what its file says for all.
fn place(fields: &mut Fields<'_>, owner: &Owner, defaults: &Defaults, report: &mut Report) -> Option<Place> {
    let here = fields.at;
    let (at, instance, transform) =
        (fields.text("at", report), fields.text("instance", report), fields.text("transform", report));
    let own = at.is_some() || transform.is_some() || instance.is_some();
    let pick = |said: &Option<Located<String>>, default: &Option<Located<String>>, inherits: bool| {
        said.clone().or_else(|| if inherits { default.clone() } else { None })
    };
    let at = pick(&at, &defaults.at, !own);
    let inherits = at.is_none();
    let instance = pick(&instance, &defaults.instance, inherits);
    let transform = pick(&transform, &defaults.transform, inherits);
    match (owner, at, instance, transform) {
        (Owner::Product(_), None, None, Some(transform)) => Some(Place::Program(transform)),
        (Owner::Product(_), at, instance, _) => {
            let found = match at.or(instance) {
                Some(said) => report.error(said.at, "a test of a product knows no instances"),
                None => report.error(here, "the case says no `transform`"),
            };
            found.hint = Some(
                "`transform` names a program below `templates`; cases of a mesh are in its own `tests`".to_owned(),
            );
            None
        }
        (Owner::Project, Some(at), None, None) => route(&at, report),
        (Owner::Project, None, Some(instance), Some(transform)) => Some(Place::Transform { instance, transform }),
        (Owner::Project, Some(at), _, _) => {
            report.error(at.at, "`at` beside `instance` or `transform`: a case takes place once");
            None
        }
        (Owner::Project, None, _, _) => {
            report.error(here, "the case does not say where it takes place").hint =
                Some("`at: SOURCE -> DESTINATION`, or `instance` and `transform`".to_owned());
            None
        }
    }
}

fn route(said: &Located<String>, report: &mut Report) -> Option<Place> {
    let end = |text: &str| {
        let (instance, topic) = match text.trim().split_once('/') {
            Some((instance, topic)) => (instance.trim(), Some(topic.trim())),
            None => (text.trim(), None),
        };
        let sound = !instance.is_empty() && topic != Some("");
        sound.then(|| End { instance: instance.to_owned(), topic: topic.map(str::to_owned) })
    };
    let ends = said.value.split_once("->").and_then(|(from, to)| Some((end(from)?, end(to)?)));
    let Some((from, to)) = ends else {
        report.error(said.at, format!("`at` is `{}`, which is no way through the mesh", said.value)).hint =
            Some("write `INSTANCE -> INSTANCE`, each perhaps with `/TOPIC`".to_owned());
        return None;
    };
    Some(Place::Route { from, to, at: said.at })
}

fn given(fields: &mut Fields<'_>, report: &mut Report) -> Vec<Given> {
    let here = fields.at;
    let line = fields.text("line", report);
    let items = fields.items("given", report);
    let mut given: Vec<Given> = line.into_iter().map(|line| Given::Line(line.value)).collect();
    for item in items {
        match &item.value {
            Value::Mapping(_) => given.push(Given::Event(item.to_json())),
            _ => given.extend(decode::text(item, "what is given", report).map(|line| Given::Line(line.value))),
        }
    }
    if given.is_empty() && items.is_empty() {
        report.error(here, "nothing is given").hint =
            Some("`line: TEXT`, or `given` with a list of lines and events".to_owned());
    }
    given
}

/// What shall come out: fields of the one event, or a list with an entry for each event.
fn expectations(node: &Node, steps: &[Step], report: &mut Report) -> Vec<Expected> {
    match &node.value {
        Value::Sequence(items) => items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| expectation(item, &with(steps, Step::Index(index)), report))
            .collect(),
        _ => expectation(node, steps, report).into_iter().collect(),
    }
}

fn with(steps: &[Step], step: Step) -> Vec<Step> {
    steps.iter().cloned().chain([step]).collect()
}

fn key(steps: &[Step], key: &str) -> Vec<Step> {
    with(steps, Step::Key(key.to_owned()))
}

fn expectation(node: &Node, steps: &[Step], report: &mut Report) -> Option<Expected> {
    let mut expected =
        Expected { at: node.at, fields: Vec::new(), absent: Vec::new(), exactly: None, conditions: Vec::new() };
    let mut fields = Fields::of(node, "what is expected", &EXPECTATION, report)?;
    let is_long = matches!(&node.value, Value::Mapping(entries)
        if entries.iter().any(|(key, _)| LONG.contains(&key.text.as_str())));
    if !is_long {
        expected.fields = self::fields(node, steps);
        return Some(expected);
    }
    if let Some(inner) = fields.get("fields") {
        decode::entries(inner, "`fields`", report)?;
        expected.fields = self::fields(inner, &key(steps, "fields"));
    }
    expected.absent = fields.texts("absent", report);
    expected.exactly = fields.get("exactly").and_then(|node| {
        decode::entries(node, "`exactly`", report)?;
        Some(Field { path: String::new(), value: node.to_json(), at: node.at, steps: key(steps, "exactly") })
    });
    expected.conditions = fields.texts("conditions", report);
    fields.finish(report);
    Some(expected)
}

fn fields(node: &Node, steps: &[Step]) -> Vec<Field> {
    let Value::Mapping(entries) = &node.value else { return Vec::new() };
    let field = |(name, value): &(crate::project::yaml::Key, Node)| Field {
        path: name.text.clone(),
        value: value.to_json(),
        at: Mark { ..name.at },
        steps: key(steps, &name.text),
    };
    entries.iter().map(field).collect()
}
