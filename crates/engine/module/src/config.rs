//! The configuration file, `module.yaml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use resilmesh_hook_api::HookRef;
use resilmesh_relay::config::{Ends, Input, Output};
use resilmesh_relay::fields::Fields;
use resilmesh_service::amount;
use serde_json::{Map, Value};
use serde_yaml::Value as Yaml;

/// How long an event may take, if nothing is said.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What the service is told. Paths are ready to use: relative ones were relative to the folder of the configuration
/// file.
#[derive(Debug, Clone)]
pub struct Config {
    /// The name of the instance, shown in the bus's list of connections; if not given, the consumer's.
    pub name: String,
    /// Where events come from.
    pub input: Input,
    /// Where events go.
    pub output: Output,
    /// The module.
    pub code: Code,
    /// How many workers.
    pub workers: usize,
    /// How long an event may take.
    pub timeout: Duration,
    /// How often an event may fail, kill its worker or hold it up.
    pub tries: u32,
    /// The settings of the instance, without secret ones.
    pub settings: Map<String, Value>,
    /// Files with the values of secret settings.
    pub secrets: BTreeMap<String, PathBuf>,
}

/// What a module is written in, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// A hook in Python.
    Python {
        /// The function.
        hook: HookRef,
        /// The virtual environment with the packages that it needs.
        environment: Option<PathBuf>,
    },
    /// A program that speaks the protocol of workers.
    Program {
        /// The program.
        program: PathBuf,
        /// The function.
        hook: HookRef,
    },
    /// A program in VRL.
    Vrl {
        /// Its file.
        file: PathBuf,
    },
}

/// Reads a configuration file.
///
/// # Errors
/// Every mistake in it, one a line.
pub fn read(path: &Path) -> Result<Config, Vec<String>> {
    resilmesh_relay::config::read(path, parse)
}

fn parse(text: &str, folder: &Path) -> Result<Config, Vec<String>> {
    let value: Yaml = serde_yaml::from_str(text).map_err(|error| vec![format!("is not YAML: {error}")])?;
    let mut mistakes = Vec::new();
    let mut document = Fields::new("", value, &mut mistakes);
    let Ends { name, input, output } = Ends::read(&mut document, folder);
    let code = code(document.required_inner("code"), folder);
    // Within bounds that fit, which was checked.
    let workers = document.number("workers", 1..=256, 1) as usize;
    let timeout = timeout(&mut document);
    let tries = document.number("tries", 1..=100, 3) as u32;
    let settings = settings(&mut document);
    let secrets = document.text_map("secrets").into_iter().map(|(key, file)| (key, folder.join(file))).collect();
    document.finish();
    match code {
        Some(code) if mistakes.is_empty() => {
            Ok(Config { name, input, output, code, workers, timeout, tries, settings, secrets })
        }
        _ => Err(mistakes),
    }
}

/// None if it is wrong, which was noted.
fn code(mut fields: Fields<'_>, folder: &Path) -> Option<Code> {
    let language = fields.required_text("language");
    let own = folder.join(fields.required_text("folder"));
    let code = match language.as_str() {
        "vrl" => Some(Code::Vrl { file: own.join(fields.required_text("file")) }),
        "python" => {
            let environment = fields.text("environment").map(|environment| folder.join(environment));
            Some(Code::Python { hook: hook(&mut fields, &own), environment })
        }
        "rust" => {
            let program = folder.join(fields.required_text("program"));
            Some(Code::Program { program, hook: hook(&mut fields, &own) })
        }
        // Missing, which was noted.
        "" => None,
        _ => {
            fields.mistake("language", "must be `python`, `rust` or `vrl`");
            return None;
        }
    };
    fields.finish();
    code
}

fn hook(fields: &mut Fields<'_>, folder: &Path) -> HookRef {
    HookRef {
        product: fields.required_text("product"),
        folder: folder.to_string_lossy().into_owned(),
        file: fields.required_text("file"),
        function: fields.required_text("function"),
        line: u32::try_from(fields.number("line", 1..=u64::from(u32::MAX), 1)).unwrap_or(1),
    }
}

fn timeout(document: &mut Fields<'_>) -> Duration {
    let Some(text) = document.text("timeout") else { return TIMEOUT };
    let time = amount::milliseconds(&text).and_then(|time| u64::try_from(time).ok());
    time.map(Duration::from_millis).unwrap_or_else(|| {
        document.mistake("timeout", &format!("must be {}", amount::TIME));
        TIMEOUT
    })
}

fn settings(document: &mut Fields<'_>) -> Map<String, Value> {
    let Some(given) = document.value("settings") else { return Map::new() };
    match serde_json::to_value(given) {
        Ok(Value::Object(settings)) => settings,
        _ => {
            document.mistake("settings", "must be a mapping of names to values");
            Map::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUS: &str = "
input: {url: 'nats://127.0.0.1:4222', stream: ecs_events, consumer: tagger}
output: {subject: enriched_events, rejected: ecs_events.rejected}
";

    fn parsed(more: &str) -> Result<Config, Vec<String>> {
        parse(&format!("{BUS}{more}"), Path::new("/mesh/rendered/tagger"))
    }

    #[test]
    fn what_need_not_be_said_has_defaults() {
        let config = parsed("code: {language: vrl, folder: code/1, file: process.vrl}").expect("a configuration");
        assert_eq!(config.code, Code::Vrl { file: "/mesh/rendered/tagger/code/1/process.vrl".into() });
        assert_eq!((config.name.as_str(), config.workers, config.tries), ("tagger", 1, 3));
        assert_eq!(config.timeout, Duration::from_secs(30));
        assert!(config.settings.is_empty() && config.secrets.is_empty());
    }

    #[test]
    fn a_hook_in_python_is_named_by_file_function_and_line() {
        let config = parsed(
            "code: {language: python, folder: code/1, product: tagger, file: a.py, function: tag, line: 7, environment: ../../e}
workers: 2
timeout: 5s
settings: {tags: [a, 1]}
secrets: {key: ../../secrets/tagger/key}",
        )
        .expect("a configuration");
        let Code::Python { hook, environment } = &config.code else { panic!("{:?}", config.code) };
        assert_eq!((hook.folder.as_str(), hook.line), ("/mesh/rendered/tagger/code/1", 7));
        assert_eq!(environment.as_deref(), Some(Path::new("/mesh/rendered/tagger/../../e")));
        assert_eq!(config.settings["tags"], serde_json::json!(["a", 1]));
        assert_eq!(config.timeout, Duration::from_secs(5));
        assert_eq!(config.secrets["key"], Path::new("/mesh/rendered/tagger/../../secrets/tagger/key"));
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let told =
            parsed("code: {language: perl, folder: x}\nworkers: 0\ntimeout: 5\nsettings: 7\nsecrets: [a]\nextra: 1")
                .expect_err("mistakes");
        assert_eq!(
            told,
            [
                "`code.language` must be `python`, `rust` or `vrl`",
                "`workers` must be a whole number from 1 to 256",
                "`timeout` must be a text that is not empty",
                "`settings` must be a mapping of names to values",
                "`secrets` must be a mapping of names to texts",
                "`extra` is not known here",
            ]
        );
        assert_eq!(parsed("code: {language: vrl, folder: x}").expect_err("mistakes"), ["`code.file` is missing"]);
    }
}
