//! Meshes and machines for tests of plans.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

pub mod machine;
pub mod seen;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use resilmesh::mesh::compile::compile;
use resilmesh::mesh::model::Mesh;
use resilmesh::plan::desired::{self, Desired, Machine, Program};
use resilmesh::plan::keyed::Key;
use resilmesh::plan::paths::StateFolder;
use resilmesh::plan::ports::probe::{Machine as Sockets, Protocols};
use resilmesh::plan::ports::{self, Claims, Ports};
use resilmesh::plan::render::{self, Rendered};
use resilmesh::plan::secrets::Secrets;
use resilmesh::project::load::load;

/// A machine on which every port is free.
pub struct AllFree;

impl Sockets for AllFree {
    fn can_listen(&self, _: &str, _: u16, _: Protocols) -> std::io::Result<()> {
        Ok(())
    }

    fn any_free(&self, _: &str, _: Protocols) -> Option<u16> {
        Some(40000)
    }

    fn holder(&self, _: u16) -> Option<String> {
        None
    }
}

/// The mesh of a project folder; it must be without mistakes.
pub fn mesh(project: &Path) -> Mesh {
    let files = load(project).expect("a project");
    compile(&files).unwrap_or_else(|found| panic!("the project compiles: {found:#?}")).0
}

/// The mesh of the example, changed: files to write (or, with None, to remove) by path.
pub fn soapa(changes: &[(&str, Option<&str>)]) -> Mesh {
    let folder = tempfile::tempdir().expect("temporary folder");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/soapa"), folder.path());
    for (path, text) in changes {
        let path = folder.path().join(path);
        match text {
            Some(text) => {
                std::fs::create_dir_all(path.parent().expect("a file")).expect("folder");
                std::fs::write(path, text).expect("write");
            }
            None if path.is_dir() => std::fs::remove_dir_all(path).expect("remove"),
            None => std::fs::remove_file(path).expect("remove"),
        }
    }
    mesh(folder.path())
}

/// Copies a folder.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("folder");
    for entry in std::fs::read_dir(from).expect("list").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copy");
        }
    }
}

/// What digests are made with, the same for all meshes of a test.
pub fn key() -> Key {
    static KEY: LazyLock<Key> = LazyLock::new(Key::random);
    KEY.clone()
}

/// Default ports.
pub fn default_ports(mesh: &Mesh) -> Ports {
    let claims = Claims { mesh, remembered: &Ports::default(), held: &BTreeMap::new() };
    ports::allocate(&claims, &AllFree).expect("ports").ports
}

/// Passwords that say whose they are.
pub fn passwords(mesh: &Mesh) -> Arc<Secrets> {
    let mut secrets = Secrets::default();
    for instance in mesh.instances.keys() {
        secrets = secrets.with(instance, "bus_password", &format!("{instance}BusPassword"));
        secrets = secrets.with(instance, "resilmesh_password", &format!("{instance}ResilmeshPassword"));
    }
    Arc::new(secrets)
}

/// The files of the mesh with default ports.
pub fn rendered(mesh: &Mesh) -> Rendered {
    render::render(mesh, &default_ports(mesh), &passwords(mesh)).unwrap_or_else(|found| panic!("renders: {found:#?}"))
}

/// What the mesh wants on a machine where everything is at `/project`.
pub fn wanted(mesh: &Mesh) -> Desired {
    let ports = default_ports(mesh);
    let programs = mesh
        .services()
        .flat_map(|(instance, service)| {
            let name = &service.embedded.program;
            instance.service_names().map(move |service| {
                let program = Program {
                    path: PathBuf::from("/bin").join(name),
                    label: name.clone(),
                    identity: "1".to_owned(),
                    control: PathBuf::from(format!("/run/{service}.sock")),
                };
                (service, program)
            })
        })
        .collect();
    let state = StateFolder::of(Path::new("/project"));
    let secrets = passwords(mesh);
    let machine = Machine { state: &state, ports: &ports, programs: &programs, secrets: &secrets, key: &key() };
    desired::desired(mesh, &machine, rendered(mesh)).expect("a mesh that can run")
}
