//! The template language: minijinja with the functions that configuration needs.
//!
//! | function | answer |
//! |---|---|
//! | `endpoint(instance, port)` | `host:port` at which others on this machine reach it |
//! | `listen(port)` | `address:port` on which this instance listens, as its setting `listen` says |
//! | `port(name)` | a port number of this plug, else of this instance |
//! | `generated(instance, key)` | a generated password |
//! | `generated_file(instance, key)` | where it lies, relative to a rendered folder |
//! | `generated_key(instance, key)` | the key itself, once the password exists |
//! | `fail(why)` | the mesh cannot be rendered: a mistake, shown with its place |
//! | `incomplete(why)` | the instance cannot run yet: it is left out, with a warning |
//!
//! The last three answer for the instance that the file is made for, and those that a plug connects it with.
//!
//! Filters `json` and `yaml` quote a value as JSON, which YAML and NATS read as well.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, UndefinedBehavior, Value, escape_formatter};
use parking_lot::Mutex;

use super::limits::{self, Bounded, Limits};
use crate::mesh::model::{Mesh, Render};
use crate::plan::ports::{self, Ports};
use crate::plan::secrets::Secrets;
use crate::project::names;

/// Why a file is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stop {
    /// The template says that the instance cannot run yet: `incomplete(why)`.
    #[error("{0}")]
    Incomplete(String),
    /// The template refuses the mesh: `fail(why)`.
    #[error("{0}")]
    Refused(String),
    /// The template is wrong.
    #[error("{why}")]
    Broken {
        /// What and why.
        why: String,
        /// In which template, on which line.
        at: Option<(String, usize)>,
    },
}

impl Stop {
    fn broken(why: impl std::convert::Into<String>) -> Self {
        Self::Broken { why: why.into(), at: None }
    }
}

/// The templates of all products.
#[derive(Debug)]
pub(super) struct Templates<'a> {
    products: BTreeMap<&'a str, Environment<'static>>,
    limits: Limits,
    asker: Asker,
}

/// For whom a file is rendered, which decides whose passwords its template gets. Kept beside the
/// context, where no template can say that it is for somebody else.
#[derive(Debug, Clone, Default)]
struct Asker(Arc<Mutex<(String, Arc<BTreeSet<String>>)>>);

impl Asker {
    fn is(&self, instance: &str, peers: Arc<BTreeSet<String>>) {
        *self.0.lock() = (instance.to_owned(), peers);
    }

    /// Refuses passwords of instances that the own one has no plug with, and keys that are no names
    /// of files.
    fn check(&self, instance: &str, key: &str) -> Result<(), Error> {
        let (own, peers) = &*self.0.lock();
        if instance != own && !peers.contains(instance) {
            return Err(invalid(format!("a password of `{instance}` is not for `{own}`: no plug connects the two")));
        }
        plain(key)
    }
}

impl<'a> Templates<'a> {
    pub(super) fn new(mesh: &'a Mesh, ports: &Ports, secrets: &Arc<Secrets>, limits: Limits) -> Self {
        let answers = Arc::new(Answers::new(mesh, ports));
        let asker = Asker::default();
        let environment = |texts| {
            let mut environment = environment(texts, &answers, secrets, &asker);
            environment.set_fuel(Some(limits.steps));
            // Said where it happens, with its line; what many small parts make is seen by the writer.
            environment.set_formatter(move |out, state, value| match value.as_str() {
                Some(text) if text.len() > limits.output => Err(invalid(limits::too_long(limits.output))),
                _ => escape_formatter(out, state, value),
            });
            environment
        };
        let products = mesh.products.values().map(|p| (p.name.as_str(), environment(&p.templates))).collect();
        Self { products, limits, asker }
    }

    /// Path and content of a file for an instance, whose plugs connect it with these others; none when
    /// its `when` does not hold.
    pub(super) fn render(
        &self,
        file: &Render,
        context: &Value,
        instance: &str,
        peers: Arc<BTreeSet<String>>,
    ) -> Result<Option<(String, String)>, Stop> {
        self.asker.is(instance, peers);
        let Some(environment) = self.products.get(file.product.as_str()) else {
            return Err(Stop::broken("its product is not in use"));
        };
        if let Some(when) = &file.when {
            let holds = environment.compile_expression(when).and_then(|when| when.eval(context));
            if !holds.map_err(|error| self.stopped(error))?.is_true() {
                return Ok(None);
            }
        }
        let path = environment.render_str(&file.to, context).map_err(|error| self.stopped(error))?;
        if path.is_empty() || path.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
            return Err(Stop::broken(format!("`to` gives `{path}`, which is no path below the rendered folder")));
        }
        let mut content = Bounded::new(self.limits.output);
        environment
            .get_template(&file.template)
            .and_then(|template| template.render_captured_to(context, &mut content).map(drop))
            .map_err(|error| self.stopped(error))?;
        Ok(Some((path, content.text())))
    }

    /// The reason below an error: what a template said on purpose, else the error with its line.
    fn stopped(&self, error: Error) -> Stop {
        let mut below: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        let mut last = error.to_string();
        while let Some(cause) = below {
            if let Some(stop) = cause.downcast_ref::<Stop>() {
                return stop.clone();
            }
            last = match cause.downcast_ref::<Error>() {
                Some(error) if error.kind() == ErrorKind::OutOfFuel => {
                    let at = error.name().zip(error.line()).map(|(name, line)| format!(" (in {name}:{line})"));
                    let steps = self.limits.steps;
                    format!("it takes more than {steps} steps, the limit of a file{}", at.unwrap_or_default())
                }
                _ => cause.to_string(),
            };
            below = cause.source();
        }
        let at = error.name().zip(error.line()).map(|(name, line)| (name.to_owned(), line));
        Stop::Broken { why: last, at }
    }
}

