//! Calling a hook in a test: with an instance and a plug that are nobody's, and a note of all that it asked for.
//!
//! ```
//! use resilmesh_sdk::testing::Fake;
//! use resilmesh_sdk::{Result, Setup, setup};
//!
//! #[setup(topic = "events", role = "consumer")]
//! fn create_intake(ctx: &Setup) -> Result<String> {
//!     let token = ctx.instance().need_secret("API_TOKEN")?;
//!     ctx.info(format!("a token of {} characters", token.len()));
//!     ctx.plug().set_secret("INTAKE_KEY", "k1")?;
//!     Ok("created".to_owned())
//! }
//!
//! let fake = Fake::new().setting("url", "https://console.test").secret("API_TOKEN", "t0");
//! assert_eq!(create_intake(&fake.setup()).unwrap(), "created");
//! assert_eq!(fake.logged(), ["a token of 2 characters"]);
//! assert_eq!(fake.plug_secret_now("INTAKE_KEY").as_deref(), Some("k1"));
//!
//! let refused = create_intake(&Fake::new().setup()).unwrap_err();
//! assert_eq!(refused.to_string(), "secret `API_TOKEN` has no value");
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use resilmesh_hook_api as api;
use resilmesh_hook_api::{Call, HookKind, HookRef, Level, Request, SecretOwner};
use serde_json::{Map, Value, json};

use crate::context::{
    Check, Context, Desk, Execute, Made, Produce, Publish, Pull, Scaffold, Setup, Teardown, Trigger, Watch,
};
use crate::error::{Error, Result};

/// Whose secret it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Instance,
    Plug,
    Free,
}

/// What has happened so far.
#[derive(Debug, Default)]
struct Notes {
    secrets: BTreeMap<(Owner, String), Value>,
    answers: Vec<String>,
    asked: Vec<Request>,
    logged: Vec<(Level, String)>,
    progress: Vec<String>,
    given: Vec<Value>,
    cancelled: Option<String>,
}

/// A mesh with one instance and one plug, and nobody behind it.
///
/// The instance is called `i1`, of the product `own`; the plug leads from `peer` to it. The project is an empty
/// folder, gone with the last copy of the fake.
#[derive(Debug, Clone)]
pub struct Fake {
    call: Call,
    project: Arc<Place>,
    notes: Arc<Mutex<Notes>>,
}

/// A folder that is nobody else's.
#[derive(Debug)]
struct Place(PathBuf);

impl Place {
    #[allow(clippy::expect_used, reason = "a test that cannot go on fails")]
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("resilmesh-fake-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder can be made");
        Self(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What a test leaves there is the system's to clean up.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Default for Fake {
    fn default() -> Self {
        Self::new()
    }
}

impl Fake {
    /// With no settings and no secrets.
    pub fn new() -> Self {
        let place = Place::new();
        let text = |path: &str| place.0.join(path).to_string_lossy().into_owned();
        let instance = api::Instance {
            name: "i1".to_owned(),
            product: "own".to_owned(),
            path: text("instances/own/i1"),
            settings: Map::new(),
        };
        let plug = api::Plug {
            src_instance: "peer".to_owned(),
            src_product: "other".to_owned(),
            dst_instance: "i1".to_owned(),
            dst_product: "own".to_owned(),
            topic: "events".to_owned(),
            mode: "push".to_owned(),
            format: None,
            status: "down".to_owned(),
            path: text("instances/other/peer/plugs/i1/events.yaml"),
            document: Map::new(),
        };
        let integration = api::Integration {
            product: "own".to_owned(),
            target_product: "other".to_owned(),
            topic: "events".to_owned(),
            role: "consumer".to_owned(),
            mode: "push".to_owned(),
            format: None,
            is_generic: true,
            owns_both: false,
            owns_self: true,
            path: text("products/own/integrations/other/events_consumer"),
            document: Map::new(),
        };
        let hook = HookRef {
            product: "own".to_owned(),
            folder: text("products/own"),
            file: "hooks/src/main.rs".to_owned(),
            function: "hook".to_owned(),
            line: 1,
        };
        let call = Call {
            hook,
            kind: HookKind::Setup,
            instance: Some(instance),
            plug: Some(plug),
            integration: Some(integration),
            topic: Some("events".to_owned()),
            mode: Some("push".to_owned()),
            data: Value::Null,
            path: Some(text("mirror")),
            deadline: None,
        };
        Self { call, project: Arc::new(place), notes: Arc::default() }
    }

