//! What to do: reconcile the mesh with what is there, apply the plan, keep the journal.
//!
//! | module | what it holds |
//! |---|---|
//! | [`render`] | configuration files from templates; pure |
//! | [`desired`] | services, setups and plugs that the mesh wants on this machine; pure |
//! | [`reconcile`] | the plan: what is wanted against what is seen; pure |
//! | [`changes`] | what a plan changes in files |
//! | [`drift`] | what was changed behind our back; pure |
//! | [`apply`] | carries a plan out; decides nothing |
//! | [`journal`] | what was done and has to be undone |
//! | [`shared`] | the journal of plugs between tenants, which travels with the mesh |
//! | [`history`] | every `up`, `down` and `rollback`, with number, who and when |
//! | [`before`], [`former`] | what was there before an `up`, and the plan that goes back to it |
//! | [`anywhere`] | what a plan would find wrong, without this machine; for `check` |
//! | [`doctor`] | what may keep a mesh from running on this machine |
//! | [`observe`] | what is seen: services, files, journal, drift |
//! | [`keyed`] | digests that tell nothing of the secrets in what they are of |
//! | [`ports`], [`secrets`] | what this machine adds |
//! | [`profile`] | which environment is up |
//! | [`lock`] | one who changes the mesh at a time |
//! | [`rehearsal`] | what the mesh would make of events, without bringing it up |

pub mod anywhere;
pub mod apply;
pub mod before;
pub mod calls;
pub mod changes;
pub mod conformance;
pub mod desired;
pub mod doctor;
pub mod drift;
pub mod former;
pub mod history;
pub mod hook_runner;
pub mod journal;
pub mod keyed;
pub mod lock;
pub mod meshroom;
pub mod observe;
pub mod paths;
pub mod ports;
pub mod profile;
pub mod programs;
pub mod reconcile;
pub mod rehearsal;
pub mod render;
pub mod secrets;
pub mod session;
pub mod shared;
pub mod step;
pub mod trouble;
pub mod typed;
pub mod validate;

use serde::Serialize;
use sha2::{Digest, Sha256};

/// Digest of a value, to see whether it has changed. No secret is a part of it: see [`keyed`].
pub(crate) fn digest_of(value: &impl Serialize) -> String {
    // Maps with keys that are no text do not occur, so there is always a text.
    let text = serde_json::to_vec(value).unwrap_or_default();
    render::hex(&Sha256::digest(&text))
}
