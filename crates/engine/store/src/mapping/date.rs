//! Dates as Elasticsearch reads them: ISO 8601 with parts left out, epoch numbers, and date math
//! (`now-1d/d`, `2026-01-01||+1M`).

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc};

/// A format a date field accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateFormat {
    /// `strict_date_optional_time` and its relatives.
    Iso,
    /// `date_optional_time`: as above, with month and day of one digit allowed.
    LenientIso,
    EpochMillis,
    EpochSecond,
    /// `yyyy/MM/dd HH:mm:ss||yyyy/MM/dd`
    Slashes,
    /// `yyyy-MM-dd HH:mm:ss`
    SpacedDateTime,
    /// `basic_date`: `yyyyMMdd`
    BasicDate,
}

/// Reads the `format` of a mapping, a query or a sort.
pub(crate) fn parse_formats(format: &str) -> Result<Vec<DateFormat>, String> {
    format
        .split("||")
        .map(|name| match name.trim() {
            "strict_date_optional_time"
            | "strict_date_optional_time_nanos"
            | "strict_date_time"
            | "strict_date_time_no_millis"
            | "strict_date"
            | "iso8601"
            | "yyyy-MM-dd" => Ok(DateFormat::Iso),
            "date_optional_time" | "date_time" | "date_time_no_millis" | "date" => Ok(DateFormat::LenientIso),
            "epoch_millis" => Ok(DateFormat::EpochMillis),
            "epoch_second" => Ok(DateFormat::EpochSecond),
            "yyyy/MM/dd HH:mm:ss" | "yyyy/MM/dd" => Ok(DateFormat::Slashes),
            "yyyy-MM-dd HH:mm:ss" => Ok(DateFormat::SpacedDateTime),
            "basic_date" | "yyyyMMdd" => Ok(DateFormat::BasicDate),
            other => Err(format!("date format [{other}] is not supported by resilmesh engine store")),
        })
        .collect()
}

/// What Elasticsearch uses where a mapping names no format.
pub(crate) const DEFAULT_FORMATS: [DateFormat; 2] = [DateFormat::Iso, DateFormat::EpochMillis];

/// Where parts that a date leaves out are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    /// The beginning of the period: `2026-03` is its first millisecond.
    Start,
    /// The end of it: `2026-03` is its last millisecond.
    End,
}

/// Milliseconds since 1970 of a date in one of the formats.
pub(crate) fn parse(text: &str, formats: &[DateFormat], fill: Fill) -> Option<i64> {
    formats.iter().find_map(|format| match format {
        DateFormat::Iso => iso(text, '-', true, fill),
        DateFormat::LenientIso => iso(text, '-', false, fill),
        DateFormat::Slashes => slashes(text, fill),
        DateFormat::SpacedDateTime => (text.len() == 19 && text.as_bytes().get(10) == Some(&b' '))
            .then(|| text.replacen(' ', "T", 1))
            .and_then(|text| iso(&text, '-', true, fill)),
        DateFormat::BasicDate => (text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..]))
            .and_then(|text| iso(&text, '-', true, fill)),
        DateFormat::EpochMillis => epoch(text, 1),
        DateFormat::EpochSecond => epoch(text, 1000),
    })
}

fn epoch(text: &str, scale: i64) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    if digits.is_empty() || !digits.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let whole = whole.parse::<i64>().ok()?.checked_mul(scale)?;
    if scale == 1 || fraction.is_empty() {
        return Some(whole);
    }
    let millis = format!("{fraction:0<3}")[..3].parse::<i64>().ok()?;
    Some(if text.starts_with('-') { whole - millis } else { whole + millis })
}

fn slashes(text: &str, fill: Fill) -> Option<i64> {
    let (date, time) = text.split_once(' ').map_or((text, None), |(date, time)| (date, Some(time)));
    if date.len() != 10 {
        return None;
    }
    match time {
        None => iso(date, '/', true, fill),
        Some(time) if time.len() == 8 => iso(&format!("{date}T{time}"), '/', true, fill),
        Some(_) => None,
    }
}

