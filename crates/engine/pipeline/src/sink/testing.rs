//! What the tests of sinks share.

use std::time::Duration;

use resilmesh_service::Stats;
use resilmesh_service::stats::Kind;
use tokio_util::sync::CancellationToken;

use super::SinkContext;
use crate::readiness::Part;

/// A context that nobody looks at.
pub(crate) fn context() -> SinkContext {
    counted(&Stats::new())
}

/// A context that counts into `stats`, as sink `out`.
pub(crate) fn counted(stats: &Stats) -> SinkContext {
    SinkContext {
        id: "out".to_owned(),
        counters: stats.component("out", Kind::Sink),
        stop: CancellationToken::new(),
        data_dir: std::env::temp_dir(),
        inbox_prefix: None,
        refused: None,
        readiness: Part::ignored(),
    }
}

/// What `future` gives, which must be before long.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it should have come by now")
}
