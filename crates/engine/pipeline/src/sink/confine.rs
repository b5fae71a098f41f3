//! Keeps templates that say where events go from being led elsewhere by what is in an event: the
//! beginning must be literal, and what is rendered must stay under it.

use std::borrow::Cow;

use http::Uri;

use crate::codec::template::{MissingFields, Template};
use crate::event::Event;

/// What is rendered is at most this long, in bytes.
const MAX_LENGTH: usize = 1024;

/// The option that switches the rule off.
pub const OPT_OUT: &str = "dangerously_allow_unconfined_template_resolution";

/// A template that says where an event goes.
#[derive(Debug, Clone)]
pub struct Route {
    template: Template,
    rule: Rule,
}

#[derive(Debug, Clone)]
enum Rule {
    None,
    Prefix(String),
    Uri(UriRule),
}

#[derive(Debug, Clone)]
struct UriRule {
    scheme: String,
    authority: String,
    path: String,
}

/// Why an event cannot be routed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// It lacks fields.
    #[error(transparent)]
    Missing(#[from] MissingFields),
    /// Its fields lead out of where events may go.
    #[error("`{0}` is outside of where events may go: {1}")]
    Outside(String, &'static str),
}

impl Route {
    /// Checks that `template` can be kept to its literal beginning; `free` switches the rule off.
    ///
    /// # Errors
    /// When the beginning is not literal enough: says what to do.
    pub fn new(template: Template, free: bool) -> Result<Self, String> {
        let rule = if free || template.fields().is_empty() { Rule::None } else { rule(&template)? };
        Ok(Self { template, rule })
    }

    /// The text if it is the same for every event.
    pub fn fixed(&self) -> Option<&str> {
        self.template.fixed()
    }

    /// Where `event` goes.
    ///
    /// # Errors
    /// When that cannot be said, or may not be.
    pub fn render(&self, event: &Event) -> Result<Cow<'_, str>, RouteError> {
        let text = self.template.render(event)?;
        let outside = |why| RouteError::Outside(preview(&text), why);
        match &self.rule {
            Rule::None => return Ok(text),
            _ if text.contains('\0') => return Err(outside("it has a NUL byte")),
            _ if text.len() > MAX_LENGTH => return Err(outside("it is longer than 1024 bytes")),
            Rule::Prefix(prefix) => within_prefix(prefix, &text).map_err(outside)?,
            Rule::Uri(uri) => uri.allows(&text).map_err(outside)?,
        }
        Ok(text)
    }
}

fn rule(template: &Template) -> Result<Rule, String> {
    let prefix = template.literal_prefix();
    let fields = template.fields().join("`, `");
    match prefix {
        "" => Err(format!(
            "template begins with something that is not literal (fields: `{fields}`): put literal text before it, \
             or set `{OPT_OUT}: true`"
        )),
        "/" => {
            Err(format!("template has only `/` as its literal beginning: put more before it, or set `{OPT_OUT}: true`"))
        }
        _ if is_web_address(prefix) => UriRule::new(template).map(Rule::Uri),
        _ => Ok(Rule::Prefix(prefix.to_owned())),
    }
}

fn is_web_address(prefix: &str) -> bool {
    let start = |scheme: &str| prefix.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme));
    start("http://") || start("https://")
}

fn within_prefix(prefix: &str, text: &str) -> Result<(), &'static str> {
    if text.split('/').any(|part| part == "..") {
        return Err("it has a `..` part");
    }
    if text.starts_with(prefix) { Ok(()) } else { Err("it does not begin as the template does") }
}

