//! Virtual environments for products whose hooks need packages: made from `requirements.txt` once, and
//! again when that file changes.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use sha2::{Digest, Sha256};
use tokio::process::Command;
use tokio::sync::Mutex;

use super::HookError;
use super::host::{Interpreter, Packages, interpreter};

/// What a product's packages are listed in.
pub const REQUIREMENTS: &str = "requirements.txt";

/// The folder with the environments of a project, below its state folder.
pub const FOLDER: &str = "venvs";

/// The name of the environment for a product with these requirements; none if it needs none.
pub fn environment(product: &str, requirements: &[u8]) -> Option<String> {
    let mut asks = requirements.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    if asks.all(|line| line.is_empty() || line.starts_with(b"#")) {
        return None;
    }
    let digest = Sha256::digest(requirements);
    let short: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    Some(format!("{product}-{short}"))
}

/// Says what is going on.
type Notice = Box<dyn Fn(&str) + Send + Sync>;

/// The environments of a project.
pub struct Environments {
    folder: PathBuf,
    notice: Notice,
    /// One is made at a time.
    making: Mutex<()>,
}

impl Environments {
    /// Those in the folder, which need not be there.
    pub fn new(folder: PathBuf, notice: Notice) -> Self {
        Self { folder, notice, making: Mutex::default() }
    }

    async fn make(
        &self,
        product: &str,
        requirements: &Path,
        python: &Interpreter,
        target: &Path,
    ) -> Result<(), HookError> {
        (self.notice)(&format!("installing what the hooks of `{product}` need"));
        let work = target.with_extension("new");
        let _ = std::fs::remove_dir_all(&work);
        let io = |error: std::io::Error| HookError::new(format!("`{}` cannot be made: {error}", work.display()));
        std::fs::create_dir_all(&self.folder).map_err(io)?;
        let uv = run(Command::new("uv").args(["venv", "--quiet", "--python"]).arg(&python.program).arg(&work)).await;
        let installed = match uv {
            Ok(()) => {
                let mut install = Command::new("uv");
                install.args(["pip", "install", "--quiet", "--python"]).arg(work.join("bin/python"));
                run(install.arg("-r").arg(requirements)).await
            }
            Err(_) => {
                let _ = std::fs::remove_dir_all(&work);
                run(Command::new(&python.program).args(["-m", "venv"]).arg(&work)).await.map_err(|error| {
                    let program = python.program.display();
                    error.hint(format!("`{program}` with its `venv` module makes it (Debian: python3-venv)"))
                })?;
                let mut install = Command::new(work.join("bin/python"));
                install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
                run(install.arg("-r").arg(requirements)).await
            }
        };
        installed.map_err(|error| {
            let _ = std::fs::remove_dir_all(&work);
            HookError::new(format!("what `{}` asks for cannot be installed: {}", requirements.display(), error.what))
        })?;
        let _ = std::fs::remove_dir_all(target);
        std::fs::rename(&work, target).map_err(io)
    }
}

#[async_trait::async_trait]
impl Packages for Environments {
    async fn of(&self, product: &str, folder: &Path) -> Result<Option<PathBuf>, HookError> {
        let requirements = folder.join(REQUIREMENTS);
        let text = match std::fs::read(&requirements) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(HookError::new(format!("`{}` cannot be read: {error}", requirements.display()))),
        };
        let Some(name) = environment(product, &text) else { return Ok(None) };
        let python = interpreter().await?;
        let target = self.folder.join(name);
        // Of another version of Python, it is made anew.
        let packages = target.join(format!("lib/python{}/site-packages", python.version));
        let _one = self.making.lock().await;
        if !packages.is_dir() {
            self.make(product, &requirements, &python, &target).await?;
        }
        Ok(Some(packages))
    }
}

/// Runs a program; what it says on standard error if it fails.
async fn run(command: &mut Command) -> Result<(), HookError> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = output.map_err(|error| HookError::new(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    Err(HookError::new(last.iter().rev().take(3).rev().copied().collect::<Vec<_>>().join("; ")))
}
