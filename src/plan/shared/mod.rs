//! The journal of plugs between tenants, which travels with the mesh, so that two people do not set up the
//! same tenants twice and one can take down what another has set up.
//!
//! A tenant is run by somebody else and there is one of it; what is set up at it is so for everybody. Whoever
//! is about to change such plugs claims them first, by a push that succeeds for one at a time. What a machine
//! runs itself stays in its own journal.

pub mod entry;
mod known;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use self::entry::{Author, Claim, Entry};
pub use self::known::{adopt, show_in};
use super::journal::Journal;
use super::keyed::Key;
use super::step::{Action, Plan};
use crate::git::journal::{Files, Pushed, SharedJournal, Tip};
use crate::git::provenance;
use crate::git::push::Remote;
use crate::git::trouble::Trouble;
use crate::hooks::Call;
use crate::mesh::model::{Mesh, PlugId, Product};

/// A claim older than this is of somebody whose command was killed: hooks have ended by then.
const STALE: TimeDelta = TimeDelta::hours(1);

/// How often what was pushed by others at the same moment is fetched before giving up.
const ATTEMPTS: usize = 8;

/// What is known of the plugs of one environment.
#[derive(Debug, Clone, Default)]
pub struct View {
    tip: Tip,
    /// By plug.
    pub entries: BTreeMap<PlugId, Entry>,
}

/// What came of a claim.
#[derive(Debug)]
pub enum Claimed {
    /// Go on.
    Yes {
        /// What others claimed before, who seem to have given up.
        taken_over: Vec<Entry>,
        /// Why others cannot be told.
        untold: Option<Trouble>,
    },
    /// Others have changed something meanwhile: plan again.
    PlanAgain,
    /// Others are at work on these.
    Held(Vec<Entry>),
}

/// The shared journal as a command works on it.
#[derive(Debug)]
pub struct Shared {
    journal: SharedJournal,
    /// Where it is pushed to; none = nowhere, or it cannot be reached now.
    remote: Option<Remote>,
    /// This folder on this machine.
    place: String,
    author: Author,
}

impl Shared {
    /// That of an environment of the project in this folder; none if it lies in no repository.
    ///
    /// # Errors
    /// When the repository cannot be read.
    pub fn open(project: &Path, environment: Option<&str>, key: &Key) -> Result<Option<Self>, Trouble> {
        let Some(journal) = SharedJournal::of(project, environment.unwrap_or(NO_PROFILE))? else { return Ok(None) };
        let host = nix::unistd::gethostname().unwrap_or_default().to_string_lossy().into_owned();
        let author = Author { who: provenance::person(project), host, when: now() };
        Ok(Some(Self { journal, remote: None, place: key.digest(&"place"), author }))
    }

    /// Where the journal travels to; none if the mesh is shared nowhere.
    ///
    /// # Errors
    /// When it cannot be told which remote is meant.
    pub fn remote(&self) -> Result<Option<Remote>, Trouble> {
        self.journal.remote()
    }

    /// Fetches what others have noted. From then on, what is noted here is pushed.
    ///
    /// # Errors
    /// When the remote cannot be reached.
    pub fn fetch(&mut self, remote: Remote) -> Result<(), Trouble> {
        self.journal.fetch(&remote)?;
        self.remote = Some(remote);
        Ok(())
    }

    /// Fetches what others have noted, and tells them what they do not know yet.
    ///
    /// # Errors
    /// When the remote cannot be reached, or does not take it.
    pub fn exchange(&mut self, remote: Remote) -> Result<(), Trouble> {
        self.journal.fetch(&remote)?;
        let tip = self.journal.tip()?;
        if !tip.is_unborn() && !self.journal.is_pushed(&tip)? {
            // One who is faster knows what is here by the next time.
            self.journal.push(&remote, &tip)?;
        }
        Ok(())
    }

    /// Whether others could be asked.
    pub fn is_reached(&self) -> bool {
        self.remote.is_some()
    }

