//! Adds what is known about an event's indicators to the event.
