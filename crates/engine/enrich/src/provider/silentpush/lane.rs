//! Collects questions of one type into bulk requests.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Shared;
use super::client::MOST_IN_A_REQUEST;
use crate::indicator::{Indicator, IndicatorType};

/// How long the first question of a request waits for others to join it.
const GATHERING: Duration = Duration::from_millis(50);

/// Where the questions of one type go.
pub(super) struct Lane(mpsc::Sender<Indicator>);

impl Lane {
    /// A lane that is worked off until it is dropped.
    pub(super) fn open(kind: IndicatorType, shared: Arc<Shared>) -> Self {
        let (sender, mut questions) = mpsc::channel(MOST_IN_A_REQUEST);
        tokio::spawn(async move {
            while let Some(first) = questions.recv().await {
                let indicators = gather(first, &mut questions).await;
                tokio::spawn(shared.clone().resolve(kind, indicators));
            }
        });
        Self(sender)
    }

    /// Has a question asked.
    pub(super) async fn ask(&self, indicator: Indicator) {
        // The lane ends only with the program; then nobody waits for the answer either.
        let _ = self.0.send(indicator).await;
    }
}

async fn gather(first: Indicator, questions: &mut mpsc::Receiver<Indicator>) -> Vec<Indicator> {
    let until = Instant::now() + GATHERING;
    let mut gathered = vec![first];
    while gathered.len() < MOST_IN_A_REQUEST {
        match tokio::time::timeout_at(until, questions.recv()).await {
            Ok(Some(indicator)) => gathered.push(indicator),
            Ok(None) | Err(_) => break,
        }
    }
    gathered
}
