//! The cases at one end of a plug.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ears::{Ears, Kept, Nobody, Nothing};
use super::stage::Stage;
use super::{Case, Row, Terms, Verdict};
use crate::hooks::desk::{DeskOf, ProjectDesk};
use crate::hooks::host::Hosts;
use crate::hooks::{self, Drift, Given, HookError, HostedHook};
use crate::mesh::model::{End, HookKind, Mesh, Plug};
use crate::plan::calls::{self, Surroundings};
use crate::plan::ports::Ports;
use crate::project::written::Written;

/// An end of a plug that is tried.
pub(super) struct Part<'a> {
    pub(super) stage: &'a Stage,
    pub(super) mesh: &'a Mesh,
    pub(super) plug: &'a Plug,
    pub(super) end: &'a End,
    pub(super) terms: &'a Terms,
}

/// How hooks of a moment ended.
enum Ended {
    Well,
    Badly(HookError),
    /// They took too long and were interrupted.
    Interrupted {
        /// They ended upon it.
        gave_way: bool,
    },
}

/// When the host of hooks is killed under them.
const NEVER: Option<Duration> = None;

/// Tries all but a slow API.
pub(super) async fn of(part: &Part<'_>, secrets: &Arc<Kept>, tell: &mut dyn FnMut(Row)) -> io::Result<()> {
    let ears = part.ears(secrets);
    let mut said = |case, verdict| tell(Row::new(case, part.plug, part.end, verdict));
    part.reset(secrets)?;
    let began = Instant::now();
    let up = part.run(HookKind::Setup, &ears, secrets, NEVER).await?;
    let took = began.elapsed();
    let is_up = matches!(up, Ended::Well);
    said(Case::SetUp, part.verdict(up, "set it up"));
    if !is_up {
        // Nothing of what comes after it means anything.
        said(Case::Unsaid, unsaid(&ears));
        return Ok(());
    }
    let again = part.run(HookKind::Setup, &ears, secrets, NEVER).await?;
    said(Case::SetUpAgain, part.verdict(again, "set up what is set up already: `up` does so after an interruption"));
    said(Case::CheckSetUp, part.check(&ears, secrets, true).await?);
    for (case, what) in [
        (Case::TearDown, "take it down"),
        (Case::TearDownAgain, "take down what is away already: `down` does so after an interruption"),
    ] {
        let verdict = part.tear_down(&ears, secrets, what).await?;
        said(case, verdict);
        if case == Case::TearDown {
            said(Case::CheckTornDown, part.check(&ears, secrets, false).await?);
        }
    }
    part.reset(secrets)?;
    let first = part.tear_down(&ears, secrets, "take down what never was set up").await?;
    said(Case::TearDownFirst, first);
    part.reset(secrets)?;
    // Wherever it is then, the next setup has to go on from there.
    let _ = part.run(HookKind::Setup, &ears, secrets, Some(took / 2)).await?;
    let after = part.run(HookKind::Setup, &ears, secrets, NEVER).await?;
    said(Case::Killed, part.verdict(after, "set up what was being set up when its process was killed"));
    part.tear_down(&ears, secrets, "").await?;
    said(Case::WrongSecret, part.wrong_secret(secrets).await?);
    said(Case::Unsaid, unsaid(&ears));
    Ok(())
}

/// Sets up while nothing that the settings lead to answers.
pub(super) async fn at_silence(part: &Part<'_>, secrets: &Arc<Kept>) -> io::Result<Verdict> {
    part.reset(secrets)?;
    let ears = part.ears(secrets);
    let ended = part.run(HookKind::Setup, &ears, secrets, NEVER).await?;
    Ok(match ended {
        Ended::Well | Ended::Badly(_) | Ended::Interrupted { gave_way: true } => Verdict::Kept,
        Ended::Interrupted { gave_way: false } => Verdict::broken(
            format!(
                "it waits for an answer, and does not end within {} when it is interrupted",
                seconds(part.terms.patience.interrupted)
            ),
            "give calls a time-out; what waits must end upon Ctrl-C",
        ),
    })
}

