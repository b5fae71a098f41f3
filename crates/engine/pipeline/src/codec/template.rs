//! Text with places for fields of an event and for its time: `ecs.{{ host.name }}.%Y`.
//!
//! A place for a field is `{{ path }}`, the path written as in VRL (`a.b`, `"a.b"`, `%meta`). Time
//! is written as for `strftime` and comes from the event's `timestamp` if that is a time, else from
//! the clock; it is in UTC. Text in which no time is written is taken as it is, `%%` included.

use std::borrow::Cow;
use std::fmt::Write;

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use vrl::path::{OwnedTargetPath, PathPrefix, parse_target_path};
use vrl::value::Value;

use crate::event::Event;

/// A text to be rendered for each event.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Template {
    source: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Literal(String),
    Time(Vec<Item<'static>>),
    Field { written: String, path: OwnedTargetPath },
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A `%` that no time format begins with.
    #[error("`{0}` is no valid strftime format")]
    Time(String),
    /// What stands in `{{ }}` is no path.
    #[error("`{0}` is no path of a field, such as `host.name` or `\"host.name\"`")]
    Path(String),
}

/// The event lacks fields that the template names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event lacks `{}`", .0.join("`, `"))]
pub struct MissingFields(pub Vec<String>);

impl TryFrom<String> for Template {
    type Error = TemplateError;

    fn try_from(source: String) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = source.as_str();
        while let Some((before, written, after)) = split_at_field(rest) {
            push_text(&mut parts, before)?;
            let written = written.trim();
            let path = parse_target_path(written).map_err(|_| TemplateError::Path(written.to_owned()))?;
            parts.push(Part::Field { written: written.to_owned(), path });
            rest = after;
        }
        push_text(&mut parts, rest)?;
        Ok(Self { source, parts })
    }
}

impl TryFrom<&str> for Template {
    type Error = TemplateError;

    fn try_from(source: &str) -> Result<Self, TemplateError> {
        source.to_owned().try_into()
    }
}

/// Splits at the first `{{ path }}`: what is before it, the path, what is after it. A `{{` without
/// its `}}` is text.
fn split_at_field(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(found) = text.get(from..)?.find("{{") {
        let open = from + found;
        let inside = text.get(open + 2..)?;
        let end = inside.find('}')?;
        let (written, close) = inside.split_at(end);
        match close.strip_prefix("}}") {
            Some(after) if !written.is_empty() => return Some((text.get(..open)?, written, after)),
            _ => from = open + 1,
        }
    }
    None
}

fn push_text(parts: &mut Vec<Part>, text: &str) -> Result<(), TemplateError> {
    if text.is_empty() {
        return Ok(());
    }
    let items = StrftimeItems::new(text).parse_to_owned().map_err(|_| TemplateError::Time(text.to_owned()))?;
    let has_time = items.iter().any(|item| matches!(item, Item::Fixed(_) | Item::Numeric(..)));
    parts.push(if has_time { Part::Time(items) } else { Part::Literal(text.to_owned()) });
    Ok(())
}

impl Template {
    /// The text as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text as written, if it is the same for every event.
    pub fn fixed(&self) -> Option<&str> {
        self.parts.iter().all(|part| matches!(part, Part::Literal(_))).then_some(&self.source)
    }

    /// The fields it names, as written.
    pub fn fields(&self) -> Vec<&str> {
        self.parts
            .iter()
            .filter_map(|part| match part {
                Part::Field { written, .. } => Some(written.as_str()),
                _ => None,
            })
            .collect()
    }

    /// The beginning that is the same for every event: what stands before the first field or time.
    pub fn literal_prefix(&self) -> &str {
        let end = self.source.find("{{").into_iter().chain(self.source.find('%')).min();
        end.and_then(|end| self.source.get(..end)).unwrap_or(&self.source)
    }

    /// The text for `event`.
    ///
    /// # Errors
    /// When the event lacks fields.
    pub fn render(&self, event: &Event) -> Result<Cow<'_, str>, MissingFields> {
        if let Some(fixed) = self.fixed() {
            return Ok(Cow::Borrowed(fixed));
        }
        let mut text = String::with_capacity(self.source.len());
        let mut missing = Vec::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Time(items) => push_time(&mut text, items, event),
                Part::Field { written, path } => match field(event, path) {
                    Some(value) => text.push_str(&value.to_string_lossy()),
                    None => missing.push(written.clone()),
                },
            }
        }
        if missing.is_empty() { Ok(Cow::Owned(text)) } else { Err(MissingFields(missing)) }
    }
}

fn field<'a>(event: &'a Event, path: &OwnedTargetPath) -> Option<&'a Value> {
    match path.prefix {
        PathPrefix::Event => event.value.get(&path.path),
        PathPrefix::Metadata => event.metadata.get(&path.path),
    }
}

