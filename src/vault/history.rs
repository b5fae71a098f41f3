//! What git remembers of the vault: who changed a secret, and who could ever read it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use resilmesh_vault::{Certificate, Fingerprint, Handles, SecretName};
use serde::Serialize;

use super::FOLDER;
use super::sources::PASSPHRASE_VARIABLES;

/// What ends a field of git's answers.
const FIELD: char = '\u{1f}';

/// The repository that a project is in.
#[derive(Debug)]
pub struct History<'a> {
    project: &'a Path,
}

/// A commit that changed a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Commit {
    /// Its hash.
    pub commit: String,
    /// When, as RFC 3339 has it.
    pub date: String,
    /// Whose work it is.
    pub author: String,
    /// The first line of its message.
    pub subject: String,
}

impl<'a> History<'a> {
    /// That of the project; `None` if it is in no repository, or git is missing.
    pub fn of(project: &'a Path) -> Option<Self> {
        let own = Self { project };
        let found = own.command(&["rev-parse", "--is-inside-work-tree"]).output().ok()?;
        found.status.success().then_some(own)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(self.project).arg("--no-pager").arg("--literal-pathspecs").args(args);
        command.stdin(Stdio::null()).env("LC_ALL", "C");
        for name in PASSPHRASE_VARIABLES {
            command.env_remove(name);
        }
        command
    }

    fn answer(&self, args: &[&str]) -> Result<Vec<u8>, String> {
        let failed = |why: String| format!("git {}: {why}", args.first().unwrap_or(&""));
        let output = self.command(args).output().map_err(|error| failed(error.to_string()))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(failed(said.lines().last().unwrap_or("it failed").to_owned()))
    }

    /// The commits that changed a secret, newest first.
    ///
    /// # Errors
    /// When git fails.
    pub fn commits(&self, name: &SecretName) -> Result<Vec<Commit>, String> {
        if !self.has_commits() {
            return Ok(Vec::new());
        }
        let format = format!("--format=%H{FIELD}%aI{FIELD}%an{FIELD}%s");
        let answer = self.answer(&["log", "-z", &format, "--", &path_of(name)])?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        Ok(answer.split('\0').filter_map(commit).collect())
    }

    fn has_commits(&self) -> bool {
        self.command(&["rev-parse", "--verify", "--quiet", "HEAD"]).output().is_ok_and(|output| output.status.success())
    }

    /// The names of all secrets that some version of, on any branch, could be read with one of these
    /// certificates.
    ///
    /// # Errors
    /// When git fails.
    pub fn ever_read_by(&self, certificates: &[Certificate]) -> Result<BTreeSet<SecretName>, String> {
        let mut read = BTreeSet::new();
        self.visit(|path, bytes| {
            if let Some(name) = name_of(path)
                && Handles::of(bytes, Path::new(path))
                    .is_ok_and(|handles| certificates.iter().any(|certificate| certificate.reads(&handles)))
            {
                read.insert(name);
            }
        })?;
        Ok(read)
    }

    /// All certificates that the vault ever had of a recipient: each may have other subkeys.
    ///
    /// # Errors
    /// When git fails.
    pub fn certificates(&self, fingerprint: &Fingerprint) -> Result<Vec<Certificate>, String> {
        let wanted = format!("{FOLDER}/.public-keys/{fingerprint}");
        let mut found = Vec::new();
        self.visit(|path, bytes| {
            if path == wanted {
                found.extend(Certificate::parse(bytes, path).ok().filter(|one| one.fingerprint() == *fingerprint));
            }
        })?;
        Ok(found)
    }

    /// Shows every version of every file that the vault ever had, on any branch.
    fn visit(&self, mut show: impl FnMut(&str, &[u8])) -> Result<(), String> {
        if !self.has_commits() {
            return Ok(());
        }
        let args = ["log", "--all", "--reflog", "--full-history", "-m", "--raw", "--no-renames", "--no-abbrev"];
        let listed = self.answer(&[&args[..], &["--relative", "-z", "--format=", "--", FOLDER]].concat())?;
        let listed = String::from_utf8_lossy(&listed).into_owned();
        // `:mode mode object object status`, then the path. One object can be several files.
        let mut objects: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut parts = listed.split('\0');
        while let Some(change) = parts.next() {
            let after = change.trim_start().strip_prefix(':').and_then(|change| change.split(' ').nth(3));
            if let Some(object) = after.filter(|object| object.contains(|c| c != '0')) {
                objects.entry(object).or_default().extend(parts.next());
            }
        }
        let failed = |error: std::io::Error| format!("git cat-file: {error}");
        let mut command = self.command(&["cat-file", "--batch"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let (Some(mut asked), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("git cat-file: it has no pipes".to_owned());
        };
        let mut answers = BufReader::new(answers);
        for (object, paths) in objects {
            writeln!(asked, "{object}").and_then(|()| asked.flush()).map_err(failed)?;
            let mut head = String::new();
            answers.read_line(&mut head).map_err(failed)?;
            if head.ends_with(" missing\n") {
                // In a submodule, or in a clone that left it out.
                continue;
            }
            let mut words = head.split_whitespace().skip(1);
            let (Some(kind), Some(Ok(size))) = (words.next(), words.next().map(str::parse::<usize>)) else {
                return Err(format!("git cat-file: {}", head.trim()));
            };
            // Each content is followed by a line end.
            let mut content = vec![0; size + 1];
            answers.read_exact(&mut content).map_err(failed)?;
            if kind == "blob" {
                paths.into_iter().for_each(|path| show(path, &content[..size]));
            }
        }
        drop(asked);
        child.wait().map(drop).map_err(failed)
    }
}

fn commit(line: &str) -> Option<Commit> {
    let mut fields = line.splitn(4, FIELD).map(str::to_owned);
    let (commit, date) = (fields.next().filter(|hash| !hash.is_empty())?, fields.next()?);
    Some(Commit { commit, date, author: fields.next()?, subject: fields.next()? })
}

/// The path of a secret below the project, as git has it.
fn path_of(name: &SecretName) -> String {
    format!("{FOLDER}/{name}.gpg")
}

fn name_of(path: &str) -> Option<SecretName> {
    path.strip_prefix(FOLDER)?.strip_prefix('/')?.strip_suffix(".gpg")?.parse().ok()
}
