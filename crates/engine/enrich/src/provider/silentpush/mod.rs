//! The Silent Push API: bulk summaries of names and addresses.
//!
//! What is asked for is first looked up in memory, then on disk; the rest is collected over a
//! moment, across events, up to a hundred of a type, and asked in one request. An indicator that
//! is being asked about already is not asked about again. Whatever goes wrong, every question is
//! answered within a bounded time, at worst with the reason why there is no answer.
//!
//! Public indicators only: nothing about the inside of the network leaves it.

mod answer;
mod breaker;
mod client;
mod lane;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use chrono::Utc;
use parking_lot::Mutex;
use rand::Rng;
use serde_json::{Map, Value};
use tokio::sync::{Semaphore, oneshot};

use super::{Answer, Failure, Outcome, Provider};
use crate::budget::Budget;
use crate::cache::{DiskCache, Item, Limits, MemoryCache};
use crate::config::SilentPushConfig;
use crate::indicator::{Indicator, IndicatorType, is_within};
use breaker::Breaker;
pub(crate) use client::is_loopback;
use client::{Client, Trouble};
use lane::Lane;

const NAME: &str = "silentpush";
/// Requests under way at once.
const AT_ONCE: usize = 2;
/// The longest wait within one request that the API may ask for; if it asks for more, events go
/// on without it meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How long the API is left alone when it says 429 without saying for how long.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);
/// "Not known there" is believed for an hour: it may also have been a partial answer.
const NOTHING_AGE: Duration = Duration::from_secs(3_600);

/// See the [module](self).
pub struct SilentPush {
    shared: Arc<Shared>,
    lanes: HashMap<IndicatorType, Lane>,
}

struct Shared {
    client: Client,
    settings: SilentPushConfig,
    memory: MemoryCache<Option<Arc<Answer>>>,
    disk: DiskCache,
    budget: Budget,
    breaker: Breaker,
    slots: Semaphore,
    asked: Mutex<HashMap<Indicator, Vec<oneshot::Sender<Outcome>>>>,
}

impl SilentPush {
    /// A provider that keeps its cache and its count of requests in `data_dir`.
    ///
    /// # Errors
    /// When the cache cannot be opened, or the key or TLS is unusable.
    pub fn new(settings: SilentPushConfig, key: &str, data_dir: &Path) -> Result<Self, String> {
        let client =
            Client::new(settings.url.clone(), key, settings.timeout, settings.connect_timeout, settings.explain)?;
        let folder = data_dir.join("silentpush-cache");
        let limits = Limits {
            age: settings.cache_age,
            nothing_age: NOTHING_AGE.min(settings.cache_age),
            bytes: settings.cache_bytes,
        };
        let disk = DiskCache::open(&folder, limits)
            .map_err(|error| format!("cache folder `{}` cannot be used: {error}", folder.display()))?;
        let shared = Arc::new(Shared {
            client,
            memory: MemoryCache::new(),
            disk,
            budget: Budget::open(settings.daily_budget, &data_dir.join("silentpush-budget.json")),
            breaker: Breaker::new(settings.pause, settings.timeout + Duration::from_secs(5)),
            slots: Semaphore::new(AT_ONCE),
            asked: Mutex::new(HashMap::new()),
            settings,
        });
        let lanes = IndicatorType::ALL.into_iter().map(|kind| (kind, Lane::open(kind, shared.clone()))).collect();
        Ok(Self { shared, lanes })
    }

    /// Joins those who wait for the answer about an indicator; the first to ask has it asked.
    async fn ask(&self, indicator: &Indicator) -> oneshot::Receiver<Outcome> {
        let (sender, receiver) = oneshot::channel();
        let is_first = {
            let mut asked = self.shared.asked.lock();
            let waiting = asked.entry(indicator.clone()).or_default();
            waiting.push(sender);
            waiting.len() == 1
        };
        if is_first && let Some(lane) = self.lanes.get(&indicator.kind()) {
            lane.ask(indicator.clone()).await;
        }
        receiver
    }
}

#[async_trait]
impl Provider for SilentPush {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn lookup(&self, indicators: &[Indicator]) -> Vec<Outcome> {
        let mut outcomes: Vec<Option<Outcome>> =
            indicators.iter().map(|indicator| self.shared.known_at_once(indicator)).collect();
        let open: Vec<Indicator> =
            indicators.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_none()).map(|(i, _)| i.clone()).collect();
        if open.is_empty() {
            return outcomes.into_iter().flatten().collect();
        }
        let mut on_disk = Shared::known_on_disk(&self.shared, open).await;
        let mut waiting = Vec::new();
        for (at, indicator) in indicators.iter().enumerate() {
            if outcomes[at].is_some() {
                continue;
            }
            outcomes[at] =
                on_disk.remove(indicator).or_else(|| self.shared.breaker.open_because().map(Outcome::Failed));
            if outcomes[at].is_none() {
                waiting.push((at, self.ask(indicator).await));
            }
        }
        for (at, answer) in waiting {
            let stopping = || Outcome::Failed(Failure::new("stopping", "silentpush: stopped before the answer came"));
            outcomes[at] = Some(answer.await.unwrap_or_else(|_| stopping()));
        }
        outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Nothing)).collect()
    }

    fn may_have_to_wait(&self) -> bool {
        true
    }

    fn knows_at_once(&self, indicator: &Indicator) -> bool {
        self.shared.known_at_once(indicator).is_some() || self.shared.breaker.open_because().is_some()
    }

    fn note(&self) -> Option<String> {
        let budget = &self.shared.budget;
        let used = format!("{} of {} indicators asked today", budget.spent(Utc::now().date_naive()), budget.per_day());
        Some(self.shared.breaker.trouble().map_or_else(|| used.clone(), |trouble| format!("{trouble}; {used}")))
    }
}

