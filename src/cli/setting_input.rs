//! What settings are given on a command line: there, in files, or on standard input. Other users of the
//! machine see command lines, so nothing need stand there.

use std::io::Read;
use std::path::Path;

use super::failure::Failure;
use crate::project::assign::Given;
use crate::project::files::utf8;
use crate::project::position::Diagnostic;
use crate::project::yaml::{self, Value};

/// The largest file that is read, in bytes: as large as any file of a project.
const LARGEST: u64 = 1024 * 1024;

/// Reads the files that the options `-c` name: `KEY=@FILE` for one setting, `@FILE` for several, `-` in
/// place of a file for standard input. `KEY=@@TEXT` is the text `@TEXT`.
///
/// # Errors
/// When a file cannot be read, is no map, or two things are to come from standard input.
pub(super) fn read(options: &[String], secrets: &[String]) -> Result<Vec<Given>, Failure> {
    let mut input = Input { taken: (!secrets.is_empty()).then(|| format!("-s {}", secrets[0])) };
    options.iter().map(|option| input.given(option)).collect()
}

struct Input {
    /// The option that standard input is for.
    taken: Option<String>,
}

impl Input {
    fn given(&mut self, option: &str) -> Result<Given, Failure> {
        if let Some(file) = option.strip_prefix('@').or_else(|| (option == "-").then_some("-")) {
            return document(file, &self.text(file, option)?);
        }
        match option.split_once('=') {
            Some((key, value)) => match value.strip_prefix('@') {
                Some(text) if text.starts_with('@') => Ok(Given::Argument(format!("{key}={text}"))),
                Some(file) => {
                    let text = self.text(file, option)?;
                    let text = text.strip_suffix('\n').map_or(text.as_str(), |text| text.trim_end_matches('\r'));
                    Ok(Given::Text { key: key.to_owned(), text: text.to_owned() })
                }
                None => Ok(Given::Argument(option.to_owned())),
            },
            None => Ok(Given::Argument(option.to_owned())),
        }
    }

    fn text(&mut self, file: &str, option: &str) -> Result<String, Failure> {
        let failed = |error: std::io::Error| {
            let what = if file == "-" { "standard input".to_owned() } else { format!("file `{file}`") };
            let failure = Failure::new(format!("{what} of option `-c {option}` cannot be read: {error}"));
            // `@FILE` alone can be no value.
            let may_be_text = file != "-" && option.contains('=');
            if may_be_text {
                failure.hint(format!("a text that starts with `@` is given as `@@{file}`"))
            } else {
                failure
            }
        };
        let mut bytes = Vec::new();
        if file == "-" {
            if let Some(other) = self.taken.replace(format!("-c {option}")) {
                return Err(Failure::usage(format!("standard input cannot be for `{other}` and for `-c {option}`"))
                    .hint("put one of them into a file"));
            }
            std::io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
        } else {
            let open = std::fs::File::open(file).map_err(failed)?;
            open.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
        }
        utf8(Path::new(shown(file)), bytes).map_err(|wrong| unreadable(file, vec![wrong]))
    }
}

fn document(file: &str, text: &str) -> Result<Given, Failure> {
    let node = yaml::parse(text, Path::new(shown(file))).map_err(|found| unreadable(file, found))?;
    match node.value {
        Value::Mapping(entries) => {
            Ok(Given::Document(entries.into_iter().map(|(key, node)| (key.text, node)).collect()))
        }
        Value::Null => Ok(Given::Document(Vec::new())),
        _ => Err(Failure::new(format!("`{}` must be a map of settings, but is {}", shown(file), node.describe()))
            .hint("it has a line `KEY: VALUE` for each setting")),
    }
}

fn shown(file: &str) -> &str {
    if file == "-" { "<standard input>" } else { file }
}

fn unreadable(file: &str, found: Vec<Diagnostic>) -> Failure {
    Failure::new(format!("settings cannot be read from `{}`", shown(file))).found(found)
}