/// What the functions know of the mesh.
#[derive(Debug)]
struct Answers {
    /// `host:port` by instance and port name.
    endpoints: BTreeMap<(String, String), String>,
    /// Numbers by instance and port name.
    numbers: BTreeMap<(String, String), u16>,
}

impl Answers {
    fn new(mesh: &Mesh, ports: &Ports) -> Self {
        let mut answers = Self { endpoints: BTreeMap::new(), numbers: BTreeMap::new() };
        let mut shown = ports.all_shown(mesh);
        for (instance, _) in mesh.services() {
            for (name, number) in shown.remove(&instance.name).unwrap_or_default() {
                let key = (instance.name.clone(), name);
                answers.endpoints.insert(key.clone(), ports::reach(instance.settings.get("listen"), number));
                answers.numbers.insert(key, number);
            }
        }
        answers
    }

    fn endpoint(&self, instance: &str, port: &str) -> Result<String, Error> {
        let known = self.endpoints.get(&(instance.to_owned(), port.to_owned())).cloned();
        known.ok_or_else(|| invalid(format!("instance `{instance}` has no port `{port}`")))
    }

    fn listen(&self, state: &State<'_, '_>, name: &str) -> Result<String, Error> {
        let number = self.port(state, name)?;
        let listen = state.lookup("instance").and_then(|own| own.get_attr("settings").ok()?.get_attr("listen").ok());
        let listen = listen.and_then(|listen| listen.as_str().map(str::to_owned)).unwrap_or_default();
        Ok(match listen.as_str() {
            "" | "localhost" => format!("127.0.0.1:{number}"),
            address if address.contains(':') && !address.starts_with('[') => format!("[{address}]:{number}"),
            address => format!("{address}:{number}"),
        })
    }

    fn port(&self, state: &State<'_, '_>, name: &str) -> Result<Value, Error> {
        let of_plug =
            state.lookup("plug").and_then(|plug| plug.get_attr("ports").ok()).and_then(|p| p.get_attr(name).ok());
        if let Some(number) = of_plug.filter(|number| !number.is_undefined()) {
            return Ok(number);
        }
        let instance = state.lookup("instance").and_then(|instance| instance.get_attr("name").ok()).unwrap_or_default();
        let key = (instance.as_str().unwrap_or_default().to_owned(), name.to_owned());
        let known = self.numbers.get(&key).copied().map(Value::from);
        known.ok_or_else(|| invalid(format!("there is no port `{name}` here")))
    }
}

fn environment(
    texts: &BTreeMap<String, String>,
    answers: &Arc<Answers>,
    secrets: &Arc<Secrets>,
    asker: &Asker,
) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_keep_trailing_newline(true);
    let texts = texts.clone();
    environment.set_loader(move |name| Ok(texts.get(name).cloned()));
    environment.add_filter("json", json);
    environment.add_filter("yaml", json);
    environment.add_function("fail", |why: String| Err::<Value, _>(stop(Stop::Refused(why))));
    environment.add_function("incomplete", |why: String| Err::<Value, _>(stop(Stop::Incomplete(why))));
    let known = answers.clone();
    environment.add_function("endpoint", move |instance: &str, port: &str| known.endpoint(instance, port));
    let known = answers.clone();
    environment.add_function("listen", move |state: &State<'_, '_>, name: &str| known.listen(state, name));
    let known = answers.clone();
    environment.add_function("port", move |state: &State<'_, '_>, name: &str| known.port(state, name));
    let (passwords, may) = (secrets.clone(), asker.clone());
    environment.add_function("generated", move |instance: &str, key: &str| {
        may.check(instance, key)?;
        Ok(passwords.generated(instance, key).expose_text().map(str::to_owned))
    });
    let (passwords, may) = (secrets.clone(), asker.clone());
    environment.add_function("generated_file", move |instance: &str, key: &str| {
        may.check(instance, key)?;
        passwords.generated(instance, key);
        Ok(format!("../../secrets/{}/{key}", names::id(instance)))
    });
    let (passwords, may) = (secrets.clone(), asker.clone());
    environment.add_function("generated_key", move |instance: &str, key: &str| {
        may.check(instance, key)?;
        passwords.generated(instance, key);
        Ok(key.to_owned())
    });
    environment
}

/// A key is the name of a file: nothing in it may lead elsewhere.
fn plain(key: &str) -> Result<(), Error> {
    if !key.is_empty() && names::id(key) == key {
        return Ok(());
    }
    Err(invalid(format!("`{key}` cannot be the name of a secret: only letters, digits, `_` and `-` can")))
}

fn json(value: &Value) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| invalid(error.to_string()))
}

fn invalid(why: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, why)
}

fn stop(stop: Stop) -> Error {
    Error::new(ErrorKind::InvalidOperation, stop.to_string()).with_source(stop)
}
