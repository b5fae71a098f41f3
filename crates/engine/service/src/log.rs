//! How a service writes its log: one line a record to standard error, which the supervisor keeps.

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::time::SystemTime;

/// Starts logging to standard error. Call once, first thing in the process.
pub fn init() {
    let result = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .with_timer(SystemTime)
        .with_max_level(LevelFilter::INFO)
        .try_init();
    if result.is_err() {
        tracing::debug!("logging was set up already");
    }
}