/// Takes a number of digits off the front.
fn digits(text: &str, min: usize, max: usize) -> Option<(u32, &str)> {
    let length = text.bytes().take(max).take_while(u8::is_ascii_digit).count();
    (length >= min).then(|| text.split_at(length)).and_then(|(number, rest)| Some((number.parse().ok()?, rest)))
}

fn iso(text: &str, separator: char, strict: bool, fill: Fill) -> Option<i64> {
    if !text.is_ascii() {
        return None;
    }
    let min = if strict { 2 } else { 1 };
    let (year, mut rest) = digits(text, 4, 4)?;
    let (mut month, mut day) = (None, None);
    if let Some(after) = rest.strip_prefix(separator) {
        let (number, after) = digits(after, min, 2)?;
        (month, rest) = (Some(number), after);
        if let Some(after) = rest.strip_prefix(separator) {
            let (number, after) = digits(after, min, 2)?;
            (day, rest) = (Some(number), after);
        }
    }
    let end = fill == Fill::End;
    let month_number = month.unwrap_or(if end { 12 } else { 1 });
    let first = NaiveDate::from_ymd_opt(year.try_into().ok()?, month_number, day.unwrap_or(1))?;
    let date = match day {
        Some(_) => first,
        None if end => first.checked_add_months(Months::new(1))?.pred_opt()?,
        None => first,
    };
    let (time, offset) = match rest.strip_prefix('T') {
        Some("") | None if rest.is_empty() || rest == "T" => (None, 0),
        Some(clock) if day.is_some() => time_of_day(clock, min, fill)?,
        _ => return None,
    };
    let time = time.unwrap_or(if end { end_of_day() } else { NaiveTime::MIN });
    Some(NaiveDateTime::new(date, time).and_utc().timestamp_millis() - offset)
}

fn end_of_day() -> NaiveTime {
    NaiveTime::from_hms_milli_opt(23, 59, 59, 999).unwrap_or(NaiveTime::MIN)
}

/// The time after the `T`, and the offset of its zone in milliseconds.
fn time_of_day(text: &str, min: usize, fill: Fill) -> Option<(Option<NaiveTime>, i64)> {
    let end = fill == Fill::End;
    let (hour, mut rest) = digits(text, min, 2)?;
    let (mut minute, mut second, mut millis) = (None, None, None);
    if let Some(after) = rest.strip_prefix(':') {
        let (number, after) = digits(after, min, 2)?;
        (minute, rest) = (Some(number), after);
        if let Some(after) = rest.strip_prefix(':') {
            let (number, after) = digits(after, min, 2)?;
            (second, rest) = (Some(number), after);
            if let Some(after) = rest.strip_prefix(['.', ',']) {
                let length = after.bytes().take_while(u8::is_ascii_digit).count();
                if length == 0 || length > 9 {
                    return None;
                }
                let (number, after) = after.split_at(length);
                (millis, rest) = (Some(format!("{number:0<3}")[..3].parse::<u32>().ok()?), after);
            }
        }
    }
    let rest_of = |value: Option<u32>, last: u32| value.unwrap_or(if end { last } else { 0 });
    let time = NaiveTime::from_hms_milli_opt(hour, rest_of(minute, 59), rest_of(second, 59), rest_of(millis, 999))?;
    Some((Some(time), zone(rest)?))
}

/// Milliseconds a zone is ahead of UTC.
pub(crate) fn zone(text: &str) -> Option<i64> {
    let (sign, rest) = match text.as_bytes().first() {
        None => return Some(0),
        Some(b'Z') if text.len() == 1 => return Some(0),
        Some(b'+') => (1, &text[1..]),
        Some(b'-') => (-1, &text[1..]),
        Some(_) => return None,
    };
    let (hours, rest) = digits(rest, 2, 2)?;
    let minutes = match rest.strip_prefix(':').unwrap_or(rest) {
        "" => 0,
        rest => match digits(rest, 2, 2)? {
            (minutes, "") => minutes,
            _ => return None,
        },
    };
    (hours <= 18 && minutes < 60).then_some(sign * i64::from(hours * 60 + minutes) * 60_000)
}

