//! Products whose hooks need packages: a virtual environment for each, made by the real pip.

use std::io::Write;

use crate::common::TestProject;
use crate::common::python::{hooks, sensor_and_lake, setup};

/// A wheel of a package `vendor` with one module that knows its version, made by hand.
fn wheel(project: &TestProject, version: &str) -> String {
    let info = format!("vendor-{version}.dist-info");
    let files = [
        ("vendor.py".to_owned(), format!("VERSION = '{version}'\n")),
        (format!("{info}/METADATA"), format!("Metadata-Version: 2.1\nName: vendor\nVersion: {version}\n")),
        (
            format!("{info}/WHEEL"),
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_owned(),
        ),
        (format!("{info}/RECORD"), format!("vendor.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")),
    ];
    let path = format!("wheels/vendor-{version}-py3-none-any.whl");
    project.write(&path, zip(&files));
    project.root().join(path).display().to_string()
}

/// A zip file with these files, stored as they are.
fn zip(files: &[(String, String)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let offset = u32::try_from(out.len()).expect("small");
        let size = u32::try_from(text.len()).expect("small").to_le_bytes();
        let length = u16::try_from(name.len()).expect("short").to_le_bytes();
        let mut head = Vec::new();
        head.extend([20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0]);
        head.extend(crc32(text.as_bytes()).to_le_bytes());
        head.extend(size);
        head.extend(size);
        head.extend(length);
        head.extend([0, 0]);
        out.write_all(b"PK\x03\x04").expect("memory");
        out.extend(&head);
        out.extend(name.as_bytes());
        out.extend(text.as_bytes());
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&head);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let count = u16::try_from(files.len()).expect("few").to_le_bytes();
    let start = u32::try_from(out.len()).expect("small").to_le_bytes();
    let size = u32::try_from(directory.len()).expect("small").to_le_bytes();
    out.extend(&directory);
    out.extend(b"PK\x05\x06\x00\x00\x00\x00");
    [&count[..], &count, &size, &start, &[0, 0]].iter().for_each(|part| out.extend(*part));
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

/// Brings everything up with what the environment says of programs.
fn up(project: &TestProject) -> (i32, String) {
    let path = std::env::var("PATH").unwrap_or_default();
    let (code, _, err) = project
        .output_with(&["up"], &[("PATH", &path), ("PIP_NO_INDEX", "1"), ("UV_NO_INDEX", "1"), ("UV_OFFLINE", "1")]);
    (code, err)
}

const SAYS_VERSION: &str = "import vendor\n\n\n@setup_producer()\ndef forward(plug):\n    note('has', vendor.VERSION)\n\n\n@setup_consumer()\ndef inlet(plug):\n    note('has', vendor.VERSION)\n";

#[test]
fn requirements_are_installed_once_and_again_when_they_change() {
    let project = sensor_and_lake(SAYS_VERSION, &setup("consumer"));
    let requirements = "products/sensor/requirements.txt";
    project.write(requirements, wheel(&project, "1.0"));
    project.must(&["plug", "events", "s1", "l1"]);
    let (code, said) = up(&project);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("installing what the hooks of `sensor` need"), "{said}");
    assert_eq!(project.trace()[1..], ["has 1.0"]);
    // A second time there is nothing to install.
    project.must(&["down"]);
    let (code, said) = up(&project);
    assert!(code == 0 && !said.contains("installing"), "{said}");
    // A changed file makes another environment.
    project.must(&["down"]);
    project.write(requirements, wheel(&project, "2.0"));
    let (code, said) = up(&project);
    assert!(code == 0 && said.contains("installing"), "{said}");
    assert_eq!(project.trace().last().map(String::as_str), Some("has 2.0"));
}

#[test]
fn two_products_may_need_different_versions_of_one_package() {
    let project = sensor_and_lake(SAYS_VERSION, SAYS_VERSION);
    project.write("products/sensor/requirements.txt", format!("# ours\n{}\n", wheel(&project, "1.0")));
    project.write("products/lake/requirements.txt", wheel(&project, "2.0"));
    for product in ["sensor", "lake"] {
        // Modules of one name are no trouble either.
        project.write(&format!("products/{product}/api.py"), format!("NAME = '{product}'\n"));
        let file = format!("products/{product}/hooks.py");
        project.write(
            &file,
            project
                .read(&file)
                .replace("import vendor\n", "import vendor\nfrom .api import NAME\n")
                .replace("note('has'", "note(NAME, 'has'"),
        );
    }
    project.must(&["plug", "events", "s1", "l1"]);
    let (code, said) = up(&project);
    assert_eq!(code, 0, "{said}");
    assert_eq!(project.trace(), ["lake has 2.0", "sensor has 1.0"]);
}

#[test]
fn what_cannot_be_installed_is_told_and_others_go_on() {
    let project = sensor_and_lake(SAYS_VERSION, &setup("consumer"));
    project.write("products/sensor/requirements.txt", "no-such-package-anywhere==1.0\n");
    project.write("products/third/definition.yaml", "produces: {events: [{}]}\n");
    project.write("products/third/hooks.py", hooks(&setup("producer")));
    project.must(&["add", "third"]);
    project.must(&["plug", "events", "s1", "l1"]);
    project.must(&["plug", "events", "third", "l1"]);
    let (code, said) = up(&project);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("products/sensor/requirements.txt") && said.contains("cannot be installed"), "{said}");
    assert!(said.contains("no-such-package-anywhere"), "{said}");
    assert!(project.prints(&["list", "plugs", "third"]).contains(" up\n"));
}
