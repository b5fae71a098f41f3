//! A message that the bus delivered, until it is answered for.

use std::sync::Arc;

use async_nats::{Client, Message, Subject};
use bytes::Bytes;

use crate::id;
use crate::publish::{Form, Publication, Target};
use crate::rejected::Origin;
use crate::window::Slot;

/// A message to be finished: acknowledged once its result is stored, or handed back.
#[derive(Debug)]
pub struct Delivery {
    /// The message.
    pub payload: Bytes,
    ack: Subject,
    /// Where it stands in its stream.
    pub origin: Origin,
    /// The id its sender gave it.
    sender_id: Option<String>,
    _slot: Slot,
}

impl Delivery {
    /// None if the message is not one of a JetStream consumer.
    pub(crate) fn new(message: Message, slot: Slot) -> Option<Self> {
        let ack = message.reply?;
        let origin = Origin::of_ack_subject(&ack)?;
        let headers = message.headers.as_ref();
        let sender_id =
            headers.and_then(|headers| headers.get(async_nats::header::NATS_MESSAGE_ID)).map(ToString::to_string);
        Some(Self { payload: message.payload, ack, origin, sender_id, _slot: slot })
    }

    /// The id for an event without one: that of its sender, or one made of its place in the stream.
    pub fn given_id(&self) -> String {
        self.sender_id.clone().unwrap_or_else(|| self.origin.id("event"))
    }

    /// The message itself, to be published under an id; and without it, since a message that fills the largest
    /// payload to the last byte has no room for a header.
    pub fn as_it_came(&self, id: &str, to: &Arc<Target>) -> Publication {
        let bare = Form { body: self.payload.clone(), id: None, to: to.clone() };
        vec![Form { id: Some(id::header(id)), ..bare.clone() }, bare]
    }

    /// Done: never deliver it again. If this gets lost it is delivered again, which does no harm:
    /// its result has an id.
    pub(crate) async fn done(self, client: &Client) {
        say(client, &self.ack, "+ACK").await;
    }

    /// Still at it: do not deliver it to anybody else yet.
    pub(crate) async fn in_progress(&self, client: &Client) {
        say(client, &self.ack, "+WPI").await;
    }

    /// Not done: deliver it again at once.
    pub(crate) async fn hand_back(self, client: &Client) {
        say(client, &self.ack, "-NAK").await;
    }
}

async fn say(client: &Client, ack: &Subject, word: &'static str) {
    if let Err(error) = client.publish(ack.clone(), Bytes::from_static(word.as_bytes())).await {
        tracing::debug!(%error, word, "an acknowledgement cannot be sent; the message will come again");
    }
}
