//! What queries find, over a real index.

use std::sync::Arc;

use serde_json::{Value, json};

use super::ast::{Fields, Operator};
use super::{dsl, lucene};
use crate::error::ApiError;
use crate::index::tests::open;
use crate::index::write::{Action, Condition, Operation};
use crate::index::{IndexHandle, Store};
use crate::search::collect::search;
use crate::search::sort::SortKey;
use crate::search::{View, count, id_and_source};

/// 2026-03-18T12:00:00Z
const NOW: i64 = 1_773_835_200_000;

struct Fixture {
    _folder: tempfile::TempDir,
    _store: Store,
    index: Arc<IndexHandle>,
}

fn documents() -> Vec<(&'static str, Value)> {
    vec![
        (
            "1",
            json!({
                "@timestamp": "2026-03-18T10:00:00.000Z", "message": "Failed password for root from 203.0.113.9",
                "host": {"name": "web-1"}, "source": {"ip": "203.0.113.9", "port": 22}, "tags": ["ssh", "auth"],
                "risk": 7.5, "ok": false, "silent_push": {"domain": {"name": "evil.example", "age": 3}}
            }),
        ),
        (
            "2",
            json!({
                "@timestamp": "2026-03-18T11:00:00.000Z", "message": "Accepted password for alice",
                "host": {"name": "web-2"}, "source": {"ip": "10.1.2.3", "port": 1024}, "tags": "auth",
                "risk": 1, "ok": true
            }),
        ),
        (
            "3",
            json!({
                "@timestamp": 1_773_700_000_000i64, "message": ["password changed", "for bob"],
                "host.name": "db-1", "source": {"ip": ["2001:db8::1", "10.200.0.1"], "port": [5, 70000]},
                "risk": -2.25, "ok": "true", "unmapped": {"note": "free text here", "count": 5}
            }),
        ),
        ("4", json!({"message": "", "host": {"name": null}, "tags": []})),
    ]
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().expect("folder");
    let store = open(folder.path());
    let mappings = json!({"properties": {
        "@timestamp": {"type": "date"},
        "message": {"type": "match_only_text"},
        "host": {"properties": {"name": {"type": "keyword", "fields": {"text": {"type": "text"}}}}},
        "source": {"properties": {"ip": {"type": "ip"}, "port": {"type": "long"}}},
        "tags": {"type": "keyword", "ignore_above": 10},
        "risk": {"type": "float"},
        "ok": {"type": "boolean"},
        "place": {"type": "geo_point"},
        "secret": {"type": "keyword", "index": false, "doc_values": false},
        "vendor": {"type": "constant_keyword", "value": "resilmesh"},
        "silent_push": {"type": "flattened"}
    }});
    let index = store.create_index("t", &Value::Null, &mappings).expect("index");
    for (id, document) in documents() {
        let text = document.to_string();
        let operation = Operation {
            index: "t".to_owned(),
            id: Some(id.to_owned()),
            action: Action::Create(text.as_bytes()),
            condition: Condition::None,
        };
        for outcome in store.write(&[operation]).expect("accepted") {
            outcome.result.expect("stored");
        }
        // Several segments, as in life.
        store.refresh().expect("refresh");
    }
    Fixture { _folder: folder, _store: store, index }
}

impl Fixture {
    fn ids(&self, query: &super::ast::Query, sort: &Value) -> Result<String, ApiError> {
        let sort = SortKey::parse_all(sort)?;
        let views = [View::new(&self.index, query, true, NOW)?];
        let found = search(&views, &sort, None, 100)?;
        assert_eq!(found.total as usize, found.best.len());
        assert_eq!(found.total, count(std::slice::from_ref(&self.index), query, NOW)?);
        let ids: Result<Vec<_>, _> =
            found.best.iter().map(|best| Ok(id_and_source(&views[0].searcher, &self.index, best.address)?.0)).collect();
        ids.map(|ids: Vec<String>| ids.join(" "))
    }

    fn dsl(&self, query: &Value) -> Result<String, ApiError> {
        self.ids(&dsl::parse(query)?, &json!(["_doc"]))
    }

    fn lucene(&self, text: &str) -> Result<String, ApiError> {
        let options =
            lucene::Options { default_fields: Fields::named("*", false), operator: Operator::Or, lenient: false };
        self.ids(&lucene::parse(text, &options)?, &json!(["_doc"]))
    }
}

