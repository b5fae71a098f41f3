//! The API over real HTTP.

use std::io::Write;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Api, server};
use crate::index::tests::open;

struct TestServer {
    _folder: tempfile::TempDir,
    address: std::net::SocketAddr,
}

/// An answer: status, headers in lower case, body.
struct Reply {
    status: u16,
    head: String,
    text: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

impl TestServer {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let store = Arc::new(open(folder.path()));
        let api = Api { store, scrolls: Default::default(), cluster_name: "soapa".into(), node_name: "node".into() };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let address = listener.local_addr().expect("address");
        tokio::spawn(axum::serve(listener, server::router(Arc::new(api))).into_future());
        Self { _folder: folder, address }
    }

    async fn raw(&self, method: &str, url: &str, headers: &str, body: &[u8]) -> Reply {
        let mut stream = TcpStream::connect(self.address).await.expect("connect");
        let head = format!(
            "{method} {url} HTTP/1.1\r\nhost: store\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).await.expect("send");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("receive");
        let answer = String::from_utf8(answer).expect("UTF-8");
        let (head, text) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("status");
        Reply { status, head: head.to_lowercase(), text: text.to_owned() }
    }

    async fn call(&self, method: &str, url: &str, body: Value) -> Reply {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.raw(method, url, "content-type: application/json\r\n", body.as_bytes()).await
    }

    async fn get(&self, url: &str) -> Value {
        self.call("GET", url, Value::Null).await.json()
    }

    async fn bulk(&self, url: &str, lines: &str) -> Reply {
        self.raw("POST", url, "content-type: application/x-ndjson\r\n", lines.as_bytes()).await
    }

    /// The ids a search finds, in order.
    async fn found(&self, url: &str, body: Value) -> Vec<String> {
        let reply = self.call("POST", url, body).await;
        let answer = reply.json();
        assert_eq!(reply.status, 200, "{answer}");
        let hits = answer["hits"]["hits"].as_array().expect("hits").clone();
        hits.iter().map(|hit| hit["_id"].as_str().expect("id").to_owned()).collect()
    }
}

#[tokio::test]
async fn a_bulk_request_is_answered_as_vector_reads_it() {
    let server = TestServer::start().await;
    let lines = "{\"create\":{\"_index\":\"ecs-events\",\"_id\":\"a\"}}\n{\"m\":1}\n\
                 {\"create\":{\"_index\":\"ecs-events\",\"_id\":\"a\"}}\n{\"m\":2}\n\
                 {\"index\":{\"_index\":\"ecs-events\"}}\n{\"m\":\"no number\"}\n\
                 {\"index\":{\"_index\":\"FW/Traffic x\"}}\n{\"m\":3}\n\
                 {\"update\":{\"_index\":\"ecs-events\",\"_id\":\"a\"}}\n{\"doc\":{\"n\":5}}\n\
                 {\"delete\":{\"_index\":\"ecs-events\",\"_id\":\"none\"}}\n";
    let reply = server.bulk("/_bulk?timeout=60s", lines).await;
    assert_eq!(reply.status, 200);
    assert!(reply.text.contains("\"errors\":true,\"items\":[{\"create\":"), "compact JSON: {}", reply.text);
    let items = reply.json()["items"].as_array().expect("items").clone();
    let outcomes: Vec<(u64, String)> = items
        .iter()
        .map(|item| {
            let (_, item) = item.as_object().and_then(|item| item.iter().next()).expect("one action");
            let said = item["error"]["type"].as_str().or(item["result"].as_str()).unwrap_or_default();
            (item["status"].as_u64().expect("status"), said.to_owned())
        })
        .collect();
    let expected = [
        (201, "created"),
        (409, "version_conflict_engine_exception"),
        (400, "document_parsing_exception"),
        (400, "invalid_index_name_exception"),
        (200, "updated"),
        (404, "not_found"),
    ];
    assert_eq!(outcomes, expected.map(|(status, said)| (status, said.to_owned())));
    let fine = server.bulk("/ecs-events/_bulk?refresh=wait_for", "{\"index\":{}}\n{\"m\":4}\n").await;
    assert!(fine.text.contains("\"errors\":false"), "{}", fine.text);
    assert_eq!(server.get("/ecs-events/_count").await["count"], 2);
}

#[tokio::test]
async fn a_bulk_request_may_be_packed() {
    let server = TestServer::start().await;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"{\"index\":{\"_index\":\"t\",\"_id\":\"a\"}}\n{\"m\":1}\n").expect("pack");
    let headers = "content-type: application/x-ndjson\r\ncontent-encoding: gzip\r\n";
    let reply = server.raw("POST", "/_bulk", headers, &packed.finish().expect("pack")).await;
    assert_eq!(reply.json()["items"][0]["index"]["result"], "created");
    let damaged = server.raw("POST", "/_bulk", headers, b"no gzip").await;
    assert_eq!(damaged.status, 400);
}