    /// Forgets plugs whose hooks shall not be called any more.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn forget<'a>(&self, plugs: impl Iterator<Item = &'a PlugId> + Clone) -> Result<(), Trouble> {
        for _ in 0..ATTEMPTS {
            let view = self.view()?;
            let mut files = view.tip.files.clone();
            plugs.clone().for_each(|plug| self.put(&mut files, plug, None));
            if files == view.tip.files
                || self.journal.commit(&view.tip, files, "Forget what was unplugged\n")?.is_some()
            {
                return Ok(());
            }
        }
        Err(Trouble::new("others change the journal of tenants all the time").hint("try again"))
    }

    /// What is known here.
    ///
    /// # Errors
    /// When it cannot be read, or others have written what is no entry.
    pub fn view(&self) -> Result<View, Trouble> {
        let tip = self.journal.tip()?;
        let folder = format!("{}/", self.journal.folder());
        let mut entries = BTreeMap::new();
        for (path, bytes) in &tip.files {
            let Some(name) = path.strip_prefix(&folder) else { continue };
            let entry = Entry::parse(name, bytes).map_err(|why| self.damaged(path, &why))?;
            entries.insert(entry.plug.clone(), entry);
        }
        Ok(View { tip, entries })
    }

    fn damaged(&self, path: &str, why: &str) -> Trouble {
        let reference = self.journal.reference();
        Trouble::new(format!("`{}` in `{reference}` is damaged: {why}", path.escape_debug()))
            .hint(format!("`git log -p {reference}` shows who has written it"))
            .hint(format!(
                "to go back to what it was before: `git update-ref {reference} {reference}~1`, and the same at the remote \
                 (`git push --force origin {reference}`)"
            ))
    }

    /// Claims the plugs between tenants that a plan changes, before it is carried out. The journal knows
    /// then that it is shared.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn claim(
        &self,
        view: &View,
        plan: &Plan,
        journal: &mut Journal,
        terms: &Terms<'_>,
    ) -> Result<Claimed, Trouble> {
        let wanted = known::before(plan, journal, &self.author, &*terms.settings);
        if wanted.is_empty() {
            return Ok(Claimed::Yes { taken_over: Vec::new(), untold: None });
        }
        let known = wanted.keys().filter_map(|plug| view.entries.get(plug));
        let of_others = known.filter(|entry| entry.claim.is_some() && !self.is_mine(entry));
        let claimed: Vec<Entry> = of_others.cloned().collect();
        let held: Vec<Entry> = claimed.iter().filter(|entry| !terms.takes(entry)).cloned().collect();
        if !held.is_empty() {
            return Ok(Claimed::Held(held));
        }
        let mut files = self.noted(view, journal, terms);
        for (plug, mut entry) in wanted {
            entry.claim = Some(Claim { place: self.place.clone() });
            self.put(&mut files, &plug, Some(terms.open(entry)));
        }
        let Some(tip) = self.journal.commit(&view.tip, files, &message("Claim", plan))? else {
            return Ok(Claimed::PlanAgain);
        };
        let pushed = self.remote.as_ref().map(|remote| (remote, self.journal.push(remote, &tip)));
        let untold = match pushed {
            Some((remote, Ok(Pushed::Outrun))) => {
                self.journal.take_back(&tip, &view.tip)?;
                self.journal.fetch(remote)?;
                return Ok(Claimed::PlanAgain);
            }
            Some((_, Err(trouble))) => Some(trouble),
            Some((_, Ok(Pushed::Done))) | None => None,
        };
        journal.shared = true;
        Ok(Claimed::Yes { taken_over: claimed, untold })
    }

    /// Notes what became of what was claimed here, and what was set up before there was anything to note it
    /// in; whether there was something to note. What could not be pushed is pushed the next time.
    ///
    /// # Errors
    /// When it cannot be written or pushed.
    pub fn publish(&self, journal: &Journal, terms: &Terms<'_>) -> Result<bool, Trouble> {
        let mut noted = false;
        for _ in 0..ATTEMPTS {
            let view = self.view()?;
            let files = self.noted(&view, journal, terms);
            let tip = match files == view.tip.files {
                true => view.tip,
                false => match self.journal.commit(&view.tip, files, "Note what is set up\n")? {
                    Some(tip) => tip,
                    None => continue,
                },
            };
            noted |= !tip.is_unborn();
            let Some(remote) = self.remote.as_ref().filter(|_| !tip.is_unborn()) else { return Ok(noted) };
            if self.journal.is_pushed(&tip)? || self.journal.push(remote, &tip)? == Pushed::Done {
                return Ok(noted);
            }
            self.journal.fetch(remote)?;
        }
        Err(Trouble::new("others change the journal of tenants all the time").hint("try again"))
    }

    /// The files with what the journal knows better than others.
    fn noted(&self, view: &View, journal: &Journal, terms: &Terms<'_>) -> Files {
        let mut files = view.tip.files.clone();
        let known = journal.tenants();
        let is_new = |plug: &PlugId| !view.entries.contains_key(plug) && (!journal.shared || view.tip.is_unborn());
        let is_mine = |plug: &PlugId| view.entries.get(plug).is_some_and(|entry| self.is_mine(entry));
        for plug in known.iter().filter(|plug| is_mine(plug) || (terms.unshared && is_new(plug))) {
            let entry = known::entry(journal, plug, &self.author, &*terms.settings);
            self.put(&mut files, plug, entry.map(|entry| terms.open(entry)));
        }
        for (plug, entry) in &view.entries {
            if self.is_mine(entry) && !known.contains(plug) {
                self.put(&mut files, plug, None);
            }
        }
        files
    }

    fn put(&self, files: &mut Files, plug: &PlugId, entry: Option<Entry>) {
        let path = format!("{}/{}", self.journal.folder(), Entry::file_name(plug));
        match entry {
            Some(entry) => drop(files.insert(path, entry.to_bytes())),
            None => drop(files.remove(&path)),
        }
    }

    /// Whether this folder is at work on it, or was when its command was killed: it is locked now.
    pub fn is_mine(&self, entry: &Entry) -> bool {
        entry.claim.as_ref().is_some_and(|claim| claim.place == self.place)
    }

    /// Whether what is known here, or others know, matters to a mesh: it has tenants that hooks set something
    /// up at, or had.
    ///
    /// # Errors
    /// When the repository cannot be read.
    pub fn matters(&self, mesh: Option<&Mesh>) -> Result<bool, Trouble> {
        let is_tenant = |product: &Product| {
            let of_pairs = product.integrations.iter().flat_map(|integration| &integration.hooks);
            product.service.is_none() && product.hooks.iter().chain(of_pairs).next().is_some()
        };
        let has_tenants = mesh.is_some_and(|mesh| mesh.products.values().any(is_tenant));
        Ok(has_tenants || !self.journal.tip()?.is_unborn())
    }
}

