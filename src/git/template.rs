//! The files of a repository for a look, without its history.

use std::path::Path;

use git2::Repository;
use git2::build::CheckoutBuilder;

use super::program::{self, Git};
use super::trouble::Trouble;

/// Fetches the newest files of the repository at `address` into `folder`, which must be empty. Nothing
/// of the repository is run on the way: its files are written by this process, without hooks, filters
/// or submodules.
///
/// # Errors
/// When it cannot be fetched, or is empty.
pub fn fetch(address: &str, folder: &Path) -> Result<(), Trouble> {
    program::check_address(address)?;
    let said = Git::new()
        .args([
            "clone",
            "--quiet",
            "--no-checkout",
            "--depth",
            "1",
            "--no-local",
            "--no-recurse-submodules",
            "--template=",
        ])
        .args(["--".as_ref(), address.as_ref(), folder.as_os_str()])
        .run()?;
    if !said.done {
        let trouble = Trouble::new(format!("`{address}` cannot be fetched{}", said.told()));
        return Err(said.advice().into_iter().fold(trouble, Trouble::hint));
    }
    let repository = Repository::open(folder)?;
    let Ok(head) = repository.head() else {
        return Err(Trouble::new(format!("the repository `{address}` is empty")));
    };
    Ok(repository.checkout_tree(head.peel_to_commit()?.as_object(), Some(CheckoutBuilder::new().force()))?)
}
