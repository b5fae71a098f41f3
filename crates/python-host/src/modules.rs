//! The Python code that is inside this program.

/// A module.
pub(crate) struct Module {
    /// Its full name.
    pub(crate) name: &'static str,
    /// It has modules below it.
    pub(crate) is_package: bool,
    /// Its text.
    pub(crate) source: &'static str,
    /// Its code, if the Python that this program is linked to was at hand when it was built.
    pub(crate) compiled: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/modules.rs"));

/// The module of that name.
pub(crate) fn find(name: &str) -> Option<&'static Module> {
    MODULES.iter().find(|module| module.name == name)
}
