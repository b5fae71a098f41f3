//! `.resilmesh/ports.json`.

use std::path::Path;
use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::{PortId, Ports};
use crate::mesh::model::PlugId;
use crate::plan::paths;

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    ports: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    instance: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plug: Option<PlugId>,
    name: String,
    number: u16,
}

impl Ports {
    /// Reads the numbers chosen before. A file that is not there, or cannot be understood, remembers
    /// nothing: the numbers are then chosen anew.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn load(path: &Path) -> io::Result<Self> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let entries = serde_json::from_slice::<File>(&text).map_or_else(|_| Vec::new(), |file| file.ports);
        let id = |entry: Entry| (PortId { instance: entry.instance, plug: entry.plug, name: entry.name }, entry.number);
        Ok(Self { numbers: entries.into_iter().map(id).collect() })
    }

    /// Writes the numbers.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let ports = self
            .numbers
            .iter()
            .map(|(id, number)| Entry {
                instance: id.instance.clone(),
                plug: id.plug.clone(),
                name: id.name.clone(),
                number: *number,
            })
            .collect();
        paths::write_file(path, &serde_json::to_vec_pretty(&File { version: VERSION, ports })?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::model::Mode;

    #[test]
    fn numbers_come_back_as_they_were() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("ports.json");
        assert_eq!(Ports::load(&path).expect("no file"), Ports::default());
        let plug = PlugId { source: "a".into(), destination: "b".into(), topic: "t".into(), mode: Mode::Push };
        let mut ports = Ports::default();
        ports.insert(PortId { instance: "b".into(), plug: Some(plug), name: "syslog".into() }, 5514);
        ports.insert(PortId { instance: "bus".into(), plug: None, name: "client".into() }, 4222);
        ports.save(&path).expect("save");
        assert_eq!(Ports::load(&path).expect("load"), ports);
        fs::write(&path, "{").expect("damage");
        assert_eq!(Ports::load(&path).expect("a damaged file"), Ports::default());
    }
}
