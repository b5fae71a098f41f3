//! The syntax of `q=` and `query_string`: `field:value`, phrases, ranges, `AND OR NOT + -`,
//! parentheses, wildcards.
//!
//! `AND` and `OR` work as in Lucene's classic parser: they make the clauses beside them required
//! or optional, without precedence.

use serde_json::Value;

use super::ast::{Bound, Fields, Leaf, Operator, Query};
use crate::error::ApiError;

/// How a query string is read.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Where clauses without a field go.
    pub(crate) default_fields: Fields,
    pub(crate) operator: Operator,
    /// A value that a field cannot hold does not match there, and is no error.
    pub(crate) lenient: bool,
}

/// Deepest nesting of parentheses.
const MAX_DEPTH: usize = 100;

/// Reads a query string.
pub(crate) fn parse(text: &str, options: &Options) -> Result<Query, ApiError> {
    let mut parser = Parser { text, rest: text, options, depth: 0 };
    let query = parser.clauses(&options.default_fields, false)?;
    if !parser.rest.is_empty() {
        return Err(parser.error("unexpected character"));
    }
    Ok(query)
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
    options: &'a Options,
    depth: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Modifier {
    None,
    Required,
    Prohibited,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occur {
    Must,
    Should,
    MustNot,
}

/// A word as it was written: its text without escapes, and where wildcards stand in it.
#[derive(Debug, Default)]
struct Word {
    text: String,
    /// The same with `\` before everything that is meant literally.
    pattern: String,
    wild: bool,
}

impl Parser<'_> {
    fn error(&self, what: &str) -> ApiError {
        let at = self.text.len() - self.rest.len();
        ApiError::query(format!("Failed to parse query [{}]: {what} at position {at}", self.text))
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{3000}']);
    }

    fn take(&mut self, what: &str) -> bool {
        match self.rest.strip_prefix(what) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// An operator word such as `AND`, which something other than a letter follows.
    fn take_word(&mut self, word: &str) -> bool {
        let follows =
            |rest: &str| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r', '(', '"', '+', '-', ')']);
        match self.rest.strip_prefix(word) {
            Some(rest) if follows(rest) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn clauses(&mut self, fields: &Fields, nested: bool) -> Result<Query, ApiError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("too many nested parentheses"));
        }
        let mut clauses: Vec<(Occur, Query)> = Vec::new();
        loop {
            self.skip_space();
            if self.rest.is_empty() || (nested && self.rest.starts_with(')')) {
                break;
            }
            let joined = if clauses.is_empty() {
                None
            } else if self.take_word("AND") || self.take("&&") {
                Some(Operator::And)
            } else if self.take_word("OR") || self.take("||") {
                Some(Operator::Or)
            } else {
                None
            };
            self.skip_space();
            let modifier = if self.take("+") {
                Modifier::Required
            } else if self.take("-") || self.take("!") || self.take_word("NOT") {
                Modifier::Prohibited
            } else {
                Modifier::None
            };
            self.skip_space();
            let query = self.clause(fields)?;
            add(&mut clauses, joined, modifier, query, self.options.operator);
        }
        self.depth -= 1;
        if clauses.is_empty() {
            return if nested { Err(self.error("empty parentheses")) } else { Ok(Query::None) };
        }
        if let [(Occur::Must | Occur::Should, _)] = clauses.as_slice()
            && let Some((_, query)) = clauses.pop()
        {
            return Ok(query);
        }
        let (mut must, mut should, mut must_not) = (Vec::new(), Vec::new(), Vec::new());
        for (occur, query) in clauses {
            match occur {
                Occur::Must => must.push(query),
                Occur::Should => should.push(query),
                Occur::MustNot => must_not.push(query),
            }
        }
        Ok(Query::Bool { must, filter: Vec::new(), should, must_not, minimum: None })
    }

    fn clause(&mut self, fields: &Fields) -> Result<Query, ApiError> {
        if self.take_word("AND") || self.take_word("OR") || self.take("&&") || self.take("||") {
            return Err(self.error("an operator without a clause on each side"));
        }
        if self.take("(") {
            let query = self.clauses(fields, true)?;
            if !self.take(")") {
                return Err(self.error("missing `)`"));
            }
            return self.boosted(query);
        }
        if self.rest.starts_with(['"', '[', '{', '>', '<']) {
            return self.value(fields);
        }
        let before = self.rest;
        let name = self.word()?;
        if !self.rest.starts_with(':') {
            self.rest = before;
            return self.value(fields);
        }
        self.rest = &self.rest[1..];
        self.skip_space();
        self.fielded(&name)
    }

    /// What stands behind `field:`.
    fn fielded(&mut self, name: &Word) -> Result<Query, ApiError> {
        if name.text == "_exists_" {
            let field = self.word()?;
            return self.boosted(Query::leaf(field.text, Leaf::Exists));
        }
        if name.text == "*" && name.wild && self.take("*") {
            return self.boosted(Query::All);
        }
        let fields = if name.wild || self.options.lenient {
            Fields::Many { fields: vec![(name.text.clone(), 1.0)], lenient: self.options.lenient }
        } else {
            Fields::One(name.text.clone())
        };
        if self.take("(") {
            let query = self.clauses(&fields, true)?;
            if !self.take(")") {
                return Err(self.error("missing `)`"));
            }
            return self.boosted(query);
        }
        self.value(&fields)
    }

    /// A phrase, a range, or a word.
    fn value(&mut self, fields: &Fields) -> Result<Query, ApiError> {
        let leaf = if self.take("\"") {
            let text = self.quoted()?;
            if self.take("~") && self.number().is_none_or(|slop| slop != 0.0) {
                return Err(ApiError::unsupported("a phrase with slop"));
            }
            Leaf::Phrase(Value::String(text))
        } else if self.rest.starts_with(['[', '{']) {
            self.range()?
        } else if let Some(comparison) = ["<=", ">=", "<", ">"].into_iter().find(|sign| self.rest.starts_with(sign)) {
            self.rest = &self.rest[comparison.len()..];
            self.skip_space();
            let value = if self.take("\"") { self.quoted()? } else { self.word()?.text };
            let bound = Some(Bound { value: Value::String(value), inclusive: comparison.ends_with('=') });
            let (lower, upper) = if comparison.starts_with('>') { (bound, None) } else { (None, bound) };
            Leaf::Range { lower, upper, format: None }
        } else if self.rest.starts_with('/') {
            return Err(ApiError::unsupported(
                "a regular expression in a query string (quote or escape a `/` that begins a word)",
            ));
        } else {
            let word = self.word()?;
            if self.take("~") {
                return Err(ApiError::unsupported("a fuzzy word in a query string"));
            }
            if word.wild && word.text == "*" {
                // Any document that has the field, or any at all.
                let query = match fields {
                    Fields::One(field) => Query::leaf(field.clone(), Leaf::Exists),
                    Fields::Many { .. } => Query::All,
                };
                return self.boosted(query);
            }
            if word.wild {
                Leaf::Wildcard { pattern: word.pattern, ignore_case: false }
            } else {
                Leaf::Match { value: Value::String(word.text), operator: self.options.operator, minimum: None }
            }
        };
        self.boosted(Query::Leaf { fields: fields.clone(), leaf })
    }

    fn boosted(&mut self, query: Query) -> Result<Query, ApiError> {
        if !self.take("^") {
            return Ok(query);
        }
        match self.number() {
            Some(boost) => Ok(query.boosted(boost)),
            None => Err(self.error("expected a number behind `^`")),
        }
    }

    fn number(&mut self) -> Option<f32> {
        let length = self.rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let (number, rest) = self.rest.split_at(length);
        self.rest = rest;
        number.parse().ok()
    }

    fn quoted(&mut self) -> Result<String, ApiError> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(text);
                }
                '\\' => text.extend(chars.next().map(|(_, c)| c)),
                c => text.push(c),
            }
        }
        Err(self.error("missing closing quote"))
    }

    fn range(&mut self) -> Result<Leaf, ApiError> {
        let lower_inclusive = self.rest.starts_with('[');
        self.rest = &self.rest[1..];
        let lower = self.range_end()?;
        self.skip_space();
        if !self.take_word("TO") {
            return Err(self.error("expected `TO` in a range"));
        }
        let upper = self.range_end()?;
        self.skip_space();
        let upper_inclusive = if self.take("]") {
            true
        } else if self.take("}") {
            false
        } else {
            return Err(self.error("missing `]` or `}`"));
        };
        let bound =
            |value: Option<String>, inclusive| value.map(|value| Bound { value: Value::String(value), inclusive });
        Ok(Leaf::Range { lower: bound(lower, lower_inclusive), upper: bound(upper, upper_inclusive), format: None })
    }

    /// One end of a range; none if it is open (`*`).
    fn range_end(&mut self) -> Result<Option<String>, ApiError> {
        self.skip_space();
        if self.take("\"") {
            return self.quoted().map(Some);
        }
        let length = self.rest.find([' ', '\t', ']', '}']).unwrap_or(self.rest.len());
        let (value, rest) = self.rest.split_at(length);
        if value.is_empty() {
            return Err(self.error("missing end of a range"));
        }
        self.rest = rest;
        Ok((value != "*").then(|| value.replace('\\', "")))
    }

    /// A word: up to a space or a character with a meaning of its own.
    fn word(&mut self) -> Result<Word, ApiError> {
        let mut word = Word::default();
        let mut chars = self.rest.char_indices();
        let mut end = self.rest.len();
        while let Some((at, c)) = chars.next() {
            match c {
                ' ' | '\t' | '\n' | '\r' | '\u{3000}' | '(' | ')' | ':' | '^' | '[' | ']' | '"' | '{' | '}' | '~' => {
                    end = at;
                    break;
                }
                '\\' => {
                    let Some((_, c)) = chars.next() else { return Err(self.error("nothing behind `\\`")) };
                    word.text.push(c);
                    word.pattern.push('\\');
                    word.pattern.push(c);
                }
                '*' | '?' => {
                    word.wild = true;
                    word.text.push(c);
                    word.pattern.push(c);
                }
                c => {
                    word.text.push(c);
                    word.pattern.push(c);
                }
            }
        }
        if end == 0 {
            return Err(self.error("expected a word"));
        }
        self.rest = &self.rest[end..];
        Ok(word)
    }
}

