//! Keeps one service running: a task that starts it, looks after it, starts it again after a
//! pause, and carries out what it is told, one thing after the other.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::process::Signal;
use tokio::sync::{mpsc, watch as channel};
use tokio::time::{Instant, sleep_until, timeout};

use super::layout::Layout;
use super::probe::{self, Health};
use super::process::{self, Family, Process};
use super::reaper::Exit;
use super::record::Record;
use super::{launch, tail};
use crate::runtime::{ServiceSpec, State};

mod handle;
mod watch;

pub(crate) use handle::{Handle, Order, Seen, Shared};
use watch::{Poll, Relay, Watch, pause};

/// A service that was ready for so long begins with the shortest pause again.
const HEALTHY: Duration = Duration::from_secs(30);
/// As Vector: the configuration is wrong, starting again is of no use.
const CONFIGURATION: i32 = 78;
/// How long what is left of a service that ended by itself may take to end.
const LEFTOVERS_WITHIN: Duration = Duration::from_secs(5);

enum Event {
    Order(Order),
    Ended(Exit),
    Health(Health),
    RelayEnded(Exit),
    PauseOver,
    NobodyLeft,
}

struct Keeper {
    shared: Arc<Shared>,
    record: Option<Record>,
    main: Option<Watch>,
    /// What writes the log; none for a service that was taken over.
    relay: Option<Relay>,
    again_at: Option<Instant>,
    poll: Poll,
    ready_since: Option<Instant>,
    ends_in_row: u32,
    orders: mpsc::Receiver<Order>,
    seen: channel::Sender<Option<Seen>>,
}

/// Makes a keeper for a service; with a record, it takes over what an earlier supervisor left.
pub(crate) fn keep(shared: Arc<Shared>, record: Option<Record>) -> Handle {
    let (orders, taken) = mpsc::channel(8);
    let (seen, handed_out) = channel::channel(None);
    let mut keeper = Keeper {
        shared,
        record,
        main: None,
        relay: None,
        again_at: None,
        poll: Poll::new(),
        ready_since: None,
        ends_in_row: 0,
        orders: taken,
        seen,
    };
    keeper.show();
    tokio::spawn(async move {
        keeper.take_over().await;
        keeper.run().await;
    });
    Handle { orders, seen: handed_out }
}

impl Keeper {
    async fn run(mut self) {
        loop {
            match self.next().await {
                Event::Order(order) => self.obey(order).await,
                Event::Ended(exit) => self.ended(exit).await,
                Event::RelayEnded(exit) => self.relay_ended(exit),
                Event::Health(health) => self.heard(health),
                Event::PauseOver => self.start_again(),
                Event::NobodyLeft => return,
            }
        }
    }

    async fn next(&mut self) -> Event {
        let asked = self.record.as_ref().filter(|_| self.main.is_some());
        let (poll, layout) = (self.poll.next, &self.shared.layout);
        let health = async {
            sleep_until(poll).await;
            match ask(asked, layout).await {
                None => std::future::pending().await,
                Some(health) => health,
            }
        };
        let ended = async {
            match &mut self.main {
                None => std::future::pending().await,
                Some(main) => main.ended().await,
            }
        };
        let relay_ended = async {
            match &mut self.relay {
                None => std::future::pending().await,
                Some(relay) => relay.ended().await,
            }
        };
        let pause_over = async {
            match self.again_at {
                None => std::future::pending().await,
                Some(at) => sleep_until(at).await,
            }
        };
        tokio::select! {
            biased;
            order = self.orders.recv() => order.map_or(Event::NobodyLeft, Event::Order),
            exit = ended => Event::Ended(exit),
            exit = relay_ended => Event::RelayEnded(exit),
            health = health => Event::Health(health),
            () = pause_over => Event::PauseOver,
        }
    }

    async fn obey(&mut self, order: Order) {
        let (answer, result) = match order {
            Order::Start(spec, answer) => (answer, self.start(*spec).await),
            Order::Reload(spec, answer) => (answer, self.reload(*spec).await),
            Order::Stop(answer) => (answer, self.stop().await),
            Order::Suspend(answer) => (answer, self.suspend().await),
            Order::Look(answer) => (answer, self.look().await),
        };
        // Who asked may have gone.
        let _ = answer.send(result);
    }

