//! The only code that prints: data to standard output, all else to standard error.

use std::borrow::Cow;
use std::io::{ErrorKind, IsTerminal, Write};
use std::time::Duration;

use dialoguer::console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::{Value, json};

use super::failure::{Failure, Kind};
use super::finding;
use crate::project::position::{Diagnostic, one_line};
use crate::vault::Secret;

/// How often the time of what is being done is shown anew.
const TICK: Duration = Duration::from_millis(200);

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How a command talks.
#[derive(Debug, Clone)]
pub struct Ui {
    /// Data as JSON.
    pub json: bool,
    /// No progress.
    pub quiet: bool,
    /// Tracebacks of hooks in full.
    debug: bool,
    color: bool,
    data_color: bool,
    asks_at_session: bool,
    /// What is being done, at the bottom of a terminal; elsewhere it draws nothing.
    running: MultiProgress,
}

/// Something that is being done; gone from the screen when dropped.
#[derive(Debug)]
pub struct Running(ProgressBar);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl Ui {
    /// A voice as the command line asks for.
    pub fn new(json: bool, quiet: bool, debug: bool, color: Color) -> Self {
        let on = |terminal: bool| match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
        };
        let (color, data_color) = (on(std::io::stderr().is_terminal()), on(std::io::stdout().is_terminal()));
        Self { json, quiet, debug, color, data_color, asks_at_session: false, running: MultiProgress::new() }
    }

    /// On a terminal, shows in a line of its own what is being done and for how long, until that is
    /// dropped; nothing with `--quiet` or `--json`.
    pub fn running(&self, text: &str) -> Option<Running> {
        if self.quiet || self.json || self.running.is_hidden() {
            return None;
        }
        let style = ProgressStyle::with_template("  {elapsed:>8}  {wide_msg}").ok()?;
        let bar = self.running.add(ProgressBar::new_spinner().with_style(style).with_message(one_line(text)));
        bar.enable_steady_tick(TICK);
        Some(Running(bar))
    }

    /// One that asks for secrets at the terminal of the session, where git has standard input and
    /// output for itself.
    #[must_use]
    pub fn at_session(mut self) -> Self {
        self.asks_at_session = true;
        self
    }

    /// Prints data: one line to standard output. A reader that has gone ends the process quietly,
    /// as it does for other commands in a pipe; data that cannot be written ends it with an error.
    pub fn line(&self, text: impl AsRef<str>) {
        let mut out = std::io::stdout().lock();
        let written = out.write_all(format!("{}\n", text.as_ref()).as_bytes()).and_then(|()| out.flush());
        drop(out);
        self.printed(written);
    }

    /// What becomes of data that could not be written.
    fn printed(&self, written: std::io::Result<()>) {
        let Err(error) = written else { return };
        // Nothing that a command does after its output depends on that being read.
        if error.kind() == ErrorKind::BrokenPipe {
            std::process::exit(0);
        }
        self.failure(&Failure::new(format!("standard output cannot be written: {error}")));
        std::process::exit(1);
    }

    /// Prints data as JSON, in one document.
    pub fn document(&self, value: &impl Serialize) {
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        let written = serde_json::to_writer_pretty(&mut out, value).map_err(std::io::Error::from);
        let written = written.and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
        // Its lock is needed to say what went wrong.
        drop(out);
        self.printed(written);
    }

    /// Says what a command has done; where data is wanted as JSON, `what` says the same, with its schema.
    pub fn done(&self, said: impl AsRef<str>, what: Value) {
        self.progress(said);
        if self.json {
            self.document(&with_schema(what));
        }
    }

    /// Prints rows as aligned columns under their titles.
    pub fn table(&self, titles: &[&str], rows: &[Vec<String>]) {
        let width = |column: usize| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .chain([titles[column].len()])
                .max()
        };
        let widths: Vec<usize> = (0..titles.len()).map(|column| width(column).unwrap_or(0)).collect();
        let render = |cells: &[String]| {
            let padded: Vec<String> =
                cells.iter().zip(&widths).map(|(cell, width)| format!("{:<width$}", one_line(cell))).collect();
            padded.join("  ").trim_end().to_owned()
        };
        self.line(render(&titles.iter().map(|title| (*title).to_owned()).collect::<Vec<_>>()));
        for row in rows {
            self.line(render(row));
        }
    }

    /// A table whose rows are printed as they come; `widths` are those of its columns, in characters.
    pub fn streamed_table<const N: usize>(&self, titles: [&str; N], widths: [usize; N]) -> StreamedTable<N> {
        let mut table = StreamedTable {
            ui: self.clone(),
            out: std::io::BufWriter::new(std::io::stdout()),
            widths,
            line: String::new(),
        };
        table.row(titles.map(Cow::from));
        table
    }

    /// Says what is going on, on standard error.
    pub fn progress(&self, text: impl AsRef<str>) {
        if !self.quiet {
            self.say(text.as_ref());
        }
    }

    /// Says something that is said with `--quiet` too, on standard error.
    pub fn note(&self, text: &str) {
        self.say(text);
    }

    /// Asks for a line of text.
    ///
    /// # Errors
    /// When asking fails, in a few words.
    pub fn text(&self, prompt: &str) -> Result<String, String> {
        dialoguer::Input::new().with_prompt(prompt).allow_empty(true).interact_text().map_err(|error| error.to_string())
    }

    /// Says that something may not be as meant.
    pub fn warning(&self, text: &str) {
        self.say(&format!("{}: {text}", self.paint("33", "warning")));
    }

    /// Says what was found wrong with the project.
    pub fn diagnostic(&self, found: &Diagnostic) {
        self.say(&finding::text(found, |code, text| self.paint(code, text)));
    }

    /// Prints what was found wrong with the project where that is the data.
    pub fn finding(&self, found: &Diagnostic) {
        self.line(finding::text(found, |code, text| self.paint_data(code, text)));
    }

    /// Says why the command failed; where data is wanted as JSON, in one line of it.
    pub fn failure(&self, failure: &Failure) {
        if self.json && failure.kind != Kind::Pending {
            self.say(&with_schema(json!({"error": failure.document(self.debug)})).to_string());
            return;
        }
        for found in &failure.diagnostics {
            self.diagnostic(found);
        }
        if failure.kind == Kind::Pending {
            return;
        }
        self.say(&format!("{}: {}", self.paint("31", "error"), failure.message));
        if let Some(trace) = &failure.trace {
            match &trace.full {
                Some(full) if self.debug => full.lines().for_each(|line| self.say(&format!("  {line}"))),
                _ => trace.lines.iter().for_each(|line| self.say(&format!("  {line}"))),
            }
        }
        for hint in &failure.hints {
            self.say(&format!("{}: {hint}", self.paint("36", "hint")));
        }
    }

    /// Asks a question that `flag` answers with yes.
    ///
    /// # Errors
    /// When there is no terminal to ask at.
    pub fn confirm(&self, question: &str, flag: &str) -> Result<bool, Failure> {
        if !self.can_ask() {
            return Err(Failure::usage(format!("there is no terminal to ask at: {question}"))
                .hint(format!("`{flag}` answers yes")));
        }
        // By the line, as the terminal itself reads it: nothing has to be put right again if Ctrl-C ends it.
        let failed = |error: std::io::Error| Failure::new(format!("the question could not be asked: {error}"));
        let mut screen = std::io::stderr().lock();
        write!(screen, "{question} [y/N] ").and_then(|()| screen.flush()).map_err(failed)?;
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).map_err(failed)?;
        Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    /// Whether somebody can be asked.
    pub fn can_ask(&self) -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Asks for a secret, which is not shown while it is typed; with `again`, a second time. `None` if
    /// there is no terminal to ask at.
    ///
    /// # Errors
    /// When asking fails, in a few words.
    pub fn hidden(&self, prompt: &str, again: Option<&str>) -> Result<Option<Secret>, String> {
        self.terminal().map(|terminal| ask_hidden(&terminal, prompt, again)).transpose()
    }

    /// Asks for a passphrase as [`Ui::hidden`] asks for a secret, also when standard input is something
    /// else: a value that is piped in is no answer, the terminal of this process is asked as ssh asks.
    ///
    /// # Errors
    /// When asking fails, in a few words.
    pub fn passphrase(&self, prompt: &str, again: Option<&str>) -> Result<Option<Secret>, String> {
        // Within git, its own setting says whether anybody is asked.
        let own = || if !self.asks_at_session && std::io::stderr().is_terminal() { session_terminal() } else { None };
        self.terminal().or_else(own).map(|terminal| ask_hidden(&terminal, prompt, again)).transpose()
    }

    /// Where secrets are asked for, if anywhere.
    fn terminal(&self) -> Option<Term> {
        if self.can_ask() {
            return Some(Term::stderr());
        }
        if !self.asks_at_session || std::env::var_os("GIT_TERMINAL_PROMPT").is_some_and(|value| value == "0") {
            return None;
        }
        session_terminal()
    }

    /// Prints a secret's bytes as they are, with a line end after text.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn value(&self, value: &Secret) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(value.expose())?;
        if value.expose_text().is_some() {
            out.write_all(b"\n")?;
        }
        out.flush()
    }

    /// Colours a part of the data, where data is coloured.
    pub fn paint_data(&self, code: &str, text: &str) -> String {
        if self.data_color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[1;{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn say(&self, text: &str) {
        // Nobody may be there to read it; the exit code still tells.
        // In one piece: what is not buffered is written piece by piece otherwise.
        let line = format!("{text}\n");
        self.running.suspend(|| drop(std::io::stderr().lock().write_all(line.as_bytes())));
    }
}

/// The document with the version of what its names mean.
fn with_schema(mut document: Value) -> Value {
    if let Value::Object(entries) = &mut document {
        entries.insert("schema".to_owned(), 1.into());
    }
    document
}

/// See [`Ui::streamed_table`].
pub struct StreamedTable<const N: usize> {
    ui: Ui,
    out: std::io::BufWriter<std::io::Stdout>,
    widths: [usize; N],
    line: String,
}

impl<const N: usize> StreamedTable<N> {
    /// Prints a row.
    pub fn row(&mut self, cells: [Cow<'_, str>; N]) {
        self.line.clear();
        for (cell, width) in cells.iter().zip(self.widths) {
            let cell = one_line(cell);
            self.line.push_str(&cell);
            let missing = (width + 2).saturating_sub(cell.chars().count());
            self.line.extend(std::iter::repeat_n(' ', missing));
        }
        self.line.truncate(self.line.trim_end().len());
        self.line.push('\n');
        let written = self.out.write_all(self.line.as_bytes());
        self.ui.printed(written);
    }

    /// Prints what is left.
    pub fn finish(mut self) {
        let written = self.out.flush();
        self.ui.printed(written);
    }
}

/// The terminal of this process's session, whatever standard input and output are.
fn session_terminal() -> Option<Term> {
    let terminal = std::fs::File::options().read(true).write(true).open("/dev/tty").ok()?;
    Some(Term::read_write_pair(terminal.try_clone().ok()?, terminal))
}

fn ask_hidden(terminal: &Term, prompt: &str, again: Option<&str>) -> Result<Secret, String> {
    let mut question = dialoguer::Password::new().with_prompt(prompt).allow_empty_password(true);
    if let Some(again) = again {
        question = question.with_confirmation(again, "they differ; once more");
    }
    question.interact_on(terminal).map(Secret::new).map_err(|error| error.to_string())
}
