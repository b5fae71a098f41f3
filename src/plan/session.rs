//! From a mesh to a plan on this machine: what `plan` and `up` have in common.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::changes::{self, FileChange};
use super::desired::{self, Desired, Machine, Program};
use super::journal::Journal;
use super::keyed::Key;
use super::meshroom;
use super::observe::{Checker, adopt_settings, observe};
use super::paths::StateFolder;
use super::ports::probe;
use super::ports::{self, Allocated, Claims, Ports};
use super::profile::{self, Switch};
use super::reconcile::{self, Observed, Part};
use super::render;
use super::secrets::Secrets;
use super::shared::entry::Entry;
use super::shared::{self, Shared, View};
use super::step::Plan;
use super::trouble::Trouble;
use super::typed::{self, Locked, Taken};
use crate::mesh::model::Mesh;
use crate::redact::Redactor;
use crate::runtime::embedded::{Embedded, Supervision};
use crate::runtime::{Runtime, ServiceStatus};
use crate::vault::meshroom::Meshroom;
use crate::vault::{Prompting, Secret, Vault};

/// Finds the programs of services; may fetch them.
#[async_trait::async_trait]
pub trait Programs: Sync {
    /// The programs of all services of the mesh, by service.
    ///
    /// # Errors
    /// When one is not to be had.
    async fn find(&self, mesh: &Mesh) -> Result<BTreeMap<String, Program>, Trouble>;
}

/// The vault, and whether somebody may be asked to open it.
#[derive(Debug)]
pub struct Typed<'a> {
    /// The project's vault, which may hold nothing.
    pub vault: &'a Vault,
    /// Meshroom's vault, if it still lies beside it.
    pub meshroom: Option<Meshroom>,
    /// Whether a passphrase may be asked for.
    pub prompting: Prompting,
}

/// A plan with all that it was made from.
#[derive(Debug)]
pub struct Session {
    /// The state folder.
    pub state: StateFolder,
    /// Port numbers; those new to this round are not on disk yet.
    pub ports: Ports,
    /// Passwords; those new to this round are not on disk yet.
    pub secrets: Arc<Secrets>,
    /// What digests of secrets are made with; a new one is not on disk yet.
    pub key: Key,
    /// What the mesh wants.
    pub desired: Desired,
    /// What was seen.
    pub observed: Observed,
    /// Somebody looks after the services that run, or none runs. Otherwise the next `up` begins with
    /// taking them over.
    pub supervised: bool,
    /// The secrets that rendered files on disk may hold.
    former: BTreeMap<String, Secret>,
    /// Which versions of typed secrets are in force.
    taken: Taken,
    /// Names of secrets that are not known without asking.
    pub locked: BTreeMap<String, Locked>,
    /// The profile that the plan is for, and the one that is up.
    pub profile: Switch,
    /// Plugs that others have set up and that cannot be taken down here.
    pub left: Vec<Entry>,
    /// What to do.
    pub plan: Plan,
}

/// What is asked when a plan is made.
pub struct Around<'a> {
    /// Where services run.
    pub runtime: &'a Embedded,
    /// Where programs are.
    pub programs: &'a dyn Programs,
    /// Which ports are free.
    pub machine: &'a (dyn probe::Machine + Sync),
    /// Typed secrets.
    pub vault: &'a Typed<'a>,
    /// What calls check hooks in files; none = their code does not run.
    pub checker: Option<Checker<'a>>,
    /// What others have set up at tenants; none = the project lies in no repository.
    pub shared: Option<(&'a Shared, &'a View)>,
}

