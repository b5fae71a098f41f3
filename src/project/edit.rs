//! Changing single keys of a YAML file, so that comments and order stay as people left them.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value as Json};

use super::write;
use super::yaml::{self, Key, Node, Value};

/// The text with the key set, or taken out if `value` is none; `section` is the map it lies in, none
/// = the document itself. A file that is too odd to be edited line by line is written anew.
pub fn set_key(text: &str, section: Option<&str>, key: &str, value: Option<&Json>) -> String {
    let document = root(text);
    let wanted = expected(document.as_ref(), section, key, value);
    let whole_section = || {
        let section = section?;
        edit(text, document.as_ref()?, None, section, wanted.get(section))
    };
    let says_it = |edited: &String| read(edited) == wanted;
    let edited = document.as_ref().and_then(|document| edit(text, document, section, key, value));
    if let Some(edited) = edited.filter(says_it).or_else(|| whole_section().filter(says_it)) {
        return edited;
    }
    write::to_yaml(&wanted.into_iter().collect::<BTreeMap<_, _>>())
}

/// The text with `item` at the end of the list at `key` of `section`, both made if they are missing.
pub fn append_item(text: &str, section: &str, key: &str, item: &Json) -> String {
    let there = read(text).get(section).and_then(|section| section.get(key)).cloned();
    let mut items = there.as_ref().and_then(Json::as_array).cloned().unwrap_or_default();
    items.push(item.clone());
    let all = Json::Array(items);
    let wanted = expected(root(text).as_ref(), Some(section), key, Some(&all));
    match append(text, section, key, item) {
        Some(edited) if read(&edited) == wanted => edited,
        _ => set_key(text, Some(section), key, Some(&all)),
    }
}

/// Adds lines behind the last item of a list that has a line for each item.
fn append(text: &str, section: &str, key: &str, item: &Json) -> Option<String> {
    let document = root(text)?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let top = entries(&document, 0..lines.len(), &lines)?;
    let around = top.iter().find(|entry| entry.key.text == section)?;
    let inner = entries(around.node, around.lines.start + 1..around.lines.end, &lines)?;
    let list = inner.iter().find(|entry| entry.key.text == key)?;
    let Value::Sequence(items) = &list.node.value else { return None };
    let first = &lines[items.first()?.at.line as usize - 1];
    let indent = first.len() - first.trim_start_matches(' ').len();
    if !first[indent..].starts_with("- ") {
        return None;
    }
    let block = write::to_yaml(&BTreeMap::from([(key.to_owned(), Json::Array(vec![item.clone()]))]));
    let new: Vec<String> = block.lines().skip(1).map(|line| format!("{}{line}", " ".repeat(indent))).collect();
    lines.splice(list.lines.end..list.lines.end, new);
    Some(finish(&lines))
}

fn root(text: &str) -> Option<Node> {
    yaml::parse(text, Path::new("")).ok()
}

fn read(text: &str) -> Map<String, Json> {
    entries_of(root(text).as_ref())
}

fn entries_of(document: Option<&Node>) -> Map<String, Json> {
    match document.map(Node::to_json) {
        Some(Json::Object(entries)) => entries,
        _ => Map::new(),
    }
}

fn expected(before: Option<&Node>, section: Option<&str>, key: &str, value: Option<&Json>) -> Map<String, Json> {
    let mut document = entries_of(before);
    let mut inner = match section {
        Some(section) => document.remove(section).and_then(|inner| inner.as_object().cloned()).unwrap_or_default(),
        None => std::mem::take(&mut document),
    };
    match value {
        Some(value) => inner.insert(key.to_owned(), value.clone()),
        None => inner.remove(key),
    };
    match section {
        None => inner,
        Some(_) if inner.is_empty() => document,
        Some(section) => {
            document.insert(section.to_owned(), Json::Object(inner));
            document
        }
    }
}

/// The lines of one key of a map: from its own to the next one's, comments before that left out.
struct Entry<'a> {
    key: &'a Key,
    node: &'a Node,
    lines: std::ops::Range<usize>,
}

