//! `stdin`: what is written to the process's standard input.

use std::io::Read;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use tokio::sync::mpsc;

use super::fields::FieldKey;
use super::intake::{Decorate, Intake, Peer};
use super::socket::MAX_LENGTH;
use super::{Source, SourceContext, SourceError};
use crate::codec::decode::DecodingOptions;
use crate::codec::framing::{Framer, FramingOptions};
use crate::config::{ConfigError, Options};
use crate::event::{Ack, Batch};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StdinOptions {
    max_length: Option<usize>,
    host_key: Option<FieldKey>,
    framing: Option<FramingOptions>,
    #[serde(default)]
    decoding: DecodingOptions,
}

struct Stdin {
    framer: Framer,
    decoding: DecodingOptions,
    host_key: FieldKey,
}

/// Makes a `stdin` source.
///
/// # Errors
/// Everything that is wrong with the options.
pub fn build(options: &Options) -> Result<Box<dyn Source>, Vec<ConfigError>> {
    let stdin: StdinOptions = options.parse(&["log_namespace"])?;
    let framer = stdin
        .framing
        .unwrap_or_else(FramingOptions::lines)
        .framer(stdin.max_length.unwrap_or(MAX_LENGTH))
        .map_err(|message| vec![options.error("framing", message)])?;
    let host_key = stdin.host_key.unwrap_or_else(|| FieldKey::at("host"));
    Ok(Box::new(Stdin { framer, decoding: stdin.decoding, host_key }))
}

/// The name of this machine.
pub fn own_host() -> String {
    hostname::get().map_or_else(|_| "localhost".to_owned(), |name| name.to_string_lossy().into_owned())
}

#[async_trait]
impl Source for Stdin {
    fn resources(&self) -> Vec<String> {
        vec!["standard input".to_owned()]
    }

    async fn run(self: Box<Self>, context: SourceContext) -> Result<(), SourceError> {
        let Self { mut framer, decoding, host_key } = *self;
        let intake = intake(&context, decoding, host_key);
        let (sender, mut reads) = mpsc::channel(1);
        // A thread of its own, which nobody waits for: a read of standard input cannot be interrupted.
        std::thread::spawn(move || read_all(&sender));
        context.readiness.ready();
        let (mut buffer, peer, mut batch) = (BytesMut::new(), Peer::default(), Batch::new());
        loop {
            let read = tokio::select! {
                biased;
                read = reads.recv() => read,
                () = context.stop.cancelled() => None,
            };
            let Some(read) = read else { break };
            buffer.extend_from_slice(&read);
            while let Some(frame) = framer.next(&mut buffer) {
                intake.frame(frame, &peer, &Ack::none(), &mut batch);
            }
            if context.output.send(std::mem::take(&mut batch)).await.is_err() {
                return Ok(());
            }
        }
        while let Some(frame) = framer.last(&mut buffer) {
            intake.frame(frame, &peer, &Ack::none(), &mut batch);
        }
        // When nobody takes events any more, the pipeline is failing and says so itself.
        let _ = context.output.send(batch).await;
        Ok(())
    }

    fn rehearse(self: Box<Self>, context: &SourceContext, payloads: Vec<Bytes>) -> Result<Batch, SourceError> {
        let Self { framer, decoding, host_key } = *self;
        Ok(intake(context, decoding, host_key).all(&framer, &Peer::default(), payloads))
    }
}

fn intake(context: &SourceContext, decoding: DecodingOptions, host_key: FieldKey) -> Intake {
    let host = own_host();
    let decorate: Decorate = Box::new(move |record, _| host_key.fill(record, host.as_str()));
    Intake::new(context, "stdin", decoding, decorate)
}

fn read_all(to: &mpsc::Sender<Bytes>) {
    let mut buffer = vec![0; 64 * 1024];
    let mut stdin = std::io::stdin().lock();
    loop {
        match stdin.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => {
                if to.blocking_send(Bytes::copy_from_slice(&buffer[..length])).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => {
                tracing::warn!(%error, "standard input cannot be read any more");
                return;
            }
        }
    }
}
