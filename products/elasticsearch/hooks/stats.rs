//! How much is stored.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::Value;
use resilmesh_sdk_macros::stats;

use super::client::Store;
use crate::hooks::{HookContext, HookError, Numbers};

/// For the store itself: `documents` in its index.
#[stats(title = "count documents", runtime = crate::hooks::builtin)]
async fn read(cx: &HookContext) -> Result<BTreeMap<String, Numbers>, HookError> {
    let store = Store::of(cx)?;
    let answer = store.must(Method::GET, &format!("{}/_count", store.index), None).await?;
    let documents = answer.get("count").and_then(Value::as_u64).unwrap_or_default();
    Ok([(cx.call.own.id.clone(), [("documents".to_owned(), documents)].into())].into())
}
