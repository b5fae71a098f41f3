//! Takes events and does nothing with them.

use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;

use super::common::{Buffer, Healthcheck};
use super::{Sink, SinkContext, SinkError};
use crate::config::{ConfigError, Options};
use crate::event::Input;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BlackholeOptions {
    /// How often the number of events is logged; 0 = never.
    #[serde(default)]
    print_interval_secs: u64,
    #[serde(default, rename = "buffer")]
    _buffer: Buffer,
    #[serde(default, rename = "healthcheck")]
    _healthcheck: Healthcheck,
}

/// Makes the sink.
///
/// # Errors
/// Everything that is wrong with the options.
pub(super) fn build(options: &Options) -> Result<Box<dyn Sink>, Vec<ConfigError>> {
    let taken: BlackholeOptions = options.parse(&["proxy", "rate"])?;
    let interval = (taken.print_interval_secs > 0).then(|| Duration::from_secs(taken.print_interval_secs));
    Ok(Box::new(Blackhole { interval }))
}

struct Blackhole {
    interval: Option<Duration>,
}

#[async_trait]
impl Sink for Blackhole {
    async fn run(self: Box<Self>, mut input: Input, context: SinkContext) -> Result<(), SinkError> {
        context.readiness.ready();
        let mut ticks = self.interval.map(tokio::time::interval);
        let mut events = 0;
        loop {
            let batch = tokio::select! {
                batch = input.recv() => batch,
                () = tick(&mut ticks) => {
                    tracing::info!(sink = context.id, events, "events so far");
                    continue;
                }
            };
            let Some(batch) = batch else { return Ok(()) };
            events += batch.len() as u64;
            // To drop an event is to deliver it here.
            context.counters.sent(batch.len() as u64);
        }
    }
}

async fn tick(ticks: &mut Option<tokio::time::Interval>) {
    match ticks {
        Some(ticks) => {
            ticks.tick().await;
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use vrl::value;

    use super::*;
    use crate::config::Section;
    use crate::event::{Ack, Event, Fate, channel};
    use crate::sink::testing;

    #[tokio::test]
    async fn everything_is_delivered() {
        let options = Options::from_yaml(Section::Sink, "blackhole", "print_interval_secs: 1").unwrap();
        let (sender, input) = channel();
        let (ack, told) = Ack::pair();
        sender.send(vec![Event::new(value!({}), ack)]).await.unwrap();
        drop(sender);
        build(&options).unwrap().run(input, testing::context()).await.unwrap();
        assert_eq!(told.await, Fate::Delivered);
    }

    #[test]
    fn an_option_we_lack_is_named() {
        let options = Options::from_yaml(Section::Sink, "blackhole", "rate: 5").unwrap();
        assert!(build(&options).err().unwrap()[0].to_string().contains("`rate`"));
    }
}
