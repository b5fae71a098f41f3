//! Text that looks like a secret: the tokens of well-known vendors by their form, anything else by
//! what it is assigned to.

use std::ops::Range;

use regex::bytes::{Regex, RegexSet};

use super::guess;

/// What a token looks like and what it is. A group called `value` is the token, else the whole match.
const TOKENS: [(&str, &str); 22] = [
    ("an AWS access key", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b"),
    ("a GitHub token", r"\bgh[pousr]_[A-Za-z0-9]{36,255}\b"),
    ("a GitHub token", r"\bgithub_pat_[A-Za-z0-9_]{22,255}\b"),
    ("a GitLab token", r"\bgl(?:pat|ptt|dt|rt|ft|soat|cbt|imt|oas|agent)-[A-Za-z0-9_-]{20,255}"),
    ("a Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,250}"),
    ("a Slack webhook", r"https://hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/_-]{20,200}"),
    ("a private key", r"-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----"),
    ("an age key", r"\bAGE-SECRET-KEY-1[0-9A-Z]{58}\b"),
    ("a JSON web token", r"\beyJ[A-Za-z0-9_-]{10,4000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,4000}"),
    ("a NATS seed", r"\bS[ACNOUX][A-Z2-7]{56}\b"),
    ("NATS credentials", r"-----BEGIN USER NKEY SEED-----"),
    ("a Google API key", r"\bAIza[0-9A-Za-z_-]{35}\b"),
    ("a Stripe key", r"\b[rs]k_(?:live|test)_[0-9A-Za-z]{20,250}\b"),
    ("an API key", r"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{32,250}"),
    ("an npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("a PyPI token", r"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,500}"),
    ("a HashiCorp Vault token", r"\bhv[sbr]\.[A-Za-z0-9_-]{24,250}"),
    ("a DigitalOcean token", r"\bdo[opr]_v1_[a-f0-9]{64}\b"),
    ("a SendGrid key", r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b"),
    ("an Azure storage key", r"AccountKey=[A-Za-z0-9+/]{86}=="),
    ("a password in a URL", r#"[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@"'<>]{0,100}:(?P<value>[^\s/@"'<>]{3,200})@"#),
    (guess::KIND, guess::ASSIGNMENT),
];

pub(super) struct Patterns {
    any: RegexSet,
    each: Vec<(&'static str, Regex)>,
}

impl Patterns {
    pub(super) fn new() -> Result<Self, String> {
        let build = || -> Result<Self, regex::Error> {
            let plain: Vec<String> = TOKENS.iter().map(|(_, pattern)| format!("(?-u){pattern}")).collect();
            let each = TOKENS.iter().zip(&plain).map(|((kind, _), pattern)| Ok((*kind, Regex::new(pattern)?)));
            Ok(Self { any: RegexSet::new(&plain)?, each: each.collect::<Result<_, regex::Error>>()? })
        };
        build().map_err(|error| error.to_string())
    }

    /// Where something starts that looks like a secret, and what it looks like.
    pub(super) fn find(&self, text: &[u8]) -> Vec<(usize, &'static str)> {
        self.spans(text).into_iter().map(|(span, kind)| (span.start, kind)).collect()
    }

    /// Where something looks like a secret, and what it looks like.
    pub(super) fn spans(&self, text: &[u8]) -> Vec<(Range<usize>, &'static str)> {
        let mut found = Vec::new();
        for index in self.any.matches(text) {
            let (kind, pattern) = &self.each[index];
            for captures in pattern.captures_iter(text) {
                let Some(token) = captures.name("value").or_else(|| captures.get(0)) else { continue };
                if is_secret(kind, token.as_bytes(), captures.name("open").is_some()) {
                    found.push((token.range(), *kind));
                }
            }
        }
        prefer_named(found)
    }
}

fn is_secret(kind: &str, token: &[u8], quoted: bool) -> bool {
    match kind {
        guess::KIND => guess::is_secret(token, quoted),
        "a password in a URL" => !guess::is_placeholder(token),
        _ => true,
    }
}

/// One finding for each place: that of a vendor's token says more than a guess.
fn prefer_named(mut found: Vec<(Range<usize>, &'static str)>) -> Vec<(Range<usize>, &'static str)> {
    found.sort_by_key(|(span, kind)| (span.start, *kind == guess::KIND));
    found.dedup_by_key(|(span, _)| span.start);
    found
}
