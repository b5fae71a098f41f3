//! Writes events to standard output or standard error.

use async_trait::async_trait;
use serde::Deserialize;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::common::{Buffer, Healthcheck};
use super::stream::Stream;
use super::{Sink, SinkContext, SinkError};
use crate::codec::encode::{Encoding, Framing};
use crate::config::{ConfigError, Options};
use crate::event::Input;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsoleOptions {
    #[serde(default)]
    target: Target,
    encoding: Encoding,
    framing: Option<Framing>,
    #[serde(default, rename = "buffer")]
    _buffer: Buffer,
    #[serde(default, rename = "healthcheck")]
    _healthcheck: Healthcheck,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Target {
    #[default]
    Stdout,
    Stderr,
}

/// Makes the sink.
///
/// # Errors
/// Everything that is wrong with the options.
pub(super) fn build(options: &Options) -> Result<Box<dyn Sink>, Vec<ConfigError>> {
    let taken: ConsoleOptions = options.parse(&["proxy"])?;
    Ok(Box::new(Console { target: taken.target, stream: Stream::new(taken.encoding, taken.framing) }))
}

struct Console {
    target: Target,
    stream: Stream,
}

#[async_trait]
impl Sink for Console {
    async fn run(self: Box<Self>, input: Input, context: SinkContext) -> Result<(), SinkError> {
        context.readiness.ready();
        match self.target {
            Target::Stdout => write(tokio::io::stdout(), &self.stream, input, &context).await,
            Target::Stderr => write(tokio::io::stderr(), &self.stream, input, &context).await,
        }
    }
}

async fn write(
    mut to: impl AsyncWrite + Unpin + Send,
    stream: &Stream,
    mut input: Input,
    context: &SinkContext,
) -> Result<(), SinkError> {
    while let Some(batch) = input.recv().await {
        let (bytes, owed) = stream.encode(batch);
        let written = async {
            to.write_all(&bytes).await?;
            to.flush().await
        };
        written.await.map_err(|error| SinkError(format!("the console takes nothing any more: {error}")))?;
        context.counters.sent(owed.len() as u64);
        owed.into_iter().for_each(super::owed::Owed::delivered);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use vrl::value;

    use super::*;
    use crate::config::Section;
    use crate::event::{Ack, Event, Fate, channel};
    use crate::sink::testing;

    fn stream() -> Stream {
        Stream::new(serde_yaml::from_str("{codec: json}").unwrap(), None)
    }

    #[tokio::test]
    async fn writes_a_line_an_event_and_then_says_so() {
        let (sender, input) = channel();
        let (ack, told) = Ack::pair();
        sender.send(vec![Event::new(value!({"a": 1}), ack), Event::new(value!({"b": 2}), Ack::none())]).await.unwrap();
        drop(sender);
        let mut out = std::io::Cursor::new(Vec::new());
        write(&mut out, &stream(), input, &testing::context()).await.unwrap();
        assert_eq!(out.into_inner(), b"{\"a\":1}\n{\"b\":2}\n");
        assert_eq!(told.await, Fate::Delivered);
    }

    #[tokio::test]
    async fn a_closed_console_delivers_nothing() {
        let (sender, input) = channel();
        let (ack, told) = Ack::pair();
        sender.send(vec![Event::new(value!({"a": 1}), ack)]).await.unwrap();
        let (to, other_end) = tokio::io::duplex(1);
        drop(other_end);
        assert!(write(to, &stream(), input, &testing::context()).await.is_err());
        assert_eq!(told.await, Fate::Errored);
    }

    #[test]
    fn options() {
        let build = |yaml: &str| build(&Options::from_yaml(Section::Sink, "console", yaml).unwrap()).map(drop);
        assert!(build("{encoding: {codec: text}, target: stderr, framing: {method: bytes}}").is_ok());
        assert!(build("{encoding: {codec: json}, target: printer}").is_err());
        assert!(build("{}").unwrap_err()[0].to_string().contains("missing field `encoding`"));
    }
}