    /// A setting of the instance.
    #[must_use]
    pub fn setting(mut self, name: &str, value: impl Into<Value>) -> Self {
        if let Some(instance) = &mut self.call.instance {
            instance.settings.insert(name.to_owned(), value.into());
        }
        self
    }

    /// A setting of the plug.
    #[must_use]
    pub fn plug_setting(mut self, name: &str, value: impl Into<Value>) -> Self {
        if let Some(plug) = &mut self.call.plug {
            let settings = plug.document.entry("settings").or_insert_with(|| json!({}));
            if let Some(settings) = settings.as_object_mut() {
                settings.insert(name.to_owned(), value.into());
            }
        }
        self
    }

    /// A secret of the instance.
    #[must_use]
    pub fn secret(self, key: &str, value: impl Into<Value>) -> Self {
        self.notes().secrets.insert((Owner::Instance, key.to_owned()), value.into());
        self
    }

    /// A secret of the plug.
    #[must_use]
    pub fn plug_secret(self, key: &str, value: impl Into<Value>) -> Self {
        self.notes().secrets.insert((Owner::Plug, key.to_owned()), value.into());
        self
    }

    /// What the user answers to the next question that is open.
    #[must_use]
    pub fn answer(self, text: &str) -> Self {
        self.notes().answers.push(text.to_owned());
        self
    }

    /// The topic of the plug and the call.
    #[must_use]
    pub fn topic(mut self, topic: &str) -> Self {
        self.call.topic = Some(topic.to_owned());
        self.call.plug.iter_mut().for_each(|plug| topic.clone_into(&mut plug.topic));
        self.call.integration.iter_mut().for_each(|own| topic.clone_into(&mut own.topic));
        self
    }

    /// What `produce`, `trigger` and `execute` are given.
    #[must_use]
    pub fn data(mut self, data: impl Into<Value>) -> Self {
        self.call.data = data.into();
        self
    }

    /// Changes anything else of the call.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Call)) -> Self {
        change(&mut self.call);
        self
    }

    /// The folder of the project.
    pub fn project(&self) -> &Path {
        &self.project.0
    }

    /// From now on, the call is not wanted any more.
    pub fn cancel(&self) {
        self.notes().cancelled = Some("cancelled".to_owned());
    }

    /// What was logged so far.
    pub fn logged(&self) -> Vec<String> {
        self.notes().logged.iter().map(|(_, text)| text.clone()).collect()
    }

    /// What was logged so far as this important.
    pub fn logged_as(&self, level: Level) -> Vec<String> {
        self.notes().logged.iter().filter(|(own, _)| *own == level).map(|(_, text)| text.clone()).collect()
    }

    /// What progress was told so far.
    pub fn progress(&self) -> Vec<String> {
        self.notes().progress.clone()
    }

    /// What a `watch` hook has given so far with [`Watch::give`].
    pub fn given(&self) -> Vec<Value> {
        self.notes().given.clone()
    }

    /// What was asked of `resilmesh` so far.
    pub fn asked(&self) -> Vec<Request> {
        self.notes().asked.clone()
    }

    /// The settings of the plug as they were saved last; none if they were not.
    pub fn saved_plug(&self) -> Option<Value> {
        self.notes().asked.iter().rev().find_map(|asked| match asked {
            Request::SavePlug { document, .. } => document.get("settings").cloned(),
            _ => None,
        })
    }