fn edit(text: &str, document: &Node, section: Option<&str>, key: &str, value: Option<&Json>) -> Option<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let all = 0..lines.len();
    let top = entries(document, all, &lines)?;
    let Some(section) = section else {
        change(&mut lines, &top, 0, key, value);
        return Some(finish(&lines));
    };
    match top.iter().find(|entry| entry.key.text == section) {
        None => {
            let end = top.last().map_or(lines.len(), |entry| entry.lines.end);
            let value = value?;
            let block =
                BTreeMap::from([(section.to_owned(), Json::Object(Map::from_iter([(key.to_owned(), value.clone())])))]);
            lines.splice(end..end, write::to_yaml(&block).lines().map(str::to_owned));
        }
        Some(around) => {
            let inner = entries(around.node, around.lines.start + 1..around.lines.end, &lines)?;
            let indent = inner.first().map(|entry| entry.key.at.column as usize - 1)?;
            if value.is_none() && inner.iter().all(|entry| entry.key.text == key) {
                lines.drain(around.lines.clone());
            } else {
                change(&mut lines, &inner, indent, key, value);
            }
        }
    }
    Some(finish(&lines))
}

fn finish(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// The entries of a map whose keys begin lines of their own within `range` (line indices).
fn entries<'a>(node: &'a Node, range: std::ops::Range<usize>, lines: &[String]) -> Option<Vec<Entry<'a>>> {
    let Value::Mapping(map) = &node.value else { return (node.value == Value::Null).then(Vec::new) };
    let starts: Vec<usize> = map.iter().map(|(key, _)| key.at.line as usize - 1).collect();
    // A line may end in YAML where it does not end here: at a carriage return alone.
    let there = |start: &usize| range.contains(start) && *start < lines.len();
    if !(starts.windows(2).all(|pair| pair[0] < pair[1]) && starts.iter().all(there)) {
        return None;
    }
    let first_on_line = map
        .iter()
        .zip(&starts)
        .all(|((key, _), start)| lines[*start].chars().take(key.at.column as usize - 1).all(|c| c == ' '));
    if !first_on_line {
        return None;
    }
    let ends = starts.iter().skip(1).copied().chain([range.end]);
    let entries = map.iter().zip(starts.iter().zip(ends)).map(|((key, node), (start, end))| {
        let trailing = lines[start + 1..end].iter().rev().take_while(|line| is_remark(line)).count();
        Entry { key, node, lines: *start..end - trailing }
    });
    Some(entries.collect())
}

