//! How many indicators may be asked about per day, remembered across restarts.

use std::io;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::files::replace;

/// A daily allowance. Days are UTC days.
pub struct Budget {
    per_day: u64,
    file: PathBuf,
    spent: Mutex<Spent>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Spent {
    day: NaiveDate,
    spent: u64,
}

impl Budget {
    /// Reads what was spent today from `file`; a file that is not there or cannot be understood
    /// counts as nothing spent.
    pub fn open(per_day: u64, file: &Path) -> Self {
        let spent = match std::fs::read(file) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(file = %file.display(), %error, "the record of today's requests cannot be read; counting from 0");
                Spent { day: NaiveDate::MIN, spent: 0 }
            }),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(file = %file.display(), %error, "the record of today's requests cannot be read; counting from 0");
                }
                Spent { day: NaiveDate::MIN, spent: 0 }
            }
        };
        Self { per_day, file: file.to_owned(), spent: Mutex::new(spent) }
    }

    /// Takes up to `wanted` out of what is left of `today`, and remembers it before it is spent.
    /// Answers how many.
    pub fn take(&self, wanted: u64, today: NaiveDate) -> u64 {
        let mut spent = self.spent.lock();
        if spent.day != today {
            *spent = Spent { day: today, spent: 0 };
        }
        let granted = wanted.min(self.per_day.saturating_sub(spent.spent));
        if granted > 0 {
            spent.spent += granted;
            self.save(*spent);
        }
        granted
    }

    /// Gives back what was taken on `day` and not used: the API did not answer.
    pub fn give_back(&self, unused: u64, day: NaiveDate) {
        let mut spent = self.spent.lock();
        if spent.day == day {
            spent.spent = spent.spent.saturating_sub(unused);
            self.save(*spent);
        }
    }

    /// What was spent of `today`.
    pub fn spent(&self, today: NaiveDate) -> u64 {
        let spent = self.spent.lock();
        if spent.day == today { spent.spent } else { 0 }
    }

    /// The allowance.
    pub fn per_day(&self) -> u64 {
        self.per_day
    }

    fn save(&self, spent: Spent) {
        let written = serde_json::to_vec(&spent).map_err(io::Error::from).and_then(|bytes| replace(&self.file, &bytes));
        if let Err(error) = written {
            // Counted in memory all the same: only a restart on this day would forget it.
            tracing::warn!(file = %self.file.display(), %error, "the record of today's requests cannot be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(n: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 1, n).expect("a day")
    }

    #[test]
    fn a_day_has_its_allowance_also_after_a_restart() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("budget.json");
        let budget = Budget::open(10, &file);
        assert_eq!((budget.take(7, day(1)), budget.take(7, day(1)), budget.take(1, day(1))), (7, 3, 0));
        assert_eq!(Budget::open(10, &file).take(1, day(1)), 0);
        assert_eq!(Budget::open(12, &file).take(5, day(1)), 2);
        assert_eq!(Budget::open(10, &file).take(4, day(2)), 4);
        assert_eq!(Budget::open(10, &file).spent(day(2)), 4);
    }

    #[test]
    fn what_was_not_used_comes_back_on_the_same_day() {
        let dir = tempfile::tempdir().expect("a folder");
        let budget = Budget::open(10, &dir.path().join("budget.json"));
        assert_eq!(budget.take(10, day(1)), 10);
        budget.give_back(4, day(1));
        assert_eq!(budget.take(9, day(1)), 4);
        assert_eq!(budget.take(1, day(2)), 1);
        budget.give_back(4, day(1));
        assert_eq!(budget.spent(day(2)), 1);
    }

    #[test]
    fn a_broken_record_counts_from_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("budget.json");
        std::fs::write(&file, "{").expect("write");
        assert_eq!(Budget::open(10, &file).take(1, day(1)), 1);
    }
}
