//! The service: messages in, what the module made of them out.

use std::cell::OnceCell;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use resilmesh_hook_api::Failure;
use resilmesh_relay::delivery::Delivery;
use resilmesh_relay::event::{Event, NotAnEvent};
use resilmesh_relay::publish::{Form, Outgoing, Publication, Publisher, Target};
use resilmesh_relay::rejected::Reason;
use resilmesh_relay::{Load, Relay, Work, id, rejected};
use resilmesh_service::stats::{Counters, Kind};
use resilmesh_service::{Lifecycle, Stats};
use tokio::time::{Instant, interval_at};

use crate::config::Config;
use crate::pool::{Fate, PROCESS, Pool};
use crate::result;

/// What may be under way at once for each worker, and for all together. Well below the consumer's own limit of 20,000
/// messages.
const OF_WORKER: usize = 1_000;
const OF_ALL: Load = Load { messages: 8_000, bytes: 32 << 20 };
/// What is no larger than this, or than the event that it is made of, the bus takes.
const SURELY_FITS: usize = 16 << 10;
/// Outcomes taken together.
const TOGETHER: usize = 256;

/// Runs until the service is stopped.
pub(crate) async fn run(
    config: &Config,
    password: Option<String>,
    pool: &Arc<Pool>,
    stats: &Stats,
    lifecycle: &Lifecycle,
) {
    if !pool.ready(lifecycle).await {
        return;
    }
    let under_way = Load { messages: (OF_WORKER * (config.workers + 1)).min(OF_ALL.messages), ..OF_ALL };
    let relay = Relay { name: &config.name, input: &config.input, password, under_way, stats, lifecycle };
    resilmesh_relay::run(relay, Arc::new(Module::new(config, pool, stats))).await;
}

/// A module at work.
struct Module {
    pool: Arc<Pool>,
    maker: Maker,
}

/// Makes publications of what a module made.
struct Maker {
    name: String,
    output: Arc<Target>,
    rejected: Arc<Target>,
    counters: Counters,
}

impl Module {
    fn new(config: &Config, pool: &Arc<Pool>, stats: &Stats) -> Self {
        let target = |subject: &str, name| {
            Arc::new(Target { subject: subject.into(), counters: stats.component(name, Kind::Sink) })
        };
        let maker = Maker {
            name: config.name.clone(),
            output: target(&config.output.subject, "output"),
            rejected: target(&config.output.rejected, "rejected"),
            counters: stats.component(PROCESS, Kind::Transform),
        };
        Self { pool: pool.clone(), maker }
    }
}

impl Work for Module {
    async fn work(self: Arc<Self>, chunk: Vec<Delivery>, publisher: Publisher) {
        self.maker.counters.received(chunk.len() as u64);
        let (mut waiting, mut publishing) = (Vec::with_capacity(chunk.len()), FuturesUnordered::new());
        let (mut events, mut refused) = (Vec::with_capacity(chunk.len()), Vec::new());
        for delivery in chunk {
            match Event::parse(&delivery.payload) {
                Ok(_) => {
                    events.push((waiting.len(), delivery.payload.clone()));
                    waiting.push(Some(delivery));
                }
                Err(reason) => {
                    self.maker.counters.dropped("not a JSON object", 1);
                    let results = vec![self.maker.rejected(&delivery, &Reason::from(&reason))];
                    refused.push(Outgoing { delivery, results });
                }
            }
        }
        publishing.push(publisher.clone().publish(refused));
        let mut fates = self.pool.give(events);
        let (mut some, mut left) = (Vec::new(), waiting.len());
        let mut keep_alive = interval_at(Instant::now() + publisher.keep_alive(), publisher.keep_alive());
        while left > 0 || !publishing.is_empty() {
            tokio::select! {
                count = fates.recv_many(&mut some, TOGETHER), if left > 0 => {
                    // No worker is left to tell: the service ends.
                    if count == 0 { break }
                    left -= count;
                    let outgoing = some.drain(..).filter_map(|(at, fate)| {
                        let delivery = waiting.get_mut(at)?.take()?;
                        Some(Outgoing { results: self.maker.results(&delivery, fate), delivery })
                    });
                    publishing.push(publisher.clone().publish(outgoing.collect()));
                }
                Some(()) = publishing.next() => {}
                _ = keep_alive.tick() => publisher.in_progress(waiting.iter().flatten()).await,
                () = publisher.giving_up() => break,
            }
        }
        publisher.hand_back(waiting.into_iter().flatten()).await;
        // What is being published hands back the rest itself.
        while publishing.next().await.is_some() {}
    }
}

impl Maker {
    /// What to publish for a message.
    fn results(&self, delivery: &Delivery, fate: Fate) -> Vec<Publication> {
        let made = match fate {
            Fate::Dropped => Ok(Vec::new()),
            Fate::Same => self.made(delivery, vec![delivery.payload.clone()]),
            Fate::Events(events) => self.made(delivery, events),
            Fate::Failed(why) => Err(reason(*why)),
        };
        match made {
            Ok(results) if results.is_empty() => {
                self.counters.dropped("by the module", 1);
                results
            }
            Ok(results) => {
                self.counters.sent(results.len() as u64);
                self.output.counters.received(results.len() as u64);
                results
            }
            Err(reason) => {
                self.counters.dropped("failed", 1);
                vec![self.rejected(delivery, &reason)]
            }
        }
    }

    fn made(&self, delivery: &Delivery, events: Vec<bytes::Bytes>) -> Result<Vec<Publication>, Reason> {
        let known = OnceCell::new();
        let id = || {
            let own = || Event::parse(&delivery.payload).ok().as_ref().and_then(id::of_event);
            known.get_or_init(|| own().unwrap_or_else(|| delivery.given_id())).as_str()
        };
        let made = result::made(&id, &self.name, events).map_err(|wrong| not_an_event(&wrong))?;
        let publication = |own: result::Made| {
            let form = Form { body: own.body, id: Some(id::header(&own.id)), to: self.output.clone() };
            if form.body.len() <= delivery.payload.len().max(SURELY_FITS) {
                // There may be room for it, and none for its header.
                return vec![form.clone(), Form { id: None, ..form }];
            }
            let too_large = Reason {
                message: "what the module made of the event is larger than the bus takes".to_owned(),
                ..Reason::default()
            };
            [vec![form], self.rejected_forms(delivery, &too_large)].concat()
        };
        Ok(made.into_iter().map(publication).collect())
    }

    fn rejected(&self, delivery: &Delivery, reason: &Reason) -> Publication {
        self.rejected.counters.received(1);
        self.rejected_forms(delivery, reason)
    }

    fn rejected_forms(&self, delivery: &Delivery, reason: &Reason) -> Publication {
        let rejected = rejected::document(&delivery.payload, reason, &delivery.origin, &self.name);
        // Wrapped up it may be too large for the bus; the original came over it.
        let mut forms = delivery.as_it_came(&rejected.id, &self.rejected);
        forms.insert(0, Form { body: rejected.body.into(), ..forms[0].clone() });
        forms
    }
}

/// Why nothing can be made of an event, as its module told it.
pub(crate) fn reason(why: Failure) -> Reason {
    Reason { message: why.message, class: why.class, trace: why.traceback }
}

/// Why nothing can be made of an event: what the module made is none.
pub(crate) fn not_an_event(wrong: &NotAnEvent) -> Reason {
    let message = wrong.to_string().replacen("the message", "what the module made of the event", 1);
    Reason { message, ..Reason::default() }
}
