//! `RESILMESH_TRUST`: trust without a terminal, for CI.

/// The variable.
pub const VARIABLE: &str = "RESILMESH_TRUST";

/// What the environment trusts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Given {
    /// Nothing.
    #[default]
    Nothing,
    /// Everything, whatever it is.
    All,
    /// Contents with these hashes: of single products, or of all together.
    Hashes(Vec<String>),
}

impl Given {
    /// As the environment of this process says.
    ///
    /// # Errors
    /// When the variable is neither `all` nor hashes.
    pub fn from_environment() -> Result<Self, String> {
        match std::env::var_os(VARIABLE) {
            None => Ok(Self::Nothing),
            Some(text) => Self::parse(&text.to_string_lossy()),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        match words[..] {
            [] => Ok(Self::Nothing),
            ["all"] => Ok(Self::All),
            _ => words.into_iter().map(hash).collect::<Result<_, _>>().map(Self::Hashes),
        }
    }

    /// Whether it trusts content with one of these hashes.
    pub fn covers(&self, hashes: [&str; 2]) -> bool {
        match self {
            Self::Nothing => false,
            Self::All => true,
            Self::Hashes(known) => known.iter().any(|known| hashes.contains(&known.as_str())),
        }
    }
}

fn hash(word: &str) -> Result<String, String> {
    let word = word.to_ascii_lowercase();
    if word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(word);
    }
    Err(format!("`{}` in {VARIABLE} is neither `all` alone nor a hash of 64 hexadecimal digits", word.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_or_exactly_these() {
        let (one, two) = ("ab".repeat(32), "CD".repeat(32));
        assert_eq!(Given::parse(""), Ok(Given::Nothing));
        assert_eq!(Given::parse("all"), Ok(Given::All));
        let given = Given::parse(&format!("{one}, {two}")).expect("hashes");
        assert!(given.covers([&one, "x"]) && given.covers(["x", &two.to_lowercase()]) && !given.covers(["x", "y"]));
        for wrong in ["ALL,x", "all,all", "abc", &"g".repeat(64)] {
            assert!(Given::parse(wrong).is_err(), "{wrong}");
        }
        assert!(!Given::Nothing.covers([&one, &one]) && Given::All.covers(["", ""]));
    }
}