/// Reads a date with date math. `now` is in milliseconds since 1970; `round_up` takes the end of
/// a period where the expression names one (`2026-03`, `now/d`).
pub(crate) fn parse_math(text: &str, formats: &[DateFormat], now: i64, round_up: bool) -> Option<i64> {
    let fill = if round_up { Fill::End } else { Fill::Start };
    let (base, math) = if let Some(math) = text.strip_prefix("now") {
        (now, math)
    } else if let Some((date, math)) = text.split_once("||") {
        (parse(date, formats, if math.is_empty() { fill } else { Fill::Start })?, math)
    } else {
        return parse(text, formats, fill);
    };
    let mut at = DateTime::<Utc>::from_timestamp_millis(base)?;
    let mut rest = math;
    while !rest.is_empty() {
        let (operator, after) = rest.split_at_checked(1)?;
        let length = after.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = after.split_at(length);
        let unit = after.chars().next()?;
        rest = &after[unit.len_utf8()..];
        at = match operator {
            "/" if number.is_empty() => round(at, unit, round_up)?,
            "+" | "-" => {
                let amount = if number.is_empty() { 1 } else { number.parse::<u32>().ok()? };
                shift(at, unit, amount, operator == "-")?
            }
            _ => return None,
        };
    }
    Some(at.timestamp_millis())
}

fn shift(at: DateTime<Utc>, unit: char, amount: u32, back: bool) -> Option<DateTime<Utc>> {
    let months = |months: u32| {
        let months = Months::new(months);
        if back { at.checked_sub_months(months) } else { at.checked_add_months(months) }
    };
    let days = |days: u32| {
        let days = Days::new(days.into());
        if back { at.checked_sub_days(days) } else { at.checked_add_days(days) }
    };
    let seconds = |seconds: i64| {
        let delta = TimeDelta::try_seconds(seconds * i64::from(amount))?;
        if back { at.checked_sub_signed(delta) } else { at.checked_add_signed(delta) }
    };
    match unit {
        'y' => months(amount.checked_mul(12)?),
        'M' => months(amount),
        'w' => days(amount.checked_mul(7)?),
        'd' => days(amount),
        'h' | 'H' => seconds(3600),
        'm' => seconds(60),
        's' => seconds(1),
        _ => None,
    }
}