    async fn start(&mut self, spec: ServiceSpec) -> Result<(), String> {
        let kept_running = self.main.is_some() || self.again_at.is_some();
        if kept_running && self.record.as_ref().is_some_and(|record| record.spec == spec) {
            return Ok(());
        }
        self.halt().await?;
        let order = self.shared.order.fetch_add(1, Ordering::Relaxed);
        let record = Record::new(spec, order);
        // Processes whose record was lost would hold the ports.
        let strays = record.family(&self.shared.layout).end(LEFTOVERS_WITHIN).await;
        strays.map_err(|left| unendable(&record.spec.instance, &left))?;
        self.record = Some(record);
        self.ends_in_row = 0;
        self.save().map_err(|error| format!("the state of the service cannot be written: {error}"))?;
        let launched = self.launch();
        if let Err(why) = &launched {
            self.enter(State::Failed, Some(why.clone()));
        }
        launched
    }

    async fn reload(&mut self, spec: ServiceSpec) -> Result<(), String> {
        let process = match &self.record {
            None => return Err(format!("`{}` does not run, so it cannot read its files again", spec.instance)),
            Some(Record { process: Some(process), state: State::Ready, .. }) if self.main.is_some() => process.clone(),
            // Before it is ready, it may not listen to the signal yet and be ended by it.
            Some(_) => return self.start(spec).await,
        };
        let name = spec.reload.clone().unwrap_or_default();
        let signal = reload_signal(&name)
            .ok_or_else(|| format!("`{name}` is no signal by which `{}` could read its files again", spec.instance))?;
        if let Some(record) = &mut self.record {
            record.spec = spec;
        }
        process.signal(signal);
        self.note();
        Ok(())
    }

    async fn stop(&mut self) -> Result<(), String> {
        let Some(instance) = self.record.as_ref().map(|record| record.spec.instance.clone()) else { return Ok(()) };
        self.halt().await?;
        self.record = None;
        self.show();
        Record::remove(&self.shared.layout, &instance).map_err(|error| format!("its state cannot be removed: {error}"))
    }

    async fn suspend(&mut self) -> Result<(), String> {
        self.halt().await?;
        self.enter(State::Stopped, Some("its supervisor was told to end".to_owned()));
        Ok(())
    }

    /// A service that is starting is asked all the time anyway.
    async fn look(&mut self) -> Result<(), String> {
        let asked = self.record.as_ref().filter(|record| self.main.is_some() && record.state != State::Starting);
        if let Some(health) = ask(asked, &self.shared.layout).await {
            self.heard(health);
        }
        Ok(())
    }

    /// Ends all processes of the service.
    async fn halt(&mut self) -> Result<(), String> {
        self.again_at = None;
        if let (Some(record), Some(_)) = (&mut self.record, &self.main) {
            record.because = Some("is being stopped".to_owned());
            self.show();
        }
        let Some(record) = &self.record else { return Ok(()) };
        let ended = record.family(&self.shared.layout).end(record.spec.stop_within).await;
        if let Some(Watch::Child(exit)) = &mut self.main {
            // Collected, so that no zombie is left when we answer.
            let _ = timeout(LEFTOVERS_WITHIN, exit).await;
        }
        remove_socket(&record.spec);
        if let Some(relay) = self.relay.take() {
            relay.written().await;
        }
        self.main = None;
        self.ready_since = None;
        ended.map_err(|left| unendable(&record.spec.instance, &left))
    }

    /// Starts the main process. No waiting in here: the reaper has to know it first.
    fn launch(&mut self) -> Result<(), String> {
        let Some(record) = &mut self.record else { return Ok(()) };
        let spec = &record.spec;
        let launched = launch::service(spec, &self.shared.layout).map_err(|error| unstartable(spec, &error))?;
        self.main = Some(Watch::Child(self.shared.reaper.expect(launched.service)));
        self.relay = Some(Relay::new(self.shared.reaper.expect(launched.relay), launched.printed));
        record.process = Process::of(launched.service);
        self.poll = Poll::new();
        self.enter(State::Starting, None);
        Ok(())
    }