impl Part<'_> {
    fn reset(&self, secrets: &Kept) -> io::Result<()> {
        secrets.reset();
        self.stage.reset()
    }

    fn ears(&self, secrets: &Arc<Kept>) -> Arc<Ears> {
        let line = Arc::clone(&self.terms.line);
        Arc::new(Ears::new(Arc::clone(secrets), Box::new(move |text| line(text))))
    }

    /// A process of its own for each moment, as for each command: nothing is remembered in between.
    fn hosts(&self, ears: &Arc<Ears>, secrets: &Arc<Kept>) -> io::Result<Hosts> {
        let root = self.stage.root().canonicalize()?;
        let desk = ProjectDesk::new(
            root.clone(),
            Arc::new(Nobody),
            Arc::clone(secrets) as _,
            Arc::new(Nothing),
            Written::default(),
        );
        Ok(Hosts::new(root, Arc::new(DeskOf(Arc::new(desk))), Arc::clone(ears) as _, self.terms.needs.clone()))
    }

    fn calls(&self, kind: HookKind) -> io::Result<Vec<resilmesh_hook_api::Call>> {
        let root = self.stage.root().canonicalize()?;
        let ports = Ports::default();
        let call = calls::of_plug(&Surroundings::of(self.mesh, &ports), self.plug, self.end);
        let product = self.mesh.product_of(&self.mesh.instances[&self.end.instance]);
        let hooks = self.mesh.hooks_at(self.plug, self.end, kind);
        let hosted = hooks.into_iter().filter_map(|hook| HostedHook::of(product, hook));
        let given = Given { up: kind != HookKind::Setup, ..Given::default() };
        Ok(hosted.map(|hook| hook.call(&root, &call, given.clone())).collect())
    }

    /// Calls the hooks of a moment in order, to the first that fails.
    async fn run(
        &self,
        kind: HookKind,
        ears: &Arc<Ears>,
        secrets: &Arc<Kept>,
        kill_after: Option<Duration>,
    ) -> io::Result<Ended> {
        let hosts = self.hosts(ears, secrets)?;
        let calls = self.calls(kind)?;
        let work = async {
            for call in calls {
                if let Err(error) = hosts.call(call).await {
                    return Ended::Badly(error);
                }
            }
            Ended::Well
        };
        let killed = async {
            match kill_after {
                Some(after) => tokio::time::sleep(after).await,
                None => std::future::pending().await,
            }
            hosts.kill().await;
        };
        let ended = {
            tokio::pin!(work);
            tokio::select! {
                ended = &mut work => Some(ended),
                () = killed => Some(work.await),
                () = tokio::time::sleep(self.terms.patience.call) => None,
            }
        };
        let ended = match ended {
            Some(ended) => ended,
            None => Ended::Interrupted { gave_way: hosts.settle(self.terms.patience.interrupted).await },
        };
        hosts.end().await;
        Ok(ended)
    }

    fn verdict(&self, ended: Ended, what: &str) -> Verdict {
        match ended {
            Ended::Well => Verdict::Kept,
            Ended::Badly(error) => {
                let place = error.trace.as_ref().and_then(|trace| trace.lines.last());
                let place = place.map(|line| format!(" ({line})")).unwrap_or_default();
                let said = error.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
                // The place of the trial is gone when this is read.
                let root = format!("{}/", self.stage.root().display());
                Verdict::broken(format!("{}{place}", error.what).replace(&root, ""), format!("hooks must {what}{said}"))
            }
            Ended::Interrupted { .. } => Verdict::broken(
                format!("it did not end within {}", seconds(self.terms.patience.call)),
                "give calls a time-out; `--patience SECONDS` lets it take longer",
            ),
        }
    }

    async fn tear_down(&self, ears: &Arc<Ears>, secrets: &Arc<Kept>, what: &str) -> io::Result<Verdict> {
        if self.calls(HookKind::Teardown)?.is_empty() {
            return Ok(Verdict::not_tried("it has no teardown hook"));
        }
        let ended = self.run(HookKind::Teardown, ears, secrets, NEVER).await?;
        Ok(self.verdict(ended, what))
    }

    /// What the check hooks find, which must be what is so.
    async fn check(&self, ears: &Arc<Ears>, secrets: &Arc<Kept>, is_up: bool) -> io::Result<Verdict> {
        let calls = self.calls(HookKind::Check)?;
        if calls.is_empty() {
            return Ok(Verdict::not_tried("it has no check hook"));
        }
        if !is_up && self.calls(HookKind::Teardown)?.is_empty() {
            return Ok(Verdict::not_tried("it has no teardown hook"));
        }
        let hosts = self.hosts(ears, secrets)?;
        let mut found = Vec::new();
        for call in calls {
            let checked = tokio::time::timeout(self.terms.patience.call, hooks::check(&hosts, call)).await;
            match checked {
                Ok(Ok(Drift::AsDeclared)) => {}
                Ok(Ok(Drift::Differs(what))) => found.push(what),
                Ok(Err(error)) => {
                    hosts.end().await;
                    return Ok(self.verdict(Ended::Badly(error), "say what differs, whatever is there"));
                }
                Err(_) => {
                    hosts.end().await;
                    return Ok(self.verdict(Ended::Interrupted { gave_way: true }, ""));
                }
            }
        }
        hosts.end().await;
        Ok(match (is_up, found.is_empty()) {
            (true, true) | (false, false) => Verdict::Kept,
            (true, false) => Verdict::broken(
                format!("right after setup the check hook finds: {}", found.join("; ")),
                "`up` would set it up again each time",
            ),
            (false, true) => Verdict::broken(
                "after teardown the check hook finds that all is as it was set up",
                "`drift` and `up` would not see that it is away",
            ),
        })
    }

    async fn wrong_secret(&self, secrets: &Arc<Kept>) -> io::Result<Verdict> {
        let Some(wrong) = secrets.wrong() else { return Ok(Verdict::not_tried("it has no secrets")) };
        if !self.terms.is_real {
            return Ok(Verdict::not_tried("its secrets are made up; `--instance NAME` takes those of an instance"));
        }
        let wrong = Arc::new(wrong);
        self.reset(&wrong)?;
        let ears = self.ears(&wrong);
        let ended = self.run(HookKind::Setup, &ears, &wrong, NEVER).await?;
        Ok(match ended {
            Ended::Badly(_) => unsaid(&ears),
            Ended::Well => Verdict::broken(
                "it is set up with a wrong secret as if all were well",
                "call the product with it, and raise an error when that is refused",
            ),
            interrupted @ Ended::Interrupted { .. } => self.verdict(interrupted, ""),
        })
    }
}

fn unsaid(ears: &Ears) -> Verdict {
    let said = ears.said();
    if said.is_empty() {
        return Verdict::Kept;
    }
    let names: Vec<String> = said.iter().map(|name| format!("`{name}`")).collect();
    Verdict::broken(
        format!("the secret {} stands in what the hooks say", names.join(", ")),
        "here it is taken out; other programs that run the hooks may show it",
    )
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs())
}
