//! What workers say to people goes to the service's log, and no flood of it.

use std::time::{Duration, Instant};

use resilmesh_hook_api::Level;
use resilmesh_hook_api::batch::Log;

/// As many lines of a worker are told in this time.
const LINES: u64 = 500;
const WHILE: Duration = Duration::from_secs(10);
/// As many characters of a line.
const LONGEST: usize = 8_000;

/// Tells on what a worker says.
#[derive(Debug)]
pub(crate) struct Logs {
    worker: usize,
    since: Instant,
    lines: u64,
}

impl Logs {
    pub(crate) fn new(worker: usize) -> Self {
        Self { worker, since: Instant::now(), lines: 0 }
    }

    /// A frame with a line.
    pub(crate) fn frame(&mut self, body: &[u8]) {
        match serde_json::from_slice::<Log>(body) {
            Ok(log) => self.line(log.level, &log.text, Instant::now()),
            Err(_) => self.line(Level::Info, &String::from_utf8_lossy(body), Instant::now()),
        }
    }

    fn line(&mut self, level: Level, text: &str, now: Instant) {
        if now.duration_since(self.since) > WHILE {
            self.close();
            (self.since, self.lines) = (now, 0);
        }
        self.lines += 1;
        if self.lines <= LINES {
            self.tell(level, &printable(text));
        }
    }

    fn tell(&self, level: Level, text: &str) {
        let worker = self.worker;
        match level {
            Level::Debug => tracing::debug!(worker, "{text}"),
            Level::Info => tracing::info!(worker, "{text}"),
            Level::Warning => tracing::warn!(worker, "{text}"),
            Level::Error => tracing::error!(worker, "{text}"),
        }
    }

    /// How many lines were left out.
    fn left_out(&self) -> u64 {
        self.lines.saturating_sub(LINES)
    }

    fn close(&self) {
        if self.left_out() > 0 {
            self.tell(Level::Warning, &format!("… and {} lines more, which are left out", self.left_out()));
        }
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        self.close();
    }
}

/// Without what would do something to a terminal.
fn printable(text: &str) -> String {
    text.chars().take(LONGEST).map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_left_out_until_some_time_has_passed() {
        let mut logs = Logs::new(0);
        let start = logs.since;
        for _ in 0..LINES + 7 {
            logs.line(Level::Info, "again", start);
        }
        assert_eq!(logs.left_out(), 7);
        logs.line(Level::Info, "later", start + WHILE + Duration::from_secs(1));
        assert_eq!((logs.left_out(), logs.lines), (0, 1));
        logs.lines = 0;
        assert_eq!(printable("a\u{1b}[2Jb"), "a\u{fffd}[2Jb");
    }
}
