//! The program on a terminal, as somebody at a keyboard uses it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Far more than it takes, on a loaded machine too.
const DEADLINE: Duration = Duration::from_secs(30);

/// A program on a terminal of its own.
pub struct OnTerminal {
    pub child: std::process::Child,
    keyboard: File,
    screen: mpsc::Receiver<Vec<u8>>,
    pub seen: String,
}

impl OnTerminal {
    /// Starts this program in a folder.
    pub fn start(folder: &Path, variables: &[(&str, &OsStr)], args: &[&str]) -> Self {
        Self::start_program(env!("CARGO_BIN_EXE_resilmesh"), folder, variables, args)
    }

    /// Starts a program in a folder.
    pub fn start_program(program: &str, folder: &Path, variables: &[(&str, &OsStr)], args: &[&str]) -> Self {
        let pair = nix::pty::openpty(None, None).expect("a terminal");
        let terminal = File::from(pair.slave);
        let stdio = || Stdio::from(terminal.try_clone().expect("the terminal can be shared"));
        let child = Command::new(program)
            .args(args)
            .current_dir(folder)
            .env_clear()
            .env("TERM", "xterm")
            .envs(variables.iter().copied())
            .stdin(stdio())
            .stdout(stdio())
            .stderr(stdio())
            .spawn()
            .expect("the program can be started");
        let keyboard = File::from(pair.master);
        let mut picture = keyboard.try_clone().expect("the terminal can be shared");
        let (sender, screen) = mpsc::channel();
        std::thread::spawn(move || {
            let mut part = [0; 1024];
            // Reading fails when the program has ended and the terminal is closed.
            while let Ok(length) = picture.read(&mut part) {
                if length == 0 || sender.send(part[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, keyboard, screen, seen: String::new() }
    }

    /// Waits until it has shown a text.
    pub fn wait_for(&mut self, text: &str) {
        let end = Instant::now() + DEADLINE;
        while !self.seen.contains(text) {
            let left = end.saturating_duration_since(Instant::now());
            let part = self.screen.recv_timeout(left);
            let part = part.unwrap_or_else(|_| panic!("never saw `{text}`, only:\n{}", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&part));
        }
    }

    /// Waits until it has asked for something that must not be seen.
    pub fn wait_for_hidden(&mut self, text: &str) {
        self.wait_for(text);
        let end = Instant::now() + DEADLINE;
        let echoes = |keyboard: &File| {
            let settings = nix::sys::termios::tcgetattr(keyboard).expect("a terminal");
            settings.local_flags.contains(nix::sys::termios::LocalFlags::ECHO)
        };
        while echoes(&self.keyboard) {
            assert!(Instant::now() < end, "what is typed after `{text}` would be seen");
            if let Ok(part) = self.screen.recv_timeout(Duration::from_millis(5)) {
                self.seen.push_str(&String::from_utf8_lossy(&part));
            }
        }
    }

    /// Types a line.
    pub fn type_line(&mut self, text: &str) {
        write!(self.keyboard, "{text}\r").expect("the terminal takes it");
    }
}
