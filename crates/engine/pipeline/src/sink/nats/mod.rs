//! Publishes events on NATS, one message each; with JetStream a message counts as delivered when
//! the server has acknowledged it.
//!
//! | module | what it holds |
//! |---|---|
//! | `options` | what the sink can be told, and the mistakes in it |
//! | `link` | the connection: made, lost, made again |
//! | `message` | from event to subject, headers and payload |
//! | `core` | publishing without acknowledgement |
//! | `jetstream` | publishing with acknowledgements, many under way at once |

mod core;
mod jetstream;
mod link;
mod message;
mod options;

use async_trait::async_trait;

use super::refuse::Refusals;
use super::{Offer, Sink, SinkContext, SinkError};
use crate::config::{ConfigError, Options};
use crate::event::{Event, Input};
use link::Link;
use message::Messages;
use options::Settings;

/// Makes the sink.
///
/// # Errors
/// Everything that is wrong with the options.
pub(super) fn build(options: &Options) -> Result<Box<dyn Sink>, Vec<ConfigError>> {
    Ok(Box::new(Nats { settings: Settings::from_options(options)? }))
}

struct Nats {
    settings: Settings,
}

#[async_trait]
impl Sink for Nats {
    async fn run(self: Box<Self>, input: Input, context: SinkContext) -> Result<(), SinkError> {
        let Settings { server, route, message_id, encoding, jetstream, pace, healthcheck } = self.settings;
        if !healthcheck.enabled {
            context.readiness.ready();
        }
        let refusals = Refusals::new("nats", &context);
        let messages = Messages::new(route, message_id, encoding, refusals.clone());
        let link = Link::open(server, &context);
        if jetstream {
            jetstream::run(input, messages, link, pace, refusals, &context).await;
        } else {
            core::run(input, messages, link, pace, refusals, &context).await;
        }
        Ok(())
    }

    fn offer(&self, event: Event) -> Result<Offer, String> {
        let subject = self.settings.route.render(&event).map_err(|error| error.to_string())?.into_owned();
        if let Some(mistake) = message::subject_mistake(&subject) {
            return Err(format!("`{subject}` can be no subject: {mistake}"));
        }
        let mut payload = Vec::new();
        self.settings.encoding.encode(&event.value, &mut payload);
        Ok(Offer { to: Some(subject), payload })
    }
}
