//! What sinks that speak HTTP share: the client, who we are, compression.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::tls::{Certificate, Identity};
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;

/// The option `tls`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsOptions {
    ca_file: Option<PathBuf>,
    crt_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    verify_certificate: Option<bool>,
}

/// The option `auth`.
#[derive(Clone, Deserialize)]
#[serde(tag = "strategy", rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// A user and a password.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// A token.
    Bearer {
        /// The token.
        token: String,
    },
}

impl Auth {
    /// Puts who we are on a request.
    pub fn apply(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::Basic { user, password } => request.basic_auth(user, Some(password)),
            Self::Bearer { token } => request.bearer_auth(token),
        }
    }
}

/// The option `compression`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// None.
    #[default]
    None,
    /// gzip.
    Gzip,
}

impl Compression {
    /// The value of the header `Content-Encoding`.
    pub fn header(self) -> Option<HeaderValue> {
        match self {
            Self::None => None,
            Self::Gzip => Some(HeaderValue::from_static("gzip")),
        }
    }

    /// `body`, compressed.
    ///
    /// # Errors
    /// Never in fact: writing to memory does not fail.
    pub fn compress(self, body: &Bytes) -> std::io::Result<Bytes> {
        match self {
            Self::None => Ok(body.clone()),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), flate2::Compression::default());
                encoder.write_all(body)?;
                encoder.finish().map(Bytes::from)
            }
        }
    }
}

/// The client. `https` = any address needs TLS; without, no certificates are loaded.
///
/// # Errors
/// When a file of `tls` cannot be used: says which and why.
pub fn client(tls: Option<&TlsOptions>, https: bool, timeout: Duration) -> Result<Client, String> {
    // The process has one provider of cryptography; that another part chose it first is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("resilmesh/", env!("CARGO_PKG_VERSION")))
        .timeout(timeout)
        .connect_timeout(timeout.min(Duration::from_secs(10)))
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(8)
        .no_proxy();
    let usual = TlsOptions::default();
    let TlsOptions { ca_file, crt_file, key_file, verify_certificate } = tls.unwrap_or(&usual);
    match ca_file {
        Some(file) => {
            let certificates = Certificate::from_pem_bundle(&read(file)?).map_err(|error| unusable(file, &error))?;
            builder = builder.tls_certs_merge(certificates);
        }
        None if !https => builder = builder.tls_certs_only([]),
        None => {}
    }
    if *verify_certificate == Some(false) {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    match (crt_file, key_file) {
        (Some(certificate), Some(key)) => {
            let pem = [read(key)?, read(certificate)?].concat();
            builder = builder.identity(Identity::from_pem(&pem).map_err(|error| unusable(certificate, &error))?);
        }
        (None, None) => {}
        _ => return Err("`crt_file` and `key_file` go together".to_owned()),
    }
    builder.build().map_err(|error| chain(&error))
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|error| format!("`{}` cannot be read: {error}", file.display()))
}

fn unusable(file: &Path, error: &reqwest::Error) -> String {
    format!("`{}` cannot be used: {}", file.display(), chain(error))
}

/// The headers of each request.
///
/// # Errors
/// When one is no header.
pub fn headers(options: &BTreeMap<String, String>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in options {
        let name = HeaderName::try_from(name).map_err(|_| format!("`{name}` is no name of a header"))?;
        let value =
            HeaderValue::try_from(value).map_err(|_| format!("the value of header `{name}` has odd characters"))?;
        headers.insert(name, value);
    }
    Ok(headers)
}

/// An error with its causes, which say what really happened.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn gzip_can_be_undone() {
        let body = Bytes::from_static(b"some text, some text");
        let packed = Compression::Gzip.compress(&body).unwrap();
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(packed.as_ref()).read_to_end(&mut text).unwrap();
        assert_eq!(text, body);
        assert_eq!(Compression::None.compress(&body).unwrap(), body);
    }

    #[test]
    fn files_that_cannot_be_used_are_named() {
        let tls = |yaml: &str| serde_yaml::from_str::<TlsOptions>(yaml).unwrap();
        let error = |yaml: &str| client(Some(&tls(yaml)), true, Duration::from_secs(1)).unwrap_err();
        assert!(error("{ca_file: /does/not/exist}").contains("/does/not/exist"));
        assert!(error("{crt_file: x}").contains("go together"));
        assert!(client(None, false, Duration::from_secs(1)).is_ok());
    }

    #[test]
    fn odd_headers_are_refused() {
        let headers = |name: &str, value: &str| headers(&BTreeMap::from([(name.to_owned(), value.to_owned())]));
        assert!(headers("X-Site", "lab").unwrap().contains_key("x-site"));
        assert!(headers("X Site", "lab").is_err());
        assert!(headers("X-Site", "a\nb").is_err());
    }
}
