//! Where a plan stands while it is carried out: what can be begun, what has ended, what is noted.

use std::collections::BTreeMap;

use super::queue::{Parallel, Queue};
use super::{Ended, Report, notes};
use crate::plan::journal::{Appender, Change, Journal, JournalError};
use crate::plan::step::{Action, Plan};

/// Where a plan stands. Each step is looked at once for each that it waits for.
pub(super) struct Round<'a> {
    plan: &'a Plan,
    ended: Vec<Option<Ended>>,
    /// How many steps each still waits for.
    waits: Vec<usize>,
    /// The steps that wait for each.
    followers: Vec<Vec<usize>>,
    queue: Queue<'a>,
    journal: Journal,
    appender: Appender,
    journal_error: Option<JournalError>,
    /// The steps that are noted as begun and are not, with what takes the note back.
    ahead: BTreeMap<usize, Vec<Change>>,
    /// Which setups were noted as begun.
    noted: Vec<bool>,
}

/// How many steps that take turns are noted along with the one whose turn it is: no more than would be under
/// way, and noted as such, if they did not.
const AHEAD: usize = 16;

impl<'a> Round<'a> {
    pub(super) fn new(plan: &'a Plan, parallel: Parallel, journal: Journal, appender: Appender) -> Self {
        let mut followers = vec![Vec::new(); plan.steps.len()];
        for (index, step) in plan.steps.iter().enumerate() {
            step.after.iter().for_each(|before| followers[*before].push(index));
        }
        let waits: Vec<usize> = plan.steps.iter().map(|step| step.after.len()).collect();
        let mut queue = Queue::new(&plan.steps, parallel);
        (0..waits.len()).filter(|index| waits[*index] == 0).for_each(|index| queue.add(index));
        Self {
            plan,
            ended: vec![None; plan.steps.len()],
            waits,
            followers,
            queue,
            journal,
            appender,
            journal_error: None,
            ahead: BTreeMap::new(),
            noted: vec![false; plan.steps.len()],
        }
    }

    /// Takes the steps that can be begun now. What they may leave behind is noted where it survives a
    /// power failure: once for all of them, since a disk takes its time. Where one step after the other is
    /// begun, those that come next are noted along.
    pub(super) fn begin(&mut self, stopped: bool) -> Vec<usize> {
        let (mut taken, mut leaves_something) = (Vec::new(), false);
        while !stopped
            && self.journal_error.is_none()
            && let Some(index) = self.queue.take()
        {
            leaves_something |= self.ahead.remove(&index).is_none() && self.note_begin(index);
            taken.push(index);
        }
        if leaves_something && self.journal_error.is_none() {
            self.note_what_comes_next();
            self.journal_error = self.appender.sync().err();
        }
        if self.journal_error.is_none() { taken } else { Vec::new() }
    }

    /// Notes in the journal what a step may leave behind; whether that is anything.
    fn note_begin(&mut self, index: usize) -> bool {
        let before = notes::before(&self.journal, &self.plan.steps[index].action);
        let leaves_something = !before.is_empty();
        self.note(before);
        self.noted[index] = matches!(self.plan.steps[index].action, Action::Setup(_));
        leaves_something
    }

    /// Notes setups as begun whose turn comes next. They wait for nothing but what has ended, or setups that
    /// are noted themselves: what else happens before them could take the note out again.
    fn note_what_comes_next(&mut self) {
        for index in self.queue.soon(AHEAD) {
            let waits_for = &self.plan.steps[index].after;
            let is_free = waits_for.iter().all(|before| self.noted[*before] || self.ended[*before].is_some());
            if self.noted[index] || self.ended[index].is_some() || !is_free {
                continue;
            }
            let changes = notes::before(&self.journal, &self.plan.steps[index].action);
            self.ahead.insert(index, changes.iter().map(|change| self.journal.before(change)).collect());
            self.note(changes);
            self.noted[index] = true;
        }
    }

