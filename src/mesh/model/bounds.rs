//! What a value of a setting must be beyond its type.

use std::net::IpAddr;

use regex::Regex;
use resilmesh_service::amount;
use serde_json::Value;

/// What a value must be; by default, anything.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bounds {
    /// What kind of text.
    pub format: Option<TextFormat>,
    /// What a text must look like.
    pub pattern: Option<Pattern>,
    /// The least number.
    pub minimum: Option<f64>,
    /// The greatest number.
    pub maximum: Option<f64>,
    /// A value that is right, for people; none = what its format has.
    pub example: Option<String>,
}

impl Bounds {
    /// What a value must be that is not within them, for people; none = it is.
    pub fn refuse(&self, value: &Value) -> Option<String> {
        if let Some(text) = value.as_str() {
            let is_format = self.format.is_none_or(|format| format.takes(text));
            let is_pattern = self.pattern.as_ref().is_none_or(|pattern| pattern.takes(text));
            return if is_format && is_pattern { None } else { self.words() };
        }
        let number = value.as_f64()?;
        let is_within =
            self.minimum.is_none_or(|least| number >= least) && self.maximum.is_none_or(|most| number <= most);
        if is_within { None } else { self.words() }
    }

    /// What a value must be, for people; none = anything.
    pub fn words(&self) -> Option<String> {
        let what = match (self.format, &self.pattern, &self.example) {
            (Some(format), None, _) => format.words().to_owned(),
            // Whoever gives an example need not read a pattern.
            (_, Some(_), Some(example)) => return Some(format!("a text such as `{example}`")),
            (_, Some(pattern), None) => format!("a text that matches `{}`", pattern.text()),
            (None, None, _) => match (self.minimum, self.maximum) {
                (Some(least), Some(most)) => format!("from {least} to {most}"),
                (Some(least), None) => format!("at least {least}"),
                (None, Some(most)) => format!("at most {most}"),
                (None, None) => return None,
            },
        };
        let example = self.example.as_deref().or_else(|| self.format.and_then(TextFormat::example));
        Some(example.map_or_else(|| what.clone(), |example| format!("{what}, such as `{example}`")))
    }
}

/// What kind of text a setting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    /// An IP address or `localhost`: what a service can listen on without asking a name server.
    Address,
    /// How long: a number with a unit.
    TimeSpan,
    /// How many bytes: a number with a unit.
    Bytes,
}

impl TextFormat {
    /// All, by the name that a definition calls them.
    pub const ALL: [(&'static str, Self); 3] =
        [("address", Self::Address), ("timespan", Self::TimeSpan), ("bytes", Self::Bytes)];

    fn takes(self, text: &str) -> bool {
        match self {
            Self::Address => text == "localhost" || text.parse::<IpAddr>().is_ok(),
            Self::TimeSpan => amount::milliseconds(text).is_some(),
            Self::Bytes => amount::bytes(text).is_some(),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Address => "an IP address or `localhost`",
            Self::TimeSpan => amount::TIME,
            Self::Bytes => amount::BYTES,
        }
    }

    fn example(self) -> Option<&'static str> {
        match self {
            Self::Address => None,
            Self::TimeSpan => Some("30d"),
            Self::Bytes => Some("10GiB"),
        }
    }

    /// The same as a regular expression, for editors; none = no expression can tell.
    pub fn pattern(self) -> Option<&'static str> {
        match self {
            Self::Address => None,
            Self::TimeSpan => Some("^0*[1-9][0-9]*[smhdw]$"),
            Self::Bytes => Some("^0*[1-9][0-9]*([KMGT]i?)?B$"),
        }
    }
}

/// A regular expression.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// Reads one.
    ///
    /// # Errors
    /// Why it is none.
    pub fn new(text: &str) -> Result<Self, String> {
        // What follows the first lines shows where in the expression.
        Regex::new(text).map(Self).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "it is too big".to_owned(),
            other => other.to_string().lines().last().unwrap_or_default().to_owned(),
        })
    }

    /// As it is written.
    pub fn text(&self) -> &str {
        self.0.as_str()
    }

    fn takes(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(format: TextFormat) -> Bounds {
        Bounds { format: Some(format), ..Bounds::default() }
    }

    #[test]
    fn amounts_have_a_unit_and_can_be_counted() {
        for good in ["30d", "1s", "2w", "010m"] {
            assert_eq!(of(TextFormat::TimeSpan).refuse(&json!(good)), None, "{good}");
        }
        for bad in ["7 parsecs", "-5d", "0s", "", "d", "5", "5 d", "99999999999999999w"] {
            let shall = "a time with `s`, `m`, `h`, `d` or `w`, such as `30d`";
            assert_eq!(of(TextFormat::TimeSpan).refuse(&json!(bad)).as_deref(), Some(shall), "{bad}");
        }
        for good in ["10GiB", "8MB", "1B", "1000TiB"] {
            assert_eq!(of(TextFormat::Bytes).refuse(&json!(good)), None, "{good}");
        }
        for bad in ["huge", "-1GiB", "0B", "10", "10gib", "9999999TiB"] {
            assert!(of(TextFormat::Bytes).refuse(&json!(bad)).is_some(), "{bad}");
        }
    }

    #[test]
    fn what_editors_are_told_is_what_is_taken() {
        for (_, format) in TextFormat::ALL {
            let Some(pattern) = format.pattern() else { continue };
            let pattern = Pattern::new(pattern).expect("an expression");
            for text in
                ["30d", "1s", "010m", "0s", "-5d", "5 d", "d", "10GiB", "8MB", "1B", "0B", "huge", "10gib", "10"]
            {
                assert_eq!(pattern.takes(text), format.takes(text), "{text}");
            }
        }
    }

    #[test]
    fn numbers_have_ends_and_texts_patterns() {
        let risk = Bounds { minimum: Some(0.0), maximum: Some(100.0), ..Bounds::default() };
        assert_eq!(risk.refuse(&json!(100)), None);
        assert_eq!(risk.refuse(&json!(-1)).as_deref(), Some("from 0 to 100"));
        let least = Bounds { minimum: Some(0.5), ..Bounds::default() };
        assert_eq!(least.refuse(&json!(0)).as_deref(), Some("at least 0.5"));
        let pattern = Pattern::new("^a+$").expect("an expression");
        let bare = Bounds { pattern: Some(pattern), ..Bounds::default() };
        assert_eq!(bare.refuse(&json!("aa")), None);
        assert_eq!(bare.refuse(&json!("b")).as_deref(), Some("a text that matches `^a+$`"));
        let shown = Bounds { example: Some("aaa".to_owned()), ..bare };
        assert_eq!(shown.refuse(&json!("b")).as_deref(), Some("a text such as `aaa`"));
        assert_eq!(
            Pattern::new("(?=a)").expect_err("not known"),
            "error: look-around, including look-ahead and look-behind, is not supported"
        );
    }
}
