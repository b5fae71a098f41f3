//! What other meshes of this user have on this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Area, Finding};
use crate::plan::ports::probe;
use crate::project::names;
use crate::runtime::embedded::known_shared_folder;

/// Other meshes that are up: their folders, and the ports that they have.
pub type Others = BTreeMap<PathBuf, Vec<u16>>;

/// The meshes that are up, but for the one in `own`.
pub fn others(own: Option<&Path>) -> Others {
    let mut found = known_shared_folder("ports").map(|folder| probe::noted(&folder)).unwrap_or_default();
    let own = own.map(|own| own.canonicalize().unwrap_or_else(|_| own.to_owned()));
    found.retain(|project, _| Some(project) != own.as_ref());
    found
}

/// What there is to say of them.
pub fn findings(others: &Others) -> Vec<Finding> {
    let one = |(project, numbers): (&PathBuf, &Vec<u16>)| {
        let numbers: Vec<String> = numbers.iter().map(u16::to_string).collect();
        let ports = names::counted(numbers.len(), "port");
        let which = if numbers.is_empty() { String::new() } else { format!(": {}", numbers.join(", ")) };
        Finding::ok(Area::Meshes, format!("the mesh in `{}` is up and has {ports}{which}", project.display()))
    };
    others.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_told_with_their_ports() {
        let others = Others::from([("/a".into(), vec![4222, 8222]), ("/b".into(), vec![])]);
        let told: Vec<String> = findings(&others).into_iter().map(|found| found.message).collect();
        assert_eq!(
            told,
            ["the mesh in `/a` is up and has 2 ports: 4222, 8222", "the mesh in `/b` is up and has 0 ports"]
        );
    }
}
