//! Values that are known to be secret, in the forms they are likely to stand in.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::redact::SHORTEST;
use crate::redact::forms::{self, Form};

/// A line of a secret of several lines is looked for on its own if it is that long.
const LONG_LINE: usize = 24;

/// A secret whose value must not stand anywhere in clear.
#[derive(Clone, PartialEq, Eq)]
pub struct KnownSecret {
    /// What it is called in messages, such as `the secret edr/token`.
    pub called: String,
    /// Its value.
    pub value: Vec<u8>,
}

impl fmt::Debug for KnownSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownSecret").field("called", &self.called).finish_non_exhaustive()
    }
}

/// Finds all of them at once.
pub(super) struct Values {
    finder: AhoCorasick,
    called: Vec<String>,
}

impl Values {
    pub(super) fn new(known: &[KnownSecret]) -> Result<Self, String> {
        let mut found: BTreeMap<Vec<u8>, String> = BTreeMap::new();
        for secret in known {
            let value = secret.value.trim_ascii();
            if value.len() < SHORTEST {
                continue;
            }
            for (form, how) in forms::of(value, LONG_LINE) {
                found.entry(form).or_insert_with(|| format!("{}{}", secret.called, said(how)));
            }
        }
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(found.keys())
            .map_err(|error| error.to_string())?;
        Ok(Self { finder, called: found.into_values().collect() })
    }

    /// Where values start, and what each is called.
    pub(super) fn find(&self, text: &[u8]) -> Vec<(usize, String)> {
        self.spans(text).into_iter().map(|(span, called)| (span.start, called)).collect()
    }

    /// Where values stand, and what each is called.
    pub(super) fn spans(&self, text: &[u8]) -> Vec<(Range<usize>, String)> {
        let called = |index: usize| self.called[index].clone();
        self.finder.find_iter(text).map(|found| (found.range(), called(found.pattern().as_usize()))).collect()
    }
}

/// What to say of a form.
fn said(form: Form) -> &'static str {
    match form {
        Form::Plain => "",
        Form::Quoted => ", as JSON",
        Form::Url => ", as part of a URL",
        Form::Base64 => ", as base64",
        Form::Hex => ", as hexadecimal digits",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> Vec<u8> {
        let mut out = Vec::new();
        for chunk in bytes.chunks(3) {
            let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
            let all = at(0) << 16 | at(1) << 8 | at(2);
            let digits = (0..=chunk.len()).map(|index| alphabet[(all >> (18 - 6 * index) & 0x3F) as usize]);
            out.extend(digits);
            out.extend(std::iter::repeat_n(b'=', 3 - chunk.len()));
        }
        out
    }

    proptest! {
        #[test]
        fn a_value_is_found_wherever_it_stands_in_base64(
            before in prop::collection::vec(any::<u8>(), 0..9),
            value in "[!-~]{9,40}",
            after in prop::collection::vec(any::<u8>(), 0..9),
            safe in any::<bool>(),
        ) {
            let values = Values::new(&[KnownSecret { called: "it".into(), value: value.clone().into_bytes() }]).expect("built");
            let whole = [&before, value.as_bytes(), &after].concat();
            let encoded = base64(&whole, if safe { URL_SAFE } else { STANDARD });
            prop_assert!(!values.find(&encoded).is_empty());
            prop_assert!(!values.find(&whole).is_empty());
            prop_assert!(!values.find(serde_json::Value::from(value.clone()).to_string().as_bytes()).is_empty());
        }
    }

    #[test]
    fn a_key_is_found_by_its_lines_and_short_values_are_not_looked_for() {
        let key =
            b"-----BEGIN X-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nqhkiG9w0BAQEFAASCMIIEvQIBADANBgk\n-----END X-----\n";
        let known = [
            KnownSecret { called: "key".into(), value: key.to_vec() },
            KnownSecret { called: "pin".into(), value: b"1234".to_vec() },
        ];
        let values = Values::new(&known).expect("built");
        let indented = b"a:\n  qhkiG9w0BAQEFAASCMIIEvQIBADANBgk\n  1234\n";
        assert_eq!(values.find(indented), [(5, "key".to_owned())]);
        assert!(!format!("{known:?}").contains("MII"));
    }

    #[test]
    fn a_value_is_found_in_urls() {
        let values =
            Values::new(&[KnownSecret { called: "it".into(), value: b"p@ss w/rd+1".to_vec() }]).expect("built");
        for text in ["nats://bus:p%40ss%20w%2Frd%2B1@host", "p%40ss%20w%2frd%2b1", "70407373"] {
            assert_eq!(values.find(text.as_bytes()).is_empty(), text == "70407373", "{text}");
        }
        assert_eq!(values.find(b"704073732077 7040737320772f72642b31")[0].0, 13);
    }
}