#[tokio::test]
async fn malformed_bulk_requests_are_refused_whole() {
    let server = TestServer::start().await;
    for lines in [
        "",
        "{\"index\":{\"_index\":\"t\"}}\n{\"m\":1}",
        "{\"index\":{\"_index\":\"t\"}}\n",
        "{\"upsert\":{\"_index\":\"t\"}}\n{}\n",
        "{\"index\":{\"_index\":\"t\",\"colour\":\"red\"}}\n{}\n",
        "nonsense\n{}\n",
        "\n\n",
    ] {
        let reply = server.bulk("/_bulk", lines).await;
        assert_eq!(reply.status, 400, "{lines:?}: {}", reply.text);
    }
    assert_eq!(server.call("POST", "/_bulk?pipeline=norm", Value::Null).await.status, 400);
    assert_eq!(server.call("HEAD", "/t", Value::Null).await.status, 404, "nothing was done");
}

#[tokio::test]
async fn answers_carry_what_official_clients_check() {
    let server = TestServer::start().await;
    for (accept, expected) in [
        ("*/*", "content-type: application/json"),
        (
            "application/vnd.elasticsearch+json; compatible-with=8",
            "content-type: application/vnd.elasticsearch+json;compatible-with=8",
        ),
        (
            "application/vnd.elasticsearch+json; compatible-with=9",
            "content-type: application/vnd.elasticsearch+json;compatible-with=9",
        ),
    ] {
        let reply = server.raw("GET", "/", &format!("accept: {accept}\r\n"), b"").await;
        assert!(reply.head.contains(expected), "{}", reply.head);
        assert!(reply.head.contains("x-elastic-product: elasticsearch"), "{}", reply.head);
        assert_eq!(reply.json()["version"]["build_flavor"], "default");
        assert_eq!(reply.json()["version"]["build_type"], "resilmesh-store");
    }
    let head = server.call("HEAD", "/", Value::Null).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    let missing = server.call("GET", "/none/_doc/1", Value::Null).await;
    assert!(missing.head.contains("x-elastic-product"), "errors too");
    let versioned = "content-type: application/vnd.elasticsearch+json;compatible-with=9\r\n";
    assert_eq!(server.raw("PUT", "/t/_doc/1", versioned, b"{}").await.status, 201);
    let form = server.raw("PUT", "/t/_doc/1", "content-type: application/x-www-form-urlencoded\r\n", b"{}").await;
    assert_eq!(form.status, 406);
}

#[tokio::test]
async fn errors_have_the_shape_of_elasticsearch() {
    let server = TestServer::start().await;
    server.call("PUT", "/t/_doc/1?refresh=true", json!({"a": "b"})).await;
    for (method, url, body, status, kind) in [
        ("GET", "/none/_search", Value::Null, 404, "index_not_found_exception"),
        ("GET", "/t/_search?colour=red", Value::Null, 400, "illegal_argument_exception"),
        ("POST", "/t/_search", json!({"aggs": {}}), 400, "illegal_argument_exception"),
        ("POST", "/t/_search", json!({"highlight": {}}), 400, "illegal_argument_exception"),
        ("POST", "/t/_search", json!({"frobnicate": 1}), 400, "parsing_exception"),
        ("POST", "/t/_search", json!({"query": {"fuzzy": {"a": "b"}}}), 400, "illegal_argument_exception"),
        ("POST", "/t/_search", json!({"query": {"query_string": {"query": "(a"}}}), 400, "query_shard_exception"),
        ("POST", "/t/_search", json!({"sort": ["none"]}), 400, "search_phase_execution_exception"),
        ("POST", "/t/_search", json!({"size": 10001}), 400, "illegal_argument_exception"),
        ("POST", "/t/_search", json!({"from": -1}), 400, "illegal_argument_exception"),
        ("POST", "/t/_search", json!({"search_after": [1]}), 400, "illegal_argument_exception"),
        ("PUT", "/T", Value::Null, 400, "invalid_index_name_exception"),
        ("PUT", "/t", Value::Null, 400, "resource_already_exists_exception"),
        ("PUT", "/t/_mapping", json!({"properties": {"a": {"type": "long"}}}), 400, "illegal_argument_exception"),
        ("PUT", "/t/_create/1", json!({}), 409, "version_conflict_engine_exception"),
        ("PUT", "/t/_doc/1", json!([]), 400, "document_parsing_exception"),
        ("POST", "/_search/scroll", json!({"scroll_id": "none"}), 404, "search_context_missing_exception"),
        ("GET", "/_index_template/none", Value::Null, 404, "resource_not_found_exception"),
        ("DELETE", "/_all", Value::Null, 400, "illegal_argument_exception"),
    ] {
        let reply = server.call(method, url, body.clone()).await;
        let answer = reply.json();
        assert_eq!(reply.status, status, "{method} {url} {body}: {answer}");
        assert_eq!(answer["status"], status, "{answer}");
        assert_eq!(answer["error"]["type"], kind, "{method} {url} {body}: {answer}");
        assert!(
            answer["error"]["reason"].is_string() && answer["error"]["root_cause"][0]["type"].is_string(),
            "{answer}"
        );
    }
    let unknown = server.call("GET", "/t/_frobnicate", Value::Null).await;
    assert_eq!((unknown.status, unknown.text.contains("no handler found for uri")), (400, true));
    let method = server.call("DELETE", "/t/_search", Value::Null).await;
    assert_eq!((method.status, method.text.contains("allowed: [GET, POST]")), (405, true));
}

