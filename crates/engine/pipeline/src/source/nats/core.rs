//! Messages as they fly by: what is sent while nobody listens is not seen.

use futures::{FutureExt, StreamExt};

use super::Messages;
use super::connection::Server;
use crate::event::{Ack, Batch, MAX_BATCH_BYTES, MAX_BATCH_EVENTS};
use crate::source::intake::Peer;
use crate::source::{SourceContext, SourceError};

/// Subscribes and sends on what comes, until told to stop.
pub(super) async fn run(
    server: Server,
    subject: String,
    queue: Option<String>,
    capacity: usize,
    messages: Messages,
    context: SourceContext,
) -> Result<(), SourceError> {
    let intake = messages.intake(&context);
    while let Some(mut link) = server.connect(capacity, &context).await {
        let client = link.client.clone();
        let subscribed = match &queue {
            None => client.subscribe(subject.clone()).await,
            Some(queue) => client.queue_subscribe(subject.clone(), queue.clone()).await,
        };
        let Ok(mut subscription) = subscribed else { continue };
        // Only then does the server know of the subscription.
        if client.flush().await.is_err() {
            continue;
        }
        context.readiness.ready();
        let mut stopping = false;
        loop {
            let first = tokio::select! {
                biased;
                () = context.stop.cancelled(), if !stopping => {
                    stopping = true;
                    // What the server has sent already still comes; then the stream ends.
                    if subscription.unsubscribe().await.is_err() {
                        break;
                    }
                    continue;
                }
                message = subscription.next() => message,
                () = link.closed() => None,
            };
            let Some(first) = first else { break };
            let (mut batch, mut bytes) = (Batch::new(), 0);
            let mut next = Some(first);
            while let Some(message) = next.take() {
                bytes += message.payload.len();
                let peer = Peer { host: Some(message.subject.as_str().into()), port: None };
                let mut rest = bytes::BytesMut::from(message.payload);
                let mut framer = messages.framer.clone();
                while let Some(frame) = framer.last(&mut rest) {
                    intake.frame(frame, &peer, &Ack::none(), &mut batch);
                }
                if batch.len() < MAX_BATCH_EVENTS && bytes < MAX_BATCH_BYTES {
                    next = subscription.next().now_or_never().flatten();
                }
            }
            if context.output.send(batch).await.is_err() {
                return Ok(());
            }
        }
        if stopping {
            break;
        }
    }
    Ok(())
}
