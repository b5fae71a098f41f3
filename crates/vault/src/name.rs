//! Names of secrets, which are paths below the vault and must stay there.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::VaultError;

/// What the file of a secret ends with.
pub(crate) const SUFFIX: &str = "gpg";

/// The longest file name that file systems take, in bytes, without the suffix and what a temporary
/// file's name adds.
const LONGEST_PART: usize = 200;

/// The longest name, in bytes.
const LONGEST: usize = 1000;

/// The name of a secret: parts joined by `/`, none of which is hidden, climbs, or looks like an option.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretName(String);

impl SecretName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its file, relative to the vault.
    pub fn file(&self) -> PathBuf {
        PathBuf::from(format!("{}.{SUFFIX}", self.0))
    }

    /// The name that a file of the vault has; `None` if the file is no secret's.
    ///
    /// # Errors
    /// When it would be a secret's, but its name is none.
    pub fn of_file(file: &Path) -> Option<crate::Result<Self>> {
        if file.extension()? != SUFFIX {
            return None;
        }
        Some(match file.with_extension("").to_str() {
            Some(name) => name.parse(),
            None => Err(refused(&file.to_string_lossy(), "it is not UTF-8")),
        })
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SecretName {
    type Err = VaultError;

    fn from_str(name: &str) -> crate::Result<Self> {
        match mistake(name) {
            Some(why) => Err(refused(name, why)),
            None => Ok(Self(name.to_owned())),
        }
    }
}

fn refused(name: &str, why: &'static str) -> VaultError {
    VaultError::Name { name: name.escape_debug().to_string(), why }
}

/// What is wrong with a name.
fn mistake(name: &str) -> Option<&'static str> {
    let (folders, last) = name.rsplit_once('/').unwrap_or(("", name));
    if name.len() > LONGEST {
        Some("it is too long")
    } else if name.starts_with('/') {
        Some("it is an absolute path")
    } else if name.chars().any(is_unprintable) {
        Some("it has a character that cannot be printed")
    } else if !folders.is_empty() && folders.split('/').any(|part| part.ends_with(".gpg")) {
        // The file of secret `a` would be where the folder is.
        Some("only its last part may end in `.gpg`")
    } else {
        folders.split('/').filter(|_| !folders.is_empty()).chain([last]).find_map(mistake_of_part)
    }
}

fn mistake_of_part(part: &str) -> Option<&'static str> {
    match part.chars().next() {
        None => Some("a part of it is empty"),
        Some('.') => Some("no part of it may start with `.`"),
        Some('-') => Some("no part of it may start with `-`"),
        Some(_) if part.trim() != part => Some("a part of it starts or ends with a space"),
        Some(_) if part.len() > LONGEST_PART => Some("a part of it is too long"),
        Some(_) => None,
    }
}

/// Control characters, and those that turn the writing direction so that a name reads as another.
fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::path::Component;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_meshroom_and_pass_are_names() {
        for good in ["edr_edr-1_token", "a/b/c", "Email/me@example.org", "été", "a.b", "with space", "x.gpg"] {
            assert!(good.parse::<SecretName>().is_ok(), "{good}");
        }
    }

    #[test]
    fn names_that_could_leave_the_vault_or_lie_are_refused() {
        let long = "x".repeat(201);
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../x",
            "a/../b",
            "a/./b",
            "a//b",
            "a/",
            ".hidden",
            "a/.git/x",
            "-x",
            "a/-x",
            "a\nb",
            "a\0b",
            "a\u{1b}[2J",
            "\u{202e}gpj.a",
            " a",
            "a ",
            "x.gpg/y",
            &long,
        ] {
            assert!(bad.parse::<SecretName>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_a_file_below_the_vault_and_back(text in "\\PC{0,12}|[./a -]{0,8}") {
            if let Ok(name) = text.parse::<SecretName>() {
                let file = name.file();
                prop_assert!(file.components().all(|part| matches!(part, Component::Normal(_))), "{:?}", file);
                let back = SecretName::of_file(&file).and_then(Result::ok);
                prop_assert_eq!(back, Some(name));
            }
        }

        #[test]
        fn two_names_are_two_files(a in "[a-c./]{1,6}", b in "[a-c./]{1,6}") {
            if let (Ok(a), Ok(b)) = (a.parse::<SecretName>(), b.parse::<SecretName>()) {
                prop_assert_eq!(a == b, a.file() == b.file());
            }
        }
    }
}
