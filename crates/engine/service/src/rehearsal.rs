//! A service without its surroundings: what would it make of this? Nothing is listened on, connected
//! to or written; questions come over standard input, answers go to standard output, a JSON line each.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// What leaves when these messages come in, one after the other, through an empty service.
    Feed {
        /// The component at which they come in.
        at: String,
        /// The messages, as they come over the wire.
        payloads: Vec<String>,
    },
    /// What one transform makes of these events.
    Transform {
        /// Its id.
        id: String,
        /// The events.
        events: Vec<Value>,
    },
    /// Whether a condition holds for an event.
    Condition {
        /// The expression.
        source: String,
        /// The event.
        event: Value,
    },
}

/// An answer. The first line of a rehearsal is [`Answer::Parts`] or [`Answer::Wrong`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The configuration is valid; it has these components.
    Parts(Vec<Part>),
    /// It has these mistakes.
    Wrong(Vec<String>),
    /// What became of the messages.
    Passed(Passed),
    /// What the transform made.
    Made(Vec<Made>),
    /// The condition holds.
    Holds,
    /// The condition does not hold, and why.
    Broken(String),
    /// The condition is no condition.
    Invalid {
        /// What is wrong with it.
        message: String,
        /// In which of its lines, from 1.
        line: usize,
        /// In which column of that line, from 1.
        column: usize,
    },
    /// The question cannot be answered.
    Refused(String),
}

/// A component of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its id.
    pub id: String,
    /// `source`, `transform` or `sink`.
    pub section: String,
    /// The file that holds it.
    pub file: String,
}

/// What became of the messages that came in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// What left, in order.
    pub left: Vec<Left>,
    /// What did not, and why.
    pub lost: Vec<Lost>,
}

/// A message that left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// The sink.
    pub at: String,
    /// Where to, if the sink says so: a subject, an index.
    pub to: Option<String>,
    /// The message as it goes over the wire.
    pub payload: String,
}

/// Events that went no further.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// The component.
    pub at: String,
    /// Why.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// An event that a transform made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// The output it left by: `<id>` or `<id>.<port>`.
    pub output: String,
    /// The event.
    pub event: Value,
}

/// Says `first`, then answers every line of `input` until it ends.
///
/// # Errors
/// When `input` cannot be read or `output` not written.
pub fn serve(
    first: &Answer,
    input: impl BufRead,
    mut output: impl Write,
    mut answer: impl FnMut(Request) -> Answer,
) -> io::Result<()> {
    let mut say = |answer: &Answer| {
        serde_json::to_writer(&mut output, answer)?;
        output.write_all(b"\n")?;
        output.flush()
    };
    say(first)?;
    for line in input.lines() {
        let answered = match serde_json::from_str(&line?) {
            Ok(request) => answer(request),
            Err(error) => Answer::Refused(format!("no question: {error}")),
        };
        say(&answered)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_answered_also_one_that_is_no_question() {
        let mut output = Vec::new();
        let input = "{\"condition\": {\"source\": \"true\", \"event\": {}}}\nnonsense\n";
        serve(&Answer::Parts(Vec::new()), input.as_bytes(), &mut output, |_| Answer::Holds).expect("it is memory");
        let lines: Vec<&str> = std::str::from_utf8(&output).expect("JSON").lines().collect();
        assert_eq!(lines[..2], ["{\"parts\":[]}", "\"holds\""]);
        assert!(lines[2].starts_with("{\"refused\":\"no question"), "{}", lines[2]);
    }
}
