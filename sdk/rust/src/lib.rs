//! Write hooks of `resilmesh` in Rust.
//!
//! A product's folder has a crate in `hooks/`; each of its hooks is a function with an attribute that says when
//! it is called. `resilmesh` builds the crate when one of its hooks is needed first, and runs it as a process
//! of its own.
//!
//! ```no_run
//! use resilmesh_sdk::{Result, Setup, Teardown, setup, teardown};
//!
//! #[derive(serde::Deserialize)]
//! struct Settings {
//!     url: String,
//! }
//!
//! /// Makes an intake, and keeps its key.
//! #[setup(topic = "events", role = "consumer", owns_both)]
//! fn create_intake(ctx: &Setup) -> Result<String> {
//!     let instance = ctx.instance();
//!     let Settings { url } = instance.settings()?;
//!     let token = instance.need_secret("API_TOKEN")?;
//!     ctx.progress(format!("asking {url} for an intake"))?;
//!     // ... with the HTTP client of your choice, and the token ...
//!     # let _ = token;
//!     ctx.plug().set_secret("INTAKE_KEY", "the key that was made")?;
//!     Ok(format!("created an intake for {}", ctx.plug().src_instance))
//! }
//!
//! #[teardown(topic = "events", role = "consumer")]
//! fn delete_intake(ctx: &Teardown) -> Result<()> {
//!     ctx.plug().delete_secret("INTAKE_KEY")
//! }
//!
//! resilmesh_sdk::main!();
//! ```
//!
//! # Attributes
//!
//! | attribute | called by | with | gives |
//! |---|---|---|---|
//! | [`setup`] | `up` | [`Setup`] | nothing, or a text that says what was done |
//! | [`teardown`] | `down` | [`Teardown`] | as setup |
//! | [`check`] | `plan` | [`Check`] | what differs: see [`Differences`] |
//! | [`scaffold`] | `create integration` | [`Scaffold`] | anything |
//! | [`pull`] | `pull` | [`Pull`] | anything |
//! | [`publish`] | `publish` | [`Publish`] | anything |
//! | [`produce`] | `produce` | [`Produce`] | anything: it is shown |
//! | [`watch`] | `watch` | [`Watch`] | [`Items`], or nothing after [`Watch::give`] |
//! | [`trigger`] | `trigger` | [`Trigger`] | anything: it is shown |
//! | [`execute`] | `execute` | [`Execute`] | anything: it is shown |
//! | [`process`] | the module's service | an [`Event`] | an [`Outcome`] |
//!
//! All take `topic`, `mode` (`"push"` or `"pull"`) and `format`, which restrict the hook to those; `role`
//! (`"consumer"`, `"producer"`, `"trigger"` or `"executor"`) is needed by the first four. `title` is for people;
//! `order` (a number, `"first"` or `"last"`) says when it is called among others; `owns_both` that it sets up
//! both ends; `target = "product"` makes it the hook of one integration, which takes the place of the general
//! ones, but for those with `keep_when_overloaded`. Everything must stand there as a literal: `resilmesh` reads
//! it without compiling or running anything.
//!
//! # Modules
//!
//! A `process` hook works on the events that pass through a module. It may take an [`Event`], a `serde_json::Value`
//! or a map, and return an [`Outcome`], a `Value`, an `Option` (`None` drops the event) or a `Vec`, or a `Result` of
//! one. `init`, which returns a `Result`, makes a state once in each worker; with `batch`, the hook gets `&[Event]`
//! and returns a `Vec` with an outcome for each. It is a function like any other, so that a test calls it:
//!
//! ```
//! use std::collections::HashSet;
//!
//! use resilmesh_sdk::{Event, Outcome, Result, Start, process};
//!
//! struct Seen(HashSet<String>);
//!
//! impl Seen {
//!     fn new(_: &Start) -> Result<Self> {
//!         Ok(Self(HashSet::new()))
//!     }
//! }
//!
//! #[process("ecs_events", "enriched_events", init = Seen::new)]
//! fn once(seen: &mut Seen, event: &Event<'_>) -> Result<Outcome> {
//!     let event = event.value()?;
//!     let message = event["message"].as_str().unwrap_or_default();
//!     Ok(if seen.0.insert(message.to_owned()) { Outcome::Same } else { Outcome::Drop })
//! }
//!
//! let mut seen = Seen::new(&Start::default()).unwrap();
//! let event = Event::new(br#"{"message": "hello"}"#);
//! assert_eq!(once(&mut seen, &event).unwrap(), Outcome::Same);
//! assert_eq!(once(&mut seen, &event).unwrap(), Outcome::Drop);
//! ```
//!
//! # Being cancelled
//!
//! A call ends early at Ctrl-C, and at its deadline. Code in Rust cannot be interrupted: from then on every
//! question to `resilmesh` fails with an error that [is cancelled](Error::is_cancelled), an `async` hook is dropped where
//! it waits, and [`Context::is_cancelled`] tells a loop to end. A hook that goes on for longer than two seconds is ended with
//! its process.
//!
//! # What is printed
//!
//! Whatever a hook prints, and programs that it starts, is shown as log.

extern crate self as resilmesh_sdk;

mod answers;
mod context;
mod error;
mod host;
mod module;
mod registry;
pub mod testing;

pub use answers::{Differences, Items};
pub use context::{
    Check, Context, Execute, Instance, Integration, Plug, Produce, Publish, Pull, Scaffold, Setup, Teardown, Trigger,
    Watch,
};
pub use error::{Error, Explain, Result};
pub use module::{Event, Outcome, Start};
pub use resilmesh_hook_api as api;
pub use resilmesh_sdk_macros::{
    check, execute, process, produce, publish, pull, scaffold, setup, teardown, trigger, watch,
};

/// Makes the program of a crate the host of its hooks.
///
/// It stands once, in `src/main.rs`. Hooks may be in other modules of the crate too.
#[macro_export]
macro_rules! main {
    () => {
        fn main() -> ::std::process::ExitCode {
            $crate::__private::run()
        }
    };
}

/// Returns with an error that says this.
///
/// ```
/// # use resilmesh_sdk::{Result, bail};
/// fn positive(number: i64) -> Result<i64> {
///     if number <= 0 {
///         bail!("{number} is not positive");
///     }
///     Ok(number)
/// }
/// assert_eq!(positive(-1).unwrap_err().to_string(), "-1 is not positive");
/// ```
#[macro_export]
macro_rules! bail {
    ($($text:tt)*) => {
        return ::core::result::Result::Err($crate::Error::new(::std::format!($($text)*)).into())
    };
}

/// What the attributes expand to; no part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use inventory;
    pub use resilmesh_hook_api::HookKind;
    pub use serde_json::Value;

    pub use crate::answers::{answered, checked, shown};
    pub use crate::context::made;
    pub use crate::host::run;
    #[cfg(feature = "async")]
    pub use crate::host::wait_for;
    pub use crate::module::{FromEvent, Worker, initial, outcome, outcomes};
    pub use crate::registry::{Hook, Run};
}