#[test]
fn each_query_finds_what_elasticsearch_would() {
    let fixture = fixture();
    for (query, expected) in [
        (json!({"match_all": {}}), "1 2 3 4"),
        (json!({"match_none": {}}), ""),
        (json!({"term": {"host.name": "web-1"}}), "1"),
        (json!({"term": {"host.name": "WEB-1"}}), ""),
        (json!({"term": {"host.name": {"value": "WEB-1", "case_insensitive": true}}}), "1"),
        (json!({"match": {"host.name.text": "web"}}), "1 2"),
        (json!({"terms": {"tags": ["ssh", "none"]}}), "1"),
        (json!({"term": {"tags": "auth"}}), "1 2"),
        (json!({"match": {"message": "PASSWORD"}}), "1 2 3"),
        (json!({"match": {"message": "root bob"}}), "1 3"),
        (json!({"match": {"message": {"query": "password root", "operator": "and"}}}), "1"),
        (json!({"match": {"message": {"query": "password root alice", "minimum_should_match": 2}}}), "1 2"),
        (json!({"match_phrase": {"message": "password for"}}), "1 2"),
        (json!({"match_phrase": {"message": "changed for"}}), ""),
        (json!({"match": {"message": "203.0.113.9"}}), "1"),
        (json!({"multi_match": {"query": "alice", "fields": ["message", "host.name"]}}), "2"),
        (json!({"term": {"source.ip": "10.0.0.0/8"}}), "2 3"),
        (json!({"term": {"source.ip": "203.0.113.9"}}), "1"),
        (json!({"terms": {"source.ip": ["2001:db8::/32", "203.0.113.9"]}}), "1 3"),
        (json!({"range": {"source.ip": {"gte": "10.0.0.0", "lte": "11.0.0.0"}}}), "2 3"),
        (json!({"term": {"source.port": 22}}), "1"),
        (json!({"term": {"source.port": "22"}}), "1"),
        (json!({"term": {"source.port": 22.5}}), ""),
        (json!({"terms": {"source.port": [5, 1024]}}), "2 3"),
        (json!({"range": {"source.port": {"gt": 22, "lte": 1024}}}), "2"),
        (json!({"range": {"source.port": {"gt": 1024}}}), "3"),
        (json!({"range": {"risk": {"gte": -2.25, "lt": 7.5}}}), "2 3"),
        (json!({"term": {"risk": 7.5}}), "1"),
        (json!({"term": {"ok": true}}), "2 3"),
        (json!({"range": {"@timestamp": {"gte": "now-1h"}}}), "2"),
        (json!({"range": {"@timestamp": {"gte": "now/d"}}}), "1 2"),
        (json!({"range": {"@timestamp": {"lt": "now/d"}}}), "3"),
        (json!({"range": {"@timestamp": {"gte": "2026-03-18", "lte": "2026-03-18"}}}), "1 2"),
        (json!({"range": {"@timestamp": {"gt": "2026-03-17"}}}), "1 2"),
        (json!({"range": {"@timestamp": {"lte": 1_773_700_000_000i64}}}), "3"),
        (json!({"term": {"@timestamp": "2026-03-18T10:00:00Z"}}), "1"),
        (json!({"exists": {"field": "host.name"}}), "1 2 3"),
        (json!({"exists": {"field": "source"}}), "1 2 3"),
        (json!({"exists": {"field": "message"}}), "1 2 3 4"),
        (json!({"exists": {"field": "tags"}}), "1 2"),
        (json!({"exists": {"field": "silent_push"}}), "1"),
        (json!({"exists": {"field": "silent_push.domain.age"}}), "1"),
        (json!({"exists": {"field": "vendor"}}), "1 2 3 4"),
        (json!({"exists": {"field": "nothing"}}), ""),
        (json!({"term": {"silent_push.domain.name": "evil.example"}}), "1"),
        (json!({"term": {"silent_push.domain.age": 3}}), "1"),
        (json!({"term": {"silent_push": "evil.example"}}), "1"),
        (json!({"term": {"silent_push.domain.age": "evil.example"}}), ""),
        (json!({"term": {"vendor": "resilmesh"}}), "1 2 3 4"),
        (json!({"term": {"vendor": "other"}}), ""),
        (json!({"prefix": {"host.name": "web"}}), "1 2"),
        (json!({"wildcard": {"host.name": "*-1"}}), "1 3"),
        (json!({"wildcard": {"message": "pass*"}}), "1 2 3"),
        (json!({"match": {"unmapped.note": "text"}}), "3"),
        (json!({"term": {"unmapped.note.keyword": "free text here"}}), "3"),
        (json!({"range": {"unmapped.count": {"gte": 5}}}), "3"),
        (json!({"ids": {"values": ["4", "1", "9"]}}), "1 4"),
        (json!({"term": {"_id": "2"}}), "2"),
        (json!({"bool": {}}), "1 2 3 4"),
        (json!({"bool": {"must_not": {"exists": {"field": "risk"}}}}), "4"),
        (json!({"bool": {"must": {"term": {"tags": "auth"}}, "must_not": {"term": {"ok": true}}}}), "1"),
        (json!({"bool": {"filter": {"exists": {"field": "risk"}}, "should": {"term": {"tags": "ssh"}}}}), "1 2 3"),
        (json!({"bool": {"should": [{"term": {"tags": "ssh"}}, {"term": {"host.name": "db-1"}}]}}), "1 3"),
        (
            json!({"bool": {"should": [{"term": {"tags": "ssh"}}, {"term": {"tags": "auth"}}], "minimum_should_match": 2}}),
            "1",
        ),
        (json!({"bool": {"should": [{"term": {"tags": "ssh"}}], "minimum_should_match": 2}}), ""),
        (json!({"constant_score": {"filter": {"term": {"tags": "ssh"}}}}), "1"),
        (json!({"dis_max": {"queries": [{"term": {"tags": "ssh"}}, {"ids": {"values": ["2"]}}]}}), "1 2"),
        (json!({"query_string": {"query": "password AND NOT root", "default_field": "message"}}), "2 3"),
    ] {
        assert_eq!(fixture.dsl(&query).unwrap_or_else(|error| panic!("{query}: {error}")), expected, "{query}");
    }
}

