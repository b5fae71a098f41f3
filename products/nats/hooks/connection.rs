//! Connecting to the server of a call.

use std::time::Duration;

use async_nats::{Client, jetstream};
use resilmesh_service::bus::{self, BusError, Identity};
use tokio::time::{Instant, sleep};

use crate::hooks::{HookContext, HookError};

/// The user that may do everything.
pub(super) const USER: &str = "resilmesh";
/// How long the server may take to let a user in whose password it has just been told.
const LET_IN_WITHIN: Duration = Duration::from_secs(10);

/// JetStream on the server of the call, as the user `resilmesh`.
pub(super) async fn jetstream(cx: &HookContext) -> Result<jetstream::Context, HookError> {
    Ok(jetstream::new(client(cx).await?))
}

/// The server of the call, as the user `resilmesh`.
pub(super) async fn client(cx: &HookContext) -> Result<Client, HookError> {
    let identity = Identity {
        name: USER.to_owned(),
        user: Some(USER.to_owned()),
        password: Some(cx.secret("resilmesh_password")?),
        inbox_prefix: None,
    };
    connect(cx, &identity).await
}

/// Waits until the server lets the other end of the plug in. A server reads its users again some
/// time after it was told to, and keeps the old ones, without a word, when it cannot.
pub(super) async fn peer_is_let_in(cx: &HookContext) -> Result<(), HookError> {
    let peer = cx.peer()?;
    let identity = Identity {
        name: format!("{USER} for {}", peer.name),
        user: Some(peer.name.clone()),
        password: Some(cx.peer_secret(&format!("{}_password", cx.call.own.id))?),
        inbox_prefix: Some(format!("_INBOX_{}", peer.id)),
    };
    let until = Instant::now() + LET_IN_WITHIN;
    loop {
        match connect(cx, &identity).await {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > until => {
                return Err(HookError::new(format!("`{}` does not let `{}` in: {error}", cx.call.own.name, peer.name))
                    .hint(format!("`resilmesh logs {}` says why", cx.call.own.name)));
            }
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn connect(cx: &HookContext, identity: &Identity) -> Result<Client, HookError> {
    let url = format!("nats://{}", cx.endpoint("client")?);
    bus::connect(&url, identity).await.map_err(|error| match error {
        BusError::Connect { .. } => {
            HookError::new(error.to_string()).hint(format!("is `{}` up? `resilmesh status` tells", cx.call.own.name))
        }
        BusError::PasswordFile { .. } => HookError::new(error.to_string()),
    })
}