    /// Takes the note back that a step was begun: it will not be.
    fn note_not_begun(&mut self, index: usize) {
        let back = self.ahead.remove(&index).unwrap_or_default();
        self.note(back);
    }

    /// Notes in the journal what a step has done.
    pub(super) fn note_end(&mut self, index: usize, ended: &Ended) {
        if matches!(ended, Ended::Done(_)) {
            self.note(notes::after(&self.journal, &self.plan.steps[index].action));
        }
    }

    /// A step has ended; the steps that can no longer be begun, each with the one because of which.
    pub(super) fn end(&mut self, index: usize, ended: Ended) -> Vec<(usize, usize)> {
        self.queue.end(index);
        let (done, failed) = (matches!(ended, Ended::Done(_)), matches!(ended, Ended::Failed(_)));
        self.ended[index] = Some(ended);
        if done {
            for follower in self.followers[index].clone() {
                self.waits[follower] -= 1;
                if self.waits[follower] == 0 {
                    self.queue.add(follower);
                }
            }
        }
        if failed { self.skip(index) } else { Vec::new() }
    }

    /// Ends all that waits for a step, directly or not.
    fn skip(&mut self, because: usize) -> Vec<(usize, usize)> {
        let (mut skipped, mut next) = (Vec::new(), vec![because]);
        while let Some(before) = next.pop() {
            for follower in self.followers[before].clone() {
                if self.ended[follower].is_none() {
                    self.ended[follower] = Some(Ended::Skipped(before));
                    self.note_not_begun(follower);
                    skipped.push((follower, before));
                    next.push(follower);
                }
            }
        }
        skipped.sort_unstable();
        skipped
    }

    /// Changes the journal and appends that to it.
    fn note(&mut self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        if let Err(error) = self.appender.append(&changes) {
            self.journal_error.get_or_insert(error);
        }
        changes.into_iter().for_each(|change| self.journal.apply(change));
    }