/// Makes the plan, for all of the mesh or a part of it. Changes nothing.
///
/// # Errors
/// What is wrong with the mesh or with this machine.
pub async fn plan(project: &Path, mesh: &Mesh, around: &Around<'_>, part: Option<&Part>) -> Result<Session, Trouble> {
    let Around { runtime, programs, machine, vault, checker, shared } = around;
    let state = StateFolder::of(project);
    let mut journal = Journal::load(&state.journal())?;
    let profile = Switch::new(&state, mesh, &journal)?;
    if part.is_some() && profile.is_other() {
        return Err(Trouble::new(format!("only a part would come up with {}", profile.words()))
            .hint("bring the whole mesh up: `resilmesh up` without a part"));
    }
    let services = runtime.observe().await?;
    let supervised = runtime.supervision().await? != Supervision::Gone;
    let Allocated { ports, moved } = ports(&state, mesh, &services, *machine, part.is_some())?;
    let folder = state.secrets();
    let mut secrets = Secrets::load(&folder).map_err(|error| Trouble::io(&folder, &error))?;
    let former = secrets.all();
    let mut taken = Taken::load(&state.typed()).map_err(|error| Trouble::io(&state.typed(), &error))?;
    let locked = typed::take(mesh, vault, &mut taken, &mut secrets)?;
    let secrets = Arc::new(secrets);
    let rendered = render::render(mesh, &ports, &secrets)?;
    let programs = programs.find(mesh).await?;
    let key = Key::load(&state.key()).map_err(|error| Trouble::io(&state.key(), &error))?;
    let machine = Machine { state: &state, ports: &ports, programs: &programs, secrets: &secrets, key: &key };
    let mut desired = desired::desired(mesh, &machine, rendered)?;
    desired.moved = moved;
    journal.turn_to(mesh.profile.as_deref());
    let adopt = |(shared, view): &(&Shared, &View)| shared::adopt(shared, view, mesh, &desired, &mut journal);
    let left = shared.as_ref().map(adopt).unwrap_or_default();
    meshroom::adopt(mesh, &desired, &mut journal);
    let observed = observe(&state, &key, journal, services, &desired, checker.as_ref()).await;
    let plan = match part {
        Some(part) => reconcile::up_part(&desired, &observed, part)?,
        None => reconcile::up(&desired, &observed)?,
    };
    Ok(Session {
        state,
        ports,
        secrets,
        key,
        desired,
        observed,
        supervised,
        former,
        taken,
        locked,
        profile,
        left,
        plan,
    })
}

/// Chooses port numbers. For a part, what the rest had stays remembered.
fn ports(
    state: &StateFolder,
    mesh: &Mesh,
    services: &[ServiceStatus],
    machine: &dyn probe::Machine,
    is_part: bool,
) -> Result<Allocated, Trouble> {
    let path = state.ports();
    let remembered = Ports::load(&path).map_err(|error| Trouble::io(&path, &error))?;
    let held: BTreeMap<String, BTreeSet<u16>> = services
        .iter()
        .filter(|status| status.pid.is_some())
        .map(|status| (status.spec.instance.clone(), status.spec.ports.values().copied().collect()))
        .collect();
    let Allocated { ports, moved } = ports::allocate(&Claims { mesh, remembered: &remembered, held: &held }, machine)?;
    Ok(Allocated { ports: if is_part { ports.beside(&remembered) } else { ports }, moved })
}

impl Session {
    /// What takes secrets out of what is printed, those that were in force before too.
    pub fn redactor(&self) -> Arc<Redactor> {
        let now = self.secrets.all();
        let all = now.iter().chain(self.former.iter());
        Arc::new(Redactor::new(all.filter_map(|(name, value)| Some((name.as_str(), value.expose_text()?)))))
    }

    /// What the plan changes in rendered files.
    pub fn file_changes(&self) -> BTreeMap<usize, Vec<FileChange>> {
        changes::of_plan(&self.plan, &self.state, &self.redactor())
    }

    /// Writes what the services need and what the next `up` has to know: passwords and ports.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self) -> Result<(), Trouble> {
        let root = self.state.root();
        self.state.make().and_then(|()| self.state.settle()).map_err(|error| Trouble::io(root, &error))?;
        let saved = (self.secrets.save(&self.state.secrets()))
            .and_then(|()| self.taken.save(&self.state.typed()))
            .and_then(|()| self.key.save(&self.state.key()))
            .and_then(|()| self.ports.save(&self.state.ports()))
            .and_then(|()| adopt_settings(&self.state, &self.observed.journal))
            .and_then(|()| profile::remember(&self.state, self.profile.wanted.as_deref()));
        saved.map_err(|error| Trouble::io(root, &error))
    }
}
