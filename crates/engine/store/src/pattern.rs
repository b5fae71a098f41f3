//! Patterns with `*` and `?`.

/// A pattern that is compared with a whole text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Glob {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Char(char),
    One,
    Any,
}

impl Glob {
    /// A pattern in which only `*` has a meaning: names of fields and indices.
    pub(crate) fn star_only(text: &str) -> Self {
        Self { parts: text.chars().map(|c| if c == '*' { Part::Any } else { Part::Char(c) }).collect() }
    }

    /// A pattern of a wildcard query: `*`, `?`, and `\` before what is meant literally.
    pub(crate) fn wildcard(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            parts.push(match c {
                '*' => Part::Any,
                '?' => Part::One,
                '\\' => Part::Char(chars.next().unwrap_or('\\')),
                c => Part::Char(c),
            });
        }
        Self { parts }
    }

    /// A pattern that matches what begins with `text`.
    pub(crate) fn prefix(text: &str) -> Self {
        Self { parts: text.chars().map(Part::Char).chain([Part::Any]).collect() }
    }

    /// The same pattern in lower case.
    pub(crate) fn lowercase(&self) -> Self {
        let lower = |part: &Part| match part {
            Part::Char(c) => c.to_lowercase().map(Part::Char).collect(),
            other => vec![*other],
        };
        Self { parts: self.parts.iter().flat_map(lower).collect() }
    }

    /// What every match begins with.
    pub(crate) fn literal_prefix(&self) -> String {
        self.parts.iter().map_while(|part| if let Part::Char(c) = part { Some(*c) } else { None }).collect()
    }

    /// Whether the whole text matches. Takes time proportional to text times pattern at most.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let chars: Vec<char> = text.chars().collect();
        let (mut at, mut part) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        while at < chars.len() {
            match self.parts.get(part) {
                Some(Part::Any) => {
                    retry = Some((part, at));
                    part += 1;
                }
                Some(Part::One) => (at, part) = (at + 1, part + 1),
                Some(Part::Char(c)) if *c == chars[at] => (at, part) = (at + 1, part + 1),
                _ => match retry {
                    None => return false,
                    Some((star, from)) => {
                        retry = Some((star, from + 1));
                        (at, part) = (from + 1, star + 1);
                    }
                },
            }
        }
        self.parts[part..].iter().all(|part| *part == Part::Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_whole_texts() {
        for (pattern, text, expected) in [
            ("a*c", "abbbc", true),
            ("a*c", "abcd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
            ("*a*b*", "xxaxxbxx", true),
            ("a\\*c", "a*c", true),
            ("a\\*c", "abc", false),
            ("*.exe", "C:\\x\\y.exe", true),
        ] {
            assert_eq!(Glob::wildcard(pattern).matches(text), expected, "{pattern} {text}");
        }
        assert_eq!(Glob::wildcard("ab?c").literal_prefix(), "ab");
        assert!(Glob::wildcard("AB*").lowercase().matches("abc"));
        assert!(Glob::star_only("a?*").matches("a?b") && !Glob::star_only("a?*").matches("abb"));
    }
}
