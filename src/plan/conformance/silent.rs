//! An address on which nobody ever answers.

use std::io;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::Settings;

/// Takes connections and says nothing, until it is dropped.
pub(super) struct Silent {
    address: SocketAddr,
    taking: AbortHandle,
}

impl Silent {
    /// On a port of the loopback interface.
    pub(super) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let taking = tokio::spawn(async move {
            let mut taken = Vec::new();
            while let Ok((connection, _)) = listener.accept().await {
                taken.push(connection);
            }
        });
        Ok(Self { address, taking: taking.abort_handle() })
    }

    /// The settings that are addresses of the web, leading here.
    pub(super) fn instead(&self, settings: &Settings) -> Settings {
        let is_address = |value: &&Value| {
            value.as_str().is_some_and(|text| text.starts_with("http://") || text.starts_with("https://"))
        };
        let addresses = settings.iter().filter(|(_, value)| is_address(value));
        addresses.map(|(name, _)| (name.clone(), Value::from(format!("http://{}", self.address)))).collect()
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        self.taking.abort();
    }
}
