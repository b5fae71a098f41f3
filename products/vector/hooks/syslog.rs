//! Lines as a syslog sender gives them: one a line, over TCP.

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use resilmesh_sdk_macros::produce;

use crate::hooks::{HookContext, HookError, Producer};

/// Connects to the syslog port of the plug.
#[produce("logs", role = "consumer", mode = "push", format = "syslog", title = "send lines as syslog over TCP", runtime = crate::hooks::builtin)]
async fn open(cx: &HookContext) -> Result<Box<dyn Producer>, HookError> {
    let address = cx.endpoint("syslog")?.to_owned();
    let stream = TcpStream::connect(&address).await.map_err(|error| {
        HookError::new(format!("cannot connect to `{}` at {address}: {error}", cx.call.own.name))
            .hint("is it up, and does the sender's setting `transport` allow TCP? `resilmesh status` tells")
    })?;
    Ok(Box::new(Sender { stream, address }))
}

struct Sender {
    stream: TcpStream,
    address: String,
}

#[async_trait]
impl Producer for Sender {
    /// The pipeline gives the line its id, so none is known here.
    async fn send(&mut self, line: &str) -> Result<Option<String>, HookError> {
        let framed = format!("{}\n", line.trim_end_matches(['\r', '\n']));
        self.stream.write_all(framed.as_bytes()).await.map_err(|error| broken(&self.address, &error))?;
        Ok(None)
    }

    /// Syslog has no answers: all was taken when the pipeline closes after having read our end.
    async fn finish(mut self: Box<Self>) -> Result<(), HookError> {
        self.stream.shutdown().await.map_err(|error| broken(&self.address, &error))?;
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).await.map_err(|error| broken(&self.address, &error))?;
        Ok(())
    }
}

fn broken(address: &str, error: &std::io::Error) -> HookError {
    HookError::new(format!("the connection to {address} broke: {error}"))
        .hint("the last lines may not have been taken; send them again")
}
