//! Running cargo.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use fs4::{FileExt, TryLockError};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::process::Command;

use super::copy::{CrateFiles, LOCK};
use super::{Builds, prebuilt, sdk};
use crate::hooks::host::WITHHELD;
use crate::hooks::{HookError, Trace};
use crate::project::load::PRODUCTS;
use crate::project::rust_hooks::CRATE;

/// More lines of the compiler are not shown.
const MOST_LINES: usize = 200;

/// What cargo says when something is not there, and it was told not to fetch.
const IS_OFFLINE: [&str; 2] = ["--offline", "offline mode"];

/// Where cargo and rustc are started: what they read by the folder that they are in, such as `.cargo/config.toml` and
/// `rust-toolchain.toml`, names programs, and what of it lies in a project is trusted by nobody.
const NEUTRAL: &str = "/";

/// The configuration of a crate itself, which is trusted with it.
const CONFIG: &str = ".cargo/config.toml";

/// How often it is looked whether another build has ended.
const LOOK: Duration = Duration::from_millis(100);

/// The compiler that is installed.
pub(super) struct Toolchain {
    /// What it says of its version.
    pub(super) version: String,
}

impl Toolchain {
    /// The one on PATH.
    pub(super) async fn find() -> Result<Self, HookError> {
        if let Err(error) = version("cargo").await {
            return Err(HookError::new(format!("cargo is not there: {error}")));
        }
        let version = version("rustc").await.map_err(|error| HookError::new(format!("rustc is not there: {error}")))?;
        Ok(Self { version })
    }
}

impl Toolchain {
    /// The version alone: `1.95.0`.
    pub(super) fn release(&self) -> Option<&str> {
        self.version.lines().find_map(|line| line.strip_prefix("release: "))
    }
}

async fn version(program: &str) -> Result<String, String> {
    let mut command = Command::new(program);
    let command = command.arg("-vV").current_dir(NEUTRAL).stdin(Stdio::null());
    let output = command.kill_on_drop(true).output().await;
    match output {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => Err(last_line(&output).unwrap_or_else(|| output.status.to_string())),
        Err(error) => Err(error.to_string()),
    }
}

fn last_line(output: &Output) -> Option<String> {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    said.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned)
}

/// Builds crates of products.
pub(super) struct Cargo<'a> {
    pub(super) builds: &'a Builds,
    pub(super) notice: &'a (dyn Fn(&str) + Send + Sync),
}

impl Cargo<'_> {
    /// Builds the program of a crate, and puts it there.
    pub(super) async fn build(&self, files: &CrateFiles, program: &Path) -> Result<(), HookError> {
        let product = &files.product;
        let _one = self.lock().await?;
        if program.is_file() {
            return Ok(());
        }
        (self.notice)(&format!("building the hooks of `{product}` with cargo"));
        let since = Instant::now();
        let (copy, sdk) = self.lay_out(files).map_err(|error| unwritable(&self.builds.folder, &error))?;
        let mut output = self.run(&copy, &sdk, true).await?;
        if !output.status.success() && is_for_want_of_network(&output) {
            (self.notice)(&format!("fetching what the hooks of `{product}` are built with"));
            output = self.run(&copy, &sdk, false).await?;
        }
        if !output.status.success() {
            return Err(refused(files, &output));
        }
        let made = executable(&output).map_err(|why| HookError::new(format!("the crate of `{product}` {why}")))?;
        let bytes = fs::read(&made).map_err(|error| unwritable(&made, &error))?;
        prebuilt::put(program, &bytes).map_err(|error| unwritable(program, &error))?;
        (self.notice)(&format!("built the hooks of `{product}` in {:.1} s", since.elapsed().as_secs_f64()));
        Ok(())
    }

    /// Waits until no other build goes on in the folder.
    async fn lock(&self) -> Result<fs::File, HookError> {
        let path = self.builds.folder.join("lock");
        let open = self.builds.make().and_then(|()| fs::File::create(&path));
        let file = open.map_err(|error| unwritable(&path, &error))?;
        let mut told = false;
        loop {
            match FileExt::try_lock(&file) {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(unwritable(&path, &error)),
            }
            if !told {
                (self.notice)("waiting for another build of hooks to end");
            }
            told = true;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Writes what cargo is to find: the copy of the crate, and the SDK.
    fn lay_out(&self, files: &CrateFiles) -> std::io::Result<(PathBuf, PathBuf)> {
        let sdk = sdk::unpack(self.builds)?;
        let copy = self.builds.folder.join(&files.product);
        files.copy_to(&copy)?;
        if !copy.join(LOCK).exists() {
            fs::write(copy.join(LOCK), sdk::LOCKED)?;
        }
        Ok((copy, sdk))
    }

    async fn run(&self, copy: &Path, sdk: &Path, offline: bool) -> Result<Output, HookError> {
        let mut command = Command::new("cargo");
        command.args(["build", "--release", "--bins", "--color", "never"]);
        command.args(["--message-format", "json-render-diagnostics"]);
        command.arg("--manifest-path").arg(copy.join("Cargo.toml"));
        command.arg("--target-dir").arg(self.builds.folder.join("target"));
        command.arg("--config").arg(format!("patch.crates-io.resilmesh-sdk.path={:?}", sdk.display().to_string()));
        if offline {
            command.arg("--offline");
        } else {
            command.env("CARGO_NET_RETRY", "1").env("CARGO_HTTP_TIMEOUT", "15");
        }
        for name in WITHHELD {
            command.env_remove(name);
        }
        if copy.join(CONFIG).is_file() {
            command.arg("--config").arg(copy.join(CONFIG));
        }
        command.current_dir(NEUTRAL).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true).process_group(0);
        let child = command.spawn().map_err(|error| HookError::new(format!("cargo cannot be started: {error}")))?;
        let mut group = Group(child.id());
        let output = child.wait_with_output().await;
        group.0 = None;
        output.map_err(|error| HookError::new(format!("cargo cannot be waited for: {error}")))
    }
}

