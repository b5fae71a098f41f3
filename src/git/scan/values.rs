//! Values that are known to be secret, in the forms they are likely to stand in.

use std::collections::BTreeMap;
use std::fmt;

use aho_corasick::{AhoCorasick, MatchKind};

/// Shorter values are not looked for: they stand everywhere by chance.
pub const SHORTEST: usize = 6;
/// A line of a secret of several lines is looked for on its own if it is that long.
const LONG_LINE: usize = 24;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

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
        let mut forms: BTreeMap<Vec<u8>, String> = BTreeMap::new();
        for secret in known {
            for (form, how) in self::forms(&secret.value) {
                forms.entry(form).or_insert_with(|| format!("{}{how}", secret.called));
            }
        }
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(forms.keys())
            .map_err(|error| error.to_string())?;
        Ok(Self { finder, called: forms.into_values().collect() })
    }

    /// Where values stand, and what each is called.
    pub(super) fn find(&self, text: &[u8]) -> Vec<(usize, String)> {
        self.finder
            .find_iter(text)
            .map(|found| (found.start(), self.called[found.pattern().as_usize()].clone()))
            .collect()
    }
}

/// The forms of a value, with what to say of each.
fn forms(value: &[u8]) -> Vec<(Vec<u8>, &'static str)> {
    let value = value.trim_ascii();
    if value.len() < SHORTEST {
        return Vec::new();
    }
    let mut forms = vec![(value.to_owned(), "")];
    let lines = value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    if value.contains(&b'\n') {
        forms.extend(
            lines
                .filter(|line| line.len() >= LONG_LINE && !line.starts_with(b"-----"))
                .map(|line| (line.to_owned(), "")),
        );
    }
    for alphabet in [STANDARD, URL_SAFE] {
        forms.extend((0..3).filter_map(|before| Some((base64_core(value, before, alphabet)?, ", as base64"))));
    }
    let escaped: [(Vec<u8>, &'static str); 5] = [
        (percent(value, b"-_.~", false), ", as part of a URL"),
        (percent(value, b"-_.~", true), ", as part of a URL"),
        (percent(value, b"-_.!~*'()", false), ", as part of a URL"),
        (json(value), ", as JSON"),
        (value.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect(), ", as hexadecimal digits"),
    ];
    forms.extend(escaped);
    forms
}

/// The characters of the base64 form that depend on the value alone, when `before` bytes (0 to 2)
/// stand before it in what is encoded. None if they are too few to tell anything.
fn base64_core(value: &[u8], before: usize, alphabet: &[u8; 64]) -> Option<Vec<u8>> {
    let padded: Vec<u8> = std::iter::repeat_n(0, before).chain(value.iter().copied()).collect();
    let bits = padded.len() * 8;
    let sextet = |index: usize| {
        let bit = index * 6;
        let high = u16::from(padded[bit / 8]) << 8;
        let low = padded.get(bit / 8 + 1).map_or(0, |byte| u16::from(*byte));
        alphabet[usize::from(((high | low) >> (10 - bit % 8)) & 0x3F)]
    };
    // A character counts if all of its six bits are of the value.
    let core: Vec<u8> = ((before * 8).div_ceil(6)..bits / 6).map(sextet).collect();
    (core.len() >= SHORTEST).then_some(core)
}

fn percent(value: &[u8], unreserved: &[u8], lower: bool) -> Vec<u8> {
    value
        .iter()
        .flat_map(|byte| {
            if byte.is_ascii_alphanumeric() || unreserved.contains(byte) {
                vec![*byte]
            } else if lower {
                format!("%{byte:02x}").into_bytes()
            } else {
                format!("%{byte:02X}").into_bytes()
            }
        })
        .collect()
}

/// The text as it stands between the quotes of JSON and YAML.
fn json(value: &[u8]) -> Vec<u8> {
    let quoted = serde_json::Value::from(String::from_utf8_lossy(value)).to_string();
    quoted.as_bytes()[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
