//! Values that are assigned to something called a password, and look like one.

/// What such a value is called.
pub(super) const KIND: &str = "what looks like a password or token";

/// `password: value`, `"api_key" = "value"`, `TOKEN=value` and the like.
pub(super) const ASSIGNMENT: &str = concat!(
    r"(?i)(?:passwo?r?d|passphrase|passwd|secret|token|credentials?|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?key|",
    r"secret[_-]?key|client[_-]?secret)",
    r#"["']?[ \t]{0,8}(?::|=|:=|=>)[ \t]{0,8}(?:(?P<open>["'])|)(?P<value>[^\s"'#,;]{8,500})"#,
);

/// Parts of values that stand for a secret instead of being one.
const STAND_INS: [&str; 15] = [
    "{{",
    "${",
    "$(",
    "SECRET[",
    "example",
    "changeme",
    "change-me",
    "change_me",
    "your-",
    "your_",
    "placeholder",
    "redacted",
    "dummy",
    "xxxx",
    "****",
];

/// Whether a value is there for people to put theirs in its place, or refers to one elsewhere.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    let holds = |part: &str| memchr::memmem::find(&lower, part.to_ascii_lowercase().as_bytes()).is_some();
    let wrapped = matches!((value.first(), value.last()), (Some(b'<'), Some(b'>')) | (Some(b'%'), Some(b'%')));
    let same = value.iter().all(|byte| Some(byte) == value.first());
    wrapped || same || value.starts_with(b"$") || STAND_INS.iter().any(|part| holds(part))
}

/// Whether a value that is assigned to a password looks like one, rather than like a word, a path or
/// an expression of a program.
pub(super) fn is_secret(value: &[u8], quoted: bool) -> bool {
    if is_placeholder(value) {
        return false;
    }
    let expression = |byte: &u8| b"()[]{}<>$&|`\\".contains(byte);
    if !quoted && value.iter().any(expression) {
        return false;
    }
    let path = value.starts_with(b"/")
        || value.starts_with(b"./")
        || value.starts_with(b"~/")
        || memchr::memmem::find(value, b"://").is_some();
    !path && !is_words(value) && entropy(value) >= 2.5
}

/// Names such as `edr_token_2` or `Session.Token`: letters, with a number at the end of a part at most.
fn is_words(value: &[u8]) -> bool {
    value.split(|byte| b"_-./:".contains(byte)).all(|part| {
        let letters = part.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let digits = part[letters..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        letters + digits == part.len() && (digits <= 3 || letters == 0 && digits <= 4)
    })
}

/// Bits per byte, from how often each byte stands in the value.
#[allow(clippy::cast_precision_loss, reason = "values have at most some hundred bytes")]
fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0_usize; 256];
    value.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let all = value.len() as f64;
    counts.iter().filter(|count| **count > 0).map(|count| *count as f64 / all).map(|part| -part * part.log2()).sum()
}
