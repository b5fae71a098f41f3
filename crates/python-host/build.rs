//! Puts the Python package and the host's own Python part into the program: as text, and compiled by
//! the Python that the program is linked to, which saves the time of compiling at each start.

#![allow(clippy::print_stdout, reason = "this is how a build script talks to cargo")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// Folders that hold top-level packages, below this crate's.
const SOURCES: [&str; 2] = ["python", "../../sdk/python/src"];

/// `compile.py IN OUT NAME`: compiled as Python itself would keep it, without its header.
const COMPILE: &str = "\
import marshal, sys
source, out, name = sys.argv[1:]
with open(source, encoding='utf-8') as text:
    code = compile(text.read(), name, 'exec', dont_inherit=True, optimize=0)
with open(out, 'wb') as file:
    file.write(marshal.dumps(code))
";

const MAGIC: &str = "import importlib.util; print(importlib.util.MAGIC_NUMBER.hex(), end='')";

fn main() -> io::Result<()> {
    pyo3_build_config::add_libpython_rpath_link_args();
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    let python = pyo3_build_config::get().executable().map(str::to_owned);
    let mut rows = String::new();
    for source in SOURCES {
        let folder = here.join(source);
        println!("cargo:rerun-if-changed={}", folder.display());
        for file in python_files(&folder)? {
            rows.push_str(&row(&folder, &file, &out, python.as_deref())?);
        }
    }
    let magic = match &python {
        Some(python) => run(Command::new(python).args(["-c", MAGIC]))?,
        None => String::new(),
    };
    let table = format!(
        "/// What marks code of the Python that compiled the modules, in hexadecimal.\n\
         pub(crate) const MAGIC: &str = {magic:?};\n\n\
         /// The modules of this program.\n\
         pub(crate) static MODULES: &[Module] = &[\n{rows}];\n"
    );
    fs::write(out.join("modules.rs"), table)
}

/// All `*.py` below a folder, sorted.
fn python_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(python_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "py") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The row of the table for one file.
fn row(folder: &Path, file: &Path, out: &Path, python: Option<&str>) -> io::Result<String> {
    let inside = file.strip_prefix(folder).map_err(io::Error::other)?.with_extension("");
    let mut parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let is_package = parts.last().is_some_and(|part| part == "__init__");
    if is_package {
        parts.pop();
    }
    let name = parts.join(".");
    let compiled = match python {
        Some(python) => {
            let compiled = out.join(format!("{name}.bin"));
            let shown = format!("<resilmesh>/{}", file.strip_prefix(folder).map_err(io::Error::other)?.display());
            run(Command::new(python).args(["-c", COMPILE]).arg(file).arg(&compiled).arg(shown))?;
            format!("Some(include_bytes!({compiled:?}))")
        }
        None => "None".to_owned(),
    };
    Ok(format!(
        "    Module {{ name: {name:?}, is_package: {is_package}, source: include_str!({file:?}), compiled: {compiled} }},\n"
    ))
}

/// What a program prints.
fn run(command: &mut Command) -> io::Result<String> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))));
    }
    String::from_utf8(output.stdout).map_err(io::Error::other)
}
