//! `file`: lines of files that grow, are rotated, and are read on after a stop.
//!
//! | module | what it holds |
//! |---|---|
//! | [`find`] | which files there are |
//! | [`fingerprint`] | telling a file from others, whatever its name |
//! | [`ledger`] | how far each file was delivered, kept on disk |
//! | [`progress`] | what of one file is under way |
//! | [`tail`] | reading lines of one file |
//! | [`worker`] | the loop over all of them |

mod find;
mod fingerprint;
mod ledger;
mod progress;
mod tail;
mod worker;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use self::find::Finder;
use self::fingerprint::Strategy;
use self::ledger::Ledger;
use self::worker::{Keys, Worker};
use super::fields::FieldKey;
use super::{Source, SourceContext, SourceError};
use crate::config::{ConfigError, Options};
use crate::event::Batch;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileOptions {
    include: Vec<PathBuf>,
    #[serde(default)]
    exclude: Vec<PathBuf>,
    #[serde(default)]
    read_from: ReadFrom,
    #[serde(default)]
    ignore_checkpoints: bool,
    #[serde(alias = "ignore_older")]
    ignore_older_secs: Option<u64>,
    #[serde(default)]
    fingerprint: Strategy,
    #[serde(default = "max_line_bytes")]
    max_line_bytes: usize,
    file_key: Option<FieldKey>,
    host_key: Option<FieldKey>,
    offset_key: Option<FieldKey>,
    data_dir: Option<PathBuf>,
    #[serde(default = "glob_cooldown")]
    glob_minimum_cooldown_ms: u64,
}

fn max_line_bytes() -> usize {
    super::socket::MAX_LENGTH
}

fn glob_cooldown() -> u64 {
    1000
}

/// Where to begin in a file that was there at the first start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ReadFrom {
    #[default]
    Beginning,
    End,
}

/// Options that Vector has here and this engine does not.
const REFUSED: [&str; 11] = [
    "multiline",
    "message_start_indicator",
    "multi_line_timeout",
    "encoding",
    "line_delimiter",
    "max_read_bytes",
    "oldest_first",
    "remove_after_secs",
    "rotate_wait_secs",
    "internal_metrics",
    "log_namespace",
];

struct File {
    options: FileOptions,
    finder: Finder,
    ledger: Option<Ledger>,
}

/// Makes a `file` source.
///
/// # Errors
/// Everything that is wrong with the options.
pub fn build(options: &Options) -> Result<Box<dyn Source>, Vec<ConfigError>> {
    let file: FileOptions = options.parse(&REFUSED)?;
    let mut errors = Vec::new();
    if file.include.is_empty() {
        errors.push(options.error("include", "`include` names no file"));
    }
    let finder =
        Finder::new(&file.include, &file.exclude).map_err(|message| errors.push(options.error("include", message)));
    match finder {
        Ok(finder) if errors.is_empty() => Ok(Box::new(File { options: file, finder, ledger: None })),
        _ => Err(errors),
    }
}

#[async_trait]
impl Source for File {
    async fn open(&mut self, context: &SourceContext) -> Result<(), SourceError> {
        let own = self.options.data_dir.as_ref().map(|folder| folder.join(&context.id));
        let Some(folder) = own.or_else(|| context.data_dir.clone()) else {
            return Err(SourceError(
                "needs a folder in which to keep how far it has read: set `data_dir` in vector.yaml".to_owned(),
            ));
        };
        self.ledger = Some(Ledger::open(&folder).map_err(SourceError)?);
        Ok(())
    }

    async fn run(self: Box<Self>, context: SourceContext) -> Result<(), SourceError> {
        let Self { options, finder, ledger } = *self;
        let Some(mut ledger) = ledger else { return Err(SourceError("was not opened before it was run".to_owned())) };
        if options.ignore_checkpoints {
            ledger.forget();
        }
        let keys = options.keys();
        let worker = Worker {
            finder,
            ledger,
            keys,
            strategy: options.fingerprint,
            from_end: options.read_from == ReadFrom::End,
            ignore_older: options.ignore_older_secs.map(Duration::from_secs),
            max_line_bytes: options.max_line_bytes,
            look_again: Duration::from_millis(options.glob_minimum_cooldown_ms),
        };
        // Reading files blocks, so it has a thread of its own, which ends when this future is dropped.
        let handle = tokio::runtime::Handle::current();
        let dropped = CancellationToken::new();
        let _guard = dropped.clone().drop_guard();
        tokio::task::spawn_blocking(move || worker.run(context, &dropped, &handle))
            .await
            .map_err(|error| SourceError(format!("reading failed: {error}")))?
    }

    fn rehearse(self: Box<Self>, _: &SourceContext, payloads: Vec<Bytes>) -> Result<Batch, SourceError> {
        let path = self.options.include.first().map(|path| path.display().to_string()).unwrap_or_default();
        Ok(worker::rehearse(&self.options.keys(), &path, payloads))
    }
}

impl FileOptions {
    fn keys(&self) -> Keys {
        Keys {
            file: self.file_key.clone().unwrap_or_else(|| FieldKey::at("file")),
            host: self.host_key.clone().unwrap_or_else(|| FieldKey::at("host")),
            offset: self.offset_key.clone(),
        }
    }
}
