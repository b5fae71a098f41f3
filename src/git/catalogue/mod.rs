//! Git catalogues: repositories with products, fetched once, pinned by commit and content.
//!
//! | module | what it does |
//! |---|---|
//! | [`mirror`] | brings a repository here |
//! | [`layout`] | lays the products of a commit out as files |
//! | [`publish`] | makes a contribution of a product |

pub mod layout;
pub mod mirror;
pub mod publish;