impl UriRule {
    fn new(template: &Template) -> Result<Self, String> {
        if template.source().contains(['?', '#']) {
            return Err(format!(
                "template has fields beside `?` or `#`: move the fields into the path, or set `{OPT_OUT}: true`"
            ));
        }
        let prefix = template.literal_prefix();
        let host_is_closed = prefix.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
        let uri = prefix.parse::<Uri>().ok().filter(|uri| host_is_closed && uri.authority().is_some());
        let Some(uri) = uri else {
            return Err(format!("template has fields in the host: write the host and a `/`, or set `{OPT_OUT}: true`"));
        };
        if has_hidden_separator(uri.path()) {
            return Err("template has `%2f`, `%5c`, `%25` or a backslash in its literal path: write `/`".to_owned());
        }
        let lower = |text: Option<&str>| text.unwrap_or_default().to_ascii_lowercase();
        Ok(Self {
            scheme: lower(uri.scheme_str()),
            authority: lower(uri.authority().map(http::uri::Authority::as_str)),
            path: uri.path().to_owned(),
        })
    }

    fn allows(&self, text: &str) -> Result<(), &'static str> {
        let uri = text.parse::<Uri>().map_err(|_| "it is no URI")?;
        let same =
            |actual: Option<&str>, wanted: &str| actual.is_some_and(|actual| actual.eq_ignore_ascii_case(wanted));
        if !same(uri.scheme_str(), &self.scheme)
            || !same(uri.authority().map(http::uri::Authority::as_str), &self.authority)
        {
            return Err("it names another host");
        }
        if !uri.path().starts_with(&self.path) {
            return Err("it does not begin as the template does");
        }
        let parent = |part: &str| part.to_ascii_lowercase().replace("%2e", ".") == "..";
        if uri.path().split('/').any(parent) || has_hidden_separator(uri.path()) {
            return Err("it has a `..` part or a hidden separator");
        }
        if uri.query().is_some() { Err("it has a query") } else { Ok(()) }
    }
}

/// Whether a server that decodes the path (once or twice) could see other separators than we do.
fn has_hidden_separator(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    ["%2f", "%5c", "%25", "\\"].iter().any(|hidden| path.contains(hidden))
}

fn preview(text: &str) -> String {
    text.chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    use vrl::value;
    use vrl::value::Value;

    use super::*;
    use crate::event::Ack;

    fn route(template: &str) -> Result<Route, String> {
        Route::new(Template::try_from(template).unwrap(), false)
    }

    fn rendered(template: &str, value: Value) -> Result<String, RouteError> {
        route(template).unwrap().render(&Event::new(value, Ack::none())).map(Cow::into_owned)
    }

    #[test]
    fn fields_need_a_literal_beginning() {
        for bad in ["{{ a }}", "%Y{{ a }}", "/{{ a }}", "http://{{ a }}/x", "https://h{{ a }}/", "http://h/{{ a }}?x=1"]
        {
            assert!(route(bad).is_err(), "{bad}");
        }
        for good in ["plain", "%Y", "ecs.{{ a }}", "/x/{{ a }}", "http://h/{{ a }}", "http_{{ a }}"] {
            assert!(route(good).is_ok(), "{good}");
        }
        assert!(Route::new(Template::try_from("{{ a }}").unwrap(), true).is_ok());
    }

    #[test]
    fn what_is_rendered_stays_under_it() {
        assert_eq!(rendered("ecs.{{ a }}", value!({"a": "../x"})).unwrap(), "ecs.../x");
        assert_eq!(rendered("ecs-{{ a }}", value!({"a": "FW/Traffic x"})).unwrap(), "ecs-FW/Traffic x");
        for bad in ["x/../y", "x\0y", "/..", &"x".repeat(1030)] {
            assert!(matches!(rendered("ecs.{{ a }}", value!({"a": bad})), Err(RouteError::Outside(..))), "{bad}");
        }
        assert!(matches!(rendered("ecs.{{ a }}", value!({})), Err(RouteError::Missing(_))));
    }

    #[test]
    fn a_web_address_keeps_its_host_and_path() {
        assert_eq!(rendered("http://h/in/{{ a }}", value!({"a": "x/y"})).unwrap(), "http://h/in/x/y");
        for bad in ["..", "%2e%2E/x", "x?y=1", "a%2fb", "a%5cb", "a\\b", "%252e", "a b"] {
            assert!(rendered("http://h/in/{{ a }}", value!({"a": bad})).is_err(), "{bad}");
        }
    }
}
