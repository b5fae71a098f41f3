//! Compiling and running VRL.

use std::path::Path;

use vrl::compiler::runtime::{Runtime, Terminate};
use vrl::compiler::state::ExternalEnv;
use vrl::compiler::{CompileConfig, Program, TargetValueRef, TimeZone, compile_with_external};
use vrl::diagnostic::{Diagnostic, DiagnosticList, Formatter};
use vrl::value::{Secrets, Value};

use crate::config::{ConfigError, Options, Position};
use crate::event::Event;

/// A compiled program and what it needs to run.
#[derive(Debug)]
pub struct Compiled {
    program: Program,
    runtime: Runtime,
    timezone: TimeZone,
    secrets: Secrets,
}

impl From<(Program, TimeZone)> for Compiled {
    /// A program that stands in no configuration.
    fn from((program, timezone): (Program, TimeZone)) -> Self {
        Self { program, runtime: Runtime::default(), timezone, secrets: Secrets::new() }
    }
}

/// Where the text of a program stands.
#[derive(Debug, Clone, Copy)]
pub enum Text<'a> {
    /// In the component's file, as the value of this option.
    Option(&'a str),
    /// In a file of its own.
    File(&'a Path),
}

impl Compiled {
    /// Compiles `source`. What the compiler only warns of is added to `warnings`.
    ///
    /// # Errors
    /// One per diagnostic, each with its place and the compiler's drawing of it.
    pub fn new(
        options: &Options,
        text: Text<'_>,
        source: &str,
        config: CompileConfig,
        timezone: TimeZone,
        warnings: &mut Vec<ConfigError>,
    ) -> Result<Self, Vec<ConfigError>> {
        let compiled = compile_with_external(source, &vrl::stdlib::all(), &ExternalEnv::default(), config);
        let explain = |list: DiagnosticList| -> Vec<ConfigError> {
            list.into_iter().map(|diagnostic| explain(options, text, source, diagnostic)).collect()
        };
        match compiled {
            Ok(result) => {
                warnings.extend(explain(result.warnings));
                Ok(Self::from((result.program, timezone)))
            }
            Err(diagnostics) => {
                let errors: Vec<_> = diagnostics.iter().filter(|d| d.is_problem()).cloned().collect();
                Err(explain(errors.into()))
            }
        }
    }

    /// A program in a file of its own that belongs to no component.
    ///
    /// # Errors
    /// As [`Compiled::new`].
    pub fn of_file(file: &Path, source: &str) -> Result<Self, Vec<ConfigError>> {
        let config = CompileConfig::default();
        match compile_with_external(source, &vrl::stdlib::all(), &ExternalEnv::default(), config) {
            Ok(result) => Ok(Self::from((result.program, TimeZone::default()))),
            Err(diagnostics) => {
                let errors = diagnostics.into_iter().filter(Diagnostic::is_problem);
                Err(errors.map(|diagnostic| at_file(file, source, diagnostic)).collect())
            }
        }
    }

    /// Whether running can fail, and whether it can abort.
    pub fn can_fail_or_abort(&self) -> (bool, bool) {
        let info = self.program.info();
        (info.fallible, info.abortable)
    }

    /// The kind of value the program results in.
    pub fn results_in_boolean(&self) -> bool {
        let info = self.program.final_type_info();
        info.result.is_boolean()
    }

    /// Runs the program on an event.
    ///
    /// # Errors
    /// When the program fails or aborts; the event may be half changed then.
    pub fn run(&mut self, event: &mut Event) -> Result<Value, Terminate> {
        let mut target =
            TargetValueRef { value: &mut event.value, metadata: &mut event.metadata, secrets: &mut self.secrets };
        let result = self.runtime.resolve(&mut target, &self.program, &self.timezone);
        self.runtime.clear();
        result
    }
}

fn explain(options: &Options, text: Text<'_>, source: &str, diagnostic: Diagnostic) -> ConfigError {
    match text {
        Text::File(path) => at_file(path, source, diagnostic).of(options.component()),
        Text::Option(option) => {
            let at = start(source, &diagnostic).and_then(|inside| in_file(options, option, source, inside));
            let (message, snippet) = words(source, diagnostic);
            let error = options.error(option, message);
            let at = at.or(error.at);
            ConfigError { snippet: Some(snippet), ..error.at(at) }
        }
    }
}

fn at_file(path: &Path, source: &str, diagnostic: Diagnostic) -> ConfigError {
    let at = start(source, &diagnostic);
    let (message, snippet) = words(source, diagnostic);
    ConfigError { snippet: Some(snippet), ..ConfigError::new(path, message).at(at) }
}

/// Where in the program it is.
fn start(source: &str, diagnostic: &Diagnostic) -> Option<Position> {
    let start = diagnostic.labels().iter().find(|label| label.primary).map(|label| label.span.start())?;
    Some(line_and_column(source, start))
}

/// What it says, and the place drawn.
fn words(source: &str, diagnostic: Diagnostic) -> (String, Box<str>) {
    let message = format!("VRL: {}", diagnostic.message());
    let snippet = Formatter::new(source, vec![diagnostic]).to_string();
    (message, snippet.trim_start_matches('\n').into())
}

fn line_and_column(source: &str, offset: usize) -> Position {
    let before = source.get(..offset).unwrap_or(source);
    let line = before.rsplit('\n').next().unwrap_or_default();
    Position { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
}

/// Turns a place inside the value of an option into one in the file, by finding the line there.
fn in_file(options: &Options, option: &str, source: &str, inside: Position) -> Option<Position> {
    let place = options.place(option)?;
    let text = std::fs::read_to_string(&options.file).ok()?;
    let wanted = source.lines().nth(inside.line - 1)?;
    let first = if place.block { place.key.line + 1 } else { place.value.line };
    // Blank lines between the indicator and the text are part of the text, so that counting works.
    let line = first + inside.line - 1;
    let column = text.lines().nth(line - 1)?.find(wanted)?;
    let indent = text.lines().nth(line - 1)?.get(..column)?.chars().count();
    Some(Position { line, column: indent + inside.column })
}