/// The first millisecond of the period that holds `at`, or its last one.
fn round(at: DateTime<Utc>, unit: char, up: bool) -> Option<DateTime<Utc>> {
    let midnight = at.date_naive().and_time(NaiveTime::MIN).and_utc();
    let start = match unit {
        'y' => midnight.with_day(1)?.with_month(1)?,
        'M' => midnight.with_day(1)?,
        'w' => midnight.checked_sub_days(Days::new(midnight.weekday().num_days_from_monday().into()))?,
        'd' => midnight,
        'h' | 'H' => at.with_minute(0)?.with_second(0)?.with_nanosecond(0)?,
        'm' => at.with_second(0)?.with_nanosecond(0)?,
        's' => at.with_nanosecond(0)?,
        _ => return None,
    };
    if up { shift(start, unit, 1, false)?.checked_sub_signed(TimeDelta::milliseconds(1)) } else { Some(start) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).expect("RFC 3339").timestamp_millis()
    }

    #[test]
    fn iso_dates_with_parts_left_out() {
        for (text, start, end) in [
            ("2026", "2026-01-01T00:00:00.000Z", "2026-12-31T23:59:59.999Z"),
            ("2026-02", "2026-02-01T00:00:00.000Z", "2026-02-28T23:59:59.999Z"),
            ("2026-02-03", "2026-02-03T00:00:00.000Z", "2026-02-03T23:59:59.999Z"),
            ("2026-02-03T", "2026-02-03T00:00:00.000Z", "2026-02-03T23:59:59.999Z"),
            ("2026-02-03T04", "2026-02-03T04:00:00.000Z", "2026-02-03T04:59:59.999Z"),
            ("2026-02-03T04:05:06", "2026-02-03T04:05:06.000Z", "2026-02-03T04:05:06.999Z"),
            ("2026-02-03T04:05:06.7Z", "2026-02-03T04:05:06.700Z", "2026-02-03T04:05:06.700Z"),
            ("2026-02-03T04:05:06.123456789+02:00", "2026-02-03T02:05:06.123Z", "2026-02-03T02:05:06.123Z"),
            ("2026-02-03T04:05:06-0130", "2026-02-03T05:35:06.000Z", "2026-02-03T05:35:06.999Z"),
        ] {
            assert_eq!(parse(text, &DEFAULT_FORMATS, Fill::Start), Some(at(start)), "{text}");
            assert_eq!(parse(text, &DEFAULT_FORMATS, Fill::End), Some(at(end)), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in
            ["", "yesterday", "2026-13", "2026-02-30", "2026-2-3", "2026-02-03 04:05", "2026-02-03T25:00", "1.2.3"]
        {
            assert_eq!(parse(text, &DEFAULT_FORMATS, Fill::Start), None, "{text}");
        }
    }

    #[test]
    fn epochs_and_other_formats() {
        assert_eq!(parse("1773480413000", &DEFAULT_FORMATS, Fill::Start), Some(1_773_480_413_000));
        assert_eq!(parse("1773480413.5", &[DateFormat::EpochSecond], Fill::Start), Some(1_773_480_413_500));
        assert_eq!(parse("2026/02/03 04:05:06", &[DateFormat::Slashes], Fill::Start), Some(at("2026-02-03T04:05:06Z")));
        assert_eq!(parse("20260203", &[DateFormat::BasicDate], Fill::Start), Some(at("2026-02-03T00:00:00Z")));
        let spaced = [DateFormat::SpacedDateTime];
        assert_eq!(parse("2026-02-03 04:05:06", &spaced, Fill::Start), Some(at("2026-02-03T04:05:06Z")));
    }

    #[test]
    fn date_math_moves_and_rounds() {
        let now = at("2026-03-18T10:20:30.400Z");
        for (text, down, up) in [
            ("now", "2026-03-18T10:20:30.400Z", "2026-03-18T10:20:30.400Z"),
            ("now-1d", "2026-03-17T10:20:30.400Z", "2026-03-17T10:20:30.400Z"),
            ("now/d", "2026-03-18T00:00:00.000Z", "2026-03-18T23:59:59.999Z"),
            ("now-1M/M", "2026-02-01T00:00:00.000Z", "2026-02-28T23:59:59.999Z"),
            ("now/w", "2026-03-16T00:00:00.000Z", "2026-03-22T23:59:59.999Z"),
            ("now+2h-30m", "2026-03-18T11:50:30.400Z", "2026-03-18T11:50:30.400Z"),
            ("2026-01-31||+1M", "2026-02-28T00:00:00.000Z", "2026-02-28T00:00:00.000Z"),
            ("2026-01-31||/y", "2026-01-01T00:00:00.000Z", "2026-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(parse_math(text, &DEFAULT_FORMATS, now, false), Some(at(down)), "{text}");
            assert_eq!(parse_math(text, &DEFAULT_FORMATS, now, true), Some(at(up)), "{text}");
        }
        for text in ["now-", "now*2", "now-1x", "now/2d", "soon"] {
            assert_eq!(parse_math(text, &DEFAULT_FORMATS, now, false), None, "{text}");
        }
    }
}
