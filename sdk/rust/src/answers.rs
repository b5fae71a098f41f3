//! What hooks may return.

use serde::Serialize;
use serde_json::Value;

use crate::context::{Context, Watch};
use crate::error::{Error, Result};

/// A hook's end: `Result`, or nothing for one that cannot fail.
#[diagnostic::on_unimplemented(
    message = "a hook returns nothing or a `resilmesh_sdk::Result`, not `{Self}`",
    label = "write `-> resilmesh_sdk::Result<...>`"
)]
pub trait Ended {
    /// What it gives if all is well.
    type Value;
    /// As a result.
    ///
    /// # Errors
    /// The hook's.
    fn ended(self) -> Result<Self::Value>;
}

impl Ended for () {
    type Value = ();
    fn ended(self) -> Result<()> {
        Ok(())
    }
}

impl<T, E: Into<Error>> Ended for std::result::Result<T, E> {
    type Value = T;
    fn ended(self) -> Result<T> {
        self.map_err(Into::into)
    }
}

/// What a hook answers, as JSON.
///
/// # Errors
/// The hook's, or that it cannot be sent.
pub fn answered<R: Ended<Value: Serialize>>(returned: R) -> Result<Value> {
    let value = returned.ended()?;
    serde_json::to_value(&value).map_err(|error| Error::new(format!("what the hook gave cannot be sent: {error}")))
}

/// What a check hook may answer with: nothing, `true`, an empty text or list if all is as it was set up; else what
/// differs.
#[diagnostic::on_unimplemented(
    message = "a check hook returns what differs, not `{Self}`",
    label = "a text, a list of texts, `bool`, `Option<String>` or nothing"
)]
pub trait Differences {
    /// As `resilmesh` takes it.
    fn differences(self) -> Value;
}

macro_rules! differences {
    ($($type:ty),*) => {$(
        impl Differences for $type {
            fn differences(self) -> Value {
                serde_json::to_value(self).unwrap_or_default()
            }
        }
    )*};
}

differences!((), bool, String, &str, Option<String>, Option<&str>, Vec<String>, Vec<&str>);

/// What a check hook answers.
///
/// # Errors
/// The hook's.
pub fn checked<R: Ended<Value: Differences>>(returned: R) -> Result<Value> {
    Ok(returned.ended()?.differences())
}

/// What a watch hook shows, one after the other.
///
/// ```
/// # use resilmesh_sdk::{Items, Result, Watch, watch};
/// #[watch("events")]
/// fn see(ctx: &Watch) -> Result<Items<'_>> {
///     let path = ctx.instance().path.join("events.jsonl");
///     let text = std::fs::read_to_string(path)?;
///     let lines: Vec<String> = text.lines().map(str::to_owned).collect();
///     Ok(Items::of(lines))
/// }
/// ```
pub struct Items<'a>(Box<dyn Iterator<Item = Result<Value>> + 'a>);

impl<'a> Items<'a> {
    /// These; the next one is asked for when the one before has been handed over.
    pub fn of<I>(items: I) -> Self
    where
        I: IntoIterator<IntoIter: 'a, Item: Serialize>,
    {
        Self(Box::new(items.into_iter().map(|item| Ok(serde_json::to_value(item)?))))
    }

    /// These, of which one may fail: nothing comes after that.
    pub fn of_results<I, T, E>(items: I) -> Self
    where
        I: IntoIterator<IntoIter: 'a, Item = std::result::Result<T, E>>,
        T: Serialize,
        E: Into<Error>,
    {
        let value = |item: std::result::Result<T, E>| Ok(serde_json::to_value(item.map_err(Into::into)?)?);
        Self(Box::new(items.into_iter().map(value)))
    }
}

impl Iterator for Items<'_> {
    type Item = Result<Value>;
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

/// What a watch hook may end with.
#[diagnostic::on_unimplemented(
    message = "a watch hook returns `resilmesh_sdk::Items`, or nothing after it has given them itself, not `{Self}`",
    label = "write `Items::of(...)`, or use `ctx.give(...)`"
)]
pub trait Shown {
    /// Hands over all of it.
    ///
    /// # Errors
    /// When one fails, or nobody wants more.
    fn show(self, to: &Context) -> Result<()>;
}

impl Shown for () {
    fn show(self, _: &Context) -> Result<()> {
        Ok(())
    }
}

impl Shown for Items<'_> {
    fn show(self, to: &Context) -> Result<()> {
        for item in self {
            to.hand_over(item?)?;
        }
        Ok(())
    }
}

/// Hands over what a watch hook gives.
///
/// # Errors
/// The hook's, or that nobody wants more.
pub fn shown<R: Ended<Value: Shown>>(watch: &Watch, returned: R) -> Result<Value> {
    returned.ended()?.show(watch)?;
    Ok(Value::Null)
}
