//! Watching what flows by, without holding it up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use globset::Glob;
use parking_lot::Mutex;
use resilmesh_service::control::{Answer, Handler, Reply};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::event::Batch;

/// How many events wait for a slow watcher before further ones are left out.
const WAITING: usize = 256;

/// All places of a pipeline that can be watched, by component id or output name.
#[derive(Debug, Clone, Default)]
pub struct Taps(Arc<Mutex<BTreeMap<String, Arc<Point>>>>);

/// A place where events go by.
#[derive(Debug)]
pub struct Point {
    id: String,
    /// So that nothing is locked as long as nobody watches.
    watched: AtomicBool,
    watchers: Mutex<Vec<mpsc::Sender<Value>>>,
}

impl Taps {
    /// The place called `id`, made at the first call.
    pub fn point(&self, id: &str) -> Arc<Point> {
        let mut points = self.0.lock();
        let point = points.entry(id.to_owned()).or_insert_with(|| {
            Arc::new(Point { id: id.to_owned(), watched: AtomicBool::new(false), watchers: Mutex::default() })
        });
        Arc::clone(point)
    }

    /// Watches, from now, every place that one of `patterns` matches.
    ///
    /// # Errors
    /// When a pattern is malformed or none matches anything.
    pub fn watch(&self, patterns: &[String]) -> Result<mpsc::Receiver<Value>, String> {
        let matchers = patterns
            .iter()
            .map(|pattern| Glob::new(pattern).map(|glob| glob.compile_matcher()).map_err(|error| error.to_string()))
            .collect::<Result<Vec<_>, _>>()?;
        let (to, from) = mpsc::channel(WAITING);
        let points = self.0.lock();
        let mut any = false;
        for point in points.values().filter(|point| matchers.iter().any(|m| m.is_match(&point.id))) {
            point.watchers.lock().push(to.clone());
            point.watched.store(true, Ordering::Release);
            any = true;
        }
        if any {
            return Ok(from);
        }
        let known = points.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        Err(format!("no component matches {}; there are: {known}", patterns.join(", ")))
    }
}

impl Point {
    /// Shows a batch to those who watch.
    pub fn show(&self, batch: &Batch) {
        if self.watched.load(Ordering::Acquire) {
            self.show_watchers(batch);
        }
    }

    fn show_watchers(&self, batch: &Batch) {
        let mut watchers = self.watchers.lock();
        watchers.retain(|watcher| !watcher.is_closed());
        if watchers.is_empty() {
            self.watched.store(false, Ordering::Release);
            return;
        }
        for event in batch {
            let mut rooms: Vec<_> = watchers.iter().filter_map(|watcher| watcher.try_reserve().ok()).collect();
            if rooms.is_empty() {
                return;
            }
            let item = json!({"component": self.id, "event": event.value});
            let last = rooms.pop();
            rooms.into_iter().for_each(|room| room.send(item.clone()));
            last.into_iter().for_each(|room| room.send(item.clone()));
        }
    }
}

/// The control verb `tap`.
#[derive(Debug)]
pub struct TapVerb {
    /// What can be watched.
    pub taps: Taps,
    /// Ends all watching.
    pub stop: CancellationToken,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TapRequest {
    components: Vec<String>,
    limit: Option<u64>,
}

impl Handler for TapVerb {
    fn answer<'a>(&'a self, verb: &'a str, with: Value, reply: &'a mut Reply) -> Option<Answer<'a>> {
        (verb == "tap").then(|| -> Answer<'a> { Box::pin(self.tap(with, reply)) })
    }
}

impl TapVerb {
    async fn tap(&self, with: Value, reply: &mut Reply) -> Result<Value, String> {
        let request: TapRequest = serde_json::from_value(with)
            .map_err(|error| format!("`tap` takes {{\"components\": [patterns], \"limit\": n}}: {error}"))?;
        let mut events = self.taps.watch(&request.components)?;
        let limit = request.limit.unwrap_or(u64::MAX);
        let mut shown = 0;
        while shown < limit {
            let event = tokio::select! {
                () = self.stop.cancelled() => break,
                event = events.recv() => event,
            };
            let Some(event) = event else { break };
            reply.item(event).await.map_err(|error| error.to_string())?;
            shown += 1;
        }
        Ok(json!({"shown": shown}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Ack, Event};

    fn batch(n: i64) -> Batch {
        let value = vrl::value::Value::Object([("n".into(), n.into())].into());
        vec![Event::new(value, Ack::none())]
    }

    #[tokio::test]
    async fn a_watcher_sees_what_it_asked_for_from_now() {
        let taps = Taps::default();
        let (a, b) = (taps.point("in_a"), taps.point("other"));
        a.show(&batch(1));
        let mut seen = taps.watch(&["in_*".to_owned()]).unwrap();
        a.show(&batch(2));
        b.show(&batch(3));
        a.show(&batch(4));
        assert_eq!(seen.recv().await, Some(json!({"component": "in_a", "event": {"n": 2}})));
        assert_eq!(seen.recv().await, Some(json!({"component": "in_a", "event": {"n": 4}})));
        assert!(seen.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_slow_watcher_misses_events_and_holds_nobody_up() {
        let taps = Taps::default();
        let point = taps.point("a");
        let mut seen = taps.watch(&["a".to_owned()]).unwrap();
        (0..1000).for_each(|n| point.show(&batch(n)));
        let mut count = 0;
        while seen.try_recv().is_ok() {
            count += 1;
        }
        assert_eq!(count, WAITING);
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_told_with_what_there_is() {
        let taps = Taps::default();
        taps.point("src");
        assert_eq!(taps.watch(&["x".to_owned()]).unwrap_err(), "no component matches x; there are: src");
    }

    #[test]
    fn a_watcher_that_went_is_forgotten() {
        let taps = Taps::default();
        let point = taps.point("a");
        drop(taps.watch(&["a".to_owned()]).unwrap());
        point.show(&batch(1));
        assert!(!point.watched.load(Ordering::Acquire));
    }
}
