//! The user's own `git` program, which carries commits to and from other machines.
//!
//! It knows what libgit2 does not: the user's ssh configuration and known hosts, agents and hardware
//! keys, proxies, credential helpers. Everything local is done in the process.

use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::path::Path;
use std::process::{Command, Stdio};

use super::trouble::Trouble;
use crate::project::position::one_line;
use crate::vault::sources::PASSPHRASE_VARIABLES;

/// Set for the hook of a push that [`super::share`] makes: the commit that it has looked through.
pub const CHECKED: &str = "RESILMESH_PUSH_CHECKED";

/// What a repository could bring along to have run is off, whatever its configuration says, and
/// addresses cannot name a program.
const SAFE: [&str; 12] = [
    "-c",
    "core.fsmonitor=false",
    "-c",
    "protocol.ext.allow=never",
    "-c",
    "submodule.recurse=false",
    "-c",
    "fetch.recurseSubmodules=false",
    "-c",
    "gc.auto=0",
    "-c",
    "maintenance.auto=false",
];

/// Variables that would make git work on another repository than the one that is meant.
const ELSEWHERE: [&str; 6] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CONFIG",
];

/// What the program said.
#[derive(Debug)]
pub struct Said {
    /// It did what it was asked to.
    pub done: bool,
    /// Standard output.
    pub out: String,
    /// Standard error, for people.
    pub err: String,
}

/// The program with arguments that hold for every call.
pub struct Git(Command);

impl Git {
    /// To work in no repository yet.
    pub fn new() -> Self {
        let mut command = Command::new("git");
        command.args(SAFE).env("LC_ALL", "C").stdin(Stdio::null());
        // Hooks and helpers of the user's own need no passphrase of the vault.
        for variable in ELSEWHERE.iter().chain(&PASSPHRASE_VARIABLES) {
            command.env_remove(variable);
        }
        if std::env::var_os("GIT_ALLOW_PROTOCOL").is_none() {
            command.env("GIT_ALLOW_PROTOCOL", "file:git:http:https:ssh");
        }
        if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
            command.env("GIT_TERMINAL_PROMPT", "0");
        }
        Self(command)
    }

    /// To work in this repository and no other, whatever lies in the folder.
    pub fn within(repository: &super::repository::Repository) -> Self {
        let mut git = Self::new();
        let mut hooks = OsString::from("core.hooksPath=");
        hooks.push(super::setup::trusted_hooks(repository));
        git.0.arg("-c").arg(hooks).arg("--git-dir").arg(repository.inner.path());
        git.0.arg("--work-tree").arg(repository.top()).current_dir(repository.top());
        git
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.0.args(args);
        self
    }

    /// Adds an option with its value, which may be any path.
    #[must_use]
    pub fn arg_pair(mut self, option: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.arg(option).arg(value);
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.0.env(key, value);
        self
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(mut self) -> Result<Said, Trouble> {
        let output = self.0.output().map_err(|error| {
            Trouble::new(format!("program `git` cannot be started: {error}"))
                .hint("install git: it carries commits to and from other machines")
        })?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        Ok(Said { done: output.status.success(), out: text(&output.stdout), err: text(&output.stderr) })
    }
}

impl Default for Git {
    fn default() -> Self {
        Self::new()
    }
}

impl Said {
    /// What it complained of, without its own decoration: after a colon on one line, or on lines of
    /// their own.
    pub fn told(&self) -> String {
        self.told_first(None)
    }

    /// The same with another reason before it.
    pub fn told_first(&self, reason: Option<&str>) -> String {
        let told = self
            .err
            .lines()
            .map(|line| line.trim_start_matches("remote:").trim())
            .map(|line| line.strip_prefix("fatal: ").or_else(|| line.strip_prefix("error: ")).unwrap_or(line))
            .filter(|line| !line.is_empty() && !line.starts_with("hint:") && !line.starts_with("Cloning into"));
        // The other side has a part in what git says.
        let told: Vec<String> = reason.into_iter().chain(told).map(one_line).collect();
        match &told[..] {
            [] => ": git failed without a word".to_owned(),
            [only] => format!(": {only}"),
            several => format!(":\n  {}", several.join("\n  ")),
        }
    }