fn is_remark(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

fn change(lines: &mut Vec<String>, entries: &[Entry<'_>], indent: usize, key: &str, value: Option<&Json>) {
    let text = value.map(|value| write::to_yaml(&BTreeMap::from([(key.to_owned(), value.clone())])));
    let new = text.iter().flat_map(|text| text.lines()).map(|line| format!("{}{line}", " ".repeat(indent)));
    let mut new: Vec<String> = new.collect();
    let place = match entries.iter().find(|entry| entry.key.text == key) {
        Some(old) => {
            if let ([line], 1) = (new.as_mut_slice(), old.lines.len()) {
                line.push_str(remark_behind(&lines[old.lines.start], old));
            }
            old.lines.clone()
        }
        None => {
            let end = entries.last().map_or(lines.len(), |entry| entry.lines.end);
            end..end
        }
    };
    lines.splice(place, new);
}

/// The comment behind a value that stands in one line, with the blanks before it. A `#` in the value is
/// none: without the comment, the line says the same.
fn remark_behind<'l>(line: &'l str, entry: &Entry<'_>) -> &'l str {
    let value = entry.node.to_json();
    let same = |at: &usize| read(line[..*at].trim_start()).get(&entry.key.text) == Some(&value);
    let Some(at) = line.match_indices(" #").map(|(at, _)| at).find(same) else { return "" };
    &line[line[..at].trim_end().len()..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const CONFIG: &str = "# the bus\nname: bus\nproduct: nats\nsettings:\n  # how much\n  max: 4\n  # where\n  listen: 127.0.0.1\n# the end\n";

    #[test]
    fn comments_stay_when_a_value_changes() {
        insta::assert_snapshot!(set_key(CONFIG, Some("settings"), "max", Some(&json!(8))), @r"
        # the bus
        name: bus
        product: nats
        settings:
          # how much
          max: 8
          # where
          listen: 127.0.0.1
        # the end
        ");
    }

    #[test]
    fn the_comment_behind_a_value_stays() {
        let changed = |line: &str| set_key(&format!("{line}\n"), None, "zone", Some(&json!("b")));
        assert_eq!(changed("zone: a  # why"), "zone: b  # why\n");
        assert_eq!(changed("zone: 'a # no' # why # not"), "zone: b # why # not\n");
        assert_eq!(changed("zone: 'a # no'"), "zone: b\n");
        assert_eq!(changed("zone: a#b"), "zone: b\n");
        assert_eq!(changed("zone: # why\n- a"), "zone: b\n", "it stood behind a list");
        let list = set_key("zone: a # why\n", None, "zone", Some(&json!(["b"])));
        assert_eq!(read(&list).get("zone"), Some(&json!(["b"])));
    }

    #[test]
    fn a_new_value_goes_behind_the_others() {
        let text = set_key(CONFIG, Some("settings"), "list", Some(&json!(["a", "b"])));
        insta::assert_snapshot!(text, @r"
        # the bus
        name: bus
        product: nats
        settings:
          # how much
          max: 4
          # where
          listen: 127.0.0.1
          list:
          - a
          - b
        # the end
        ");
        assert_eq!(set_key(&text, Some("settings"), "list", None), CONFIG);
    }

    #[test]
    fn the_last_value_takes_the_section_with_it() {
        let text = "name: bus\nsettings:\n  max: 4\nzone: dmz\n";
        assert_eq!(set_key(text, Some("settings"), "max", None), "name: bus\nzone: dmz\n");
        assert_eq!(
            set_key("name: bus # x\n", Some("settings"), "max", Some(&json!(4))),
            "name: bus # x\nsettings:\n  max: 4\n"
        );
        assert_eq!(set_key("", None, "zone", Some(&json!("dmz"))), "zone: dmz\n");
        assert_eq!(set_key("zone: dmz\nname: x\n", None, "zone", None), "name: x\n");
    }

    #[test]
    fn a_file_in_flow_style_is_written_anew() {
        let text = set_key("{name: bus, settings: {max: 4}}\n", Some("settings"), "max", Some(&json!(8)));
        assert_eq!(text, "name: bus\nsettings:\n  max: 8\n");
    }

    #[test]
    fn an_item_goes_behind_the_others() {
        let text = "# what it can do\nproduces:\n  alerts:\n  # to any\n  - {}\n  # of two lines\n  - format: cef\n    mode: pull\n  logs: [{}]\n";
        insta::assert_snapshot!(append_item(text, "produces", "alerts", &json!({"format": "ocsf"})), @"
        # what it can do
        produces:
          alerts:
          # to any
          - {}
          # of two lines
          - format: cef
            mode: pull
          - format: ocsf
          logs: [{}]
        ");
        insta::assert_snapshot!(append_item(text, "produces", "logs", &json!({"mode": "pull"})), @"
        # what it can do
        produces:
          alerts:
          # to any
          - {}
          # of two lines
          - format: cef
            mode: pull
          logs:
          - {}
          - mode: pull
        ");
        insta::assert_snapshot!(append_item("# x\nproduces: {a: [{}]}\n# y\n", "produces", "a", &json!({})), @"
        # x
        produces:
          a:
          - {}
          - {}
        # y
        ");
        assert_eq!(append_item("", "consumes", "a", &json!({})), "consumes:\n  a:\n  - {}\n");
    }

    proptest! {
        #[test]
        fn an_item_is_always_appended(
            items in prop::collection::vec(prop::option::of("[a-z]{1,3}"), 0..3),
            flow in any::<bool>(),
            remark in "( *#[a-z ]*\n)?",
        ) {
            let items: Vec<Json> = items.into_iter().map(|format| format.map_or(json!({}), |own| json!({"format": own}))).collect();
            let document = json!({"a": {"x": items}, "z": 1});
            let block = || write::to_yaml(&document.as_object().cloned().unwrap_or_default().into_iter().collect());
            let text = if flow { format!("{document}\n") } else { format!("{remark}{}{remark}", block()) };
            let mut all = items.clone();
            all.push(json!({"format": "new"}));
            let edited = append_item(&text, "a", "x", &json!({"format": "new"}));
            prop_assert_eq!(Json::Object(read(&edited)), json!({"a": {"x": all}, "z": 1}), "{}", edited);
        }

        #[test]
        fn the_result_always_says_what_was_asked(
            values in prop::collection::btree_map("[a-c]", "[a-z #:'\"\\n-]{0,6}", 0..3),
            key in "[a-d]",
            value in prop::option::of("[a-z #:-]{0,6}"),
            remark in "( *#[a-z ]*\n)?",
        ) {
            let document = if values.is_empty() { json!({"name": "x"}) } else { json!({"name": "x", "settings": values}) };
            let entries: BTreeMap<String, Json> = document.as_object().cloned().unwrap_or_default().into_iter().collect();
            let text = format!("{remark}{}{remark}", write::to_yaml(&entries));
            let value = value.map(Json::from);
            let edited = set_key(&text, Some("settings"), &key, value.as_ref());
            prop_assert_eq!(read(&edited), expected(root(&text).as_ref(), Some("settings"), &key, value.as_ref()));
        }
    }
}
