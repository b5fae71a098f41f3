//! Many operations in one request, and parts of it again.

use bytes::Bytes;
use vrl::path;
use vrl::path::OwnedValuePath;
use vrl::value::Value;

use super::operation::{Action, Written};
use crate::sink::owed::Owed;

/// A request in the making.
#[derive(Debug, Default)]
pub(super) struct Draft {
    body: Vec<u8>,
    operations: Vec<Operation>,
}

/// A request as it is sent.
#[derive(Debug)]
pub(super) struct Bulk {
    body: Bytes,
    operations: Vec<Operation>,
}

/// One operation of a request.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) action: Action,
    pub(super) owed: Owed,
    start: usize,
    document: usize,
    end: usize,
}

impl Draft {
    /// How many operations and bytes it holds.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.operations.len(), self.body.len())
    }

    /// Appends an operation that `write` writes. If it can be none, gives `owed` back with why.
    pub(super) fn add<E>(
        &mut self,
        owed: Owed,
        write: impl FnOnce(&mut Vec<u8>) -> Result<Written, E>,
    ) -> Result<(), (Owed, E)> {
        let start = self.body.len();
        match write(&mut self.body) {
            Ok(Written { action, document }) => {
                self.operations.push(Operation { action, owed, start, document, end: self.body.len() });
                Ok(())
            }
            Err(error) => Err((owed, error)),
        }
    }

    /// The request.
    pub(super) fn close(self) -> Bulk {
        Bulk { body: self.body.into(), operations: self.operations }
    }
}

impl Bulk {
    /// Its text: for each operation a line that says what is done, and the document in another.
    pub(super) fn body(&self) -> &Bytes {
        &self.body
    }

    /// How many operations it holds.
    pub(super) fn len(&self) -> usize {
        self.operations.len()
    }

    /// Its text and its operations apart.
    pub(super) fn open(self) -> (Text, Vec<Operation>) {
        (Text(self.body), self.operations)
    }

    /// Its two halves.
    pub(super) fn halves(mut self) -> [Self; 2] {
        let second = self.operations.split_off(self.operations.len() / 2);
        let text = Text(self.body);
        [text.request_of(self.operations), text.request_of(second)]
    }
}

/// The text of a request that some operations stand in.
pub(super) struct Text(Bytes);

impl Text {
    /// A request of some of its operations.
    pub(super) fn request_of(&self, operations: Vec<Operation>) -> Bulk {
        let mut body = Vec::with_capacity(operations.iter().map(|operation| operation.end - operation.start).sum());
        let operations = operations
            .into_iter()
            .map(|operation| {
                let start = body.len();
                body.extend_from_slice(self.0.get(operation.start..operation.end).unwrap_or_default());
                let document = start + (operation.document - operation.start);
                Operation { start, document, end: body.len(), ..operation }
            })
            .collect();
        Bulk { body: body.into(), operations }
    }

    /// The event that an operation was made of, as far as it was sent: the document, with its id
    /// put back where it was taken from.
    pub(super) fn event_of(&self, operation: &Operation, id_key: Option<&OwnedValuePath>) -> Value {
        let part = |from, to| self.0.get(from..to).unwrap_or_default();
        let document = serde_json::from_slice(part(operation.document, operation.end));
        let mut event: Value = document.unwrap_or_else(|_| Value::Object(Default::default()));
        let head: Option<Value> = serde_json::from_slice(part(operation.start, operation.document)).ok();
        let id = head.as_ref().and_then(|head| head.get(path!(operation.action.as_str(), "_id")));
        if let (Some(key), Some(id)) = (id_key, id) {
            event.insert(key, id.clone());
        }
        event
    }
}

#[cfg(test)]
mod tests {
    use vrl::path::parse_value_path;
    use vrl::value;

    use super::*;
    use crate::event::Ack;

    fn bulk() -> Bulk {
        let mut draft = Draft::default();
        for number in 0..3 {
            let write = |body: &mut Vec<u8>| {
                body.extend_from_slice(format!("{{\"create\":{{\"_id\":\"{number}\"}}}}\n").as_bytes());
                let document = body.len();
                body.extend_from_slice(format!("{{\"n\":{number}}}\n").as_bytes());
                Ok::<_, ()>(Written { action: Action::Create, document })
            };
            draft.add(Ack::none().into(), write).unwrap();
        }
        assert_eq!(draft.size(), (3, 93));
        draft.close()
    }

    #[test]
    fn parts_hold_their_operations() {
        let [first, second] = bulk().halves();
        assert_eq!(first.body(), "{\"create\":{\"_id\":\"0\"}}\n{\"n\":0}\n");
        assert_eq!(second.len(), 2);
        let [first, second] = second.halves();
        assert_eq!(first.body(), "{\"create\":{\"_id\":\"1\"}}\n{\"n\":1}\n");
        assert_eq!(second.body(), "{\"create\":{\"_id\":\"2\"}}\n{\"n\":2}\n");
    }

    #[test]
    fn an_event_can_be_had_back() {
        let [_, second] = bulk().halves();
        let (text, operations) = second.open();
        let key = parse_value_path("event.id").unwrap();
        assert_eq!(text.event_of(&operations[1], Some(&key)), value!({"event": {"id": "2"}, "n": 2}));
        assert_eq!(text.event_of(&operations[0], None), value!({"n": 1}));
    }
}