/// Ends the compilers with cargo when nobody waits for it any more.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0.and_then(|group| i32::try_from(group).ok()) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> HookError {
    HookError::new(format!("`{}` cannot be written: {error}", path.display()))
        .hint("check the permissions of `.resilmesh` and the free disk space")
}

fn is_for_want_of_network(output: &Output) -> bool {
    let said = String::from_utf8_lossy(&output.stderr);
    IS_OFFLINE.iter().any(|words| said.contains(words))
}

/// The one program that was built.
fn executable(output: &Output) -> Result<PathBuf, String> {
    let messages = output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    let mut made: Vec<PathBuf> =
        messages.filter_map(|message: Value| message["executable"].as_str().map(PathBuf::from)).collect();
    match (made.pop(), made.is_empty()) {
        (Some(one), true) => Ok(one),
        (None, _) => Err("has no program: put `resilmesh_sdk::main!();` into `src/main.rs`".to_owned()),
        (Some(_), false) => Err("has several programs: leave `src/main.rs` only".to_owned()),
    }
}

/// What the compiler says, with the paths of the product.
fn refused(files: &CrateFiles, output: &Output) -> HookError {
    let product = &files.product;
    let said = String::from_utf8_lossy(&output.stderr);
    let mut lines: Vec<String> =
        said.lines().filter(|line| !is_progress(line)).map(|line| with_path(line, files)).collect();
    let more = lines.len().saturating_sub(MOST_LINES);
    if more > 0 {
        lines.truncate(MOST_LINES);
        lines.push(format!("... and {more} more lines"));
    }
    let full = (more > 0).then(|| said.lines().map(|line| with_path(line, files)).collect::<Vec<_>>().join("\n"));
    let error = HookError::new(format!("the hooks of `{product}` cannot be built"));
    let error = if is_for_want_of_network(output) || said.contains("failed to download") {
        error.hint("what the crate depends on is fetched once; this machine could not reach the registry")
    } else {
        error.hint(format!("`cargo check` in `{PRODUCTS}/{product}/{CRATE}` shows the same while you mend it"))
    };
    HookError { trace: Some(Box::new(Trace { lines, full })), ..error }
}

/// Whether a line only says what cargo is at.
fn is_progress(line: &str) -> bool {
    const WORDS: [&str; 9] =
        ["Compiling", "Checking", "Finished", "Updating", "Locking", "Adding", "Downloading", "Downloaded", "Building"];
    let word = line.trim_start().split(' ').next().unwrap_or_default();
    line.starts_with(' ') && WORDS.contains(&word)
}

/// A line with the paths of the crate below the product's.
fn with_path(line: &str, files: &CrateFiles) -> String {
    for arrow in ["--> ", "::: "] {
        if let Some((before, place)) = line.split_once(arrow)
            && before.trim().is_empty()
            && files.has(place.split(':').next().unwrap_or_default())
        {
            return format!("{before}{arrow}{PRODUCTS}/{}/{CRATE}/{place}", files.product);
        }
    }
    line.to_owned()
}
