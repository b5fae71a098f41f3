//! Runs a configuration by hand: `cargo run --example pipeline -- <folder or file> [control socket]`.

use std::path::PathBuf;
use std::process::ExitCode;

use resilmesh_pipeline::PipelineOptions;
use resilmesh_service::{RunOptions, log};

#[tokio::main]
async fn main() -> ExitCode {
    log::init();
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let config = arguments.next().unwrap_or_else(|| ".".into());
    let service = RunOptions { control: arguments.next() };
    let options = PipelineOptions { service, ..PipelineOptions::default() };
    match resilmesh_pipeline::run(&config, options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            error.exit_code().into()
        }
    }
}
