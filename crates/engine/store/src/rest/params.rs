//! Parameters of a request. Each is taken by whoever knows it; what is left in the end is refused.

use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::error::ApiError;

/// The parameters of a URL.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(String, String)>);

/// Decodes a part of a URL.
pub(crate) fn decode(text: &str) -> Result<String, ApiError> {
    percent_decode_str(text)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| ApiError::illegal(format!("[{text}] in the URL is not UTF-8")))
}

impl Params {
    /// Reads what stands behind the `?`.
    pub(crate) fn parse(query: &str) -> Result<Self, ApiError> {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(&key.replace('+', " "))?, decode(&value.replace('+', " "))?))
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }

    /// Takes a parameter; of several with the same name the last counts.
    pub(crate) fn take(&mut self, key: &str) -> Option<String> {
        let mut value = None;
        self.0.retain(|(name, given)| {
            if name == key {
                value = Some(given.clone());
            }
            name != key
        });
        value
    }

    /// Takes a parameter that is true or false; without value it is true.
    pub(crate) fn flag(&mut self, key: &str) -> Result<Option<bool>, ApiError> {
        match self.take(key).as_deref() {
            None => Ok(None),
            Some("" | "true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(ApiError::illegal(format!(
                "Failed to parse value [{other}] of [{key}] as only [true] or [false] are allowed."
            ))),
        }
    }

    /// Takes a parameter that is a number.
    pub(crate) fn number(&mut self, key: &str) -> Result<Option<u64>, ApiError> {
        self.take(key)
            .map(|text| {
                text.parse().map_err(|_| {
                    ApiError::illegal(format!("Failed to parse int parameter [{key}] with value [{text}]"))
                })
            })
            .transpose()
    }

    /// Takes parameters that mean nothing to a store of one node.
    pub(crate) fn ignore(&mut self, keys: &[&str]) {
        for key in keys {
            self.take(key);
        }
    }

    /// Refuses what nobody took.
    pub(crate) fn done(&self, path: &str) -> Result<(), ApiError> {
        match self.0.as_slice() {
            [] => Ok(()),
            [(key, _)] => Err(ApiError::illegal(format!("request [{path}] contains unrecognized parameter: [{key}]"))),
            several => {
                let keys: Vec<String> = several.iter().map(|(key, _)| format!("[{key}]")).collect();
                Err(ApiError::illegal(format!(
                    "request [{path}] contains unrecognized parameters: {}",
                    keys.join(", ")
                )))
            }
        }
    }
}

/// Reads a time such as `1m` or `500ms`.
pub(crate) fn duration(text: &str) -> Result<Duration, ApiError> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => 0,
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(millis)) {
        Some(millis) if millis > 0 => Ok(Duration::from_millis(millis)),
        _ => Err(ApiError::illegal(format!("failed to parse [{text}] as a time value, such as [1m]"))),
    }
}
