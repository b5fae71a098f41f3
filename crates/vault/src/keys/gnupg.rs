//! Keys that GnuPG has, in gpg-agent or on a smart card.
//!
//! `gpg --decrypt` runs as a child. It finds its home, starts its agent, knows cards, asks with the
//! user's own pinentry, and reads the kinds of messages that only GnuPG writes.

use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use zeroize::Zeroizing;

use super::Prompting;
use crate::error::VaultError;
use crate::message::append;
use crate::{Certificate, Fingerprint, Result, Secret};

/// What gpg calls its error for a wrong passphrase (`GPG_ERR_BAD_PASSPHRASE`).
const BAD_PASSPHRASE: u32 = 11;
/// Its errors when nobody could be asked: no pinentry, cancelled.
const NOBODY_ASKED: [u32; 4] = [67, 85, 86, 99];

/// The GnuPG of this machine.
#[derive(Debug, Clone)]
pub struct GnuPg {
    program: PathBuf,
    home: Option<PathBuf>,
    hidden: Vec<String>,
}

/// What gpg printed.
struct Answer {
    output: Secret,
    words: String,
    good: bool,
}

impl GnuPg {
    /// The program, by its path or a name that is looked for in `PATH`.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), home: None, hidden: Vec::new() }
    }

    /// With another home than GNUPGHOME or `~/.gnupg`.
    #[must_use]
    pub fn with_home(mut self, home: impl Into<PathBuf>) -> Self {
        self.home = Some(home.into());
        self
    }

    /// Without these variables of the environment: an agent that gpg starts would keep them.
    #[must_use]
    pub fn without_variables(mut self, names: &[&str]) -> Self {
        self.hidden.extend(names.iter().map(|name| (*name).to_owned()));
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(home) = &self.home {
            command.arg("--homedir").arg(home);
        }
        command.args(["--batch", "--no-tty", "--status-fd", "2"]).env("LC_ALL", "C");
        for name in &self.hidden {
            command.env_remove(name);
        }
        if std::env::var_os("GPG_TTY").is_none()
            && let Some(terminal) = terminal()
        {
            command.env("GPG_TTY", terminal);
        }
        command
    }

    /// Whether GnuPG has the secret part of a key, or knows which card has it.
    pub(super) fn has_secret(&self, fingerprint: &Fingerprint) -> bool {
        let mut command = self.command();
        command.args(["--with-colons", "--list-secret-keys"]).arg(fingerprint.to_hex());
        command.stdin(Stdio::null()).output().is_ok_and(|output| output.status.success())
    }

    /// A certificate of GnuPG's.
    pub(super) fn certificate(&self, fingerprint: &Fingerprint) -> Option<Certificate> {
        let mut command = self.command();
        command.arg("--export").arg(fingerprint.to_hex()).stdin(Stdio::null());
        let output = command.output().ok()?;
        let found = Certificate::parse(&output.stdout, "GnuPG").ok()?;
        (found.fingerprint() == *fingerprint).then_some(found)
    }

    /// Whether there is a GnuPG.
    pub(super) fn is_installed(&self) -> bool {
        let mut command = self.command();
        command.arg("--version").stdin(Stdio::null()).output().is_ok()
    }

    /// Decrypts a message; none if GnuPG has no key for it, or is not there.
    pub(super) fn decrypt(
        &self,
        bytes: &[u8],
        path: &Path,
        largest: u64,
        prompting: Prompting,
        given: Option<&Secret>,
    ) -> Result<Option<Secret>> {
        // Standard input is for the passphrase; the message itself is no secret.
        let file = tempfile::NamedTempFile::new().and_then(|mut file| file.write_all(bytes).map(|()| file));
        let file = file.map_err(VaultError::io("write a copy of", path))?;
        let mut command = self.command();
        command.args(["--pinentry-mode", mode(prompting, given)]);
        if given.is_some() {
            command.args(["--passphrase-fd", "0"]);
        }
        command.arg("--decrypt").arg(file.path());
        let failed = |why: String| VaultError::Gpg { path: path.to_owned(), why };
        let answer = match run(command, given, largest) {
            Ok(Some(answer)) => answer,
            Ok(None) => {
                return Err(VaultError::TooLarge { what: format!("the secret in `{}`", path.display()), largest });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error.to_string())),
        };
        if answer.good && answer.says("DECRYPTION_OKAY") {
            return Ok(Some(answer.output));
        }
        answer.failure(path).map_or(Ok(None), Err)
    }
}

