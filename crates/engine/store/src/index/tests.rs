//! The write path over real files: what is acknowledged is there after a crash, once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use proptest::prelude::*;
use resilmesh_service::Stats;
use resilmesh_service::stats::Kind;
use serde_json::{Value, json};

use super::store::{Meters, OpenError, Options};
use super::write::{Action, Condition, Effected, Operation, Outcome};
use super::{IndexHandle, Store};
use crate::disk::TestDisk;
use crate::error::ApiError;
use crate::query::ast::Query;
use crate::search;

pub(crate) fn options() -> Options {
    Options { max_age: None, max_size: None, min_free: 1 << 20, sync_each: false }
}

fn meters(stats: &Stats) -> Meters {
    Meters { received: stats.component("http", Kind::Source), stored: stats.component("bulk", Kind::Sink) }
}

fn try_open(folder: &Path, options: Options, disk: &Arc<TestDisk>) -> Result<Store, OpenError> {
    Store::open(folder, options, disk.clone(), meters(&Stats::new()))
}

pub(crate) fn open(folder: &Path) -> Store {
    try_open(folder, options(), &Arc::default()).expect("store")
}

fn operation<'a>(id: &str, action: Action<'a>) -> Operation<'a> {
    Operation { index: "t".to_owned(), id: Some(id.to_owned()), action, condition: Condition::None }
}

