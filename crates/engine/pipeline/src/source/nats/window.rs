//! What is under way from a JetStream consumer, and how much more may be asked for.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How many messages are under way at once, at most; well below a consumer's `max_ack_pending`.
pub(super) const MOST_MESSAGES: usize = 5000;
/// How many bytes of messages are under way at once before no more are asked for.
pub(super) const MOST_BYTES: usize = 32 * 1024 * 1024;

/// The messages that came and are not settled yet, by their sequence in the stream.
#[derive(Debug, Default)]
pub(super) struct Window {
    under_way: HashMap<u64, Message>,
    bytes: usize,
}

#[derive(Debug)]
struct Message {
    reply: String,
    bytes: usize,
    /// When the server was last told that it is being worked on.
    told: Instant,
}

impl Window {
    /// Notes a message that came. False if it is under way already: the server has sent it again,
    /// and only where to acknowledge it has changed.
    pub(super) fn came(&mut self, sequence: u64, reply: &str, bytes: usize, now: Instant) -> bool {
        if let Some(message) = self.under_way.get_mut(&sequence) {
            message.reply = reply.to_owned();
            message.told = now;
            return false;
        }
        self.under_way.insert(sequence, Message { reply: reply.to_owned(), bytes, told: now });
        self.bytes += bytes;
        true
    }

    /// Takes out a message whose fate is known; gives where to tell the server.
    pub(super) fn settle(&mut self, sequence: u64) -> Option<String> {
        let message = self.under_way.remove(&sequence)?;
        self.bytes -= message.bytes;
        Some(message.reply)
    }

    /// How many more messages may be asked for, when so many are asked for already.
    pub(super) fn room(&self, requested: usize) -> usize {
        if self.bytes >= MOST_BYTES {
            return 0;
        }
        MOST_MESSAGES.saturating_sub(self.under_way.len() + requested)
    }

    /// Where to tell the server of messages that it has not heard of for `long`; from now it has.
    pub(super) fn silent_for(&mut self, long: Duration, now: Instant) -> Vec<String> {
        let silent = self.under_way.values_mut().filter(|message| now.duration_since(message.told) >= long);
        silent
            .map(|message| {
                message.told = now;
                message.reply.clone()
            })
            .collect()
    }
}

/// The sequence in the stream, from the subject at which a message is acknowledged:
/// `$JS.ACK.<stream>.<consumer>.<delivered>.<sequence>...`, or with domain and account in front.
pub(super) fn stream_sequence(reply: &str) -> Option<u64> {
    let tokens: Vec<&str> = reply.split('.').collect();
    let at = match tokens.len() {
        9 => 5,
        11.. => 7,
        _ => return None,
    };
    tokens[..2].eq(&["$JS", "ACK"]).then(|| tokens[at].parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_sent_again_keeps_its_place_and_is_acknowledged_where_it_came_last() {
        let (mut window, now) = (Window::default(), Instant::now());
        assert!(window.came(7, "first", 10, now));
        assert!(!window.came(7, "second", 10, now));
        assert_eq!(window.settle(7).as_deref(), Some("second"));
        assert_eq!(window.settle(7), None);
    }

    #[test]
    fn room_is_what_is_neither_under_way_nor_asked_for() {
        let (mut window, now) = (Window::default(), Instant::now());
        assert_eq!(window.room(1000), MOST_MESSAGES - 1000);
        window.came(1, "r", MOST_BYTES - 1, now);
        assert_eq!(window.room(MOST_MESSAGES), 0);
        assert_eq!(window.room(0), MOST_MESSAGES - 1);
        window.came(2, "r", 1, now);
        assert_eq!(window.room(0), 0);
        window.settle(1);
        assert_eq!(window.room(0), MOST_MESSAGES - 1);
    }

    #[test]
    fn the_server_hears_of_a_message_that_takes_long() {
        let (mut window, now, long) = (Window::default(), Instant::now(), Duration::from_secs(10));
        window.came(1, "r", 1, now);
        assert!(window.silent_for(long, now + Duration::from_secs(9)).is_empty());
        assert_eq!(window.silent_for(long, now + long), ["r"]);
        assert!(window.silent_for(long, now + long).is_empty());
    }

    #[test]
    fn the_sequence_is_in_the_reply() {
        assert_eq!(stream_sequence("$JS.ACK.S.C.1.42.7.1700000000000000000.0"), Some(42));
        assert_eq!(stream_sequence("$JS.ACK._.acc.S.C.1.42.7.1700000000000000000.0.tok"), Some(42));
        assert_eq!(stream_sequence("_INBOX.x"), None);
    }
}