fn push_time(text: &mut String, items: &[Item<'static>], event: &Event) {
    let time = timestamp(event).unwrap_or_else(Utc::now);
    // Writing to a String fails only for a format that does not fit a UTC time, and all do.
    let _ = write!(text, "{}", time.format_with_items(items.iter()));
}

fn timestamp(event: &Event) -> Option<DateTime<Utc>> {
    match event.value.as_object()?.get("timestamp") {
        Some(Value::Timestamp(time)) => Some(*time),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vrl::value;

    use super::*;
    use crate::event::Ack;

    fn event(value: Value) -> Event {
        Event::new(value, Ack::none())
    }

    fn render(template: &str, value: Value) -> Result<String, MissingFields> {
        Template::try_from(template).unwrap().render(&event(value)).map(Cow::into_owned)
    }

    #[test]
    fn fields_are_put_in_as_text() {
        let value = value!({"host": "h1", "event": {"id": 7}, "tags": ["a", "b"], "f": (Value::from_f64_or_zero(1.5)), "n": null, "b": true});
        for (template, wanted) in [
            ("ecs.events", "ecs.events"),
            ("ecs.{{ host }}.{{event.id}}", "ecs.h1.7"),
            ("ecs.{{ tags }}", r#"ecs.["a","b"]"#),
            ("ecs.{{ event }}", r#"ecs.{"id":7}"#),
            ("{{ f }} {{ n }} {{ b }} {{ .tags[1] }}", "1.5 <null> true b"),
            ("{{ host }}-{{ host }}", "h1-h1"),
        ] {
            assert_eq!(render(template, value.clone()).unwrap(), wanted);
        }
    }

    #[test]
    fn a_dotted_key_is_quoted() {
        assert_eq!(render(r#"ecs.{{ "event.dataset" }}"#, value!({"event.dataset": "flat"})).unwrap(), "ecs.flat");
        assert_eq!(render(r#"ecs.{{ ."event.dataset" }}"#, value!({"event.dataset": "flat"})).unwrap(), "ecs.flat");
    }

    #[test]
    fn metadata_is_reached_with_a_percent_sign() {
        let mut event = event(value!({}));
        event.metadata = value!({"a": {"b": "m"}});
        assert_eq!(Template::try_from("x-{{ %a.b }}").unwrap().render(&event).unwrap(), "x-m");
    }

    #[test]
    fn missing_fields_are_all_named() {
        let missing = render("{{ a }}.{{ host }}.{{ b.c }}", value!({"host": "h"})).unwrap_err();
        assert_eq!(missing.to_string(), "the event lacks `a`, `b.c`");
    }

    #[test]
    fn time_comes_from_the_timestamp_field_only() {
        let time = "2026-03-14T23:59:59Z".parse::<DateTime<Utc>>().unwrap();
        let at = Value::Timestamp(time);
        assert_eq!(render("ecs-%Y.%m.%d", value!({"timestamp": (at.clone())})).unwrap(), "ecs-2026.03.14");
        assert_ne!(render("ecs-%Y.%m.%d", value!({"@timestamp": at})).unwrap(), "ecs-2026.03.14");
        let text = value!({"timestamp": "2026-03-14T23:59:59Z"});
        assert_ne!(render("ecs-%Y.%m.%d", text).unwrap(), "ecs-2026.03.14");
    }

    #[test]
    fn a_percent_sign_alone_is_text_and_doubled_only_beside_a_time() {
        assert_eq!(render("100%%", value!({})).unwrap(), "100%%");
        assert!(render("100%%-%Y", value!({})).unwrap().starts_with("100%-"));
    }

    #[test]
    fn what_is_no_template_is_refused() {
        assert_eq!(Template::try_from("ecs.%Q").unwrap_err(), TemplateError::Time("ecs.%Q".to_owned()));
        assert_eq!(Template::try_from("ecs.{{ a..b }}").unwrap_err(), TemplateError::Path("a..b".to_owned()));
        assert_eq!(Template::try_from("ecs.{{ }}").unwrap_err(), TemplateError::Path(String::new()));
    }

    #[test]
    fn an_unclosed_brace_is_text() {
        for text in ["ecs.{{ host", "{{}}", "{{ a }", "}}{{", "{{ a } }}"] {
            assert_eq!(render(text, value!({"a": 1})).unwrap(), text);
        }
    }

    #[test]
    fn the_literal_prefix_ends_before_what_varies() {
        for (template, prefix) in
            [("ecs.{{ a }}", "ecs."), ("a-%Y{{ a }}", "a-"), ("{{ a }}", ""), ("plain", "plain"), ("x{{y", "x")]
        {
            assert_eq!(Template::try_from(template).unwrap().literal_prefix(), prefix);
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".{0,60}") {
            if let Ok(template) = Template::try_from(text.as_str()) {
                let _ = template.render(&event(value!({"a": 1})));
                prop_assert!(text.starts_with(template.literal_prefix()));
            }
        }

        #[test]
        fn parsing_braces_never_panics(text in "[{} a.%\"Y]{0,24}") {
            if let Ok(template) = Template::try_from(text.as_str()) {
                let _ = template.render(&event(value!({"a": 1})));
            }
        }

        #[test]
        fn text_and_fields_come_out_in_order(
            texts in prop::collection::vec("[a-z.-]{0,8}", 1..6),
            fields in prop::collection::vec(0usize..3, 0..5),
        ) {
            let names = ["alpha", "beta", "gamma"];
            let (mut template, mut wanted) = (String::new(), String::new());
            for (text, field) in texts.iter().zip(fields.iter().map(Some).chain(std::iter::repeat(None))) {
                template.push_str(text);
                wanted.push_str(text);
                if let Some(&field) = field {
                    template.push_str(&format!("{{{{ {} }}}}", names[field]));
                    wanted.push_str(&format!("<{field}>"));
                }
            }
            let value = value!({"alpha": "<0>", "beta": "<1>", "gamma": "<2>"});
            prop_assert_eq!(render(&template, value).unwrap(), wanted);
        }
    }
}