    /// Writes the journal whole; what became of it all.
    pub(super) fn finish(mut self) -> Report {
        let not_begun: Vec<usize> = self.ahead.keys().rev().copied().collect();
        not_begun.into_iter().for_each(|index| self.note_not_begun(index));
        if self.journal_error.is_none() {
            self.journal_error = self.appender.finish(&self.journal).err();
        }
        let ended = self.ended.into_iter().map(|ended| ended.unwrap_or(Ended::Interrupted)).collect();
        Report { ended, journal: self.journal, journal_error: self.journal_error }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::num::NonZeroUsize;
    use std::path::Path;
    use std::sync::Arc;

    use super::super::{StepError, Turns};
    use super::*;
    use crate::hooks::{Call, HostedHook};
    use crate::mesh::model::{HookKind, Mode, PlugId};
    use crate::plan::journal::setup_key;
    use crate::plan::step::{Setup, Step};

    fn plug(number: usize) -> PlugId {
        let (source, destination) = (format!("a{number:02}"), format!("b{number:02}"));
        PlugId { source, destination, topic: "events".to_owned(), mode: Mode::Push }
    }

    fn setup(own: &str, plug: &PlugId, after: impl IntoIterator<Item = usize>) -> Step {
        let mut call = Call::of_product("edr", None);
        own.clone_into(&mut call.own.name);
        call.plug = Some(plug.clone());
        let hook = HostedHook {
            kind: HookKind::Setup,
            folder: Path::new("products/edr").to_owned(),
            file: "setup.py".to_owned(),
            function: "set_up".to_owned(),
            line: 1,
            owns_both: false,
            owns_self: true,
        };
        let setup = Setup {
            key: setup_key(own, plug),
            title: "set up".to_owned(),
            digest: "done".to_owned(),
            call,
            hosted: Some(hook),
            checks: Arc::new([]),
            undo: Arc::new([]),
        };
        Step { action: Action::Setup(Box::new(setup)), cause: "new".to_owned(), after: after.into_iter().collect() }
    }

    /// Of each plug the destination's end, then the source's.
    fn plan(plugs: usize) -> Plan {
        let both = |number| {
            let plug = plug(number);
            [setup(&plug.destination, &plug, []), setup(&plug.source, &plug, [2 * number])]
        };
        Plan { steps: (0..plugs).flat_map(both).collect() }
    }

    fn one_by_one() -> Parallel {
        Parallel { steps: NonZeroUsize::new(16).expect("some"), hooks: Turns::OfAll }
    }

    #[test]
    fn what_comes_next_is_noted_along_and_taken_back_if_it_is_never_begun() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("journal.json");
        let on_disk = || Journal::load(&path).expect("load");
        let plan = plan(20);
        let appender = Appender::open(&path, &Journal::default()).expect("open");
        let mut round = Round::new(&plan, one_by_one(), Journal::default(), appender);

        assert_eq!(round.begin(false), [0], "one after the other");
        let noted = on_disk();
        assert_eq!((noted.setups.len(), noted.undo.len()), (1 + AHEAD, 9), "what is begun, and what comes next");
        assert!(noted.setups.values().all(|setup| setup.digest == notes::UNFINISHED));

        for index in 0..5 {
            round.note_end(index, &Ended::Done(None));
            assert!(round.end(index, Ended::Done(None)).is_empty());
            assert_eq!(round.begin(false), [index + 1]);
        }
        // The source's end of a plug fails: nothing waits for that.
        let failed = || Ended::Failed(StepError::new("no", None));
        assert!(round.end(5, failed()).is_empty());
        assert_eq!(round.begin(false), [6]);
        // The destination's end fails: the source's is not begun, though it was noted.
        assert_eq!(round.end(6, failed()), [(7, 6)]);
        let keys: BTreeSet<String> = on_disk().setups.into_keys().collect();
        assert!(keys.contains(&setup_key("b03", &plug(3))) && !keys.contains(&setup_key("a03", &plug(3))));
        assert_eq!(round.begin(false), [8]);

        // The user stops: what was done or begun stays, and nothing else.
        let left = round.finish().journal;
        assert_eq!(left, on_disk());
        let begun = [(0, 5, "done"), (5, 7, notes::UNFINISHED), (8, 9, notes::UNFINISHED)];
        let begun = begun.into_iter().flat_map(|(from, to, digest)| (from..to).map(move |index| (index, digest)));
        let expected: BTreeMap<String, &str> = begun
            .map(|(index, digest)| {
                let plug = plug(index / 2);
                let own = if index % 2 == 0 { &plug.destination } else { &plug.source };
                (setup_key(own, &plug), digest)
            })
            .collect();
        let digests: BTreeMap<String, &str> =
            left.setups.iter().map(|(key, done)| (key.clone(), done.digest.as_str())).collect();
        assert_eq!(digests, expected);
        assert_eq!(left.undo.len(), 5);
    }

    #[test]
    fn a_setup_is_not_noted_before_what_could_take_its_note_out_again() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("journal.json");
        let appender = Appender::open(&path, &Journal::default()).expect("open");
        let down = Step { action: Action::PlugDown(plug(1)), cause: "changed".to_owned(), after: BTreeSet::new() };
        let (first, last) = (setup("b00", &plug(0), []), setup("b01", &plug(1), [0]));
        let after_last = setup("a01", &plug(1), [2]);
        let plan = Plan { steps: vec![down, first, last, after_last] };
        let mut round = Round::new(&plan, one_by_one(), Journal::default(), appender);
        assert_eq!(round.begin(false), [0, 1]);
        assert_eq!(Journal::load(&path).expect("load").setups.len(), 1);
        for index in [0, 1] {
            round.note_end(index, &Ended::Done(None));
            round.end(index, Ended::Done(None));
        }
        assert_eq!(round.begin(false), [2]);
        assert_eq!(Journal::load(&path).expect("load").setups.len(), 3);
    }
}
