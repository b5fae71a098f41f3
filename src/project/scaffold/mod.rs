//! Making new things: what a new project, product, integration or hook starts from.
//!
//! | module | what it makes |
//! |---|---|
//! | [`project`] | projects, from nothing or from an example |
//! | [`product`] | products, from the templates that are built in |
//! | [`foreign`] | products, from a folder of somebody else |
//! | [`capability`] | entries of a definition |
//! | [`hook`] | functions in Python |
//! | [`integration`] | files of integrations |
//! | [`draft`] | what all of them are first: shown, tried, then written whole or not at all |

pub mod capability;
pub mod draft;
pub mod foreign;
pub mod hook;
pub mod integration;
pub mod product;
pub mod project;
mod render;
