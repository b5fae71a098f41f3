//! Appends events to files whose names may depend on the event.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde::Deserialize;
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;

use super::common::{Buffer, Healthcheck};
use super::complain::Complaints;
use super::confine::OPT_OUT;
use super::owed::Owed;
use super::refuse::Refusals;
use super::retry::{Next, Retry, wait};
use super::stream::Stream;
use super::{Sink, SinkContext, SinkError};
use crate::codec::encode::{Encoding, Framing};
use crate::codec::template::Template;
use crate::config::{ConfigError, Options};
use crate::event::{Batch, Event, Input};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileOptions {
    path: Template,
    base_dir: Option<PathBuf>,
    #[serde(default = "thirty")]
    idle_timeout_secs: u64,
    encoding: Encoding,
    framing: Option<Framing>,
    #[serde(default, rename = "compression")]
    _compression: Compression,
    #[serde(default, rename = "healthcheck")]
    _healthcheck: Healthcheck,
    #[serde(default, rename = "buffer")]
    _buffer: Buffer,
    #[serde(default)]
    dangerously_allow_unconfined_template_resolution: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Compression {
    #[default]
    None,
}

fn thirty() -> u64 {
    30
}

/// Options that Vector has and this engine does not.
const NOT_HERE: &[&str] = &["internal_metrics", "proxy", "timezone", "truncate"];

/// Makes the sink.
///
/// # Errors
/// Everything that is wrong with the options.
pub(super) fn build(options: &Options) -> Result<Box<dyn Sink>, Vec<ConfigError>> {
    let taken: FileOptions = options.parse(NOT_HERE)?;
    let free = taken.dangerously_allow_unconfined_template_resolution;
    let base = base(&taken.path, taken.base_dir, free).map_err(|(name, message)| vec![options.error(name, message)])?;
    Ok(Box::new(Files {
        path: taken.path,
        base,
        idle: Duration::from_secs(taken.idle_timeout_secs.max(1)),
        stream: Stream::new(taken.encoding, taken.framing),
    }))
}

/// The folder that rendered paths must stay in; none = anywhere.
fn base(path: &Template, given: Option<PathBuf>, free: bool) -> Result<Option<PathBuf>, (&'static str, String)> {
    if let Some(given) = given {
        return match given.is_absolute() {
            true => Ok((!free).then(|| normal(&given))),
            false => Err(("base_dir", format!("`{}` must be an absolute path", given.display()))),
        };
    }
    if free || path.fields().is_empty() {
        return Ok(None);
    }
    let folder = path.literal_prefix().rsplit_once('/').map(|(folder, _)| normal(Path::new(folder)));
    folder.filter(|folder| folder.is_absolute() && folder.parent().is_some()).map(Some).ok_or_else(|| {
        let message = format!(
            "template does not begin with an absolute folder (fields: `{}`): write one, set `base_dir`, or set \
             `{OPT_OUT}: true`",
            path.fields().join("`, `")
        );
        ("path", message)
    })
}

/// `path` without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut normal, part| {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            part => normal.push(part),
        }
        normal
    })
}

struct Files {
    path: Template,
    base: Option<PathBuf>,
    idle: Duration,
    stream: Stream,
}

#[async_trait]
impl Sink for Files {
    async fn run(self: Box<Self>, mut input: Input, context: SinkContext) -> Result<(), SinkError> {
        context.readiness.ready();
        let mut writer = Writer {
            open: HashMap::new(),
            base: self.base.clone(),
            refusals: Refusals::new("file", &context),
            complaints: Complaints::default(),
            context,
        };
        let mut ticks = tokio::time::interval(self.idle);
        loop {
            let batch = tokio::select! {
                batch = input.recv() => batch,
                _ = ticks.tick() => {
                    writer.close_idle(self.idle);
                    continue;
                }
            };
            let Some(batch) = batch else { return Ok(()) };
            for (path, part) in self.by_path(batch, &writer.refusals).await {
                writer.deliver(&path, part).await;
            }
        }
    }
}

/// What goes to one file.
#[derive(Default)]
struct Portion {
    bytes: Vec<u8>,
    owed: Vec<Owed>,
}

