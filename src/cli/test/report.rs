//! What came of the cases, as it is printed.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::plan::rehearsal::Outcome;
use crate::plan::rehearsal::verdict::Miss;
use crate::project::names;
use crate::project::position::{Position, one_line};
use crate::project::printable::printable;
use crate::project::test_file::{Case, Owner, TestFile};

/// All cases that were run.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) ran: Vec<Ran>,
}

/// A case that was run.
#[derive(Debug, Serialize)]
pub(super) struct Ran {
    pub(super) name: String,
    /// The file, as reports group by it.
    pub(super) file: String,
    line: u32,
    column: u32,
    /// The product whose test it is; none = the mesh's.
    product: Option<String>,
    pub(super) passed: bool,
    pub(super) milliseconds: u128,
    pub(super) failures: Vec<Missed>,
    /// Where events got lost.
    notes: Vec<String>,
    /// How many expectations `--update` has changed.
    updated: usize,
}

/// One way in which a case failed.
#[derive(Debug, Serialize)]
pub(super) struct Missed {
    /// Where it says what is expected.
    at: String,
    /// What it is, line by line.
    pub(super) lines: Vec<String>,
}

impl Ran {
    pub(super) fn new(file: &TestFile, case: &Case, took: Duration, misses: &[Miss<'_>], outcome: &Outcome) -> Self {
        let several = case.expect.as_ref().is_some_and(|expected| expected.len() > 1);
        let missed = |miss: &Miss<'_>| {
            let mut lines = miss.lines();
            if let (Some(event), Some(first), true) = (miss.event(), lines.first_mut(), several) {
                *first = format!("event {}: {first}", event + 1);
            }
            let at = miss.at().map_or_else(|| case.at.clone(), |at| Position::new(&file.path, at));
            Missed { at: at.to_string(), lines }
        };
        let failures: Vec<Missed> = misses.iter().map(missed).collect();
        let note = |lost: &resilmesh_service::rehearsal::Lost| {
            format!("{} went no further at `{}`: {}", names::counted(lost.count, "event"), lost.at, lost.reason)
        };
        Self { notes: outcome.lost.iter().map(note).collect(), ..Self::with(file, case, took, failures) }
    }

    /// A case that could not be run.
    pub(super) fn broken(file: &TestFile, case: &Case, took: Duration, why: String) -> Self {
        let lines = why.lines().map(str::to_owned).collect();
        Self::with(file, case, took, vec![Missed { at: case.at.to_string(), lines }])
    }

    fn with(file: &TestFile, case: &Case, took: Duration, failures: Vec<Missed>) -> Self {
        let product = match &file.owner {
            Owner::Project => None,
            Owner::Product(name) => Some(name.clone()),
        };
        Self {
            name: case.name.clone(),
            file: file.path.display().to_string(),
            line: case.at.line,
            column: case.at.column,
            product,
            passed: failures.is_empty(),
            milliseconds: took.as_millis(),
            failures,
            notes: Vec::new(),
            updated: 0,
        }
    }

    /// `changed` expectations are now what came out; `left` need a person.
    pub(super) fn updated(&mut self, changed: usize, left: usize) {
        self.updated = changed;
        self.passed = left == 0;
    }

    /// Everything there is to say about a failure.
    pub(super) fn text(&self) -> Vec<String> {
        let of_one = |missed: &Missed| missed.lines.clone();
        self.failures.iter().flat_map(of_one).chain(self.notes.iter().cloned()).collect()
    }
}

/// Prints a case: a line, and for a failure what was expected and what came.
pub(super) fn case(cx: &Context, ran: &Ran) {
    if cx.ui.json {
        return;
    }
    let place = format!("{}:{}:{}", ran.file, ran.line, ran.column);
    let (word, colour) = match (ran.passed, ran.updated) {
        (true, 0) => ("ok", "32"),
        (true, _) => ("new", "33"),
        (false, _) => ("FAIL", "31"),
    };
    let word = cx.ui.paint_data(colour, &format!("{word:<4}"));
    cx.ui.line(format!("{word}  {}: {}", one_line(&place), one_line(&ran.name)));
    if ran.passed && ran.updated == 0 {
        return;
    }
    for missed in &ran.failures {
        for (number, line) in missed.lines.iter().enumerate() {
            let indent = if number == 0 { "      " } else { "        " };
            cx.ui.line(format!("{indent}{}", printable(line)));
        }
    }
    ran.notes.iter().for_each(|note| cx.ui.line(format!("      note: {}", printable(note))));
}

/// Prints the sum of it.
///
/// # Errors
/// When a case has failed.
pub(super) fn end(cx: &Context, report: &Report) -> Result<(), Failure> {
    let all = report.ran.len();
    let failed = report.ran.iter().filter(|ran| !ran.passed).count();
    let updated: usize = report.ran.iter().map(|ran| ran.updated).sum();
    if cx.ui.json {
        cx.ui.document(&json!({
            "schema": 1, "passed": all - failed, "failed": failed, "updated": updated, "cases": report.ran,
        }));
    }
    if all == 0 {
        cx.ui.progress("there are no test cases: they are in `tests/*.yaml` and `products/<product>/tests/*.yaml`");
        return Ok(());
    }
    let cases = names::counted(all as u64, "case");
    if failed > 0 {
        let failure = Failure::new(format!("{failed} of {cases} failed"));
        let can_update = updated == 0;
        return Err(if can_update {
            failure.hint("if what comes out is right, `resilmesh test --update` writes it into the files")
        } else {
            failure.hint("what `--update` cannot decide is for a person: conditions, numbers of events, `absent`")
        });
    }
    let updated = if updated > 0 {
        format!(", {} updated", names::counted(updated as u64, "expectation"))
    } else {
        String::new()
    };
    cx.ui.progress(format!("{cases} passed{updated}"));
    Ok(())
}