    /// What its user may do about it.
    pub fn advice(&self) -> Option<&'static str> {
        let said = |words: &str| self.err.contains(words);
        if said("terminal prompts disabled") || said("Authentication failed") || said("could not read Username") {
            Some("set up a credential helper (`git help credentials`), or use ssh")
        } else if said("Permission denied (") {
            Some("is your ssh key known to the server, and in your agent (`ssh-add -l`)?")
        } else if said("Host key verification failed") {
            Some("connect once by hand with `ssh HOST` and compare its fingerprint")
        } else if said("dubious ownership") {
            Some(
                "the repository belongs to another user; if you trust it: `git config --global --add safe.directory DIR`",
            )
        } else {
            None
        }
    }
}

/// Whether an address can be given to git: nothing that it takes for an option or for a program to
/// run, and no password that everybody on this machine could read.
///
/// # Errors
/// What is wrong with it.
pub fn check_address(address: &str) -> Result<(), Trouble> {
    if address.is_empty() || address.starts_with('-') {
        return Err(Trouble::new(format!("`{address}` is no address of a repository")));
    }
    if address.chars().any(char::is_control) {
        return Err(Trouble::new("the address has control characters in it"));
    }
    if let Some((helper, _)) = address.split_once("::")
        && helper.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    {
        return Err(Trouble::new(format!("addresses with the transport `{helper}::` run a program and are refused"))
            .hint("use https, ssh or a path"));
    }
    if let Some((scheme, rest)) = address.split_once("://")
        && let Some((user, _)) = rest.split('/').next().unwrap_or(rest).rsplit_once('@')
        && (user.contains(':') || (scheme.starts_with("http") && user.len() >= 20))
    {
        return Err(Trouble::new("the address has a password or token in it, which others on this machine can see")
            .hint("leave it out: git asks for it, or a credential helper knows it (`git help credentials`)"));
    }
    Ok(())
}

/// Whether a path stands for a repository on this machine, relative to where the user is.
pub fn local_path(address: &str) -> Option<&Path> {
    let is_url = address.contains("://") || address.split('/').next().is_some_and(|first| first.contains(':'));
    (!is_url).then(|| Path::new(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_run_something_or_tell_a_password_are_refused() {
        for bad in [
            "",
            "-x",
            "--upload-pack=touch /tmp/x",
            "ext::sh -c 'touch x'",
            "fd::17",
            "https://me:hunter2@example.org/mesh",
            "https://ghp_012345678901234567890123456789@github.com/me/mesh",
            "ssh://host/\nx",
        ] {
            let refused = check_address(bad).expect_err(bad);
            assert!(!refused.to_string().contains("hunter2"), "{refused}");
        }
        for good in [
            "/srv/mesh.git",
            "../mesh",
            "git@example.org:soc/mesh.git",
            "ssh://git@example.org:2222/mesh",
            "https://example.org/mesh",
            "https://me@example.org/mesh",
            "file:///srv/mesh.git",
            "[::1]:mesh",
        ] {
            assert_eq!(check_address(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_git_says_is_laid_out() {
        let said = |err: &str| Said { done: false, out: String::new(), err: err.to_owned() };
        assert_eq!(said("").told(), ": git failed without a word");
        assert_eq!(said("fatal: no\nhint: x\n").told(), ": no");
        let several = said("remote: \u{1b}[31mno\nfatal: Could not read\n\nand so on\n");
        assert_eq!(several.told(), ":\n  \\u{1b}[31mno\n  Could not read\n  and so on");
        assert_eq!(said("fatal: no\n").told_first(Some("[remote rejected]")), ":\n  [remote rejected]\n  no");
    }

    #[test]
    fn paths_are_told_from_addresses() {
        assert!(local_path("../mesh").is_some() && local_path("/srv/a:b").is_some());
        assert!(local_path("host:mesh").is_none() && local_path("https://h/m").is_none());
    }
}