#[test]
fn each_query_string_finds_what_elasticsearch_would() {
    let fixture = fixture();
    for (text, expected) in [
        ("password", "1 2 3"),
        ("root alice", "1 2"),
        ("+password -root", "2 3"),
        ("web\\-1", "1 2 3"),
        ("host.name:web-1", "1"),
        ("host.name:(web-1 OR db-1)", "1 3"),
        ("message:\"password for\"", "1 2"),
        ("source.ip:\"10.0.0.0/8\"", "2 3"),
        ("source.ip:10.0.0.0/8", "2 3"),
        ("source.ip:2001\\:db8\\:\\:1", "3"),
        ("203.0.113.9", "1"),
        ("source.port:[22 TO 1024]", "1 2"),
        ("source.port:[22 TO 1024}", "1"),
        ("source.port:>=1024", "2 3"),
        ("@timestamp:[now-1h TO now]", "2"),
        ("@timestamp:[2026-03-18 TO *]", "1 2"),
        ("_exists_:silent_push", "1"),
        ("host.name:*", "1 2 3"),
        ("host.name:*-1", "1 3"),
        ("ok:true AND risk:<0", "3"),
        ("silent_push.domain.name:evil.example", "1"),
        ("evil.example", "1"),
        ("*", "1 2 3 4"),
        ("*:*", "1 2 3 4"),
        ("nothing:x", ""),
    ] {
        assert_eq!(fixture.lucene(text).unwrap_or_else(|error| panic!("{text}: {error}")), expected, "{text}");
    }
}

#[test]
fn what_a_field_cannot_answer_is_refused() {
    let fixture = fixture();
    for query in [
        json!({"term": {"source.port": "many"}}),
        json!({"term": {"source.ip": "nowhere"}}),
        json!({"range": {"@timestamp": {"gte": "yesterday"}}}),
        json!({"term": {"ok": "maybe"}}),
        json!({"wildcard": {"source.port": "2*"}}),
        json!({"prefix": {"source.ip": "10."}}),
        json!({"term": {"place": "1,2"}}),
        json!({"term": {"secret": "x"}}),
        json!({"wildcard": {"silent_push.domain.name": "e*"}}),
        json!({"query_string": {"query": "source.port:many"}}),
    ] {
        let error = fixture.dsl(&query).expect_err(&query.to_string());
        assert_eq!(error.status, 400, "{query}: {error}");
    }
}

#[test]
fn documents_are_sorted_by_any_column() {
    let fixture = fixture();
    for (sort, expected) in [
        (json!([{"@timestamp": "desc"}]), "2 1 3 4"),
        (json!([{"@timestamp": {"order": "asc", "missing": "_first"}}]), "4 3 1 2"),
        (json!(["host.name"]), "3 1 2 4"),
        (json!([{"host.name": "desc"}]), "2 1 3 4"),
        (json!([{"source.port": "asc"}]), "3 1 2 4"),
        (json!([{"source.port": "desc"}]), "3 2 1 4"),
        (json!([{"source.ip": "asc"}]), "2 3 1 4"),
        (json!([{"risk": "asc"}]), "3 2 1 4"),
        (json!([{"ok": "desc"}, {"@timestamp": "asc"}]), "3 2 1 4"),
        (json!([{"nothing": {"unmapped_type": "long"}}, {"risk": "desc"}]), "1 2 3 4"),
        (json!([{"_doc": "desc"}]), "4 3 2 1"),
    ] {
        assert_eq!(fixture.ids(&super::ast::Query::All, &sort).expect("sorted"), expected, "{sort}");
    }
    for sort in [
        json!(["nothing"]),
        json!(["message"]),
        json!(["_id"]),
        json!([{"risk": {"mode": "avg"}}]),
        json!(["silent_push"]),
    ] {
        assert_eq!(fixture.ids(&super::ast::Query::All, &sort).expect_err("refused").status, 400, "{sort}");
    }
}

#[test]
fn better_matches_come_first() {
    let fixture = fixture();
    let query = dsl::parse(&json!({"bool": {"should": [
        {"match": {"host.name.text": "web"}}, {"term": {"tags": {"value": "ssh", "boost": 3.0}}}
    ]}}))
    .expect("query");
    assert_eq!(fixture.ids(&query, &json!(["_score"])).expect("sorted"), "1 2");
}