/// The terminal that a pinentry may use: gpg's own standard input is not one.
fn terminal() -> Option<PathBuf> {
    let stderr = std::io::stderr();
    stderr.is_terminal().then(|| std::fs::read_link("/proc/self/fd/2").ok()).flatten()
}

fn mode(prompting: Prompting, given: Option<&Secret>) -> &'static str {
    match (prompting, given) {
        (_, Some(_)) => "loopback",
        (Prompting::Allowed, None) => "ask",
        (Prompting::Never, None) => "error",
    }
}

/// Runs gpg to its end; `None` if it printed more than `largest` bytes.
fn run(mut command: Command, input: Option<&Secret>, largest: u64) -> std::io::Result<Option<Answer>> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let done = talk(&mut child, input, largest);
    if !matches!(done, Ok(Some(_))) {
        // It may wait for us to read on; it has no more to say.
        let _ = child.kill();
    }
    let good = child.wait()?.success();
    Ok(done?.map(|(output, words)| Answer { output, words, good }))
}

fn talk(child: &mut Child, input: Option<&Secret>, largest: u64) -> std::io::Result<Option<(Secret, String)>> {
    let mut stderr = child.stderr.take();
    // Both outputs are read at the same time, so that neither fills up.
    let words = std::thread::spawn(move || {
        let mut words = Vec::new();
        stderr.as_mut().map_or(Ok(0), |stderr| stderr.read_to_end(&mut words)).map(|_| words)
    });
    if let Some(mut stdin) = child.stdin.take()
        && let Some(input) = input
    {
        // A gpg that needs no passphrase may have gone already.
        let _ = stdin.write_all(input.expose()).and_then(|()| stdin.write_all(b"\n"));
    }
    let mut output = Zeroizing::new(Vec::new());
    let mut part = Zeroizing::new([0; 8192]);
    if let Some(mut stdout) = child.stdout.take() {
        loop {
            let length = stdout.read(part.as_mut_slice())?;
            if length == 0 {
                break;
            }
            if (output.len() + length) as u64 > largest {
                return Ok(None);
            }
            append(&mut output, &part[..length]);
        }
    }
    let words = words.join().map_err(|_| std::io::Error::other("its messages could not be read"))??;
    Ok(Some((Secret::new(std::mem::take(&mut *output)), String::from_utf8_lossy(&words).into_owned())))
}

impl Answer {
    fn status(&self) -> impl Iterator<Item = &str> {
        self.words.lines().filter_map(|line| line.strip_prefix("[GNUPG:] "))
    }

    fn says(&self, word: &str) -> bool {
        self.status().any(|line| line.split(' ').next() == Some(word))
    }

    /// The errors of decrypting a session key, without the part that says who reported them.
    fn key_errors(&self) -> impl Iterator<Item = u32> {
        const CODE: u32 = 0xffff;
        self.status()
            .filter_map(|line| line.strip_prefix("ERROR pkdecrypt_failed "))
            .filter_map(|code| code.split(' ').next()?.parse::<u32>().ok())
            .map(|code| code & CODE)
    }

    /// What went wrong; none if it was that there is no key.
    fn failure(&self, path: &Path) -> Option<VaultError> {
        let damaged = |why: &str| VaultError::Damaged { path: path.to_owned(), why: why.to_owned(), name: None };
        let key =
            || self.status().find_map(|line| line.strip_prefix("ENC_TO ")?.split(' ').next()).unwrap_or("of GnuPG");
        Some(if self.says("BADMDC") {
            damaged("it was changed after it was encrypted")
        } else if self.key_errors().any(|code| code == BAD_PASSPHRASE) {
            VaultError::WrongPassphrase { key: key().to_owned() }
        } else if self.key_errors().any(|code| NOBODY_ASKED.contains(&code)) {
            VaultError::NoPassphrase { key: key().to_owned() }
        } else if self.says("NO_SECKEY") {
            return None;
        } else {
            let last = self.words.lines().rfind(|line| !line.starts_with("[GNUPG:]"));
            VaultError::Gpg { path: path.to_owned(), why: last.unwrap_or("it did not say why").to_owned() }
        })
    }
}
