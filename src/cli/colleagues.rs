//! What others have set up at tenants: asked for before a mesh is changed, claimed, and told afterwards.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Context;
use super::failure::Failure;
use super::secret;
use super::steps::StepArgs;
use crate::git::outgoing;
use crate::git::scan::{KnownSecret, Scanner};
use crate::hooks::documents::Reader;
use crate::hooks::{Call, documents};
use crate::mesh::model::Mesh;
use crate::plan::journal::Journal;
use crate::plan::keyed::Key;
use crate::plan::paths::StateFolder;
use crate::plan::secrets::Secrets;
use crate::plan::shared::entry::Entry;
use crate::plan::shared::{Claimed, Shared, Terms, View};
use crate::plan::step::Plan;
use crate::plan::trouble::Trouble;
use crate::project::names;
use crate::vault::Prompting;

/// How often it is looked whether somebody who is at work has finished.
const EVERY: Duration = Duration::from_secs(1);

/// What others have set up, for a command that changes the mesh.
pub(super) struct Colleagues {
    project: PathBuf,
    shared: Option<Shared>,
    view: View,
    take_over: bool,
    until: Instant,
    /// Plugs that nobody was told of yet are told of too.
    unshared: bool,
    scanner: OnceCell<Option<Scanner>>,
}

impl Colleagues {
    /// Asks what others have set up, if that can matter to the mesh; one whose files are broken is none.
    ///
    /// # Errors
    /// When what is known here cannot be read.
    pub(super) fn ask(
        cx: &Context,
        project: &Path,
        mesh: Option<&Mesh>,
        environment: Option<&str>,
        args: &StepArgs,
    ) -> Result<Self, Failure> {
        let state = StateFolder::of(project);
        let key = Key::load(&state.key()).map_err(|error| Trouble::io(&state.key(), &error))?;
        key.save(&state.key()).map_err(|error| Trouble::io(&state.key(), &error))?;
        let mut shared = Shared::open(project, environment, &key)?;
        let mut view = View::default();
        match &mut shared {
            Some(open) if open.matters(mesh)? => {
                if !args.offline {
                    fetch(cx, open);
                }
                view = open.view()?;
            }
            _ => shared = None,
        }
        let until = Instant::now() + args.lock_timeout;
        let (take_over, unshared) = (args.take_over, mesh.is_some_and(|mesh| !mesh.is_meshrooms));
        let project = project.to_owned();
        Ok(Self { project, shared, view, take_over, until, unshared, scanner: OnceCell::new() })
    }

    /// What is known, if it matters.
    pub(super) fn known(&self) -> Option<(&Shared, &View)> {
        self.shared.as_ref().map(|shared| (shared, &self.view))
    }

    /// Claims what a plan changes at tenants, and waits for others who are at work there; whether the plan
    /// still holds. The journal is the one that the plan was made from.
    ///
    /// # Errors
    /// When others are at work for longer than is waited, or it cannot be noted.
    pub(super) async fn claim(&mut self, cx: &Context, plan: &Plan, journal: &mut Journal) -> Result<bool, Failure> {
        let Some(shared) = &self.shared else { return Ok(true) };
        let claimed = shared.claim(&self.view, plan, journal, &self.terms(cx))?;
        let held = match claimed {
            Claimed::Yes { taken_over, untold } => {
                if let Some(trouble) = untold {
                    warn(cx, "others cannot be told what is about to be set up, so that they may do it too", &trouble);
                }
                taken_over.iter().for_each(|entry| {
                    cx.ui.warning(&format!(
                        "takes over plug `{}`, which {} began to change and did not finish",
                        entry.plug, entry.by
                    ));
                });
                return Ok(true);
            }
            Claimed::PlanAgain => {
                self.view = shared.view()?;
                return Ok(false);
            }
            Claimed::Held(held) => held,
        };
        if Instant::now() >= self.until {
            return Err(is_held(&held));
        }
        cx.ui.progress(format!("waiting: {}", at_work(&held)));
        self.wait(cx, &held).await?;
        Ok(false)
    }

    /// Waits until these are not claimed any more.
    async fn wait(&mut self, cx: &Context, held: &[Entry]) -> Result<(), Failure> {
        let Some(shared) = &mut self.shared else { return Ok(()) };
        while Instant::now() < self.until {
            tokio::time::sleep(EVERY.min(self.until - Instant::now())).await;
            if shared.is_reached() {
                fetch(cx, shared);
            }
            self.view = shared.view()?;
            if !held.iter().any(|entry| self.view.entries.get(&entry.plug) == Some(entry)) {
                return Ok(());
            }
        }
        Err(is_held(held))
    }

    /// Tells others what became of it. That they cannot be told now is no failure: they are the next time.
    pub(super) fn tell(&self, cx: &Context, journal: &mut Journal) {
        let Some(shared) = &self.shared else { return };
        match shared.publish(journal, &self.terms(cx)) {
            Ok(true) if !journal.shared => {
                journal.shared = true;
                if let Err(error) = journal.save(&StateFolder::of(&self.project).journal()) {
                    cx.ui.warning(&error.to_string());
                }
            }
            Ok(_) => {}
            Err(trouble) => warn(cx, "others do not know yet what is set up here", &trouble),
        }
    }

