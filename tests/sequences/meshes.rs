//! Small random meshes and random edits of them.

use std::fmt;
use std::path::Path;

use rand::Rng;
use rand::rngs::StdRng;
use resilmesh::mesh::compile::compile;
use resilmesh::project::load::load;

use crate::place::Place;

/// What meshes are made of.
pub(crate) struct Family {
    /// Plugs and instances that there may be; each with even odds. An instance is there also if a plug
    /// needs it.
    parts: &'static [&'static str],
    /// Settings that may differ, each with even odds.
    settings: &'static [(&'static str, &'static str)],
}

/// Products of this test: services in a few lines of Python, and hooks in files.
pub(crate) const CHEAP: Family = Family {
    parts: &[
        "sensor/s1/plugs/lake/l1/alerts",
        "sensor/s2/plugs/lake/l1/alerts",
        "sensor/s1/plugs/web/w1/alerts",
        "sensor/s2/plugs/web/w2/alerts",
        "sensor/s1/plugs/web/w1/events",
        "sensor/s2/plugs/web/w1/events",
        "sensor/s2/plugs/web/w2/events",
        "web/w1",
        "web/w2",
    ],
    settings: &[("s1", "level: 2"), ("s2", "level: 3"), ("w1", "greeting: good day"), ("w2", "greeting: moin")],
};

/// Products that carry events, as they are shipped, and hooks in files beside them.
pub(crate) const FLOW: Family = Family {
    parts: &[
        "syslog/senders/plugs/vector/collector/logs",
        "vector/collector/plugs/nats/bus/ecs_events",
        "nats/bus/plugs/vector/indexer/ecs_events_pull",
        "vector/indexer/plugs/elasticsearch/store/ecs_events",
        "sensor/s1/plugs/lake/l1/alerts",
        "nats/bus",
        "elasticsearch/store",
    ],
    settings: &[("bus", "durability: always"), ("store", "min_free: 2MiB"), ("s1", "level: 2")],
};

/// One of them: those parts and settings whose bits are set.
#[derive(Clone)]
pub(crate) struct Mesh {
    family: &'static Family,
    bits: u32,
}

impl Mesh {
    /// Any that has no mistakes and something to do.
    pub(crate) fn any(family: &'static Family, random: &mut StdRng) -> Self {
        Self::first_sound(family, || random.random::<u32>() & random.random::<u32>())
    }

    /// With one to three things that are different.
    pub(crate) fn edited(&self, random: &mut StdRng) -> Self {
        let count = self.family.parts.len() + self.family.settings.len();
        Self::first_sound(self.family, || {
            let flips = random.random_range(1..=3);
            (0..flips).fold(self.bits, |bits, _| bits ^ 1 << random.random_range(0..count))
        })
    }

    fn first_sound(family: &'static Family, mut bits: impl FnMut() -> u32) -> Self {
        let all = (1 << (family.parts.len() + family.settings.len())) - 1;
        (0..1000)
            .map(|_| Self { family, bits: bits() & all })
            .find(Self::is_sound)
            .expect("there are many without mistakes")
    }

    fn is_sound(&self) -> bool {
        let place = tempfile::tempdir().expect("a temporary folder");
        self.write_into(place.path());
        let has_plugs = self.parts().any(|part| part.contains("/plugs/"));
        has_plugs && compile(&load(place.path()).expect("a project")).is_ok()
    }

    fn parts(&self) -> impl Iterator<Item = &'static str> {
        let bits = self.bits;
        self.family.parts.iter().enumerate().filter(move |(bit, _)| bits >> bit & 1 == 1).map(|(_, part)| *part)
    }

    fn settings(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let bits = self.bits >> self.family.parts.len();
        self.family.settings.iter().enumerate().filter(move |(bit, _)| bits >> bit & 1 == 1).map(|(_, own)| *own)
    }

    /// Makes the project's documents be this mesh.
    pub(crate) fn write(&self, place: &Place) {
        self.write_into(&place.project());
    }

    fn write_into(&self, project: &Path) {
        let products = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sequences/products");
        copy(&products, &project.join("products"));
        let instances = project.join("instances");
        if instances.exists() {
            std::fs::remove_dir_all(&instances).expect("removable");
        }
        put(&project.join("resilmesh.yaml"), "version: 1\nname: sequence\n");
        for part in self.parts() {
            match part.split('/').collect::<Vec<_>>()[..] {
                [product, name] => self.instance(project, product, name),
                [product, source, _, peer, destination, topic] => {
                    self.instance(project, product, source);
                    self.instance(project, peer, destination);
                    let (plain, mode) = match topic.strip_suffix("_pull") {
                        Some(plain) => (plain, "pull"),
                        None => (topic, "push"),
                    };
                    let text =
                        format!("topic: {plain}\nmode: {mode}\nsrc_instance: {source}\ndst_instance: {destination}\n");
                    put(&instances.join(format!("{product}/{source}/plugs/{destination}/{topic}.yaml")), &text);
                }
                _ => panic!("{part} is no part"),
            }
        }
    }

    fn instance(&self, project: &Path, product: &str, name: &str) {
        let settings: String =
            self.settings().filter(|own| own.0 == name).map(|own| format!("  {}\n", own.1)).collect();
        let settings = if settings.is_empty() { settings } else { format!("settings:\n{settings}") };
        let text = format!("name: {name}\nproduct: {product}\n{settings}");
        put(&project.join(format!("instances/{product}/{name}/config.yaml")), &text);
    }
}

impl fmt::Debug for Mesh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings: Vec<String> = self.settings().map(|(name, line)| format!("{name} {line}")).collect();
        f.debug_list().entries(self.parts()).entries(settings).finish()
    }
}

fn put(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a file")).expect("folder");
    std::fs::write(path, text).expect("write");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("folder");
    for entry in std::fs::read_dir(from).expect("list").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else if !target.exists() {
            std::fs::copy(entry.path(), target).expect("copy");
        }
    }
}