impl Shared {
    /// What needs no waiting: what must not be asked, and what is in memory.
    fn known_at_once(&self, indicator: &Indicator) -> Option<Outcome> {
        if !self.may_leave(indicator) {
            return Some(Outcome::Nothing);
        }
        self.memory.get(indicator, SystemTime::now()).map(outcome_of)
    }

    /// Whether others may know that we saw this indicator.
    fn may_leave(&self, indicator: &Indicator) -> bool {
        let is_ours = |name: &str| self.settings.never_send.iter().any(|ours| is_within(name, ours));
        indicator.is_public() && !matches!(indicator, Indicator::Domain(name) if is_ours(name))
    }

    async fn known_on_disk(shared: &Arc<Self>, indicators: Vec<Indicator>) -> HashMap<Indicator, Outcome> {
        let on_disk = shared.clone();
        let read = move || -> HashMap<Indicator, Outcome> {
            let now = SystemTime::now();
            let known = indicators.into_iter().filter_map(|indicator| {
                let (item, until) = on_disk.disk.get(&indicator, now)?;
                let outcome = on_disk.remember(&indicator, item, until);
                Some((indicator, outcome))
            });
            known.collect()
        };
        tokio::task::spawn_blocking(read).await.unwrap_or_default()
    }

    fn remember(&self, indicator: &Indicator, item: Item, until: SystemTime) -> Outcome {
        let answer = item.map(|item| Arc::new(answer::answer(indicator, NAME, item)));
        self.memory.put(indicator.clone(), answer.clone(), until);
        outcome_of(answer)
    }

    /// Asks about some indicators of one type and answers everybody who waits for them.
    async fn resolve(self: Arc<Self>, kind: IndicatorType, indicators: Vec<Indicator>) {
        let asked = Asked { shared: &self, indicators };
        let outcomes = match self.slots.acquire().await {
            Ok(_slot) => Self::fetch(&self, kind, &asked.indicators).await,
            Err(_closed) => HashMap::new(),
        };
        asked.answer(&outcomes);
    }

    async fn fetch(shared: &Arc<Self>, kind: IndicatorType, indicators: &[Indicator]) -> HashMap<Indicator, Outcome> {
        let today = Utc::now().date_naive();
        if let Err(failure) = shared.breaker.admit() {
            return all_failed(indicators, &failure);
        }
        let granted = shared.budget.take(indicators.len() as u64, today);
        let (asked, over) = indicators.split_at(usize::try_from(granted).unwrap_or(usize::MAX).min(indicators.len()));
        let over_budget = Failure::new(
            "daily budget used up",
            format!("silentpush: the daily budget of {} indicators is used up", shared.budget.per_day()),
        );
        let mut outcomes = all_failed(over, &over_budget);
        // A request that is refused as a whole is taken in halves, so that one indicator that the
        // API cannot stand does not cost the others their answers.
        let mut parts = vec![asked];
        let mut stopped = None;
        while let Some(part) = parts.pop() {
            let result = match stopped.clone() {
                _ if part.is_empty() => continue,
                Some(failure) => Err(Refusal::Other(failure)),
                None => shared.request(kind, part).await,
            };
            let failure = match result {
                Ok(items) => {
                    outcomes.extend(Self::take_in(shared, part, items).await);
                    continue;
                }
                Err(Refusal::OfTheWhole(_)) if part.len() > 1 => {
                    parts.extend([&part[..part.len() / 2], &part[part.len() / 2..]]);
                    continue;
                }
                Err(Refusal::OfTheWhole(failure)) => {
                    // One odd indicator is nothing; one after the other means that it is not them.
                    if !shared.breaker.failed(&failure) {
                        stopped = Some(failure.clone());
                    }
                    failure
                }
                Err(Refusal::Other(failure)) => {
                    stopped = Some(failure.clone());
                    failure
                }
            };
            shared.budget.give_back(part.len() as u64, today);
            outcomes.extend(all_failed(part, &failure));
        }
        outcomes
    }

