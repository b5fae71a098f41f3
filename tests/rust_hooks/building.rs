//! Cargo and what comes of it: errors with the product's paths, prebuilt programs, Ctrl-C.

use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::Signal;
use sha2::{Digest, Sha256};

use crate::common::background::{Background, until};
use crate::support::{borrowed, builds, does, fails, sensor, variables};

#[test]
fn a_crate_that_does_not_compile_stops_up_before_anything_begins() {
    let project = sensor("broken", "#[setup(role = \"producer\")]\nfn forward() -> Result<()> {\n    nothing()\n}\n");
    does(&project, &["plug", "events", "s1", "l1"]);
    let said = fails(&project, &["up"]);
    assert!(said.contains("error: the hooks of `broken` cannot be built"), "{said}");
    assert!(said.contains("--> products/broken/hooks/src/main.rs:15:5"), "{said}");
    assert!(said.contains("cannot find function `nothing`"), "{said}");
    assert!(said.contains("`cargo check` in `products/broken/hooks`"), "{said}");
    assert_eq!(project.trace(), Vec::<String>::new(), "the other product was not set up either");
}

#[test]
fn it_is_built_once_and_again_when_its_files_change() {
    let hooks = "#[trigger(\"isolate\")]\nfn isolate() -> Result<&'static str> { Ok(\"one\") }\n";
    let project = sensor("rebuilt", hooks);
    assert_eq!(does(&project, &["trigger", "isolate", "s1"]).0, "one\n");
    let (_, said) = does(&project, &["trigger", "isolate", "s1"]);
    assert!(!said.contains("building"), "{said}");
    let main = "products/rebuilt/hooks/src/main.rs";
    // What an earlier run of the tests has built is still there.
    let now = std::time::UNIX_EPOCH.elapsed().expect("a clock").as_nanos();
    project.write(main, project.read(main).replace("one", &format!("two {now}")));
    let (out, said) = does(&project, &["trigger", "isolate", "s1"]);
    assert_eq!(out, format!("two {now}\n"));
    assert!(said.contains("building the hooks of `rebuilt` with cargo"), "{said}");
    assert!(!project.has("products/rebuilt/hooks/Cargo.lock") && !project.has("products/rebuilt/hooks/target"));
}

/// A `PATH` without cargo.
fn without_cargo() -> Vec<(String, String)> {
    let mut variables = variables();
    variables.iter_mut().filter(|(name, _)| name == "PATH").for_each(|(_, path)| *path = "/nowhere".to_owned());
    variables
}

#[test]
fn without_cargo_a_prebuilt_program_is_used_if_its_hash_is_right() {
    let project = sensor("prebuilt", "#[trigger(\"isolate\")]\nfn isolate() -> Result<&'static str> { Ok(\"ran\") }\n");
    let run = || project.output_with(&["trigger", "isolate", "s1"], &borrowed(&without_cargo()));
    let (code, _, err) = run();
    assert_eq!(code, 1);
    assert!(err.contains("the hooks of `prebuilt` cannot be built: cargo is not there"), "{err}");
    assert!(err.contains("install Rust") && err.contains("products/prebuilt/hooks/prebuilt/"), "{err}");

    does(&project, &["trigger", "isolate", "s1"]);
    let is_own = |name: &str| name.starts_with("prebuilt-");
    let entries = std::fs::read_dir(builds()).expect("listed").map(|entry| entry.expect("an entry").path());
    let program = entries.filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_own));
    let newest = program
        .map(|folder| folder.join("host"))
        .filter(|host| host.is_file())
        .max_by_key(|host| host.metadata().and_then(|seen| seen.modified()).ok());
    let bytes = std::fs::read(newest.expect("a program")).expect("readable");
    let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let folder = format!("products/prebuilt/hooks/prebuilt/{}-unknown-linux-gnu", std::env::consts::ARCH);
    project.write(&format!("{folder}/host"), &bytes);
    project.write(&format!("{folder}/host.sha256"), format!("{hash}  host\n"));
    let (code, out, err) = run();
    assert_eq!((code, out.as_str()), (0, "ran\n"), "{err}");

    project.write(&format!("{folder}/host.sha256"), format!("{}  host\n", "0".repeat(64)));
    let (code, _, err) = run();
    assert_eq!(code, 1);
    assert!(err.contains("is not the program that its `host.sha256` names"), "{err}");
}