    fn start_again(&mut self) {
        self.again_at = None;
        if let Some(record) = &mut self.record {
            record.restarts += 1;
        }
        if let Err(why) = self.launch() {
            self.back_off(why);
        }
    }

    async fn ended(&mut self, exit: Exit) {
        self.main = None;
        let Some(record) = &self.record else { return };
        let (spec, layout) = (record.spec.clone(), &self.shared.layout);
        // What the main process left behind may hold its ports and files.
        if let Err(left) = record.family(layout).end(LEFTOVERS_WITHIN.min(spec.stop_within)).await {
            tracing::error!(instance = spec.instance, ?left, "processes cannot be ended");
        }
        if let Some(relay) = self.relay.take() {
            relay.written().await;
        }
        let last = tail::last_lines(&layout.log(&spec.instance), 1).pop();
        let why = last.map_or(exit.to_string(), |line| format!("{exit}: {line}"));
        tracing::warn!(instance = spec.instance, %exit, "a service ended by itself");
        if self.ready_since.take().is_some_and(|since| since.elapsed() >= HEALTHY) {
            self.ends_in_row = 0;
        }
        if exit == Exit::Code(CONFIGURATION) {
            self.enter(State::Failed, Some(format!("its configuration is wrong; {why}")));
        } else {
            self.back_off(why);
        }
    }

    /// A relay that was killed is replaced, before the service waits for somebody to read.
    fn relay_ended(&mut self, exit: Exit) {
        let relay = self.relay.take();
        let (Some(record), Some(relay), true) = (&self.record, relay, exit != Exit::Code(0)) else { return };
        let instance = &record.spec.instance;
        tracing::warn!(instance, %exit, "the relay of a log ended; starting another one");
        let started =
            relay.printed().and_then(|(again, kept)| Ok((launch::relay(instance, &self.shared.layout, again)?, kept)));
        match started {
            Ok((pid, kept)) => self.relay = Some(Relay::new(self.shared.reaper.expect(pid), kept)),
            Err(error) => tracing::error!(instance, %error, "no relay can be started"),
        }
    }

    fn back_off(&mut self, why: String) {
        self.ends_in_row += 1;
        let pause = pause(self.ends_in_row);
        self.again_at = Some(Instant::now() + pause);
        self.enter(State::Backoff, Some(why));
    }

    fn heard(&mut self, health: Health) {
        let Some(record) = &mut self.record else { return };
        match (record.state, health) {
            (State::Starting, Health::Waiting(why)) => self.still_starting(why),
            (State::Starting, Health::Silent(why)) => {
                let why = why.map(|why| format!(": {why}")).unwrap_or_default();
                self.still_starting(format!("does not answer{why}"));
            }
            (_, Health::Waiting(why)) => {
                self.poll = Poll::new();
                self.enter(State::Starting, Some(why));
            }
            (State::Silent, Health::Silent(_)) => self.poll.much_later(),
            (_, Health::Silent(why)) => {
                self.poll.much_later();
                tracing::warn!(instance = record.spec.instance, "a service does not answer any more");
                record.fall_silent(why);
                self.note();
            }
            // Who only looks changes nothing on disk.
            (State::Ready, Health::Ready) => self.poll.much_later(),
            (_, Health::Ready) => {
                self.poll.much_later();
                self.ready_since = Some(Instant::now());
                self.enter(State::Ready, None);
            }
        }
    }

    fn still_starting(&mut self, why: String) {
        self.poll.later();
        if self.record.as_ref().is_some_and(|record| record.because.as_ref() != Some(&why)) {
            self.enter(State::Starting, Some(why));
        }
    }