#[tokio::test]
async fn documents_come_back_as_they_were_sent() {
    let server = TestServer::start().await;
    let sent = r#"{"z":1.50,"@timestamp":"2026-03-14T09:26:53.123456789Z","a.b":[1,"x",null],"e":{},"u":1e2}"#;
    let headers = "content-type: application/json\r\n";
    assert_eq!(server.raw("PUT", "/t/_doc/x%2Fy", headers, sent.as_bytes()).await.status, 400, "1 and x in one field");
    let sent = sent.replace("\"x\",", "");
    let made = server.raw("PUT", "/t/_doc/x%2Fy", headers, sent.as_bytes()).await;
    assert_eq!((made.status, made.json()["_id"].as_str()), (201, Some("x/y")));
    assert_eq!(server.call("GET", "/t/_source/x%2Fy", Value::Null).await.text, sent);
    let got = server.call("GET", "/t/_doc/x%2Fy", Value::Null).await;
    assert!(got.text.ends_with(&format!("\"_source\":{sent}}}")), "{}", got.text);
    server.call("POST", "/_refresh", Value::Null).await;
    let hit = server.call("GET", "/t/_search", Value::Null).await;
    assert!(hit.text.contains(&format!("\"_source\":{sent}")), "{}", hit.text);
    assert_eq!(server.call("DELETE", "/t/_doc/x%2Fy", Value::Null).await.json()["result"], "deleted");
    assert_eq!(server.call("HEAD", "/t/_doc/x%2Fy", Value::Null).await.status, 404);
}

#[tokio::test]
async fn pages_follow_each_other_without_gap() {
    let server = TestServer::start().await;
    let lines: String = (0..57)
        .map(|n| format!("{{\"index\":{{\"_id\":\"{n}\"}}}}\n{{\"n\":{},\"g\":\"g{}\"}}\n", n / 2, n % 3))
        .collect();
    assert!(server.bulk("/t/_bulk?refresh=true", &lines).await.text.contains("\"errors\":false"));
    let all: Vec<String> = (0..57).map(|n| n.to_string()).collect();

    let first = server.found("/t/_search?size=20&sort=n,_doc", Value::Null).await;
    let second = server.found("/t/_search", json!({"from": 20, "size": 20, "sort": ["n", "_doc"]})).await;
    assert_eq!([first, second].concat(), all[..40]);

    let mut seen: Vec<String> = Vec::new();
    let mut after = Value::Null;
    loop {
        let mut body = json!({"size": 10, "sort": [{"g.keyword": "desc"}, {"_doc": "asc"}]});
        if !after.is_null() {
            body["search_after"] = after.clone();
        }
        let answer = server.call("POST", "/t/_search", body).await.json();
        let hits = answer["hits"]["hits"].as_array().expect("hits").clone();
        let Some(last) = hits.last() else { break };
        after = last["sort"].clone();
        seen.extend(hits.iter().map(|hit| hit["_id"].as_str().expect("id").to_owned()));
    }
    let mut expected = all.clone();
    expected.sort_by_key(|id| std::cmp::Reverse(id.parse::<u32>().expect("number") % 3));
    assert_eq!(seen, expected);

    for sort in ["_doc", "n:desc"] {
        let url = format!("/t/_search?scroll=1m&size=25&sort={sort}");
        let mut page = server.call("POST", &url, Value::Null).await.json();
        // What changes now is not seen by the scroll.
        server.call("DELETE", "/t/_doc/3?refresh=true", Value::Null).await;
        let id = page["_scroll_id"].as_str().expect("scroll").to_owned();
        let mut seen = Vec::new();
        while !page["hits"]["hits"].as_array().expect("hits").is_empty() {
            seen.extend(
                page["hits"]["hits"]
                    .as_array()
                    .expect("hits")
                    .iter()
                    .map(|hit| hit["_id"].as_str().expect("id").to_owned()),
            );
            page = server.call("POST", "/_search/scroll", json!({"scroll": "1m", "scroll_id": id})).await.json();
        }
        seen.sort_by_key(|id| id.parse::<u32>().expect("number"));
        assert_eq!(seen, all, "{sort}");
        let closed = server.call("DELETE", "/_search/scroll", json!({"scroll_id": [id]})).await.json();
        assert_eq!(closed["num_freed"], 1);
        server.call("PUT", "/t/_doc/3?refresh=true", json!({"n": 1, "g": "g0"})).await;
    }
}