#[test]
fn ctrl_c_ends_cargo_with_its_compilers() {
    let project = sensor("stopped", "#[trigger(\"isolate\")]\nfn isolate() {}\n");
    let bin = project.root().join("bin");
    project.write(
        "bin/cargo",
        "#!/bin/sh\ncase $1 in -vV) exit 0;; esac\necho $$ >\"$0.pid\"\nsleep 1000 &\necho $! >>\"$0.pid\"\nwait\n",
    );
    std::fs::set_permissions(bin.join("cargo"), std::fs::Permissions::from_mode(0o755)).expect("made executable");
    let mut variables = variables();
    for (name, value) in &mut variables {
        match name.as_str() {
            "PATH" => *value = format!("{}:{value}", bin.display()),
            "RESILMESH_BUILD" => *value = project.root().join("builds").display().to_string(),
            _ => {}
        }
    }
    let running = Background::start_with(&project, &["trigger", "isolate", "s1"], &borrowed(&variables));
    let pids = || std::fs::read_to_string(bin.join("cargo.pid")).unwrap_or_default();
    until(|| "cargo was never started".to_owned(), || pids().lines().count() == 2);
    running.signal(Signal::SIGINT);
    let (code, _, err) = running.end();
    assert_eq!(code, Some(130), "{err}");
    for pid in pids().lines() {
        let stat = format!("/proc/{pid}/stat");
        let is_gone = || {
            let stat = std::fs::read_to_string(&stat).unwrap_or_default();
            stat.split(") ").nth(1).is_none_or(|rest| rest.starts_with('Z'))
        };
        until(|| format!("{pid} is still there"), is_gone);
    }
}

#[test]
fn what_lies_around_the_product_has_no_say_in_the_build() {
    let project = sensor("around", "#[trigger(\"isolate\")]\nfn isolate() {}\n");
    let evil = "[build]\nrustc-wrapper = \"/nowhere/evil\"\nrustc = \"/nowhere/evil\"\n";
    project.write(".cargo/config.toml", evil);
    project.write("products/.cargo/config.toml", evil);
    project.write("rust-toolchain.toml", "[toolchain]\npath = \"/nowhere/evil\"\n");
    project.write("Cargo.toml", "[workspace]\nmembers = [\"products/*/hooks\", \"evil\"]\n");
    // Built inside of the project, with what other tests have compiled already.
    let own = project.root().join(".resilmesh/builds");
    std::fs::create_dir_all(&own).expect("a folder");
    std::fs::create_dir_all(builds().join("target")).expect("a folder");
    std::os::unix::fs::symlink(builds().join("target"), own.join("target")).expect("a link");
    let mut variables = variables();
    let place = variables.iter_mut().find(|(name, _)| name == "RESILMESH_BUILD");
    place.expect("a variable").1 = own.display().to_string();
    let (code, _, err) = project.output_with(&["trigger", "isolate", "s1"], &borrowed(&variables));
    assert_eq!(code, 0, "{err}");
    // Its own configuration is trusted with it.
    project.write("products/around/hooks/.cargo/config.toml", evil);
    let (code, _, err) = project.output_with(&["trigger", "isolate", "s1"], &borrowed(&variables));
    assert_eq!(code, 1);
    assert!(err.contains("/nowhere/evil"), "{err}");
}

#[test]
fn without_the_manifest_or_main_it_is_said_what_is_missing() {
    let project = sensor("headless", "#[trigger(\"isolate\")]\nfn isolate() {}\n");
    let main = "products/headless/hooks/src/main.rs";
    let text = project.read(main);
    project.write(main, text.replace("resilmesh_sdk::main!();", "fn main() {}"));
    let said = fails(&project, &["trigger", "isolate", "s1"]);
    assert!(
        said.contains("the host of Rust hooks does not start") && said.contains("resilmesh_sdk::main!();"),
        "{said}"
    );
    std::fs::remove_file(project.root().join("products/headless/hooks/Cargo.toml")).expect("removed");
    let said = fails(&project, &["trigger", "isolate", "s1"]);
    assert!(said.contains("has hooks in Rust, but no `hooks/Cargo.toml`"), "{said}");
}
