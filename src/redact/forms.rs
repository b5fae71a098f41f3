//! The forms in which a secret may turn up in a text.

use std::collections::BTreeMap;
use std::fmt::Write;

/// Of a secret longer than this, the pieces are looked for, and not its encoded forms.
const LONGEST: usize = 4096;
/// How long a piece is.
const PIECE: usize = 1024;
/// What lies behind is not looked for: nobody prints that much of one secret.
const LOOKED_AT: usize = 64 * 1024;
/// A shorter piece of base64 is too common.
const SHORTEST_ENCODED: usize = 6;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// How a secret is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As it is, or a part of it.
    Plain,
    /// Between the quotes of JSON or of a program.
    Quoted,
    /// As a part of a URL.
    Url,
    /// In base64, wherever it begins there.
    Base64,
    /// In hexadecimal digits.
    Hex,
}

/// Every form of a secret. Of one with several lines, each that has `shortest_line` bytes is a form of
/// its own.
pub fn of(secret: &[u8], shortest_line: usize) -> BTreeMap<Vec<u8>, Form> {
    let mut forms = BTreeMap::new();
    let bytes = &secret[..secret.len().min(LOOKED_AT)];
    let lines = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).map(<[u8]>::trim_ascii);
    // The frame of a PEM file is no secret.
    for line in lines.filter(|line| !line.starts_with(b"-----")) {
        let pieces = line.chunks(PIECE).filter(|piece| piece.len() >= shortest_line);
        forms.extend(pieces.map(|piece| (piece.to_vec(), Form::Plain)));
    }
    if secret.len() > LONGEST {
        return forms;
    }
    let mut add = |form: Vec<u8>, how| {
        forms.entry(form).or_insert(how);
    };
    add(bytes.to_vec(), Form::Plain);
    let text = String::from_utf8_lossy(bytes);
    let quoted = serde_json::Value::from(&*text).to_string();
    add(quoted.as_bytes()[1..quoted.len() - 1].to_vec(), Form::Quoted);
    add(text.escape_debug().to_string().into_bytes(), Form::Quoted);
    for plain in [&b"-._~"[..], b"-_.!~*'()"] {
        let upper = percent_encoded(bytes, plain);
        add(upper.replace("%20", "+").into_bytes(), Form::Url);
        add(lower_hex(&upper).into_bytes(), Form::Url);
        add(upper.into_bytes(), Form::Url);
    }
    for alphabet in [STANDARD, URL] {
        let encoded = (0..3).map(|before| base64(bytes, before, alphabet));
        encoded.filter(|form| form.len() >= SHORTEST_ENCODED).for_each(|form| add(form, Form::Base64));
    }
    add(bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect(), Form::Hex);
    forms
}

fn percent_encoded(bytes: &[u8], plain: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || plain.contains(byte) {
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
        of(secret.as_bytes(), 12).contains_key(form.as_bytes())
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
        let forms = of(large.as_bytes(), 12);
        assert!(forms.keys().all(|form| form.len() <= PIECE) && forms.len() <= LOOKED_AT / PIECE + 1);
    }
}
