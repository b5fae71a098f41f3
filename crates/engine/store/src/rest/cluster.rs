//! What the store says of itself.

use serde_json::json;

use super::{Answer, Api, Request};
use crate::error::ApiError;

/// The version of Elasticsearch whose API this is.
pub(crate) const API_VERSION: &str = "8.17.0";

/// `GET /`.
pub(crate) fn root(api: &Api, request: Request, _: &[&str]) -> Result<Answer, ApiError> {
    request.done()?;
    Ok(Answer::ok(&json!({
        "name": api.node_name,
        "cluster_name": api.cluster_name,
        "cluster_uuid": "_na_",
        "version": {
            "number": API_VERSION,
            "build_flavor": "default",
            "build_type": "resilmesh-store",
            "build_hash": env!("CARGO_PKG_VERSION"),
            "build_date": "2026-01-01T00:00:00.000Z",
            "build_snapshot": false,
            "lucene_version": "9.12.0",
            "minimum_wire_compatibility_version": "7.17.0",
            "minimum_index_compatibility_version": "7.0.0"
        },
        "tagline": "You Know, for Search"
    })))
}

/// `GET /_cluster/health`. A store that answers is green: it has one node and no copies.
pub(crate) fn health(api: &Api, mut request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    for key in [
        "wait_for_status",
        "wait_for_nodes",
        "wait_for_no_relocating_shards",
        "wait_for_no_initializing_shards",
        "wait_for_active_shards",
        "wait_for_events",
        "timeout",
        "master_timeout",
        "local",
        "level",
        "expand_wildcards",
    ] {
        request.params.take(key);
    }
    request.done()?;
    let shards = api.store.matching(names.first().copied().unwrap_or_default(), false)?.len();
    Ok(Answer::ok(&json!({
        "cluster_name": api.cluster_name,
        "status": "green",
        "timed_out": false,
        "number_of_nodes": 1,
        "number_of_data_nodes": 1,
        "active_primary_shards": shards,
        "active_shards": shards,
        "relocating_shards": 0,
        "initializing_shards": 0,
        "unassigned_shards": 0,
        "delayed_unassigned_shards": 0,
        "number_of_pending_tasks": 0,
        "number_of_in_flight_fetch": 0,
        "task_max_waiting_in_queue_millis": 0,
        "active_shards_percent_as_number": 100.0
    })))
}

/// `GET /_cluster/settings`.
pub(crate) fn settings(_: &Api, mut request: Request, _: &[&str]) -> Result<Answer, ApiError> {
    request.params.ignore(&["flat_settings", "include_defaults", "master_timeout", "timeout"]);
    request.done()?;
    Ok(Answer::ok(&json!({"persistent": {}, "transient": {}})))
}
