//! What a service between streams is told about them.

use std::path::{Path, PathBuf};

use crate::fields::Fields;

/// Reads a configuration file. `parse` is given its text, and its folder, which relative paths start from.
///
/// # Errors
/// Every mistake in it, one a line.
pub fn read<T>(path: &Path, parse: impl FnOnce(&str, &Path) -> Result<T, Vec<String>>) -> Result<T, Vec<String>> {
    let here = |mistake: String| format!("{}: {mistake}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| vec![here(format!("cannot be read: {error}"))])?;
    let folder = std::path::absolute(path.parent().unwrap_or(Path::new("")));
    let folder = folder.map_err(|error| vec![here(format!("has no folder: {error}"))])?;
    parse(&text, &folder).map_err(|mistakes| mistakes.into_iter().map(here).collect())
}

/// What every service between streams is told about itself.
#[derive(Debug, Clone)]
pub struct Ends {
    /// The name of the instance, shown in the bus's list of connections; if not given, the consumer's.
    pub name: String,
    /// Where events come from.
    pub input: Input,
    /// Where events go.
    pub output: Output,
}

impl Ends {
    /// Reads it from a whole document; relative paths start from `folder`.
    pub fn read(document: &mut Fields<'_>, folder: &Path) -> Self {
        let name = document.text("name");
        let inbox_prefix = document.text("inbox_prefix");
        let input = Input::read(document.required_inner("input"), folder, inbox_prefix);
        let output = Output::read(document.required_inner("output"));
        Self { name: name.unwrap_or_else(|| input.consumer.clone()), input, output }
    }
}

/// Where events come from.
#[derive(Debug, Clone)]
pub struct Input {
    /// The address of the bus.
    pub url: String,
    /// The user on the bus, if it asks for one.
    pub user: Option<String>,
    /// The file that holds the user's password.
    pub password_file: Option<PathBuf>,
    /// The stream.
    pub stream: String,
    /// The durable pull consumer, which exists already.
    pub consumer: String,
    /// Prefix of the inboxes that the user may subscribe to.
    pub inbox_prefix: Option<String>,
}

/// Where events go.
#[derive(Debug, Clone)]
pub struct Output {
    /// The subject of events.
    pub subject: String,
    /// The subject of messages that are no events.
    pub rejected: String,
}

impl Input {
    /// Reads it; relative paths start from `folder`.
    pub fn read(mut fields: Fields<'_>, folder: &Path, inbox_prefix: Option<String>) -> Self {
        let url = fields.required_text("url");
        if !url.is_empty() && !["nats://", "tls://"].iter().any(|scheme| url.starts_with(scheme)) {
            fields.mistake("url", "must start with nats:// or tls://");
        }
        let user = fields.text("user");
        let password_file = fields.text("password_file").map(|file| folder.join(file));
        match (&user, &password_file) {
            (Some(_), None) => fields.mistake("password_file", "is missing, though there is a `user`"),
            (None, Some(_)) => fields.mistake("user", "is missing, though there is a `password_file`"),
            _ => {}
        }
        let mut token = |field| {
            let text = fields.required_text(field);
            if text.contains(['.', '*', '>', ' ', '\t', '\r', '\n']) {
                fields.mistake(field, "must not hold dots, spaces, `*` or `>`");
            }
            text
        };
        let (stream, consumer) = (token("stream"), token("consumer"));
        fields.finish();
        let inbox_prefix = inbox_prefix.or_else(|| user.as_ref().map(|user| format!("_INBOX_{user}")));
        Self { url, user, password_file, stream, consumer, inbox_prefix }
    }
}

impl Output {
    /// Reads it.
    pub fn read(mut fields: Fields<'_>) -> Self {
        let mut subject = |field| {
            let text = fields.required_text(field);
            if text.contains(['*', '>', ' ', '\t', '\r', '\n']) || text.split('.').any(str::is_empty) != text.is_empty()
            {
                fields.mistake(field, "must be a subject without wildcards and spaces");
            }
            text
        };
        let (subject, rejected) = (subject("subject"), subject("rejected"));
        if fields.text("message_id").is_some_and(|field| field != "event.id") {
            fields.mistake("message_id", "can only be `event.id`");
        }
        fields.finish();
        Self { subject, rejected }
    }
}