impl Files {
    async fn by_path(&self, batch: Batch, refusals: &Refusals) -> BTreeMap<PathBuf, Portion> {
        let mut parts: BTreeMap<PathBuf, Portion> = BTreeMap::new();
        for event in batch {
            match self.place(&event) {
                Ok(path) => {
                    let part = parts.entry(path).or_default();
                    self.stream.write(&event.value, &mut part.bytes);
                    part.owed.push(event.ack.into());
                }
                Err((reason, message)) => refusals.give_up(event.value, event.ack.into(), reason, &message).await,
            }
        }
        parts
    }

    fn place(&self, event: &Event) -> Result<PathBuf, (&'static str, String)> {
        let text = self.path.render(event).map_err(|error| ("path lacks fields", error.to_string()))?;
        let outside = |why: &str| ("path outside of its folder", format!("`{text}` {why}"));
        if text.contains('\0') || text.len() > 1024 {
            return Err(outside("has a NUL byte or is longer than 1024 bytes"));
        }
        let Some(base) = &self.base else { return Ok(PathBuf::from(text.as_ref())) };
        let path = normal(&base.join(text.as_ref()));
        if path.starts_with(base) && path != *base {
            Ok(path)
        } else {
            Err(outside(&format!("leads out of `{}`", base.display())))
        }
    }
}

struct Writer {
    open: HashMap<PathBuf, Open>,
    base: Option<PathBuf>,
    refusals: Refusals,
    complaints: Complaints,
    context: SinkContext,
}

struct Open {
    file: File,
    used: Instant,
}

/// Why something was not written.
enum Failure {
    /// It may be the next time.
    ForNow(io::Error),
    /// The path leads out of its folder by a symbolic link.
    Outside,
}

impl Writer {
    /// Writes until it is written, or the service stops.
    async fn deliver(&mut self, path: &Path, part: Portion) {
        let mut backoff = Retry::default().start();
        loop {
            match self.write(path, &part.bytes).await {
                Ok(()) => {
                    self.context.counters.sent(part.owed.len() as u64);
                    return part.owed.into_iter().for_each(Owed::delivered);
                }
                Err(Failure::Outside) => {
                    self.context.counters.dropped("path outside of its folder", part.owed.len() as u64);
                    tracing::warn!(sink = self.context.id, path = %path.display(), "a symbolic link leads out of the folder");
                    return part.owed.into_iter().for_each(Owed::rejected);
                }
                Err(Failure::ForNow(error)) => {
                    self.open.remove(path);
                    self.context.counters.error();
                    self.complaints.retrying(&self.context.id, &format!("writing `{}`", path.display()), &error);
                    if wait(&mut backoff, &self.context.stop).await != Next::Again {
                        return;
                    }
                }
            }
        }
    }

    async fn write(&mut self, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
        if !self.open.contains_key(path) {
            let file = open(path, self.base.as_deref()).await?;
            self.open.insert(path.to_owned(), Open { file, used: Instant::now() });
        }
        let Some(Open { file, used }) = self.open.get_mut(path) else { return Ok(()) };
        *used = Instant::now();
        append(file, bytes).await.map_err(Failure::ForNow)
    }

    fn close_idle(&mut self, idle: Duration) {
        self.open.retain(|_, open| open.used.elapsed() < idle);
    }
}

async fn open(path: &Path, base: Option<&Path>) -> Result<File, Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        tokio::fs::create_dir_all(folder).await.map_err(Failure::ForNow)?;
        if let Some(base) = base {
            let real = |path: PathBuf| async { tokio::fs::canonicalize(path).await.map_err(Failure::ForNow) };
            let link = tokio::fs::symlink_metadata(path).await.is_ok_and(|found| found.is_symlink());
            if link || !real(folder.to_owned()).await?.starts_with(real(base.to_owned()).await?) {
                return Err(Failure::Outside);
            }
        }
    }
    OpenOptions::new().create(true).append(true).open(path).await.map_err(Failure::ForNow)
}

/// Appends all of `bytes` or, as far as it can be helped, nothing.
async fn append(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    let length = file.metadata().await?.len();
    let written = async {
        file.write_all(bytes).await?;
        file.flush().await
    };
    let result = written.await;
    if result.is_err() {
        // Half of it (the disk is full) would be there twice after the next attempt. A file that
        // cannot be cut either, such as a pipe, keeps it.
        let _ = file.set_len(length).await;
    }
    result
}

