//! How others reach a keeper: orders in, what it sees out.

use std::sync::atomic::AtomicU64;

use tokio::sync::{mpsc, oneshot, watch};

use super::super::layout::Layout;
use super::super::reaper::Reaper;
use crate::runtime::{ServiceSpec, ServiceStatus};

/// What a keeper is told. Each is answered when it is done.
pub(crate) enum Order {
    /// Run with this specification.
    Start(Box<ServiceSpec>, Answer),
    /// Read the files again; run with this specification from now on.
    Reload(Box<ServiceSpec>, Answer),
    /// Stop and forget.
    Stop(Answer),
    /// Stop, to be started again by the next supervisor.
    Suspend(Answer),
    /// See whether it is still ready.
    Look(Answer),
}

/// Where the answer to an order goes.
pub(crate) type Answer = oneshot::Sender<Result<(), String>>;

/// What all keepers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) layout: Layout,
    pub(crate) reaper: Reaper,
    /// The number of the next service to be started.
    pub(crate) order: AtomicU64,
}

/// A service as its keeper last saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) status: ServiceStatus,
    /// Services with a lower number were started earlier.
    pub(crate) order: u64,
    /// How often it ended without having been healthy.
    pub(crate) ends_in_row: u32,
}

/// How others reach a keeper.
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) seen: watch::Receiver<Option<Seen>>,
}

impl Handle {
    /// Gives an order and waits until it is carried out.
    pub(crate) async fn tell(&self, order: impl FnOnce(Answer) -> Order) -> Result<(), String> {
        let (answer, answered) = oneshot::channel();
        let gone = || "the supervisor is ending".to_owned();
        self.orders.send(order(answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    /// The service as it is; none = there is none.
    pub(crate) fn seen(&self) -> Option<Seen> {
        self.seen.borrow().clone()
    }

    /// Changes of what is seen.
    pub(crate) fn watch(&self) -> watch::Receiver<Option<Seen>> {
        self.seen.clone()
    }
}