/// The environment of those who use no profiles: no profile can be called so.
const NO_PROFILE: &str = crate::project::profile_file::NONE;

/// Settings of a plug, by name.
pub type Settings = BTreeMap<String, Value>;
/// What the file of the plug that a call is about says its settings are, after the hooks that have set it up;
/// none if it cannot be read.
pub type SettingsOf<'a> = dyn Fn(&Call) -> Option<Settings> + 'a;

/// On what terms plugs are claimed and told of.
pub struct Terms<'a> {
    /// Claims of others do not count.
    pub take_over: bool,
    /// Plugs that nobody was told of yet are told of too.
    pub unshared: bool,
    /// Whether a text has a secret in it.
    pub tells_secret: Box<dyn Fn(&str) -> bool + 'a>,
    /// The settings of the plug that a call is about, as they are in its file now.
    pub settings: Box<SettingsOf<'a>>,
}

impl std::fmt::Debug for Terms<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terms").field("take_over", &self.take_over).finish_non_exhaustive()
    }
}

impl Terms<'_> {
    /// Whether a claim of somebody else's may be taken over.
    fn takes(&self, entry: &Entry) -> bool {
        self.take_over || is_stale(entry.by.when, now())
    }

    /// As others may see it.
    fn open(&self, mut entry: Entry) -> Entry {
        if (self.tells_secret)(&entry.settings_text()) {
            entry.forget_settings();
        }
        entry
    }
}

fn is_stale(claimed: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now - claimed > STALE
}

fn now() -> DateTime<Utc> {
    chrono::SubsecRound::trunc_subsecs(Utc::now(), 0)
}

fn message(what: &str, plan: &Plan) -> String {
    let plugs: BTreeSet<String> =
        plan.steps.iter().filter_map(|step| plug_of(&step.action)).map(ToString::to_string).collect();
    let lines: String = plugs.iter().map(|plug| format!("- {plug}\n")).collect();
    format!("{what} what is about to change\n\n{lines}")
}

/// The plug that a step with hooks in files is about.
fn plug_of(action: &Action) -> Option<&PlugId> {
    match action {
        Action::Setup(setup) => setup.hosted.as_ref().and(setup.call.plug.as_ref()),
        Action::Undo { plug, .. } | Action::PlugUp { plug, .. } | Action::PlugDown(plug) => Some(plug),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_holds_for_an_hour_and_one_of_a_clock_that_goes_ahead_as_well() {
        let now = now();
        assert!(!is_stale(now, now) && !is_stale(now + TimeDelta::days(2), now));
        assert!(!is_stale(now - TimeDelta::minutes(59), now) && is_stale(now - TimeDelta::minutes(61), now));
    }
}
