//! `resilmesh port`: on which port an instance listens, for scripts.

use clap::Args;

use super::failure::Failure;
use super::{Context, block_on};
use crate::runtime::Runtime;
use crate::runtime::embedded::Embedded;

/// Print the number of a port of an instance
#[derive(Debug, Args)]
pub struct PortArgs {
    /// The instance
    instance: String,
    /// The name of the port, such as `http`; the only one if left out
    port: Option<String>,
}

/// Prints the number.
///
/// # Errors
/// When the instance does not run or has no such port.
pub fn run(cx: &Context, args: PortArgs) -> Result<(), Failure> {
    let runtime = Embedded::new(&cx.project_folder()?)?;
    let services = block_on(async { Ok(runtime.observe().await?) })?;
    let service = services.iter().find(|service| service.spec.instance == args.instance).ok_or_else(|| {
        Failure::new(format!("`{}` does not run", args.instance)).hint("`resilmesh status` shows what runs")
    })?;
    let ports = &service.spec.ports;
    let names = || ports.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let number = match &args.port {
        Some(name) => ports.get(name),
        None if ports.len() > 1 => {
            return Err(Failure::usage(format!("`{}` has several ports", args.instance))
                .hint(format!("name one of: {}", names())));
        }
        None => ports.values().next(),
    };
    let number = number.ok_or_else(|| {
        let failure = Failure::new(format!("`{}` has no port `{}`", args.instance, args.port.as_deref().unwrap_or("")));
        if ports.is_empty() { failure } else { failure.hint(format!("its ports: {}", names())) }
    })?;
    cx.ui.line(number.to_string());
    Ok(())
}
