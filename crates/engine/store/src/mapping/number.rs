//! Numbers as 64-bit keys whose order is the order of the numbers.

use crate::json::Json;

/// The number types of a mapping.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum NumberKind {
    Long,
    Integer,
    Short,
    Byte,
    UnsignedLong,
    Double,
    Float,
    HalfFloat,
    Scaled(f64),
}

/// A number in a document or a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    /// Whole, and exactly known.
    Whole(i128),
    Real(f64),
}

impl Number {
    /// Reads a JSON number, or text that holds one.
    pub(crate) fn read(value: &Json<'_>) -> Option<Self> {
        match value {
            Json::Int(number) => Some(Self::Whole((*number).into())),
            Json::Unsigned(number) => Some(Self::Whole((*number).into())),
            Json::Float(number) => Some(Self::Real(*number)),
            Json::Text(text) => Self::parse(text),
            _ => None,
        }
    }

    /// Reads text that holds a number.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(number) = text.parse::<i128>() {
            return Some(Self::Whole(number));
        }
        // Rust reads `inf` and `nan` as numbers; documents may not.
        if text.bytes().any(|byte| byte.is_ascii_alphabetic() && !matches!(byte, b'e' | b'E')) {
            return None;
        }
        text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Self::Real)
    }

    fn as_f64(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            Self::Real(number) => number,
        }
    }

    fn truncated(self) -> i128 {
        match self {
            Self::Whole(number) => number,
            Self::Real(number) => number.trunc() as i128,
        }
    }
}

/// One end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Lower { inclusive: bool },
    Upper { inclusive: bool },
}

impl NumberKind {
    fn is_whole(self) -> bool {
        matches!(self, Self::Long | Self::Integer | Self::Short | Self::Byte | Self::UnsignedLong)
    }

    fn bounds(self) -> (i128, i128) {
        match self {
            Self::Integer => (i32::MIN.into(), i32::MAX.into()),
            Self::Short => (i16::MIN.into(), i16::MAX.into()),
            Self::Byte => (i8::MIN.into(), i8::MAX.into()),
            Self::UnsignedLong => (0, u64::MAX.into()),
            _ => (i64::MIN.into(), i64::MAX.into()),
        }
    }

    fn whole_key(self, number: i128) -> i64 {
        match self {
            // Shifted, so that the order of keys is the order of numbers.
            Self::UnsignedLong => ((number as u64) ^ (1 << 63)) as i64,
            _ => number as i64,
        }
    }

    /// The key a value of a document is indexed by; the error says why it has none.
    pub(crate) fn key(self, number: Number) -> Result<i64, String> {
        if self.is_whole() {
            let (min, max) = self.bounds();
            let whole = number.truncated();
            if whole < min || whole > max {
                return Err(format!("Value [{whole}] is out of range for {}", self.name()));
            }
            return Ok(self.whole_key(whole));
        }
        self.real_key(number.as_f64())
    }

    fn real_key(self, number: f64) -> Result<i64, String> {
        let out_of_range = || format!("[{}] supports only finite values, but got [{number}]", self.name());
        if !number.is_finite() {
            return Err(out_of_range());
        }
        match self {
            Self::Scaled(factor) => {
                let scaled = (number * factor).round();
                if scaled.abs() < i64::MAX as f64 { Ok(scaled as i64) } else { Err(out_of_range()) }
            }
            Self::Float => {
                let narrow = number as f32;
                if narrow.is_finite() { Ok(float_key(narrow.into())) } else { Err(out_of_range()) }
            }
            Self::HalfFloat => {
                if number.abs() < 65_520.0 {
                    Ok(float_key(half(number)))
                } else {
                    Err(out_of_range())
                }
            }
            _ => Ok(float_key(number)),
        }
    }

    /// The outermost key that still lies within a range which ends at `number`; none if no value
    /// of this type does.
    pub(crate) fn range_key(self, number: Number, end: End) -> Option<i64> {
        if self.is_whole() {
            let (min, max) = self.bounds();
            let (below, above) = match number {
                Number::Whole(number) => (number, number),
                Number::Real(number) => (number.floor() as i128, number.ceil() as i128),
            };
            let exact = below == above;
            return match end {
                End::Lower { inclusive } => {
                    let first = if exact && !inclusive { above.saturating_add(1) } else { above };
                    (first <= max).then(|| self.whole_key(first.max(min)))
                }
                End::Upper { inclusive } => {
                    let last = if exact && !inclusive { below.saturating_sub(1) } else { below };
                    (last >= min).then(|| self.whole_key(last.min(max)))
                }
            };
        }
        let value = number.as_f64();
        if let Self::Scaled(factor) = self {
            let scaled = value * factor;
            return Some(match end {
                End::Lower { inclusive: true } => scaled.ceil() as i64,
                End::Lower { inclusive: false } => (scaled.floor() as i64).saturating_add(1),
                End::Upper { inclusive: true } => scaled.floor() as i64,
                End::Upper { inclusive: false } => (scaled.ceil() as i64).saturating_sub(1),
            });
        }
        // Documents hold the narrowed value, so compare against the narrowed bound.
        let key = self.real_key(value).unwrap_or(if value > 0.0 { i64::MAX } else { i64::MIN });
        Some(match end {
            End::Lower { inclusive: false } => key.saturating_add(1),
            End::Upper { inclusive: false } => key.saturating_sub(1),
            _ => key,
        })
    }

