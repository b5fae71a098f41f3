//! Domain names: how they are brought to one form, and the parts the public suffix list makes
//! of them.

use psl::Type;

/// The longest name and label that DNS allows, in bytes.
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

/// Top-level domains that never mean anything outside a network: RFC 6761, 6762, 7686, 8375,
/// 9476, ICANN's `internal`, and what home routers like to use.
const INTERNAL_TOPS: [&str; 12] =
    ["local", "internal", "lan", "home", "corp", "test", "example", "invalid", "localhost", "onion", "alt", "arpa"];

/// Second-level names kept for examples (RFC 2606).
const EXAMPLE_NAMES: [&str; 3] = ["example.com", "example.net", "example.org"];

/// Brings a domain name to one form: lower case, no final dot. Internationalised names stay as
/// they are written (Unicode or `xn--`). None if it is no name of at least two labels, or is an
/// IP address, or what looks like one.
pub(super) fn normalise(text: &str) -> Option<String> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if text.is_empty() || text.len() > LONGEST_NAME || !text.contains('.') {
        return None;
    }
    let name = if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        text.to_owned()
    } else {
        text.to_lowercase()
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= LONGEST_LABEL
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_' || (!c.is_ascii() && c.is_alphanumeric()))
    };
    let top = name.rsplit('.').next()?;
    let is_name = name.split('.').all(is_label) && !top.bytes().all(|byte| byte.is_ascii_digit());
    is_name.then_some(name)
}

/// What the public suffix list tells about a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameParts {
    /// The public suffix: `co.uk` of `www.shop.co.uk`.
    pub suffix: String,
    /// The name that can be registered: `shop.co.uk`. None if the name is a public suffix itself.
    pub registrable: Option<String>,
    /// What stands before it: `www`.
    pub subdomain: Option<String>,
    /// Whether the suffix is on the list (else it is only the last label).
    pub suffix_is_listed: bool,
    /// Whether the suffix is one that a company runs, such as `github.io`.
    pub suffix_is_private: bool,
}

impl NameParts {
    /// The parts of a normalised name. None only if the list has no rule, not even its default.
    pub fn of(name: &str) -> Option<Self> {
        let suffix = psl::suffix(name.as_bytes())?;
        let registrable = psl::domain_str(name);
        Some(Self {
            suffix: psl::suffix_str(name)?.to_owned(),
            subdomain: registrable
                .and_then(|domain| name.strip_suffix(domain))
                .and_then(|rest| rest.strip_suffix('.'))
                .map(str::to_owned),
            registrable: registrable.map(str::to_owned),
            suffix_is_listed: suffix.is_known(),
            suffix_is_private: suffix.typ() == Some(Type::Private),
        })
    }

    /// The label in front of the suffix, the one somebody chose: `shop`.
    pub fn chosen_label(&self) -> Option<&str> {
        self.registrable.as_deref()?.split('.').next()
    }
}

/// Whether a normalised name can be known outside the network it is used in.
pub(super) fn is_public(name: &str) -> bool {
    let top = name.rsplit('.').next().unwrap_or(name);
    if INTERNAL_TOPS.contains(&top) || EXAMPLE_NAMES.iter().any(|example| is_within(name, example)) {
        return false;
    }
    NameParts::of(name)
        .is_some_and(|parts| parts.suffix_is_listed && (parts.registrable.is_some() || parts.suffix_is_private))
}

/// Whether `name` is `domain` or a name below it.
pub(crate) fn is_within(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_to_one_form() {
        for (text, name) in [
            ("Example.ORG.", Some("example.org")),
            ("_dmarc.a-b.de", Some("_dmarc.a-b.de")),
            ("Bücher.example", Some("bücher.example")),
            ("xn--bcher-kva.example", Some("xn--bcher-kva.example")),
            ("localhost", None),
            ("", None),
            (".", None),
            ("a..b", None),
            ("-a.com", None),
            ("a b.com", None),
            ("1.2.3.999", None),
            ("a.com/x", None),
            ("[::1].com", None),
        ] {
            assert_eq!(normalise(text).as_deref(), name, "{text}");
        }
        assert_eq!(normalise(&format!("{}.com", "a".repeat(64))), None);
        assert_eq!(normalise(&format!("{}com", "a.".repeat(126))), None);
    }

    #[test]
    fn the_suffix_list_takes_names_apart() {
        let parts = NameParts::of("a.b.shop.co.uk").expect("parts");
        assert_eq!(
            (parts.suffix.as_str(), parts.registrable.as_deref(), parts.subdomain.as_deref(), parts.chosen_label()),
            ("co.uk", Some("shop.co.uk"), Some("a.b"), Some("shop"))
        );
        let bare = NameParts::of("shop.co.uk").expect("parts");
        assert_eq!(bare.subdomain, None);
        let suffix = NameParts::of("co.uk").expect("parts");
        assert_eq!((suffix.registrable, suffix.subdomain), (None, None));
    }

    #[test]
    fn only_names_of_the_public_tree_are_public() {
        for name in ["silentpush.com", "a.b.co.uk", "me.github.io", "github.io", "xn--bcher-kva.de", "bücher.de"] {
            assert!(is_public(name), "{name}");
        }
        for name in [
            "printer.local",
            "db.internal",
            "nas.lan",
            "router.home.arpa",
            "x.test",
            "x.example",
            "x.invalid",
            "x.localhost",
            "abc.onion",
            "4.3.2.1.in-addr.arpa",
            "1.0.ip6.arpa",
            "dc1.ad.contoso-internal",
            "www.example.com",
            "co.uk",
        ] {
            assert!(!is_public(name), "{name}");
        }
    }

    #[test]
    fn within_means_at_or_below() {
        assert!(is_within("a.b.de", "b.de") && is_within("b.de", "b.de"));
        assert!(!is_within("ab.de", "b.de") && !is_within("de", "b.de"));
    }
}
