//! `store.yaml`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use resilmesh_service::amount;
use serde_yaml::Value;

use crate::index::store::Options;

/// A file system with less free space gets no more writes, unless `min_free` says otherwise.
const DEFAULT_MIN_FREE: u64 = 100 << 20;

/// The configuration of a store.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    /// Relative to the current folder, which is the folder of the instance.
    pub(crate) data_dir: PathBuf,
    pub(crate) cluster_name: String,
    pub(crate) node_name: String,
    pub(crate) options: Options,
}

const KEYS: [&str; 7] = ["listen", "data_dir", "cluster_name", "node_name", "retention", "durability", "min_free"];
const RETENTION_KEYS: [&str; 2] = ["max_age", "max_size"];

/// Reads a configuration; all its mistakes at once.
pub(crate) fn load(path: &Path) -> Result<Config, Vec<String>> {
    let text = std::fs::read_to_string(path).map_err(|error| vec![format!("{}: {error}", path.display())])?;
    parse(&text)
        .map_err(|mistakes| mistakes.into_iter().map(|mistake| format!("{}: {mistake}", path.display())).collect())
}

fn parse(text: &str) -> Result<Config, Vec<String>> {
    let value: Value = serde_yaml::from_str(text).map_err(|error| vec![error.to_string()])?;
    let mut mistakes = Vec::new();
    let empty = serde_yaml::Mapping::new();
    let root = value.as_mapping().unwrap_or_else(|| {
        mistakes.push("expected keys and values, such as `listen: \"127.0.0.1:9200\"`".to_owned());
        &empty
    });
    check_keys(root, &KEYS, "", &mut mistakes);
    let retention = match root.get("retention") {
        None | Some(Value::Null) => &empty,
        Some(value) => value.as_mapping().unwrap_or_else(|| {
            mistakes
                .push("`retention` must hold keys and values, such as `{max_age: 30d, max_size: 10GiB}`".to_owned());
            &empty
        }),
    };
    check_keys(retention, &RETENTION_KEYS, "retention.", &mut mistakes);
    let mut read = Reader { mistakes };
    let listen = read.required(root, "listen", |text| {
        text.parse().map_err(|_| "must be an address and a port, such as 127.0.0.1:9200".to_owned())
    });
    let data_dir = read.required(root, "data_dir", |text| Ok(PathBuf::from(text)));
    let cluster_name = read.optional(root, "cluster_name", |text| Ok(text.to_owned()));
    let node_name = read.optional(root, "node_name", |text| Ok(text.to_owned()));
    let durability = read.optional(root, "durability", |text| match text {
        "interval" => Ok(false),
        "request" => Ok(true),
        _ => Err("must be `interval` (synced every second) or `request` (before each answer)".to_owned()),
    });
    let min_free = read.optional(root, "min_free", bytes);
    let max_age = read.optional(retention, "max_age", millis);
    let max_size = read.optional(retention, "max_size", bytes);
    match (listen, data_dir, read.mistakes) {
        (Some(listen), Some(data_dir), mistakes) if mistakes.is_empty() => Ok(Config {
            listen,
            data_dir,
            cluster_name: cluster_name.unwrap_or_else(|| "resilmesh".to_owned()),
            node_name: node_name.unwrap_or_else(|| "resilmesh-store".to_owned()),
            options: Options {
                max_age,
                max_size,
                min_free: min_free.unwrap_or(DEFAULT_MIN_FREE),
                sync_each: durability.unwrap_or(false),
            },
        }),
        (_, _, mistakes) => Err(mistakes),
    }
}

struct Reader {
    mistakes: Vec<String>,
}

impl Reader {
    fn required<T>(
        &mut self,
        map: &serde_yaml::Mapping,
        key: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        if !map.contains_key(key) {
            self.mistakes.push(format!("`{key}` is missing"));
        }
        self.optional(map, key, read)
    }

    fn optional<T>(
        &mut self,
        map: &serde_yaml::Mapping,
        key: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = match map.get(key)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => {
                self.mistakes.push(format!("`{key}` must be text"));
                return None;
            }
        };
        read(&text).map_err(|why| self.mistakes.push(format!("`{key}: {text}` {why}"))).ok()
    }
}

fn check_keys(map: &serde_yaml::Mapping, known: &[&str], parent: &str, mistakes: &mut Vec<String>) {
    for key in map.keys() {
        let name = key.as_str().unwrap_or("?");
        if !known.contains(&name) {
            mistakes.push(format!("unknown key `{parent}{name}`; known are {}", known.join(", ")));
        }
    }
}

fn millis(text: &str) -> Result<i64, String> {
    amount::milliseconds(text).ok_or_else(|| format!("must be {}, such as 30d", amount::TIME))
}

fn bytes(text: &str) -> Result<u64, String> {
    amount::bytes(text).ok_or_else(|| format!("must be {}, such as 10GiB", amount::BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_configuration() {
        let text = "{listen: \"127.0.0.1:9200\", data_dir: ../../data/store, cluster_name: soapa, retention: {max_age: 30d, max_size: 10GiB}, durability: request}";
        let config = parse(text).expect("configuration");
        assert_eq!(config.listen.port(), 9200);
        assert_eq!(config.options.max_age, Some(30 * 86_400_000));
        assert_eq!(config.options.max_size, Some(10 << 30));
        assert_eq!(config.options.min_free, DEFAULT_MIN_FREE);
        assert!(config.options.sync_each);
    }

    #[test]
    fn all_mistakes_at_once() {
        let mistakes =
            parse("{listen: nowhere, retention: {max_age: soon, max_docs: 5}, durability: maybe, shards: 3}")
                .expect_err("mistakes");
        for named in ["nowhere", "data_dir", "soon", "retention.max_docs", "maybe", "shards"] {
            assert!(mistakes.iter().any(|mistake| mistake.contains(named)), "{named}: {mistakes:?}");
        }
        assert_eq!(mistakes.len(), 6);
    }
}
