//! Following new documents, in the order in which they were received.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use futures::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};
use resilmesh_sdk_macros::watch;

use super::client::Store;
use crate::hooks::{Events, From, HookContext, HookError};

/// How often is looked for new ones.
const PAUSE: Duration = Duration::from_millis(300);
/// How far back is looked each time: documents received earlier may be stored later.
const OVERLAP: chrono::Duration = chrono::Duration::seconds(60);
/// How many documents one look gives at most.
const PAGE: usize = 1000;

/// Documents whose `event.ingested` is later than now, or all.
#[allow(clippy::unused_async, reason = "hooks are asynchronous")]
#[watch(role = "consumer", title = "follow new documents", runtime = crate::hooks::builtin)]
async fn follow(cx: &HookContext, from: From) -> Result<Events, HookError> {
    let since = match from {
        From::Now => chrono::Utc::now(),
        From::Start => chrono::DateTime::UNIX_EPOCH,
    };
    let follower = Follower { store: Store::of(cx)?, since, seen: BTreeSet::new(), ready: VecDeque::new() };
    Ok(stream::unfold(follower, |mut follower| async move {
        let next = follower.next().await;
        Some((next, follower))
    })
    .boxed())
}

struct Follower {
    store: Store,
    since: chrono::DateTime<chrono::Utc>,
    /// Ids shown, with when they were received: those that another look may find again.
    seen: BTreeSet<(chrono::DateTime<chrono::Utc>, String)>,
    ready: VecDeque<Value>,
}

impl Follower {
    async fn next(&mut self) -> Result<Value, HookError> {
        loop {
            if let Some(document) = self.ready.pop_front() {
                return Ok(document);
            }
            self.look().await?;
            if self.ready.is_empty() {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Gets the documents received since `since` that were not shown yet.
    async fn look(&mut self) -> Result<(), HookError> {
        let mut from = 0;
        let mut newest = self.since;
        loop {
            let question = json!({
                "query": {"range": {"event.ingested": {"gte": self.since.to_rfc3339()}}},
                "sort": [{"event.ingested": "asc"}],
                "from": from, "size": PAGE,
            });
            let answer = self.store.must(Method::POST, &format!("{}/_search", self.store.index), Some(&question)).await?;
            let hits = answer.pointer("/hits/hits").and_then(Value::as_array).cloned().unwrap_or_default();
            let found = hits.len();
            for mut hit in hits {
                let id = hit.get("_id").and_then(Value::as_str).unwrap_or_default().to_owned();
                let document = hit.get_mut("_source").map(Value::take).unwrap_or_default();
                let Some(received) = received(&document) else { continue };
                newest = newest.max(received);
                if self.seen.insert((received, id)) {
                    self.ready.push_back(document);
                }
            }
            from += found;
            if found < PAGE || from >= 10 * PAGE {
                break;
            }
        }
        self.since = self.since.max(newest - OVERLAP);
        let since = self.since;
        self.seen.retain(|(received, _)| *received >= since);
        Ok(())
    }
}

fn received(document: &Value) -> Option<chrono::DateTime<chrono::Utc>> {
    let text = document.pointer("/event/ingested")?.as_str()?;
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc())
}
