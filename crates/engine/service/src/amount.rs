//! Amounts with units, as settings and the configuration of services have them: `30d`, `10GiB`. Who checks a
//! setting and who runs by it read them here, so that the one takes what the other does.

/// What an amount of time is, for people.
pub const TIME: &str = "a time with `s`, `m`, `h`, `d` or `w`";
/// What an amount of bytes is, for people.
pub const BYTES: &str = "a size with `B`, `KiB`, `MiB`, `GiB`, `TiB` or `KB`, `MB`, `GB`, `TB`";

/// A time above zero, in milliseconds; none if it is none, or too long to be counted.
pub fn milliseconds(text: &str) -> Option<i64> {
    let units = [("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];
    with_unit(text, &units)
}

/// A number of bytes above zero; none if it is none, or too large to be counted.
pub fn bytes(text: &str) -> Option<u64> {
    let units = [
        ("B", 1),
        ("KB", 1000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
    ];
    with_unit(text, &units)?.try_into().ok()
}

fn with_unit(text: &str, units: &[(&str, i64)]) -> Option<i64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<i64>().ok()?.checked_mul(*factor).filter(|amount| *amount > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_whole_numbers_above_zero_with_a_unit() {
        assert_eq!((milliseconds("2m"), milliseconds("30d")), (Some(120_000), Some(30 * 86_400_000)));
        assert_eq!((bytes("2KB"), bytes("10GiB")), (Some(2000), Some(10 << 30)));
        for wrong in
            ["", "d", "0d", "-5d", "1.5d", "30", "30 d", "7 parsecs", "99999999999999999999d", "9999999999999999d"]
        {
            assert_eq!(milliseconds(wrong), None, "{wrong}");
        }
        for wrong in ["", "huge", "0B", "10gib", "10 GiB", "9223372036854775807KB"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
