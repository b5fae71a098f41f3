//! How vendors' code runs.