    /// The number a key stands for, as JSON text.
    pub(crate) fn text(self, key: i64) -> String {
        let real = |number: f64| serde_json::to_string(&number).unwrap_or_default();
        match self {
            Self::Long | Self::Integer | Self::Short | Self::Byte => key.to_string(),
            Self::UnsignedLong => ((key as u64) ^ (1 << 63)).to_string(),
            Self::Scaled(factor) => real(key as f64 / factor),
            Self::Double | Self::Float | Self::HalfFloat => real(float_from_key(key)),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Long => "long",
            Self::Integer => "integer",
            Self::Short => "short",
            Self::Byte => "byte",
            Self::UnsignedLong => "unsigned_long",
            Self::Double => "double",
            Self::Float => "float",
            Self::HalfFloat => "half_float",
            Self::Scaled(_) => "scaled_float",
        }
    }
}

/// A key whose order is the order of the numbers.
fn float_key(number: f64) -> i64 {
    let bits = if number == 0.0 { 0 } else { number.to_bits() as i64 };
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

fn float_from_key(key: i64) -> f64 {
    f64::from_bits((key ^ (((key >> 63) as u64) >> 1) as i64) as u64)
}

/// Rounds to the eleven significant bits of a half-precision number.
fn half(number: f64) -> f64 {
    if number == 0.0 {
        return 0.0;
    }
    let exponent = number.abs().log2().floor().max(-14.0);
    let step = (exponent - 10.0).exp2();
    (number / step).round_ties_even() * step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_order_of_the_numbers() {
        let numbers = [-1e300, -2.5, -1.0, -0.1, 0.0, 1e-300, 0.5, 1.0, 3.0, 1e18, 1e300];
        let keys: Vec<i64> =
            numbers.iter().map(|n| NumberKind::Double.key(Number::Real(*n)).expect("finite")).collect();
        assert!(keys.is_sorted());
        for (number, key) in numbers.iter().zip(&keys) {
            assert_eq!(float_from_key(*key), *number);
        }
        let unsigned = |n: u64| NumberKind::UnsignedLong.key(Number::Whole(n.into())).expect("in range");
        assert!(unsigned(0) < unsigned(1) && unsigned(1) < unsigned(u64::MAX));
        assert_eq!(NumberKind::UnsignedLong.text(unsigned(u64::MAX)), u64::MAX.to_string());
    }

    #[test]
    fn documents_are_coerced_or_refused() {
        assert_eq!(NumberKind::Long.key(Number::parse("42").expect("number")), Ok(42));
        assert_eq!(NumberKind::Long.key(Number::Real(3.9)), Ok(3));
        assert!(NumberKind::Byte.key(Number::Whole(128)).is_err());
        assert!(NumberKind::UnsignedLong.key(Number::Whole(-1)).is_err());
        assert!(NumberKind::Float.key(Number::Real(1e200)).is_err());
        assert_eq!(Number::parse("inf"), None);
        assert_eq!(Number::parse("0x10"), None);
    }

    #[test]
    fn ranges_end_at_the_outermost_value_within() {
        let (gt, gte) = (End::Lower { inclusive: false }, End::Lower { inclusive: true });
        let (lt, lte) = (End::Upper { inclusive: false }, End::Upper { inclusive: true });
        let long = NumberKind::Long;
        assert_eq!(long.range_key(Number::Whole(5), gt), Some(6));
        assert_eq!(long.range_key(Number::Real(4.5), gt), Some(5));
        assert_eq!(long.range_key(Number::Real(4.5), gte), Some(5));
        assert_eq!(long.range_key(Number::Real(4.5), lt), Some(4));
        assert_eq!(long.range_key(Number::Whole(5), lte), Some(5));
        assert_eq!(NumberKind::Byte.range_key(Number::Whole(1000), gte), None);
        assert_eq!(NumberKind::Byte.range_key(Number::Whole(1000), lte), Some(127));
        let float = NumberKind::Float;
        let stored = float.key(Number::Real(0.1)).expect("finite");
        assert!(float.range_key(Number::Real(0.1), gte).expect("bound") <= stored);
        assert!(float.range_key(Number::Real(0.1), lt).expect("bound") < stored);
        assert_eq!(NumberKind::Scaled(100.0).range_key(Number::Real(1.234), gte), Some(124));
    }
}
