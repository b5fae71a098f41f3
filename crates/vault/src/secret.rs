//! A value that must not be seen.

use std::fmt;

use zeroize::Zeroizing;

/// What stands below a value that is JSON rather than text: a line of `key: value`, as `pass` has them
/// below the first. Without it, text that looks like JSON is text.
const STRUCTURED: &str = "\nresilmesh: json";

/// Bytes that are wiped from memory when they are dropped, and that no format string shows. The only
/// way to them is [`Secret::expose`].
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes a value.
    pub fn new(value: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// A value that is no text but structured: a list, a map, a number.
    pub fn of_json(value: &serde_json::Value) -> Self {
        let text = Zeroizing::new(format!("{value}{STRUCTURED}"));
        Self::new(text.as_bytes())
    }

    /// The value as JSON: what [`Secret::of_json`] was given, or a text; none if it is neither.
    pub fn to_json(&self) -> Option<serde_json::Value> {
        let text = self.expose_text()?;
        let structured = text.strip_suffix(STRUCTURED).and_then(|json| serde_json::from_str(json).ok());
        Some(structured.unwrap_or_else(|| text.into()))
    }

    /// The value as people and programs read it: JSON that stands for itself is without the line that says
    /// so.
    #[must_use]
    pub fn as_read(&self) -> Self {
        match self.expose_text().and_then(|text| text.strip_suffix(STRUCTURED)) {
            Some(json) => Self::new(json),
            None => self.clone(),
        }
    }

    /// The value itself. Keep what is made of it out of messages, logs, arguments and environments.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The value as text, if it is UTF-8.
    pub fn expose_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value without one line end at its end, if it is text that has one.
    #[must_use]
    pub fn without_line_end(mut self) -> Self {
        if self.expose_text().is_some() && self.0.last() == Some(&b'\n') {
            self.0.pop();
            if self.0.last() == Some(&b'\r') {
                self.0.pop();
            }
        }
        self
    }

    /// What the file of a secret holds: text ends with a line end there, as `pass` writes it, and any
    /// other value stands as it is. [`Secret::from_stored`] is the way back.
    pub(crate) fn to_stored(&self) -> Self {
        let mut stored = Zeroizing::new(Vec::with_capacity(self.0.len() + 1));
        stored.extend_from_slice(&self.0);
        if self.expose_text().is_some() {
            stored.push(b'\n');
        }
        Self(stored)
    }

    /// The value that a file holds. Exactly one `\n` goes, so that a value comes back as it was.
    pub(crate) fn from_stored(mut stored: Self) -> Self {
        if stored.expose_text().is_some() && stored.0.last() == Some(&b'\n') {
            stored.0.pop();
        }
        stored
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Takes as long for any two values of one length.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.0.iter().zip(other.0.iter()).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
    }
}

impl Eq for Secret {}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self::new(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_format_shows_it() {
        let secret = Secret::from("hunter2");
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert_eq!(format!("{:#?}", Some(&secret)), "Some(\n    Secret(..),\n)");
    }

    #[test]
    fn a_line_end_is_no_part_of_a_typed_value() {
        for (given, value) in [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a", "a"), ("", ""), ("\n", "")] {
            assert_eq!(Secret::from(given).without_line_end(), Secret::from(value), "{given:?}");
        }
        assert_eq!(Secret::new([0xff, b'\n']).without_line_end().len(), 2, "bytes that are no text stay");
    }

    proptest! {
        #[test]
        fn what_is_stored_comes_back(value in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..20),
            "[a\n\r]{0,6}".prop_map(String::into_bytes),
        ]) {
            let secret = Secret::new(value);
            prop_assert_eq!(Secret::from_stored(secret.to_stored()), secret);
        }
    }
}
