//! Text into words, as Elasticsearch's standard analyser does it: the word boundaries of Unicode
//! (UAX #29) and lower case.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

/// Longer words are split here, as the standard analyser does.
const MAX_TOKEN_CHARS: usize = 255;

/// The standard analyser.
#[derive(Debug, Clone, Default)]
pub(crate) struct StandardTokenizer {
    token: Token,
}

/// The words of one text.
#[derive(Debug)]
pub(crate) struct Words<'a> {
    rest: &'a str,
    offset: usize,
    token: &'a mut Token,
}

impl Tokenizer for StandardTokenizer {
    type TokenStream<'a> = Words<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Words<'a> {
        self.token.reset();
        Words { rest: text, offset: 0, token: &mut self.token }
    }
}

/// What a character does to word boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Digit,
    /// `_`: joins letters and digits.
    Joiner,
    /// Joins two letters: `:` and its like.
    MidLetter,
    /// Joins two digits: `,` `;`.
    MidNumber,
    /// Joins two letters or two digits: `.` `'`.
    MidBoth,
    /// Belongs to what stands before it.
    Mark,
    /// A word of its own.
    Ideograph,
    Other,
}

fn class(c: char) -> Class {
    match c {
        'a'..='z' | 'A'..='Z' => Class::Letter,
        '0'..='9' => Class::Digit,
        '_' | '\u{203f}' | '\u{2040}' => Class::Joiner,
        ':' | '\u{b7}' | '\u{387}' | '\u{2027}' => Class::MidLetter,
        ',' | ';' => Class::MidNumber,
        '.' | '\'' | '\u{2019}' | '\u{2018}' | '\u{2024}' => Class::MidBoth,
        c if c.is_ascii() => Class::Other,
        '\u{300}'..='\u{36f}' | '\u{200d}' | '\u{ad}' | '\u{fe00}'..='\u{fe0f}' => Class::Mark,
        '\u{3041}'..='\u{3096}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' => Class::Ideograph,
        c if c.is_numeric() => Class::Digit,
        c if c.is_alphabetic() => Class::Letter,
        _ => Class::Other,
    }
}

/// How many bytes the word has that begins with the first character.
fn word_length(text: &str) -> usize {
    let mut chars = text.char_indices();
    let Some((_, first)) = chars.next() else { return 0 };
    let mut last = class(first);
    let mut end = first.len_utf8();
    let mut count = 1;
    if last == Class::Ideograph {
        return end;
    }
    while let Some((at, c)) = chars.next() {
        if count == MAX_TOKEN_CHARS {
            return end;
        }
        let here = class(c);
        match here {
            Class::Letter | Class::Digit | Class::Joiner => last = here,
            Class::Mark => {}
            Class::MidLetter | Class::MidNumber | Class::MidBoth => {
                let next = chars.clone().next().map_or(Class::Other, |(_, next)| class(next));
                let letters = last == Class::Letter && next == Class::Letter && here != Class::MidNumber;
                let digits = last == Class::Digit && next == Class::Digit && here != Class::MidLetter;
                if !letters && !digits {
                    return end;
                }
            }
            Class::Ideograph | Class::Other => return end,
        }
        end = at + c.len_utf8();
        count += 1;
    }
    end
}

impl TokenStream for Words<'_> {
    fn advance(&mut self) -> bool {
        loop {
            let Some(start) = self
                .rest
                .char_indices()
                .find(|(_, c)| matches!(class(*c), Class::Letter | Class::Digit | Class::Joiner | Class::Ideograph))
                .map(|(at, _)| at)
            else {
                return false;
            };
            let from_start = &self.rest[start..];
            let length = word_length(from_start);
            let word = &from_start[..length];
            let begin = self.offset + start;
            self.rest = &from_start[length..];
            self.offset = begin + length;
            // Joiners alone are no word.
            if !word.chars().any(|c| matches!(class(c), Class::Letter | Class::Digit | Class::Ideograph)) {
                continue;
            }
            self.token.position = self.token.position.wrapping_add(1);
            self.token.offset_from = begin;
            self.token.offset_to = self.offset;
            self.token.text.clear();
            if word.is_ascii() {
                self.token.text.push_str(word);
                self.token.text.make_ascii_lowercase();
            } else {
                self.token.text.extend(word.chars().flat_map(char::to_lowercase));
            }
            return true;
        }
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

/// The words of a text, as a query uses them.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut tokenizer = StandardTokenizer::default();
    let mut stream = tokenizer.token_stream(text);
    let mut words = Vec::new();
    while stream.advance() {
        words.push(stream.token().text.clone());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_standard_analyser() {
        for (text, expected) in [
            ("The 2 QUICK Brown-Foxes jumped.", &["the", "2", "quick", "brown", "foxes", "jumped"] as &[&str]),
            ("pam_unix(sshd:auth): rhost=203.0.113.9", &["pam_unix", "sshd:auth", "rhost", "203.0.113.9"]),
            (
                "dog's O'Neil's www.example.com a.1 1,000.5",
                &["dog's", "o'neil's", "www.example.com", "a", "1", "1,000.5"],
            ),
            ("/usr/bin/foo --x=y_z ___ .", &["usr", "bin", "foo", "x", "y_z"]),
            ("Ünïcode ÄÖ naïve", &["ünïcode", "äö", "naïve"]),
            ("日本語 かな", &["日", "本", "語", "か", "な"]),
            ("", &[]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
        assert_eq!(words(&"x".repeat(600)).iter().map(String::len).collect::<Vec<_>>(), [255, 255, 90]);
    }
}
