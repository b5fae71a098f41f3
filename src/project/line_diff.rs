//! How two texts differ, line by line, as `diff -u` shows it.

use similar::TextDiff;

use super::printable::printable;

/// The lines that differ with `around` lines about them, safe to be shown; `head` names the texts.
pub fn unified(old: &str, new: &str, around: usize, head: Option<(&str, &str)>) -> String {
    let diff = TextDiff::from_lines(old, new);
    let mut unified = diff.unified_diff();
    unified.context_radius(around);
    if let Some((old, new)) = head {
        unified.header(old, new);
    }
    printable(&unified.to_string())
}