    async fn take_over(&mut self) {
        let Some(record) = &self.record else { return };
        let instance = record.spec.instance.clone();
        let alive = record.process.as_ref().and_then(Process::handle).map(process::watch).transpose();
        match alive {
            Ok(Some(handle)) => {
                tracing::info!(instance, "taken over");
                self.main = Some(Watch::Adopted(handle));
                if !matches!(record.state, State::Ready | State::Silent) {
                    self.enter(State::Starting, None);
                }
            }
            Ok(None) if record.state == State::Failed => {}
            Ok(None) => {
                tracing::info!(instance, "found ended; starting it again");
                let suspended = record.state == State::Stopped;
                if let Err(why) = self.halt().await {
                    self.enter(State::Failed, Some(why));
                } else if suspended {
                    self.again_at = None;
                    if let Err(why) = self.launch() {
                        self.back_off(why);
                    }
                } else {
                    self.start_again();
                }
            }
            Err(error) => self.enter(State::Failed, Some(format!("its process cannot be watched: {error}"))),
        }
    }

    fn enter(&mut self, state: State, because: Option<String>) {
        if let Some(record) = &mut self.record {
            record.enter(state, because);
        }
        self.note();
    }

    /// Writes down and shows what has changed.
    fn note(&self) {
        if let Err(error) = self.save() {
            tracing::error!(%error, "the state of a service cannot be written");
        }
        self.show();
    }

    fn save(&self) -> io::Result<()> {
        self.record.as_ref().map_or(Ok(()), |record| record.save(&self.shared.layout))
    }

    fn show(&self) {
        let seen = self.record.as_ref().map(|record| Seen {
            status: record.status(),
            order: record.order,
            ends_in_row: self.ends_in_row,
        });
        self.seen.send_replace(seen);
    }
}

/// How a service that runs is doing.
async fn ask(running: Option<&Record>, layout: &Layout) -> Option<Health> {
    let record = running?;
    let within = match record.state {
        State::Ready => probe::WHILE_READY,
        State::Starting | State::Silent => probe::WHILE_STARTING,
        State::Backoff | State::Stopped | State::Failed => return None,
    };
    Some(probe::look(&record.spec, &record.family(layout), within).await)
}

fn unstartable(spec: &ServiceSpec, error: &io::Error) -> String {
    let place = if spec.directory.is_dir() { String::new() } else { format!(" in `{}`", spec.directory.display()) };
    format!("`{}` cannot be started{place}: {error}", spec.program.display())
}

/// Why a service cannot be stopped.
pub(crate) fn unendable(instance: &str, left: &[Process]) -> String {
    let left: Vec<String> = left.iter().map(|process| process.pid.to_string()).collect();
    format!("process {} of `{instance}` cannot be ended, not even by SIGKILL", left.join(", "))
}

/// Whether a service of which there may be no usable state has processes all the same.
pub(crate) fn has_unrecorded(layout: &Layout, instance: &str) -> bool {
    !Family::new(layout.mark(instance), None).members().is_empty()
}

/// Ends what is left of a service of which no usable state is left: its processes carry a mark.
pub(crate) async fn end_unrecorded(layout: &Layout, instance: &str) -> Result<(), String> {
    let ended = Family::new(layout.mark(instance), None).end(LEFTOVERS_WITHIN).await;
    ended.map_err(|left| unendable(instance, &left))
}

/// A killed service leaves its control socket; nothing would remove it.
pub(crate) fn remove_socket(spec: &ServiceSpec) {
    if let Some(socket) = &spec.control {
        // Gone already is what is wanted.
        let _ = std::fs::remove_file(socket);
    }
}

fn reload_signal(name: &str) -> Option<Signal> {
    match name.strip_prefix("SIG").unwrap_or(name) {
        "HUP" => Some(Signal::HUP),
        "USR1" => Some(Signal::USR1),
        "USR2" => Some(Signal::USR2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_signals_that_can_mean_reload() {
        assert_eq!(reload_signal("HUP"), Some(Signal::HUP));
        assert_eq!(reload_signal("SIGUSR1"), Some(Signal::USR1));
        assert_eq!(reload_signal("KILL"), None);
    }
}