    /// One request, tried again a few times where that may help.
    async fn request(&self, kind: IndicatorType, part: &[Indicator]) -> Result<Vec<Map<String, Value>>, Refusal> {
        let mut attempt = 0;
        loop {
            let trouble = match self.client.summaries(kind, part).await {
                Ok(items) => {
                    self.breaker.succeeded();
                    return Ok(items);
                }
                Err(trouble) => trouble,
            };
            let failure = trouble.to_failure();
            let may_retry = attempt < self.settings.retries;
            let wait = match trouble {
                Trouble::Refused(_) => {
                    self.breaker.refused(&failure);
                    return Err(Refusal::Other(failure));
                }
                Trouble::BadRequest(_) => return Err(Refusal::OfTheWhole(failure)),
                Trouble::Limited(wait) => {
                    if !may_retry || wait.is_some_and(|wait| wait > LONGEST_WAIT) {
                        self.breaker.limited(wait.unwrap_or(DEFAULT_WAIT), &failure);
                        return Err(Refusal::Other(failure));
                    }
                    wait.unwrap_or_default().max(self.back_off(attempt))
                }
                Trouble::Passing(_) => {
                    if !(self.breaker.failed(&failure) && may_retry) {
                        return Err(Refusal::Other(failure));
                    }
                    self.back_off(attempt)
                }
            };
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    /// Twice as long each time, and up to half as long again by chance, so that many who were
    /// turned away together do not come back together.
    fn back_off(&self, attempt: u32) -> Duration {
        let wait = self.settings.retry_delay * 2_u32.saturating_pow(attempt.min(6));
        wait.mul_f64(1.0 + rand::rng().random_range(0.0..0.5))
    }

    /// Stores what was answered; what was not answered about is not known there.
    async fn take_in(
        shared: &Arc<Self>,
        asked: &[Indicator],
        items: Vec<Map<String, Value>>,
    ) -> HashMap<Indicator, Outcome> {
        let mut found: HashMap<Indicator, Item> = asked.iter().map(|indicator| (indicator.clone(), None)).collect();
        for item in items {
            let subject = answer::subjects(&item).into_iter().find(|subject| found.contains_key(subject));
            if let Some(place) = subject.and_then(|subject| found.get_mut(&subject)) {
                *place = Some(item);
            }
        }
        let shared = shared.clone();
        let store = move || -> HashMap<Indicator, Outcome> {
            let now = SystemTime::now();
            let stored = found.into_iter().map(|(indicator, item)| {
                let until = shared.disk.put(&indicator, &item, now).unwrap_or_else(|error| {
                    tracing::warn!(%error, "an answer of Silent Push cannot be kept on disk");
                    now + NOTHING_AGE.min(shared.settings.cache_age)
                });
                let outcome = shared.remember(&indicator, item, until);
                (indicator, outcome)
            });
            stored.collect()
        };
        tokio::task::spawn_blocking(store).await.unwrap_or_default()
    }
}

/// Indicators that are being asked about. However that ends, nobody waits for them for ever.
struct Asked<'s> {
    shared: &'s Shared,
    indicators: Vec<Indicator>,
}

impl Asked<'_> {
    fn answer(self, outcomes: &HashMap<Indicator, Outcome>) {
        let mut asked = self.shared.asked.lock();
        for indicator in &self.indicators {
            let outcome = outcomes.get(indicator).cloned().unwrap_or(Outcome::Nothing);
            for waiting in asked.remove(indicator).into_iter().flatten() {
                // Who no longer waits needs no answer.
                let _ = waiting.send(outcome.clone());
            }
        }
        // Before `self` is dropped, which takes the lock again.
        drop(asked);
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let mut asked = self.shared.asked.lock();
        for indicator in &self.indicators {
            // Who waits learns that no answer will come.
            asked.remove(indicator);
        }
    }
}

/// What a request came to, if not to an answer.
enum Refusal {
    /// The API will not have these indicators together.
    OfTheWhole(Failure),
    /// Anything else.
    Other(Failure),
}

impl Trouble {
    fn to_failure(&self) -> Failure {
        match self {
            Self::Refused(status) => Failure::new(
                "API key refused",
                format!("silentpush: the API key is refused (HTTP {status}); check silentpush.api_key_file"),
            ),
            Self::Limited(_) => Failure::new("rate limited", "silentpush: too many requests (HTTP 429)"),
            Self::BadRequest(why) => Failure::new("request refused", format!("silentpush: {why}")),
            Self::Passing(why) => Failure::new("API unavailable", format!("silentpush: {why}")),
        }
    }
}

fn all_failed(indicators: &[Indicator], failure: &Failure) -> HashMap<Indicator, Outcome> {
    indicators.iter().map(|indicator| (indicator.clone(), Outcome::Failed(failure.clone()))).collect()
}

fn outcome_of(answer: Option<Arc<Answer>>) -> Outcome {
    answer.map_or(Outcome::Nothing, Outcome::Found)
}
