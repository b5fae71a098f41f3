//! Stores events in Elasticsearch (or what speaks its bulk API), many in a request.
//!
//! | module | what it holds |
//! |---|---|
//! | `options` | what the sink can be told, and the mistakes in it |
//! | `operation` | from event to an operation: action, index, id, document |
//! | `bulk` | many operations in one request, and parts of it again |
//! | `answer` | what the server says became of each |
//! | `server` | the HTTP side: bulk requests, health, version |
//! | `delivery` | tries until the fate of each operation is known |

mod answer;
mod bulk;
mod delivery;
mod operation;
mod options;
mod server;

use std::sync::Arc;

use async_trait::async_trait;

use super::refuse::Refusals;
use super::{Offer, Sink, SinkContext, SinkError};
use crate::config::{ConfigError, Options};
use crate::event::{Event, Input};
use delivery::Delivery;
use options::Settings;

/// Makes the sink.
///
/// # Errors
/// Everything that is wrong with the options.
pub(super) fn build(options: &Options) -> Result<Box<dyn Sink>, Vec<ConfigError>> {
    Ok(Box::new(Elasticsearch { settings: Settings::from_options(options)? }))
}

struct Elasticsearch {
    settings: Settings,
}

#[async_trait]
impl Sink for Elasticsearch {
    async fn run(self: Box<Self>, input: Input, context: SinkContext) -> Result<(), SinkError> {
        let Settings { server, api, mut operations, batch, concurrency, retry, rate, healthcheck } = self.settings;
        let server = Arc::new(server);
        if healthcheck.enabled {
            let watched = server::wait_until_healthy(Arc::clone(&server), context.clone());
            tokio::spawn(context.stop.clone().run_until_cancelled_owned(watched));
        } else {
            context.readiness.ready();
        }
        let Some(typed) = context.stop.run_until_cancelled(server.wants_types(api, &context)).await else {
            return Ok(());
        };
        if !typed {
            operations.without_types();
        }
        let delivery =
            Delivery::new(operations, server, retry, rate, Refusals::new("elasticsearch", &context), &context);
        super::batch::run(Arc::new(delivery), input, batch, concurrency).await;
        Ok(())
    }

    fn offer(&self, mut event: Event) -> Result<Offer, String> {
        let operations = &self.settings.operations;
        let index = operations.index_of(&event).map_err(|impossible| impossible.message)?;
        let mut body = Vec::new();
        let written = operations.write(&mut event, &mut body).map_err(|impossible| impossible.message)?;
        Ok(Offer { to: Some(index), payload: body.split_off(written.document).trim_ascii_end().to_vec() })
    }
}