#[cfg(test)]
mod tests {
    use vrl::value;
    use vrl::value::Value;

    use super::*;
    use crate::config::Section;
    use crate::event::{Ack, Fate, channel};
    use crate::sink::testing::{self, soon};

    fn sink(path: &str, more: &str) -> Result<Box<dyn Sink>, String> {
        let yaml = format!("{{path: '{path}', encoding: {{codec: json}}, {more}}}");
        build(&Options::from_yaml(Section::Sink, "file", &yaml).unwrap()).map_err(|errors| errors[0].to_string())
    }

    async fn fates(sink: Box<dyn Sink>, values: Vec<Value>) -> Vec<Fate> {
        let (sender, input) = channel();
        let (acks, told): (Vec<_>, Vec<_>) = values.iter().map(|_| Ack::pair()).unzip();
        sender.send(values.into_iter().zip(acks).map(|(value, ack)| Event::new(value, ack)).collect()).await.unwrap();
        drop(sender);
        soon(sink.run(input, testing::context())).await.unwrap();
        soon(futures::future::join_all(told)).await
    }

    #[tokio::test]
    async fn each_event_goes_to_its_file_and_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let (out, elsewhere) = (dir.path().join("out"), dir.path().join("elsewhere"));
        std::fs::create_dir_all(&out).unwrap();
        std::fs::create_dir_all(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, out.join("link")).unwrap();
        let sink = sink(&format!("{}/{{{{ host }}}}.log", out.display()), "").unwrap();
        let values = ["a", "b/c", "a", "../elsewhere/x", "link/x"].map(|host| value!({"host": host})).into();
        let (d, r) = (Fate::Delivered, Fate::Rejected);
        assert_eq!(fates(sink, values).await, [d, d, d, r, r]);
        assert_eq!(std::fs::read_to_string(out.join("a.log")).unwrap(), "{\"host\":\"a\"}\n{\"host\":\"a\"}\n");
        assert!(out.join("b/c.log").exists());
        assert_eq!(std::fs::read_dir(elsewhere).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn what_cannot_be_written_waits_until_it_can() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("folder");
        std::fs::write(&folder, "in the way").unwrap();
        let sink = sink(&format!("{}/x.log", folder.display()), "").unwrap();
        let stats = resilmesh_service::Stats::new();
        let ((sender, input), (ack, told)) = (channel(), Ack::pair());
        sender.send(vec![Event::new(value!({"a": 1}), ack)]).await.unwrap();
        let running = tokio::spawn(sink.run(input, testing::counted(&stats)));
        soon(async {
            while stats.snapshot().components["out"].errors == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        std::fs::remove_file(&folder).unwrap();
        assert_eq!(soon(told).await, Fate::Delivered);
        assert_eq!(std::fs::read_to_string(folder.join("x.log")).unwrap(), "{\"a\":1}\n");
        drop(sender);
        soon(running).await.unwrap().unwrap();
    }

    #[test]
    fn paths_need_a_folder_to_stay_in() {
        for (path, more, wanted) in [
            ("data/{{ host }}-%Y.log", "", "absolute folder"),
            ("out-{{ host }}.log", "", "absolute folder"),
            ("/{{ host }}.log", "", "absolute folder"),
            ("{{ host }}.log", "base_dir: x", "must be an absolute path"),
            ("/x/y.log", "compression: gzip", "`gzip`"),
            ("/x/y.log", "timezone: local", "`timezone`"),
        ] {
            let Err(error) = sink(path, more) else { panic!("{path} {more} was taken") };
            assert!(error.contains(wanted), "{path} {more}: {error}");
        }
        for (path, more) in [
            ("/var/log/site/{{ host }}-%Y.log", ""),
            ("{{ host }}.log", "base_dir: /var/log/site"),
            ("out-%Y.log", ""),
            ("{{ host }}", "dangerously_allow_unconfined_template_resolution: true"),
        ] {
            assert!(sink(path, more).is_ok(), "{path} {more}");
        }
    }
}