    fn terms<'a>(&'a self, cx: &'a Context) -> Terms<'a> {
        let tells_secret: Box<dyn Fn(&str) -> bool + 'a> = Box::new(move |text| self.tells_secret(cx, text));
        let settings = Box::new(|call: &Call| documents::settings_of_plug(&Reader::default(), &self.project, call));
        Terms { take_over: self.take_over, unshared: self.unshared, tells_secret, settings }
    }

    /// Whether a secret stands in a text, or that cannot be told.
    fn tells_secret(&self, cx: &Context, text: &str) -> bool {
        let scanner = self.scanner.get_or_init(|| scanner(cx, &self.project).ok());
        scanner.as_ref().is_none_or(|scanner| !scanner.file(Path::new("settings.json"), text.as_bytes()).is_empty())
    }
}

/// Whether others may have set up something that matters to a mesh.
pub(super) fn may_matter(project: &Path, mesh: Option<&Mesh>, environment: Option<&str>) -> bool {
    // What is wrong is told by whoever uses it.
    let shared = Shared::open(project, environment, &Key::random()).ok().flatten();
    shared.is_some_and(|shared| shared.matters(mesh).unwrap_or(true))
}

/// What others have set up, as far as that is known without asking them.
///
/// # Errors
/// When it cannot be read.
pub(super) fn known(project: &Path, environment: Option<&str>) -> Result<Option<(Shared, View)>, Trouble> {
    let state = StateFolder::of(project);
    let key = Key::load(&state.key()).map_err(|error| Trouble::io(&state.key(), &error))?;
    let Some(shared) = Shared::open(project, environment, &key)? else { return Ok(None) };
    let view = shared.view()?;
    Ok(Some((shared, view)))
}

/// Brings what others have set up here, and what they do not know yet to them: for commands that exchange
/// the mesh itself.
pub(super) fn exchange(cx: &Context, project: &Path) {
    let exchanged = known(project, cx.profile_in(project).as_deref()).and_then(|known| match known {
        Some((mut shared, _)) => match shared.remote()? {
            Some(remote) => Ok(shared.exchange(remote)?),
            None => Ok(()),
        },
        None => Ok(()),
    });
    if let Err(trouble) = exchanged {
        warn_of(cx, "what is set up at tenants is not exchanged", &trouble.what, trouble.hint.as_slice());
    }
}

/// Warns of what others have set up and nobody can take down here.
pub(super) fn warn_of_left(cx: &Context, left: &[Entry]) {
    for entry in left {
        cx.ui.warning(&format!(
            "plug `{}`, set up by {}, is no longer declared, and the hooks that take it down are not here: it stays",
            entry.plug, entry.by
        ));
    }
}

fn fetch(cx: &Context, shared: &mut Shared) {
    let fetched = shared.remote().and_then(|remote| remote.map_or(Ok(()), |remote| shared.fetch(remote)));
    if let Err(trouble) = fetched {
        let what = "what others have set up at tenants since is not known, so that it may be set up twice";
        warn(cx, what, &trouble);
    }
}

fn warn(cx: &Context, what: &str, trouble: &crate::git::trouble::Trouble) {
    warn_of(cx, what, &trouble.what, &trouble.hints);
}

fn warn_of(cx: &Context, what: &str, why: &str, hints: &[String]) {
    cx.ui.warning(&format!("{what}: {why}"));
    hints.iter().for_each(|hint| cx.ui.note(&format!("  hint: {hint}")));
}

fn at_work(held: &[Entry]) -> String {
    let plugs: Vec<String> = held.iter().map(|entry| entry.plug.to_string()).collect();
    let who = held.first().map(|entry| entry.by.to_string()).unwrap_or_default();
    format!("{who} is at work on {}", names::list(plugs.iter().map(String::as_str)))
}

fn is_held(held: &[Entry]) -> Failure {
    Failure::new(format!("nothing was changed: {}", at_work(held)))
        .hint("`--lock-timeout 5m` waits until that is done")
        .hint("if that command was killed: `--take-over` goes on in its place; after an hour, that goes without saying")
}

/// What looks for secrets in what others are told: it opens the vault as far as nobody has to be asked.
fn scanner(cx: &Context, project: &Path) -> Result<Scanner, Failure> {
    let known = |called: String, value: &crate::vault::Secret| KnownSecret { called, value: value.expose().to_owned() };
    let folder = StateFolder::of(project).secrets();
    let of_services = Secrets::load(&folder).map_err(|error| Trouble::io(&folder, &error))?.all();
    let of_vault = secret::open(cx, project)?.vault.values(Prompting::Never)?;
    let mut all: Vec<KnownSecret> = of_services.iter().map(|(name, value)| known(name.clone(), value)).collect();
    all.extend(of_vault.iter().filter_map(|(name, value)| Some(known(name.to_string(), value.as_ref().ok()?))));
    Ok(Scanner::new(&all, outgoing::allow_list_of(project, Path::new(""))?)?)
}
