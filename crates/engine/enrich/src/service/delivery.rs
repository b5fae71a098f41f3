//! A message that the bus delivered, until it is answered for.

use async_nats::{Client, Message, Subject};
use bytes::Bytes;

use super::window::Slot;
use crate::rejected::Origin;

/// A message to be finished: acknowledged once its result is stored, or handed back.
pub(super) struct Delivery {
    pub(super) payload: Bytes,
    ack: Subject,
    pub(super) origin: Origin,
    /// The id its sender gave it.
    pub(super) sender_id: Option<String>,
    _slot: Slot,
}

impl Delivery {
    /// None if the message is not one of a JetStream consumer.
    pub(super) fn new(message: Message, slot: Slot) -> Option<Self> {
        let ack = message.reply?;
        let origin = Origin::of_ack_subject(&ack)?;
        let headers = message.headers.as_ref();
        let sender_id =
            headers.and_then(|headers| headers.get(async_nats::header::NATS_MESSAGE_ID)).map(ToString::to_string);
        Some(Self { payload: message.payload, ack, origin, sender_id, _slot: slot })
    }

    /// Done: never deliver it again. If this gets lost it is delivered again, which does no harm:
    /// its result has an id.
    pub(super) async fn done(self, client: &Client) {
        say(client, &self.ack, "+ACK").await;
    }

    /// Still at it: do not deliver it to anybody else yet.
    pub(super) async fn in_progress(&self, client: &Client) {
        say(client, &self.ack, "+WPI").await;
    }

    /// Not done: deliver it again at once.
    pub(super) async fn hand_back(self, client: &Client) {
        say(client, &self.ack, "-NAK").await;
    }
}

async fn say(client: &Client, ack: &Subject, word: &'static str) {
    if let Err(error) = client.publish(ack.clone(), Bytes::from_static(word.as_bytes())).await {
        tracing::debug!(%error, word, "an acknowledgement cannot be sent; the message will come again");
    }
}
