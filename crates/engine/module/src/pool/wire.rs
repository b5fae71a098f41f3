//! Frames from and to a worker, each way by a task of its own: neither waits for the other.

use bytes::Bytes;
use resilmesh_hook_api::batch::{self, FrameKind, HEAD};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// Frames that were read and not looked at yet.
const WAITING: usize = 16;

/// A frame: what it is, and its body.
pub(crate) type Frame = (FrameKind, Bytes);

/// The two ways of a worker. Dropping it closes both.
pub(crate) struct Wire {
    frames: mpsc::Receiver<std::io::Result<Frame>>,
    outgoing: Option<mpsc::UnboundedSender<Vec<u8>>>,
    _reader: AbortOnDropHandle<()>,
    writer: AbortOnDropHandle<()>,
}

impl Wire {
    pub(crate) fn new(input: ChildStdin, output: ChildStdout) -> Self {
        let (read, frames) = mpsc::channel(WAITING);
        let (outgoing, written) = mpsc::unbounded_channel();
        let reader = tokio::spawn(receive(output, read));
        let writer = tokio::spawn(send(input, written));
        let [reader, writer] = [reader, writer].map(AbortOnDropHandle::new);
        Self { frames, outgoing: Some(outgoing), _reader: reader, writer }
    }

    /// The next frame; none at the end.
    pub(crate) async fn next(&mut self) -> Option<std::io::Result<Frame>> {
        self.frames.recv().await
    }

    /// Sends a frame. What cannot be sent is seen by the end of the other way. Who calls bounds how much is under way.
    pub(crate) fn send(&self, kind: FrameKind, body: &[u8]) -> std::io::Result<()> {
        let mut frame = Vec::with_capacity(HEAD + body.len());
        frame.extend_from_slice(&batch::head_of(kind, body.len())?);
        frame.extend_from_slice(body);
        if let Some(outgoing) = &self.outgoing {
            let _ = outgoing.send(frame);
        }
        Ok(())
    }

    /// Says that no more comes.
    pub(crate) async fn close(&mut self) {
        self.outgoing = None;
        let _ = (&mut self.writer).await;
    }
}

async fn receive(output: ChildStdout, to: mpsc::Sender<std::io::Result<Frame>>) {
    let mut output = BufReader::with_capacity(64 << 10, output);
    loop {
        let frame = frame(&mut output).await;
        let is_last = !matches!(frame, Ok(Some(_)));
        if let Some(frame) = frame.transpose()
            && to.send(frame).await.is_err()
        {
            return;
        }
        if is_last {
            return;
        }
    }
}

async fn frame(output: &mut BufReader<ChildStdout>) -> std::io::Result<Option<Frame>> {
    let mut head = [0; HEAD];
    let first = output.read(&mut head).await?;
    if first == 0 {
        return Ok(None);
    }
    output.read_exact(&mut head[first..]).await?;
    let (kind, length) = batch::head(head)?;
    let mut body = vec![0; length];
    output.read_exact(&mut body).await?;
    Ok(Some((kind, body.into())))
}

async fn send(mut input: ChildStdin, mut from: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(frame) = from.recv().await {
        if input.write_all(&frame).await.is_err() {
            return;
        }
    }
}
