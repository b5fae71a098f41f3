//! `resilmesh api`: answers what the Python package asks when it is used outside of a hook.

use std::sync::Arc;

use clap::Args;
use resilmesh_hook_api::{FromHost, ToHost};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;

use super::failure::Failure;
use super::hosts::Known;
use super::{Context, block_on};
use crate::hooks::desk::Scope;
use crate::project::written::Written;

/// Answer questions about the project: a JSON object a line in, one or more out
#[derive(Debug, Args)]
pub struct ApiArgs {}

/// Answers until standard input ends.
///
/// # Errors
/// When there is no project, or standard input or output breaks.
pub fn run(cx: &Context, _: &ApiArgs) -> Result<(), Failure> {
    let project = cx.project_folder()?;
    let project = project.canonicalize().unwrap_or(project);
    let desk = cx.desk(&project, &Arc::new(Known::new()), Written::default())?;
    block_on(async {
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        let mut next = lines.next_line().await.map_err(broken)?;
        while let Some(line) = next.take() {
            let question = serde_json::from_str(&line)
                .map_err(|error| Failure::new(format!("a question that is none of the protocol: {error}")))?;
            let FromHost::Ask { ask, request, .. } = question else {
                next = lines.next_line().await.map_err(broken)?;
                continue;
            };
            let (items, mut given) = mpsc::unbounded_channel();
            let item = move |value| {
                // The answer is not waited for any more.
                let _ = items.send(value);
            };
            let answering = desk.answer_in(Scope::Anything, request, &item);
            tokio::pin!(answering);
            loop {
                tokio::select! {
                    biased;
                    Some(value) = given.recv() => say(&ToHost::Item { ask, value }).await?,
                    answer = &mut answering => {
                        while let Ok(value) = given.try_recv() {
                            say(&ToHost::Item { ask, value }).await?;
                        }
                        say(&match answer {
                            Ok(value) => ToHost::Answer { ask, value, error: None },
                            Err(error) => ToHost::Answer { ask, value: serde_json::Value::Null, error: Some(error) },
                        })
                        .await?;
                        next = lines.next_line().await.map_err(broken)?;
                        break;
                    }
                    // Whoever goes on before the answer, or ends, wants it no more.
                    line = lines.next_line() => {
                        next = line.map_err(broken)?;
                        break;
                    }
                }
            }
        }
        Ok(())
    })
}

fn broken(error: std::io::Error) -> Failure {
    Failure::new(format!("the program at the other end is gone: {error}"))
}

async fn say(message: &ToHost) -> Result<(), Failure> {
    let mut line = serde_json::to_vec(message).map_err(|error| Failure::new(format!("no answer: {error}")))?;
    line.push(b'\n');
    let mut out = tokio::io::stdout();
    out.write_all(&line).await.map_err(broken)?;
    out.flush().await.map_err(broken)
}
