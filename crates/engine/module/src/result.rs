//! What is published of what a module made: each result is an event, and has an id of its own.

use bytes::Bytes;
use resilmesh_relay::event::{Event, NotAnEvent, quoted};
use resilmesh_relay::id;
use serde_json::value::RawValue;
use uuid::Uuid;

/// An event to be published, and what it is known by.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) body: Bytes,
}

/// The id of an event, which is looked up only if it is needed.
pub(crate) type EventId<'a> = dyn Fn() -> &'a str + 'a;

/// What is published in place of the event with this id. The only one keeps the id, also if the module has lost it; of
/// several, those without one of their own get one that is the same whenever the same event is worked on again.
///
/// # Errors
/// When one of them is no event.
pub(crate) fn made(event_id: &EventId<'_>, module: &str, results: Vec<Bytes>) -> Result<Vec<Made>, NotAnEvent> {
    let single = results.len() == 1;
    let mut made: Vec<Made> = Vec::with_capacity(results.len());
    for (n, body) in results.into_iter().enumerate() {
        let own = id::of_event(&Event::parse(&body)?);
        let distinct = own.filter(|own| made.iter().all(|other| other.id != *own));
        made.push(match distinct {
            Some(id) => Made { id, body },
            None => {
                let id = if single { event_id().to_owned() } else { derived(event_id(), module, n) };
                Made { body: with_id(&body, &id)?, id }
            }
        });
    }
    Ok(made)
}

fn derived(event_id: &str, module: &str, n: usize) -> String {
    let name = format!("{event_id}\n{module}\n{n}");
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
}

/// The event with this id in place of its own; all else is as it was.
pub(crate) fn with_id(body: &Bytes, id: &str) -> Result<Bytes, NotAnEvent> {
    let id = quoted(id);
    let mut event: Members = serde_json::from_slice(body)?;
    if event.0.iter().any(|(key, _)| key == "event.id") {
        event.set("event.id", &id)?;
    } else {
        let inner = event.0.iter().rev().find(|(key, _)| key == "event").map(|(_, value)| value.get().to_owned());
        let inner = match inner {
            None => format!("{{\"id\":{id}}}"),
            Some(inner) => match serde_json::from_str::<Members>(&inner) {
                Ok(mut inner) => {
                    inner.set("id", &id)?;
                    serde_json::to_string(&inner)?
                }
                // A text in the place where ids stand: nothing may be replaced.
                Err(_) => return Ok(body.clone()),
            },
        };
        event.set("event", &inner)?;
    }
    Ok(serde_json::to_vec(&event)?.into())
}

/// The members of an object, in order.
struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    /// Sets the last member of that name, or adds one.
    fn set(&mut self, name: &str, json: &str) -> serde_json::Result<()> {
        let value = RawValue::from_string(json.to_owned())?;
        match self.0.iter_mut().rev().find(|(key, _)| key == name) {
            Some((_, own)) => *own = value,
            None => self.0.push((name.to_owned(), value)),
        }
        Ok(())
    }
}

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members;

            fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                to.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

impl serde::Serialize for Members {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(bodies: &[&str]) -> Vec<(String, String)> {
        let bodies = bodies.iter().map(|body| Bytes::copy_from_slice(body.as_bytes())).collect();
        let made = made(&|| "e1", "tagger", bodies).expect("events");
        made.into_iter().map(|own| (own.id, String::from_utf8(own.body.to_vec()).expect("UTF-8"))).collect()
    }

    #[test]
    fn the_only_result_keeps_the_id_also_if_it_was_lost() {
        let kept = r#"{"event":{"id":"e1"},"n":1.10}"#;
        assert_eq!(results(&[kept]), [("e1".to_owned(), kept.to_owned())]);
        assert_eq!(results(&[r#"{"n":1.10}"#]), [("e1".to_owned(), r#"{"n":1.10,"event":{"id":"e1"}}"#.to_owned())]);
        let lost = r#"{"event":{"kind":"alert","id":""},"n":12345678901234567890}"#;
        let put_back = r#"{"event":{"kind":"alert","id":"e1"},"n":12345678901234567890}"#;
        assert_eq!(results(&[lost]), [("e1".to_owned(), put_back.to_owned())]);
        assert_eq!(results(&[r#"{"event.id":null}"#])[0].1, r#"{"event.id":"e1"}"#);
        assert_eq!(results(&[r#"{"event":"odd"}"#]), [("e1".to_owned(), r#"{"event":"odd"}"#.to_owned())]);
        assert_eq!(results(&[r#"{"event":{"id":"own"}}"#])[0].0, "own");
    }

    #[test]
    fn of_several_results_each_has_an_id_of_its_own_and_always_the_same() {
        let copies =
            [r#"{"event":{"id":"e1"},"n":0}"#, r#"{"event":{"id":"e1"},"n":1}"#, "{}", r#"{"event":{"id":"x"}}"#];
        let first = results(&copies);
        let ids: Vec<&str> = first.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!((ids[0], ids[3]), ("e1", "x"));
        assert!(Uuid::parse_str(ids[1]).is_ok() && Uuid::parse_str(ids[2]).is_ok() && ids[1] != ids[2]);
        assert_eq!(first[1].1, format!("{{\"event\":{{\"id\":\"{}\"}},\"n\":1}}", ids[1]));
        assert_eq!(results(&copies), first);
    }

    #[test]
    fn what_is_no_object_is_no_event() {
        for wrong in ["[1]", "7", "nonsense", "{\"a\":1", ""] {
            assert!(made(&|| "e1", "tagger", vec![Bytes::from_static(wrong.as_bytes())]).is_err(), "{wrong}");
        }
    }
}
