//! The attributes of `resilmesh-sdk`: each registers its function as a hook.
//!
//! What they mean is said in the SDK. The function itself stays as it is, so that it can be called and tested
//! like any other.

mod expand;

use proc_macro::TokenStream;

macro_rules! attributes {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[proc_macro_attribute]
        pub fn $name(arguments: TokenStream, item: TokenStream) -> TokenStream {
            expand::expand(stringify!($name), arguments.into(), item.into()).into()
        }
    )*};
}

attributes! {
    /// Sets up the product's end of a plug: `up`.
    setup
    /// Takes it down again: `down`.
    teardown
    /// Says what differs at the product's end of a plug from what was set up: `plan`.
    check
    /// Writes the first files of an integration: `create integration`.
    scaffold
    /// Fetches from the vendor: `pull`.
    pull
    /// Sends an integration to its vendor: `publish`.
    publish
    /// Sends data: `produce`.
    produce
    /// Shows data that flows: `watch`.
    watch
    /// Gives a command: `trigger`.
    trigger
    /// Carries a command out: `execute`.
    execute
    /// Works on the events that pass through a module.
    process
    /// Reads numbers: for the built-in catalogue.
    stats
    /// Finds events that are kept: for the built-in catalogue.
    search
    /// Deletes an event that is kept: for the built-in catalogue.
    forget
}