fn add(
    clauses: &mut Vec<(Occur, Query)>,
    joined: Option<Operator>,
    modifier: Modifier,
    query: Query,
    default: Operator,
) {
    if let Some((occur, _)) = clauses.last_mut()
        && *occur != Occur::MustNot
    {
        match (joined, default) {
            (Some(Operator::And), _) => *occur = Occur::Must,
            (Some(Operator::Or), Operator::And) => *occur = Occur::Should,
            _ => {}
        }
    }
    let occur = match (modifier, default) {
        (Modifier::Prohibited, _) => Occur::MustNot,
        (Modifier::Required, _) => Occur::Must,
        (Modifier::None, Operator::Or) if joined == Some(Operator::And) => Occur::Must,
        (Modifier::None, Operator::And) if joined != Some(Operator::Or) => Occur::Must,
        (Modifier::None, _) => Occur::Should,
    };
    clauses.push((occur, query));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(query: &Query) -> String {
        let list =
            |sign: &str, queries: &[Query]| queries.iter().map(|q| format!("{sign}{}", show(q))).collect::<Vec<_>>();
        match query {
            Query::All => "ALL".into(),
            Query::None => "NONE".into(),
            Query::Bool { must, should, must_not, .. } => {
                format!("({})", [list("+", must), list("", should), list("-", must_not)].concat().join(" "))
            }
            Query::Boost(inner, boost) => format!("{}^{boost}", show(inner)),
            Query::Leaf { fields, leaf } => {
                let field = match fields {
                    Fields::One(field) => field.clone(),
                    Fields::Many { fields, .. } => {
                        fields.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join("|")
                    }
                };
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let leaf = match leaf {
                    Leaf::Match { value, .. } => text(value),
                    Leaf::Phrase(value) => format!("\"{}\"", text(value)),
                    Leaf::Wildcard { pattern, .. } => format!("/{pattern}/"),
                    Leaf::Exists => "EXISTS".into(),
                    Leaf::Range { lower, upper, .. } => {
                        let end = |bound: &Option<Bound>| {
                            bound.as_ref().map_or("*".into(), |b| {
                                format!("{}{}", text(&b.value), if b.inclusive { "=" } else { "" })
                            })
                        };
                        format!("{}..{}", end(lower), end(upper))
                    }
                    other => format!("{other:?}"),
                };
                format!("{field}:{leaf}")
            }
            other => format!("{other:?}"),
        }
    }

    fn read(text: &str, operator: Operator) -> Result<String, ApiError> {
        let options = Options { default_fields: Fields::One("d".into()), operator, lenient: false };
        parse(text, &options).map(|query| show(&query))
    }

    #[test]
    fn clauses_are_joined_as_lucene_does() {
        for (text, or, and) in [
            ("a b", "(d:a d:b)", "(+d:a +d:b)"),
            ("a AND b", "(+d:a +d:b)", "(+d:a +d:b)"),
            ("a OR b", "(d:a d:b)", "(d:a d:b)"),
            ("a AND b OR c", "(+d:a +d:b d:c)", "(+d:a d:b d:c)"),
            ("a NOT b", "(d:a -d:b)", "(+d:a -d:b)"),
            ("+a -b c", "(+d:a d:c -d:b)", "(+d:a +d:c -d:b)"),
            ("a && !b", "(+d:a -d:b)", "(+d:a -d:b)"),
            ("(a OR b) AND c", "(+(d:a d:b) +d:c)", "(+(d:a d:b) +d:c)"),
            ("ANDROID ORACLE", "(d:ANDROID d:ORACLE)", "(+d:ANDROID +d:ORACLE)"),
        ] {
            assert_eq!(read(text, Operator::Or).expect(text), or, "{text}");
            assert_eq!(read(text, Operator::And).expect(text), and, "{text}");
        }
    }

    #[test]
    fn values_of_every_form() {
        for (text, expected) in [
            ("host.name:web-1", "host.name:web-1"),
            ("source.ip:10.0.0.0/8", "source.ip:10.0.0.0/8"),
            ("source.ip:2001\\:db8\\:\\:1", "source.ip:2001:db8::1"),
            ("m:\"a b\\\"c\"", "m:\"a b\"c\""),
            ("n:[1 TO 5}", "n:1=..5"),
            ("n:{* TO \"x y\"]", "n:*..x y="),
            ("n:>=10", "n:10=..*"),
            ("n:<-5", "n:*..-5"),
            ("f:ab*", "f:/ab*/"),
            ("f:a\\*b?", "f:/a\\*b?/"),
            ("f:*", "f:EXISTS"),
            ("_exists_:user.name", "user.name:EXISTS"),
            ("*:*", "ALL"),
            ("f:(a b)", "(f:a f:b)"),
            ("f:a^2", "f:a^2"),
            ("\"x y\"^3", "d:\"x y\"^3"),
            ("source.\\*:x", "source.*:x"),
            ("source.*:x", "source.*:x"),
            ("", "NONE"),
        ] {
            assert_eq!(read(text, Operator::Or).expect(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_or_not_supported_is_refused() {
        for text in [
            "(a",
            "a)",
            "\"a",
            "f:[1 TO",
            "f:[1 5]",
            "f:",
            "()",
            "a~2",
            "\"a b\"~3",
            "/re/",
            "a^x",
            "AND a",
            "OR",
            "|| a",
            "a AND OR b",
            "a AND",
            "(OR a)",
            "\\",
            ":x",
        ] {
            let outcome = read(text, Operator::Or);
            {
                assert_eq!(outcome.expect_err(text).status, 400, "{text}");
            }
        }
        assert!(read(&"(".repeat(1000), Operator::Or).is_err());
    }
}
