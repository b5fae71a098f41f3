//! Runs a store by itself: `cargo run -p resilmesh-store --example store -- store.yaml [control.sock]`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use resilmesh_service::{RunOptions, log};

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    log::init();
    let mut arguments = std::env::args().skip(1);
    let Some(config) = arguments.next() else {
        tracing::error!("usage: store CONFIG [CONTROL_SOCKET]");
        return ExitCode::from(2);
    };
    let options = RunOptions { control: arguments.next().map(PathBuf::from) };
    match resilmesh_store::run(Path::new(&config), options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::from(error.exit_code())
        }
    }
}
