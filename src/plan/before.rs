//! What is on this machine before an `up`, read so that it can be gone back to.

use std::collections::BTreeMap;
use std::path::Path;

use super::desired;
use super::former::{self, Contents};
use super::journal::{Journal, JournalError};
use super::keyed::Key;
use super::observe::observe;
use super::paths::StateFolder;
use super::ports::Ports;
use super::reconcile::Observed;
use super::secrets::Secrets;
use super::session::Session;
use super::step::Plan;
use super::trouble::Trouble;
use super::typed::Taken;
use crate::project::names;
use crate::runtime::Runtime;

/// What was there.
#[derive(Debug)]
pub struct Before {
    state: StateFolder,
    observed: Observed,
    contents: Contents,
    secrets: Secrets,
    taken: Taken,
    ports: Ports,
    key: Key,
}

impl Before {
    /// Reads it; nothing of the session may have been saved yet.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read(session: &Session) -> Result<Self, Trouble> {
        let state = session.state.clone();
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| Trouble::io(&path, &error)
        };
        let mut contents = Contents::new();
        for instance in session.observed.services.keys().map(|service| names::instance_of(service)) {
            if !contents.contains_key(instance) {
                contents.insert(instance.to_owned(), texts(&state.rendered(instance))?);
            }
        }
        Ok(Self {
            observed: session.observed.clone(),
            contents,
            secrets: Secrets::load(&state.secrets()).map_err(failed(&state.secrets()))?,
            taken: Taken::load(&state.typed()).map_err(failed(&state.typed()))?,
            ports: Ports::load(&state.ports()).map_err(failed(&state.ports()))?,
            key: session.key.clone(),
            state,
        })
    }

    /// The plan that goes back from what is there now.
    ///
    /// # Errors
    /// When that cannot be seen, or there is no such plan.
    pub async fn plan(&self, runtime: &dyn Runtime, journal: Journal) -> Result<Plan, Trouble> {
        let was = former::as_it_was(&self.observed, &self.contents);
        let mut now = observe(&self.state, &self.key, journal, runtime.observe().await?, &was, None).await;
        // Settings are what they are: they are not gone back to.
        now.edited.clear();
        Ok(former::back(&was, &self.observed, &now)?)
    }

    /// Puts back what services read beside their files, and what the next `up` goes by. To be done before
    /// the plan is carried out.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put_back(&self) -> Result<(), Trouble> {
        let written = (self.secrets.save_all(&self.state.secrets()))
            .and_then(|()| self.taken.save(&self.state.typed()))
            .and_then(|()| self.ports.save(&self.state.ports()));
        written.map_err(|error| Trouble::io(self.state.root(), &error))
    }

    /// Notes what had been seen to pass an event and is connected again as it was: it need not be tried anew.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn restore_tried(&self, journal: &mut Journal) -> Result<(), JournalError> {
        let was = &self.observed.journal.plugs;
        for (name, up) in &mut journal.plugs {
            up.unverified &= was.get(name).is_none_or(|was| was.unverified || was.digest != up.digest);
        }
        journal.save(&self.state.journal())
    }

    /// Whether a service ran.
    pub fn had_services(&self) -> bool {
        !self.observed.services.is_empty()
    }
}

/// The texts below a folder, by path. What is no text was not rendered.
fn texts(folder: &Path) -> Result<BTreeMap<String, String>, Trouble> {
    if !folder.is_dir() {
        return Ok(BTreeMap::new());
    }
    let files = desired::files_on_disk(folder).map_err(|error| Trouble::io(folder, &error))?;
    let text = |(path, bytes): (String, Vec<u8>)| Some((path, String::from_utf8(bytes).ok()?));
    Ok(files.into_iter().filter_map(text).collect())
}
