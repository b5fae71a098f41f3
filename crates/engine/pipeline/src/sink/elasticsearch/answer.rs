//! What the server says became of each operation.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Deserialize;
use serde_json::Value;

use super::operation::Action;

/// The answer to a bulk request that was carried out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// All operations were carried out.
    AllDone,
    /// One outcome for each operation, in their order.
    Each(Vec<Outcome>),
}

/// What became of one operation.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    status: u16,
    reason: String,
}

/// What that means for its event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate<'a> {
    /// It is stored.
    Stored,
    /// The server may take it later.
    Later(&'a str),
    /// The server will never take it.
    Refused(&'a str),
}

/// Why an answer cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the answer to a bulk request cannot be understood: {0}")]
pub(super) struct Unclear(String);

#[derive(Deserialize)]
struct Head {
    errors: bool,
}

#[derive(Deserialize)]
struct Body {
    items: Vec<BTreeMap<String, Item>>,
}

#[derive(Deserialize)]
struct Item {
    status: u16,
    #[serde(default)]
    error: Value,
}

impl Answer {
    /// Reads the answer to a request of `operations` operations.
    pub(super) fn read(body: &[u8], operations: usize) -> Result<Self, Unclear> {
        let unclear = |error: serde_json::Error| Unclear(error.to_string());
        if !serde_json::from_slice::<Head>(body).map_err(unclear)?.errors {
            return Ok(Self::AllDone);
        }
        let items = serde_json::from_slice::<Body>(body).map_err(unclear)?.items;
        if items.len() != operations {
            return Err(Unclear(format!("{} outcomes for {operations} operations", items.len())));
        }
        items
            .into_iter()
            .map(|item| {
                item.into_values().next().map(Outcome::from).ok_or_else(|| Unclear("an empty outcome".to_owned()))
            })
            .collect::<Result<_, _>>()
            .map(Self::Each)
    }
}

impl From<Item> for Outcome {
    fn from(Item { status, error }: Item) -> Self {
        Self { status, reason: if (200..300).contains(&status) { String::new() } else { reason(status, &error) } }
    }
}

/// The server's words, innermost cause included.
fn reason(status: u16, error: &Value) -> String {
    let mut text = format!("status {status}");
    let mut error = Some(error);
    while let Some(Value::Object(members)) = error {
        for name in ["type", "reason"] {
            if let Some(said) = members.get(name).and_then(Value::as_str) {
                // Writing to a String does not fail.
                let _ = write!(text, ": {said}");
            }
        }
        error = members.get("caused_by");
    }
    if let Some(Value::String(said)) = error {
        text.push_str(": ");
        text.push_str(said);
    }
    text
}

impl Outcome {
    /// What it means for the event of an operation that was to do `action`.
    pub(super) fn fate(&self, action: Action) -> Fate<'_> {
        match (self.status, action) {
            (200..=299, _) => Fate::Stored,
            // It was stored before, by an attempt whose answer did not come through.
            (409, Action::Create) => Fate::Stored,
            (429 | 500.., _) => Fate::Later(&self.reason),
            _ => Fate::Refused(&self.reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_errors_nothing_more_is_read() {
        assert_eq!(Answer::read(br#"{"took":1,"errors":false,"items":[1,2]}"#, 7).unwrap(), Answer::AllDone);
    }

    #[test]
    fn each_outcome_is_read_with_or_without_spaces() {
        let body = r#"{"took": 1, "errors": true, "items": [{"create": {"_id": "x", "status": 201}}, {"create": {"status": 400,
            "error": {"type": "mapper_parsing_exception", "reason": "bad field", "caused_by": {"reason": "no IP"}}}}]}"#;
        let Answer::Each(outcomes) = Answer::read(body.as_bytes(), 2).unwrap() else { panic!() };
        assert_eq!(outcomes[0].fate(Action::Create), Fate::Stored);
        let refused = Fate::Refused("status 400: mapper_parsing_exception: bad field: no IP");
        assert_eq!(outcomes[1].fate(Action::Create), refused);
    }

    #[test]
    fn statuses_mean() {
        let fate = |status, action| match (Outcome { status, reason: String::new() }).fate(action) {
            Fate::Stored => "stored",
            Fate::Later(_) => "later",
            Fate::Refused(_) => "refused",
        };
        for (status, action, wanted) in [
            (200, Action::Index, "stored"),
            (201, Action::Create, "stored"),
            (409, Action::Create, "stored"),
            (409, Action::Index, "refused"),
            (404, Action::Update, "refused"),
            (400, Action::Create, "refused"),
            (429, Action::Create, "later"),
            (500, Action::Create, "later"),
            (503, Action::Index, "later"),
        ] {
            assert_eq!(fate(status, action), wanted, "{status} {action:?}");
        }
    }

    #[test]
    fn what_is_no_answer_is_not_taken_for_one() {
        for (body, operations) in [
            ("<html>", 1),
            ("{}", 1),
            (r#"{"errors":true}"#, 1),
            (r#"{"errors":true,"items":[{}]}"#, 1),
            (r#"{"errors":true,"items":[{"index":{"status":200}}]}"#, 2),
        ] {
            assert!(Answer::read(body.as_bytes(), operations).is_err(), "{body}");
        }
    }
}