    /// The settings of the instance as they were saved last; none if they were not.
    pub fn saved_instance(&self) -> Option<Value> {
        self.notes().asked.iter().rev().find_map(|asked| match asked {
            Request::SaveInstance { settings, .. } => Some(Value::Object(settings.clone())),
            _ => None,
        })
    }

    /// A secret of the instance as it is now.
    pub fn secret_now(&self, key: &str) -> Option<String> {
        self.kept(Owner::Instance, key)
    }

    /// A secret of the plug as it is now.
    pub fn plug_secret_now(&self, key: &str) -> Option<String> {
        self.kept(Owner::Plug, key)
    }

    fn kept(&self, owner: Owner, key: &str) -> Option<String> {
        self.notes().secrets.get(&(owner, key.to_owned())).and_then(Value::as_str).map(str::to_owned)
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is called with it; it has all that any kind of hook needs.
    #[allow(clippy::expect_used, reason = "all that is needed is there, unless the test itself took it away")]
    fn made<T: Made>(&self, kind: HookKind) -> T {
        let call = Call { kind, ..self.call.clone() };
        let project: Arc<Path> = self.project.0.as_path().into();
        let context = Context::new(Arc::new(call), project, Arc::new(self.clone()));
        T::made(context).expect("the call has all that the hook needs")
    }
}

macro_rules! kinds {
    ($($name:ident $kind:ident)*) => {
        impl Fake {$(
            #[doc = concat!("What a `", stringify!($name), "` hook is called with.")]
            pub fn $name(&self) -> $kind {
                self.made(HookKind::$kind)
            }
        )*}
    };
}

kinds! {
    setup Setup teardown Teardown check Check scaffold Scaffold pull Pull
    publish Publish produce Produce watch Watch trigger Trigger execute Execute
}

fn owner(owner: &SecretOwner) -> Owner {
    match owner {
        SecretOwner::Instance(_) => Owner::Instance,
        SecretOwner::Plug(_) => Owner::Plug,
        SecretOwner::Free => Owner::Free,
    }
}

impl Desk for Fake {
    fn ask(&self, request: Request, _: &mut dyn FnMut(Value)) -> Result<Value> {
        let mut notes = self.notes();
        notes.asked.push(request.clone());
        let mut answer = |what: &str| match notes.answers.is_empty() {
            true => Err(Error::new(format!("nobody answers in this test: {what}"))),
            false => Ok(notes.answers.remove(0)),
        };
        Ok(match request {
            Request::Prompt { message, .. } => answer(&message)?.into(),
            Request::GetSecret { owner: whose, key, prompt } => {
                let place = (owner(&whose), key);
                match (notes.secrets.get(&place).cloned(), prompt) {
                    (Some(secret), _) => secret,
                    (None, None) => Value::Null,
                    (None, Some(_)) if notes.answers.is_empty() => {
                        return Err(Error::new(format!("nobody types the secret `{}` in this test", place.1)));
                    }
                    (None, Some(_)) => {
                        let typed: Value = notes.answers.remove(0).into();
                        notes.secrets.insert(place, typed.clone());
                        typed
                    }
                }
            }
            Request::SetSecret { owner: whose, key, value } => {
                notes.secrets.insert((owner(&whose), key), value);
                Value::Null
            }
            Request::DeleteSecret { owner: whose, key } => {
                notes.secrets.remove(&(owner(&whose), key));
                Value::Null
            }
            _ => Value::Null,
        })
    }

    fn log(&self, level: Level, text: String) {
        self.notes().logged.push((level, text));
    }

    fn progress(&self, text: String, _: Option<f64>) -> Result<()> {
        self.notes().progress.push(text);
        Ok(())
    }

    fn item(&self, value: Value) -> Result<()> {
        self.notes().given.push(value);
        Ok(())
    }

    fn cancelled(&self) -> Option<String> {
        self.notes().cancelled.clone()
    }

    #[cfg(feature = "async")]
    fn when_cancelled(&self) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }
}
