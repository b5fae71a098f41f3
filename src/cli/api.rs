//! `resilmesh api`: answers what the Python package asks when it is used outside of a hook.

use std::sync::Arc;

use clap::Args;
use resilmesh_hook_api::{FromHost, ToHost};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::failure::Failure;
use super::hosts::Known;
use super::{Context, block_on};
use crate::hooks::desk::Scope;

/// Answer questions about the project: a JSON object a line in, one out
#[derive(Debug, Args)]
pub struct ApiArgs {}

/// Answers until standard input ends.
///
/// # Errors
/// When there is no project, or standard input or output breaks.
pub fn run(cx: &Context, _: &ApiArgs) -> Result<(), Failure> {
    let project = cx.project_folder()?;
    let project = project.canonicalize().unwrap_or(project);
    let desk = cx.desk(&project, &Arc::new(Known::new()))?;
    let broken = |error: std::io::Error| Failure::new(format!("the program at the other end is gone: {error}"));
    block_on(async {
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        let mut out = tokio::io::stdout();
        while let Some(line) = lines.next_line().await.map_err(broken)? {
            let FromHost::Ask { ask, request, .. } = serde_json::from_str(&line)
                .map_err(|error| Failure::new(format!("a question that is none of the protocol: {error}")))?
            else {
                continue;
            };
            let answer = match desk.answer_in(Scope::Anything, request).await {
                Ok(value) => ToHost::Answer { ask, value, error: None },
                Err(error) => ToHost::Answer { ask, value: serde_json::Value::Null, error: Some(error) },
            };
            let mut answer =
                serde_json::to_vec(&answer).map_err(|error| Failure::new(format!("no answer: {error}")))?;
            answer.push(b'\n');
            out.write_all(&answer).await.map_err(broken)?;
            out.flush().await.map_err(broken)?;
        }
        Ok(())
    })
}
