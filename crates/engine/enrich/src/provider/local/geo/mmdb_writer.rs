//! Writes small files in the mmdb format (version 2.0, 24-bit records, IPv6 with IPv4 below `::/96`).

use std::net::IpAddr;

use serde_json::{Value, json};

/// What a branch of the search tree leads to.
#[derive(Clone, Copy)]
enum Branch {
    Nothing,
    Node(usize),
    Data(usize),
}

/// A database of networks (written as `address/bits`) and their records.
pub(super) fn database(networks: &[(&str, Value)]) -> Vec<u8> {
    let mut nodes = vec![[Branch::Nothing; 2]];
    let mut data = Vec::new();
    for (network, record) in networks {
        let offset = data.len();
        encode(record, &mut data);
        insert(&mut nodes, network, offset);
    }
    let mut file = Vec::new();
    for branch in nodes.iter().flatten() {
        let value = match branch {
            Branch::Nothing => nodes.len(),
            Branch::Node(node) => *node,
            Branch::Data(offset) => nodes.len() + 16 + offset,
        };
        file.extend_from_slice(&(value as u32).to_be_bytes()[1..]);
    }
    file.extend_from_slice(&[0; 16]);
    file.extend(data);
    file.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    control(MAP, 9, &mut file);
    for (key, value) in [
        ("node_count", Number::U32(nodes.len() as u32)),
        ("record_size", Number::U16(24)),
        ("ip_version", Number::U16(6)),
        ("binary_format_major_version", Number::U16(2)),
        ("binary_format_minor_version", Number::U16(0)),
        ("build_epoch", Number::U64(1)),
    ] {
        text(key, &mut file);
        value.encode(&mut file);
    }
    for (key, value) in
        [("database_type", json!("Test")), ("languages", json!(["en"])), ("description", json!({"en": "a test"}))]
    {
        text(key, &mut file);
        encode(&value, &mut file);
    }
    file
}

fn insert(nodes: &mut Vec<[Branch; 2]>, network: &str, offset: usize) {
    let (address, bits) = network.split_once('/').expect("a network");
    let bits: u32 = bits.parse().expect("bits");
    let (number, bits) = match address.parse().expect("an address") {
        IpAddr::V4(address) => (u128::from(u32::from(address)), bits + 96),
        IpAddr::V6(address) => (u128::from(address), bits),
    };
    let mut node = 0;
    for bit in 0..bits {
        let side = (number >> (127 - bit) & 1) as usize;
        if bit + 1 == bits {
            nodes[node][side] = Branch::Data(offset);
        } else if let Branch::Node(next) = nodes[node][side] {
            node = next;
        } else {
            nodes.push([Branch::Nothing; 2]);
            let next = nodes.len() - 1;
            nodes[node][side] = Branch::Node(next);
            node = next;
        }
    }
}

const TEXT: u8 = 2;
const MAP: u8 = 7;

/// The metadata wants each of its numbers of a certain width.
enum Number {
    U16(u16),
    U32(u32),
    U64(u64),
}

impl Number {
    fn encode(&self, to: &mut Vec<u8>) {
        match self {
            Self::U16(number) => {
                control(5, 2, to);
                to.extend_from_slice(&number.to_be_bytes());
            }
            Self::U32(number) => {
                control(6, 4, to);
                to.extend_from_slice(&number.to_be_bytes());
            }
            Self::U64(number) => {
                // An extended type: its number less seven in a byte of its own.
                to.extend_from_slice(&[8, 9 - 7]);
                to.extend_from_slice(&number.to_be_bytes());
            }
        }
    }
}

fn text(text: &str, to: &mut Vec<u8>) {
    control(TEXT, text.len(), to);
    to.extend_from_slice(text.as_bytes());
}

fn encode(value: &Value, to: &mut Vec<u8>) {
    match value {
        Value::String(value) => text(value, to),
        Value::Number(number) => {
            let number = number.as_u64().and_then(|number| u32::try_from(number).ok()).expect("a small number");
            Number::U32(number).encode(to);
        }
        Value::Array(items) => {
            to.extend_from_slice(&[items.len() as u8, 11 - 7]);
            items.iter().for_each(|item| encode(item, to));
        }
        Value::Object(object) => {
            control(MAP, object.len(), to);
            for (key, value) in object {
                text(key, to);
                encode(value, to);
            }
        }
        other => panic!("{other} is not needed"),
    }
}

fn control(kind: u8, size: usize, to: &mut Vec<u8>) {
    match u8::try_from(size).expect("a small size") {
        size @ 0..29 => to.push(kind << 5 | size),
        size => to.extend_from_slice(&[kind << 5 | 29, size - 29]),
    }
}