#[tokio::test]
async fn answers_can_be_reduced() {
    let server = TestServer::start().await;
    server.call("PUT", "/t/_doc/1?refresh=true", json!({"a": {"b": 1, "c": 2}})).await;
    let answer = server.get("/t/_search?filter_path=hits.hits._source,hits.total.value&_source_includes=a.b").await;
    assert_eq!(answer, json!({"hits": {"total": {"value": 1}, "hits": [{"_source": {"a": {"b": 1}}}]}}));
    let answer = server
        .call(
            "POST",
            "/t/_search",
            json!({"_source": false, "track_total_hits": false, "version": true, "seq_no_primary_term": true}),
        )
        .await
        .json();
    assert!(answer["hits"].get("total").is_none());
    assert_eq!(answer["hits"]["hits"][0]["_version"], 1);
    assert!(answer["hits"]["hits"][0].get("_source").is_none());
    let pretty = server.call("GET", "/t/_count?pretty", Value::Null).await;
    assert!(pretty.text.contains("\n  \"count\": 1"), "{}", pretty.text);
}

#[tokio::test]
async fn templates_shape_indices_that_bulk_requests_make() {
    let server = TestServer::start().await;
    let template = json!({
        "index_patterns": ["ecs-*"], "priority": 10, "composed_of": [],
        "template": {
            "settings": {"number_of_shards": 1, "index": {"mapping": {"total_fields": {"limit": 3}}}},
            "mappings": {
                "dynamic_templates": [{"strings": {"match_mapping_type": "string", "mapping": {"type": "keyword", "ignore_above": 8}}}],
                "properties": {"@timestamp": {"type": "date"}}
            }
        }
    });
    assert_eq!(server.call("PUT", "/_index_template/ecs", template.clone()).await.status, 200);
    assert_eq!(server.call("HEAD", "/_index_template/ecs", Value::Null).await.status, 200);
    assert_eq!(server.get("/_index_template/ecs").await["index_templates"][0]["index_template"], template);
    let document = "{\"index\":{\"_id\":\"1\"}}\n{\"name\":\"short\",\"more\":\"far too long\"}\n{\"index\":{\"_id\":\"2\"}}\n{\"third\":1}\n";
    let reply = server.bulk("/ecs-1/_bulk?refresh=true", document).await.json();
    assert_eq!(reply["items"][1]["index"]["status"], 400, "the limit of fields: {reply}");
    let mapping = server.get("/ecs-1/_mapping").await;
    assert_eq!(mapping["ecs-1"]["mappings"]["properties"]["name"], json!({"type": "keyword", "ignore_above": 8}));
    assert_eq!(server.found("/ecs-*/_search?q=name:short", Value::Null).await, ["1"]);
    assert!(
        server.found("/_search", json!({"query": {"exists": {"field": "more"}}})).await.is_empty(),
        "ignored above 8"
    );
    assert_eq!(server.call("DELETE", "/_index_template/ecs", Value::Null).await.status, 200);
    assert_eq!(server.call("DELETE", "/ecs-1", Value::Null).await.status, 200);
    assert_eq!(server.call("HEAD", "/ecs-1", Value::Null).await.status, 404);
}

#[tokio::test]
async fn tables_for_people() {
    let server = TestServer::start().await;
    server.call("PUT", "/b/_doc/1?refresh=true", json!({"a": 1})).await;
    server.call("PUT", "/a", Value::Null).await;
    let table = server.call("GET", "/_cat/indices?v&h=index,docs.count", Value::Null).await;
    assert!(table.head.contains("content-type: text/plain"));
    assert_eq!(table.text, "index docs.count\na     0\nb     1\n");
    assert_eq!(
        server.get("/_cat/indices/b?format=json&h=health,index").await,
        json!([{"health": "green", "index": "b"}])
    );
    assert_eq!(server.call("GET", "/_cat/count/b?h=count", Value::Null).await.text, "1\n");
    assert!(server.call("GET", "/_cat/health?v", Value::Null).await.text.contains("soapa"));
    assert_eq!(server.call("GET", "/_cat/indices?h=colour", Value::Null).await.status, 400);
    let health = server.get("/_cluster/health?wait_for_status=yellow&timeout=5s").await;
    assert_eq!((health["status"].as_str(), health["active_shards"].as_u64()), (Some("green"), Some(2)));
}