fn write(store: &Store, operations: &[Operation<'_>]) -> Vec<Outcome> {
    store.write(operations).expect("accepted")
}

fn effected(outcome: &Outcome) -> Result<Effected, u16> {
    outcome.result.as_ref().map(|done| done.effected).map_err(|error| error.status)
}

fn index(store: &Store) -> Arc<IndexHandle> {
    store.index("t").expect("index")
}

fn count(store: &Store) -> u64 {
    store.refresh().expect("refresh");
    search::count(&[index(store)], &Query::All, 0).expect("count")
}

fn document(store: &Store, id: &str) -> Option<Value> {
    let found = store.get(&index(store), id).expect("get");
    found.map(|(source, _, _)| serde_json::from_slice(&source).expect("JSON"))
}

#[test]
fn what_is_acknowledged_survives_a_crash_once() {
    let folder = tempfile::tempdir().expect("folder");
    let store = open(folder.path());
    write(&store, &[operation("a", Action::Create(b"{\"n\":1}")), operation("b", Action::Create(b"{\"n\":2}"))]);
    assert_eq!(count(&store), 2);
    let after = write(
        &store,
        &[
            operation("c", Action::Create(b"{\"n\":3}")),
            operation("a", Action::Index(b"{\"n\":4}")),
            operation("b", Action::Delete),
        ],
    );
    assert_eq!(
        after.iter().map(effected).collect::<Vec<_>>(),
        [Ok(Effected::Created), Ok(Effected::Updated), Ok(Effected::Deleted)]
    );
    // Without an orderly end, the last three are in the log only.
    drop(store);
    let store = open(folder.path());
    assert_eq!(count(&store), 2);
    assert_eq!(document(&store, "a"), Some(json!({"n": 4})));
    assert_eq!(document(&store, "b"), None);
    let again = write(&store, &[operation("a", Action::Create(b"{}")), operation("c", Action::Create(b"{}"))]);
    assert_eq!(again.iter().map(effected).collect::<Vec<_>>(), [Err(409), Err(409)]);
}

#[test]
fn create_sees_documents_of_the_same_request_and_uncommitted_ones() {
    let folder = tempfile::tempdir().expect("folder");
    let store = open(folder.path());
    let create = || operation("a", Action::Create(b"{\"n\":1}"));
    let outcomes = write(&store, &[create(), create()]);
    assert_eq!(outcomes.iter().map(effected).collect::<Vec<_>>(), [Ok(Effected::Created), Err(409)]);
    assert_eq!(effected(&write(&store, &[create()])[0]), Err(409));
    store.refresh().expect("refresh");
    assert_eq!(effected(&write(&store, &[create()])[0]), Err(409));
    let deleted_and_made = write(&store, &[operation("a", Action::Delete), create(), create()]);
    assert_eq!(
        deleted_and_made.iter().map(effected).collect::<Vec<_>>(),
        [Ok(Effected::Deleted), Ok(Effected::Created), Err(409)]
    );
    assert_eq!(count(&store), 1);
}

#[test]
fn updates_merge_wherever_the_document_is() {
    let folder = tempfile::tempdir().expect("folder");
    let store = open(folder.path());
    let update = |text: &'static str| operation("a", Action::Update(text.as_bytes()));
    assert_eq!(effected(&write(&store, &[update(r#"{"doc":{"x":1}}"#)])[0]), Err(404));
    let outcomes = write(
        &store,
        &[
            update(r#"{"doc":{"x":{"y":1}},"doc_as_upsert":true}"#),
            update(r#"{"doc":{"x":{"z":2}}}"#),
            update(r#"{"doc":{"x":{"z":2}}}"#),
            update(r#"{"script":"x"}"#),
        ],
    );
    assert_eq!(
        outcomes.iter().map(effected).collect::<Vec<_>>(),
        [Ok(Effected::Created), Ok(Effected::Updated), Ok(Effected::Noop), Err(400)]
    );
    write(&store, &[update(r#"{"doc":{"u":3}}"#)]);
    store.refresh().expect("refresh");
    let last = write(&store, &[update(r#"{"doc":{"v":4}}"#)]);
    assert_eq!(last[0].result.as_ref().expect("done").version, 4);
    assert_eq!(document(&store, "a"), Some(json!({"x": {"y": 1, "z": 2}, "u": 3, "v": 4})));
    assert_eq!(count(&store), 1);
}

#[test]
fn conditions_are_checked() {
    let folder = tempfile::tempdir().expect("folder");
    let store = open(folder.path());
    let with = |condition| Operation { condition, ..operation("a", Action::Index(b"{}")) };
    let made = write(&store, &[with(Condition::External(5))]);
    let seq = made[0].result.as_ref().expect("done").seq;
    assert_eq!(made[0].result.as_ref().expect("done").version, 5);
    for (condition, expected) in [
        (Condition::External(5), Err(409)),
        (Condition::ExternalOrEqual(4), Err(409)),
        (Condition::Seq(seq + 100), Err(409)),
        (Condition::ExternalOrEqual(5), Ok(Effected::Updated)),
        (Condition::Seq(seq), Err(409)),
        (Condition::Seq(seq + 1), Ok(Effected::Updated)),
    ] {
        assert_eq!(effected(&write(&store, &[with(condition)])[0]), expected, "{condition:?}");
    }
}

#[test]
fn a_refused_document_changes_nothing_else() {
    let folder = tempfile::tempdir().expect("folder");
    let store = open(folder.path());
    let outcomes = write(
        &store,
        &[
            operation("a", Action::Index(b"{\"n\":1}")),
            operation("b", Action::Index(b"{\"new\":true,\"n\":\"many\"}")),
            operation("c", Action::Index(b"{not json")),
            operation("d", Action::Index(b"[1]")),
            operation("e", Action::Index(b"{\"n\":2}")),
        ],
    );
    assert_eq!(
        outcomes.iter().map(effected).collect::<Vec<_>>(),
        [Ok(Effected::Created), Err(400), Err(400), Err(400), Ok(Effected::Created)]
    );
    assert_eq!(count(&store), 2);
    assert!(index(&store).mapping().field("new").is_none());
}

#[test]
fn a_full_disk_refuses_writes_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    let disk = Arc::new(TestDisk::default());
    let store = try_open(folder.path(), options(), &disk).expect("store");
    let put = |id: &str| store.write(&[operation(id, Action::Create(b"{\"n\":1}"))]);
    put("a").expect("accepted");
    store.refresh().expect("refresh");
    put("b").expect("accepted");

    disk.full.store(true, SeqCst);
    let refusal = put("c").expect_err("the log cannot be written");
    assert_eq!((refusal.status, refusal.kind), (429, "es_rejected_execution_exception"));
    disk.full.store(false, SeqCst);
    disk.low.store(true, SeqCst);
    let refusal = put("c").expect_err("too little space");
    assert_eq!((refusal.status, refusal.kind), (429, "cluster_block_exception"));
    disk.low.store(false, SeqCst);
    assert!(document(&store, "a").is_some() && document(&store, "b").is_some(), "reads go on");

    put("c").expect("there is space again");
    drop(store);
    let store = try_open(folder.path(), options(), &disk).expect("store");
    assert_eq!(count(&store), 3);
}

#[test]
fn a_store_that_starts_on_a_full_disk_answers_and_recovers() {
    let folder = tempfile::tempdir().expect("folder");
    write(&open(folder.path()), &[operation("a", Action::Create(b"{\"n\":1}"))]);
    let disk = Arc::new(TestDisk::default());
    disk.full.store(true, SeqCst);
    disk.fail_commits.store(true, SeqCst);
    let store = try_open(folder.path(), options(), &disk).expect("it starts");
    assert_eq!(document(&store, "a"), Some(json!({"n": 1})));
    assert_eq!(store.write(&[operation("b", Action::Create(b"{}"))]).expect_err("full").status, 429);
    disk.full.store(false, SeqCst);
    let again = write(&store, &[operation("a", Action::Create(b"{}")), operation("b", Action::Create(b"{}"))]);
    assert_eq!(again.iter().map(effected).collect::<Vec<_>>(), [Err(409), Ok(Effected::Created)]);
    disk.fail_commits.store(false, SeqCst);
    assert_eq!(count(&store), 2);
}

#[test]
fn with_durability_always_nothing_counts_as_done_before_it_is_synced() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let disk = Arc::new(TestDisk::default());
    let store = try_open(folder.path(), Options { sync_each: true, ..options() }, &disk).expect("store");
    disk.fail_syncs.store(true, SeqCst);
    assert_eq!(store.write(&[operation("a", Action::Create(b"{}"))]).expect_err("not synced").status, 500);
    // Sent again, it is there already; that may be said only once it is on the disk.
    assert_eq!(store.write(&[operation("a", Action::Create(b"{}"))]).expect_err("not synced").status, 500);
    disk.fail_syncs.store(false, SeqCst);
    let again = write(&store, &[operation("a", Action::Create(b"{}"))]);
    assert_eq!(effected(&again[0]), Err(409));
    assert_eq!(disk.synced.load(SeqCst), 1);
}

#[test]
fn a_failed_commit_is_made_good_later() {
    let folder = tempfile::tempdir().expect("folder");
    let disk = Arc::new(TestDisk::default());
    let store = try_open(folder.path(), options(), &disk).expect("store");
    write(&store, &[operation("a", Action::Create(b"{\"n\":1}"))]);
    disk.fail_commits.store(true, SeqCst);
    store.refresh().expect_err("no space for segments");
    write(&store, &[operation("b", Action::Create(b"{\"n\":1}"))]);
    assert!(document(&store, "a").is_some() && document(&store, "b").is_some());
    disk.fail_commits.store(false, SeqCst);
    assert_eq!(count(&store), 2);
}

#[test]
fn a_writer_that_broke_is_replaced_and_fed_from_the_log() {
    let folder = tempfile::tempdir().expect("folder");
    let store = open(folder.path());
    write(&store, &[operation("a", Action::Create(b"{\"n\":1}"))]);
    store.refresh().expect("refresh");
    write(&store, &[operation("b", Action::Create(b"{\"n\":2}")), operation("a", Action::Delete)]);
    store.writing.lock().pending.values_mut().for_each(|pending| pending.fail(&ApiError::internal("a test")));
    let refusal = store.write(&[operation("c", Action::Create(b"{}"))]).expect_err("not while it is broken");
    assert_eq!(refusal.status, 429);
    assert_eq!(document(&store, "b"), Some(json!({"n": 2})));
    store.refresh().expect("recovered");
    write(&store, &[operation("c", Action::Create(b"{}"))]);
    assert_eq!(count(&store), 2);
    assert_eq!(document(&store, "a"), None);
}

#[test]
fn retention_lets_go_by_age_and_by_size() {
    let folder = tempfile::tempdir().expect("folder");
    let stats = Stats::new();
    let day = 86_400_000;
    let limits = Options { max_age: Some(day), ..options() };
    let store = Store::open(folder.path(), limits, Arc::<TestDisk>::default(), meters(&stats)).expect("store");
    write(&store, &[operation("a", Action::Create(b"{\"n\":1}")), operation("b", Action::Create(b"{\"n\":2}"))]);
    let now = chrono::Utc::now().timestamp_millis();
    store.refresh().expect("refresh");
    store.retain(now).expect("retention");
    assert_eq!(count(&store), 2);
    store.retain(now + day + 10_000).expect("retention");
    assert_eq!(count(&store), 0);
    assert_eq!(stats.snapshot().components["bulk"].dropped["retention"], 2);
    assert_eq!(effected(&write(&store, &[operation("a", Action::Create(b"{}"))])[0]), Ok(Effected::Created));
    store.close().expect("closed");
    drop(store);

    let store = open(folder.path());
    for batch in 0..20 {
        let text = format!("{{\"text\":\"{}\"}}", uuid::Uuid::new_v4().simple().to_string().repeat(40));
        let ids: Vec<String> = (0..50).map(|n| format!("{batch}-{n}")).collect();
        let batch: Vec<_> = ids.iter().map(|id| operation(id, Action::Create(text.as_bytes()))).collect();
        write(&store, &batch);
        store.refresh().expect("refresh");
        store.writing.lock().last_stored += 1000;
    }
    let bytes = index(&store).bytes();
    store.close().expect("closed");
    drop(store);
    let limits = Options { max_size: Some(bytes / 2), ..options() };
    let store = try_open(folder.path(), limits, &Arc::default()).expect("store");
    store.retain(now).expect("retention");
    let left = count(&store);
    assert!((200..800).contains(&left), "{left} of 1001 are left");
    assert!(document(&store, "0-0").is_none() && document(&store, "19-49").is_some(), "the oldest went first");
}

#[test]
fn a_data_folder_is_for_one_store_that_knows_its_format() {
    let folder = tempfile::tempdir().expect("folder");
    let store = open(folder.path());
    let second = try_open(folder.path(), options(), &Arc::default()).expect_err("in use");
    assert!(matches!(second, OpenError::Locked { .. }), "{second}");
    drop(store);
    std::fs::write(folder.path().join("format"), "2").expect("write");
    let newer = try_open(folder.path(), options(), &Arc::default()).expect_err("newer");
    assert!(newer.to_string().contains("use a newer resilmesh"), "{newer}");
}

#[test]
fn a_deleted_index_stays_deleted() {
    let folder = tempfile::tempdir().expect("folder");
    let store = open(folder.path());
    write(&store, &[operation("a", Action::Create(b"{\"n\":1}"))]);
    store.delete_index(&index(&store)).expect("deleted");
    assert!(store.index("t").is_err());
    drop(store);
    let store = open(folder.path());
    assert!(store.index("t").is_err());
    write(&store, &[operation("a", Action::Create(b"{\"n\":\"text now\"}"))]);
    assert_eq!(count(&store), 1);
}

#[derive(Debug, Clone)]
enum Step {
    Put(u8, u16),
    Create(u8, u16),
    Delete(u8),
    Refresh,
    /// The process dies.
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..6u8, any::<u16>()).prop_map(|(id, n)| Step::Put(id, n)),
        4 => (0..6u8, any::<u16>()).prop_map(|(id, n)| Step::Create(id, n)),
        2 => (0..6u8).prop_map(Step::Delete),
        1 => Just(Step::Refresh),
        1 => Just(Step::Crash),
    ];
    proptest::collection::vec(step, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_operations_and_crashes_equals_a_map(steps in steps()) {
        let folder = tempfile::tempdir().expect("folder");
        let mut store = open(folder.path());
        store.create_index("t", &Value::Null, &Value::Null).expect("index");
        let mut model: BTreeMap<String, u16> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Put(id, n) => {
                    let text = json!({"n": n}).to_string();
                    write(&store, &[operation(&id.to_string(), Action::Index(text.as_bytes()))]);
                    model.insert(id.to_string(), n);
                }
                Step::Create(id, n) => {
                    let text = json!({"n": n}).to_string();
                    let outcome = effected(&write(&store, &[operation(&id.to_string(), Action::Create(text.as_bytes()))])[0]);
                    let expected = if model.contains_key(&id.to_string()) { Err(409) } else { Ok(Effected::Created) };
                    prop_assert_eq!(outcome, expected);
                    model.entry(id.to_string()).or_insert(n);
                }
                Step::Delete(id) => {
                    let outcome = effected(&write(&store, &[operation(&id.to_string(), Action::Delete)])[0]);
                    let expected = if model.remove(&id.to_string()).is_some() { Effected::Deleted } else { Effected::NotFound };
                    prop_assert_eq!(outcome, Ok(expected));
                }
                Step::Refresh => store.refresh().expect("refresh"),
                Step::Crash => {
                    drop(store);
                    store = open(folder.path());
                }
            }
            for id in 0..6u8 {
                let expected = model.get(&id.to_string()).map(|n| json!({"n": n}));
                prop_assert_eq!(document(&store, &id.to_string()), expected);
            }
        }
        prop_assert_eq!(count(&store), model.len() as u64);
    }
}
