//! An event's share in its source's input while a sink works on it.

use crate::event::Ack;

/// What a sink owes the source of an event: a word on what became of it. Unlike an [`Ack`], one
/// that is dropped without a word (its task was aborted, say) counts as not delivered.
#[derive(Debug)]
pub struct Owed(Option<Ack>);

impl Owed {
    /// The event is stored.
    pub fn delivered(mut self) {
        self.0 = None;
    }

    /// The event is refused for good.
    pub fn rejected(mut self) {
        if let Some(ack) = self.0.take() {
            ack.rejected();
        }
    }

    /// Hands the share on to someone else who will tell.
    pub fn into_ack(mut self) -> Ack {
        self.0.take().unwrap_or_default()
    }
}

impl From<Ack> for Owed {
    fn from(ack: Ack) -> Self {
        Self(Some(ack))
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        if let Some(ack) = self.0.take() {
            ack.errored();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Fate;

    #[tokio::test]
    async fn tells_what_it_is_told() {
        for (tell, fate) in [
            (Box::new(Owed::delivered) as Box<dyn FnOnce(Owed)>, Fate::Delivered),
            (Box::new(Owed::rejected), Fate::Rejected),
            (Box::new(drop), Fate::Errored),
            (Box::new(|owed: Owed| drop(owed.into_ack())), Fate::Delivered),
        ] {
            let (ack, told) = Ack::pair();
            tell(ack.into());
            assert_eq!(told.await, fate);
        }
    }
}
