//! Autonomous system and country of an address, from files in MaxMind's mmdb format.
//!
//! Field names of the common publishers are understood: GeoLite2 and DB-IP
//! (`autonomous_system_number`, `country.iso_code`, …) and IPinfo (`asn: "AS64500"`,
//! `country_code`, …), each in a file of its own or combined in one. A file is read into memory
//! as a whole (GeoLite2: ASN 8 MB, Country 6 MB).

use std::net::IpAddr;
use std::path::Path;

use maxminddb::Reader;
use serde_json::{Map, Value};

use crate::provider::{AutonomousSystem, Place};

/// The open files, asked in turn.
pub struct Databases(Vec<Reader<Vec<u8>>>);

/// What the files tell about an address.
#[derive(Debug, Default, PartialEq)]
pub struct Origin {
    /// The network it belongs to.
    pub system: Option<AutonomousSystem>,
    /// The subnet that the autonomous system was found for, such as `192.0.2.0/24`.
    pub subnet: Option<String>,
    /// Where it is.
    pub place: Option<Place>,
}

impl Databases {
    /// No files.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// Whether there are no files.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Opens the files.
    ///
    /// # Errors
    /// One line per file that cannot be read or is none.
    pub fn open<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Result<Self, Vec<String>> {
        let (mut readers, mut mistakes) = (Vec::new(), Vec::new());
        for path in paths {
            match Reader::open_readfile(path) {
                Ok(reader) => readers.push(reader),
                Err(error) => mistakes.push(format!("mmdb file `{}` cannot be used: {error}", path.display())),
            }
        }
        if mistakes.is_empty() { Ok(Self(readers)) } else { Err(mistakes) }
    }

    /// Looks an address up in every file; the first that tells a thing is believed.
    pub fn origin(&self, address: IpAddr) -> Origin {
        let mut origin = Origin::default();
        for reader in &self.0 {
            // A file that holds only IPv4 answers an IPv6 address with an error: as good as nothing.
            let Ok(found) = reader.lookup(address) else { continue };
            let Ok(Some(Value::Object(record))) = found.decode::<Value>() else { continue };
            if origin.system.is_none() {
                origin.system = system_in(&record);
                origin.subnet = match &origin.system {
                    Some(_) => found.network().ok().map(|network| network.to_string()),
                    None => None,
                };
            }
            if origin.place.is_none() {
                origin.place = place_in(&record);
            }
        }
        origin
    }
}

impl Origin {
    /// The entry of `ip2asn` in the Silent Push schema; None if nothing is known.
    pub fn as_ip2asn(&self, address: IpAddr) -> Option<Map<String, Value>> {
        if *self == Self::default() {
            return None;
        }
        let mut object = Map::new();
        object.insert("ip".into(), address.to_string().into());
        if let Some(system) = &self.system {
            object.insert("asn".into(), system.number.into());
            put(&mut object, "asname", system.organization.as_ref());
        }
        put(&mut object, "subnet", self.subnet.as_ref());
        if let Some(place) = &self.place {
            let mut location = Map::new();
            put(&mut location, "continent_code", place.continent_code.as_ref());
            put(&mut location, "continent_name", place.continent_name.as_ref());
            put(&mut location, "country_code", place.country_code.as_ref());
            put(&mut location, "country_name", place.country_name.as_ref());
            object.insert("ip_location".into(), location.into());
        }
        Some(object)
    }
}

fn put(object: &mut Map<String, Value>, key: &str, text: Option<&String>) {
    if let Some(text) = text {
        object.insert(key.into(), text.as_str().into());
    }
}

fn system_in(record: &Map<String, Value>) -> Option<AutonomousSystem> {
    let number = ["autonomous_system_number", "asn", "as_number"].iter().find_map(|key| match record.get(*key)? {
        Value::Number(number) => u32::try_from(number.as_u64()?).ok(),
        Value::String(text) => text.trim_start_matches(['A', 'S']).parse().ok(),
        _ => None,
    })?;
    let organization = ["autonomous_system_organization", "as_name", "as_organization", "name"]
        .iter()
        .find_map(|key| text_in(record, key));
    (number != 0).then_some(AutonomousSystem { number, organization })
}

fn place_in(record: &Map<String, Value>) -> Option<Place> {
    let nested = |outer: &str, code: &str| {
        let object = record.get(outer).and_then(Value::as_object);
        let name = object.and_then(|object| object.get("names")).and_then(Value::as_object);
        (object.and_then(|object| text_in(object, code)), name.and_then(|names| text_in(names, "en")))
    };
    let (country_code, country_name) = nested("country", "iso_code");
    let (continent_code, continent_name) = nested("continent", "code");
    Place {
        country_code: country_code.or_else(|| text_in(record, "country_code")),
        country_name: country_name.or_else(|| text_in(record, "country_name").or_else(|| text_in(record, "country"))),
        continent_code: continent_code.or_else(|| text_in(record, "continent_code")),
        continent_name: continent_name
            .or_else(|| text_in(record, "continent_name").or_else(|| text_in(record, "continent"))),
    }
    .if_any()
}

fn text_in(object: &Map<String, Value>, key: &str) -> Option<String> {
    object.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod mmdb_writer;
#[cfg(test)]
mod tests;
