//! The forms in which a secret may turn up in a text.

use std::collections::BTreeSet;
use std::fmt::Write;

/// Of a secret longer than this, the pieces are looked for, and not its encoded forms.
const LONGEST: usize = 4096;
/// How long a piece is.
const PIECE: usize = 1024;
/// What lies behind is not looked for: a log does not print that much of one secret.
const LOOKED_AT: usize = 64 * 1024;
/// A shorter line of a secret with several is too common to be hidden.
const SHORTEST_LINE: usize = 12;
/// A shorter piece of base64 is too common to be hidden.
const SHORTEST_ENCODED: usize = 6;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Every form of a secret: as it is, each of its lines, in JSON, in a URL, in base64 wherever it
/// begins there.
pub(super) fn of(secret: &str) -> BTreeSet<Vec<u8>> {
    let mut forms = BTreeSet::new();
    let bytes = secret.as_bytes();
    let bytes = &bytes[..bytes.len().min(LOOKED_AT)];
    let lines = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| line.len() >= SHORTEST_LINE);
    // The frame of a PEM file is no secret.
    let lines = lines.filter(|line| !line.starts_with(b"-----"));
    for line in lines {
        forms.extend(line.chunks(PIECE).filter(|piece| piece.len() >= SHORTEST_LINE).map(<[u8]>::to_vec));
    }
    if secret.len() > LONGEST {
        return forms;
    }
    forms.insert(bytes.to_vec());
    let json = serde_json::to_string(secret).unwrap_or_default();
    forms.insert(json.trim_matches('"').as_bytes().to_vec());
    forms.insert(secret.escape_debug().to_string().into_bytes());
    let upper = percent_encoded(bytes);
    forms.insert(upper.replace("%20", "+").into_bytes());
    forms.insert(lower_hex(&upper).into_bytes());
    forms.insert(upper.into_bytes());
    for alphabet in [STANDARD, URL] {
        forms
            .extend((0..3).map(|before| base64(bytes, before, alphabet)).filter(|form| form.len() >= SHORTEST_ENCODED));
    }
    forms
}

fn percent_encoded(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            out.push(char::from(*byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// The same with `%2f` for `%2F`.
fn lower_hex(encoded: &str) -> String {
    let mut parts = encoded.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_at(part.len().min(2));
        out.push('%');
        out.push_str(&code.to_ascii_lowercase());
        out.push_str(rest);
    }
    out
}

/// Those characters of base64 that depend on these bytes alone, when `before` other bytes (0 to 2)
/// come before them in their group of three.
fn base64(bytes: &[u8], before: usize, alphabet: &[u8; 64]) -> Vec<u8> {
    let bit = |at: usize| (bytes[at / 8] >> (7 - at % 8)) & 1;
    // The first bit of the bytes that begins a character.
    let first = (6 - before * 8 % 6) % 6;
    let characters = (bytes.len() * 8).saturating_sub(first) / 6;
    let character = |n: usize| (0..6).fold(0, |value, k| value << 1 | bit(first + n * 6 + k));
    (0..characters).map(|n| alphabet[usize::from(character(n))]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(secret: &str, form: &str) -> bool {
        of(secret).contains(form.as_bytes())
    }

    #[test]
    fn a_secret_is_known_in_every_form() {
        let secret = "p&ss w\"rd/1";
        for form in [secret, "p&ss w\\\"rd/1", "p%26ss%20w%22rd%2F1", "p%26ss%20w%22rd%2f1", "p%26ss+w%22rd%2F1"] {
            assert!(has(secret, form), "{form}");
        }
        // `printf 'secret-1' | base64`, and behind `a:` and `ab:`.
        assert!(has("secret-1", "c2VjcmV0LT"));
        assert!("YTpzZWNyZXQtMQ==".contains("zZWNyZXQtMQ") && has("secret-1", "zZWNyZXQtM"));
        assert!("YWI6c2VjcmV0LTE=".contains("c2VjcmV0LT"));
    }

    #[test]
    fn each_line_of_a_key_is_hidden_but_not_its_frame() {
        let key = "-----BEGIN KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\nshort\n-----END KEY-----\n";
        assert!(has(key, "MC4CAQAwBQYDK2VwBCIEIA") && has(key, key));
        assert!(!has(key, "-----BEGIN KEY-----") && !has(key, "short"));
    }

    #[test]
    fn a_large_secret_stays_bounded() {
        let large = "x1y2z3".repeat(100_000);
        let forms = of(&large);
        assert!(forms.iter().all(|form| form.len() <= PIECE) && forms.len() <= LOOKED_AT / PIECE + 1);
    }
}
