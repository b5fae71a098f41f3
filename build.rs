//! The catalogue is built in: a change of its files is a change of the program, and the hooks in
//! `products/<product>/hooks/mod.rs` are compiled into it.

#![allow(clippy::print_stdout, reason = "this is how a build script talks to cargo")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=products");
    println!("cargo:rerun-if-changed=examples");
    println!("cargo:rerun-if-changed=templates");
    println!("cargo:rerun-if-changed=sdk/rust");
    println!("cargo:rerun-if-changed=crates/hook-api");
    // What prebuilt programs for this machine are found by.
    println!("cargo:rustc-env=RESILMESH_TARGET={}", env::var("TARGET").unwrap_or_default());
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    fs::write(out.join("builtin_hooks.rs"), table(&products_with_hooks(&root.join("products"))?))
}

/// Names of the products that have hooks, with the file of each, sorted.
fn products_with_hooks(products: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(products)? {
        let entry = entry?;
        let file = entry.path().join("hooks/mod.rs");
        if file.is_file() {
            found.push((entry.file_name().to_string_lossy().into_owned(), file));
        }
    }
    found.sort();
    Ok(found)
}

/// The source of one module for each product: the attributes in it register its hooks.
fn table(products: &[(String, PathBuf)]) -> String {
    let mut modules = String::new();
    for (name, file) in products {
        let module: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(modules, "#[path = {:?}]\nmod product_{module};", file.display().to_string());
    }
    modules
}
