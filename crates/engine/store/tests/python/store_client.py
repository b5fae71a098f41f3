"""What the official Elasticsearch client needs of the store, done once.

Run as `python store_client.py http://127.0.0.1:PORT`; exit code 0 when all holds. Works with the
clients of version 8 and 9. Uses the index `client-test`, and removes it.
"""

import sys

import elasticsearch
from elasticsearch import Elasticsearch, helpers

INDEX = "client-test"
EVENTS = 2500


def event(number):
    return {
        "@timestamp": f"2026-03-14T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.000Z",
        "event": {"id": f"e-{number}", "kind": "event", "dataset": "auth" if number % 2 else "firewall"},
        "message": f"pam_unix(sshd:auth): authentication failure number {number}",
        "source": {"ip": f"10.0.{number // 250}.{number % 250}", "port": 1024 + number},
    }


def mappings():
    return {
        "properties": {
            "@timestamp": {"type": "date"},
            "event": {"properties": {"id": {"type": "keyword"}, "kind": {"type": "keyword"}, "dataset": {"type": "keyword"}}},
            "message": {"type": "match_only_text"},
            "source": {"properties": {"ip": {"type": "ip"}, "port": {"type": "long"}}},
            "silent_push": {"type": "flattened"},
        }
    }


def check_server(es):
    assert es.ping()
    info = es.info()
    assert info["tagline"] == "You Know, for Search", info
    assert es.cluster.health(wait_for_status="green", timeout="5s")["status"] == "green"


def check_indices(es):
    es.options(ignore_status=404).indices.delete(index=INDEX)
    assert not es.indices.exists(index=INDEX)
    es.indices.put_index_template(name="client-test", index_patterns=["client-t*"], priority=7, template={"mappings": mappings()})
    assert es.indices.exists_index_template(name="client-test")
    assert es.indices.create(index=INDEX)["acknowledged"]
    try:
        es.indices.create(index=INDEX)
        raise AssertionError("an index was made twice")
    except elasticsearch.BadRequestError as error:
        assert error.error == "resource_already_exists_exception", error
    properties = es.indices.get_mapping(index=INDEX)[INDEX]["mappings"]["properties"]
    assert properties["source"]["properties"]["ip"]["type"] == "ip", properties
    assert es.indices.get_settings(index=INDEX)[INDEX]["settings"]["index"]["provided_name"] == INDEX


def check_documents(es):
    assert es.index(index=INDEX, id="one", document=event(1))["result"] == "created"
    assert es.index(index=INDEX, id="one", document=event(2))["result"] == "updated"
    assert es.get(index=INDEX, id="one")["_source"] == event(2)
    assert es.exists(index=INDEX, id="one")
    try:
        es.create(index=INDEX, id="one", document=event(3))
        raise AssertionError("a document was made twice")
    except elasticsearch.ConflictError as error:
        assert error.error == "version_conflict_engine_exception", error
    assert es.update(index=INDEX, id="one", doc={"tags": ["x"]})["result"] == "updated"
    assert es.get_source(index=INDEX, id="one")["tags"] == ["x"]
    generated = es.index(index=INDEX, document=event(4))["_id"]
    assert es.mget(index=INDEX, ids=["one", generated, "none"])["docs"][2]["found"] is False
    assert es.delete(index=INDEX, id="one")["result"] == "deleted"
    assert es.delete(index=INDEX, id=generated, refresh=True)["result"] == "deleted"
    try:
        es.get(index=INDEX, id="one")
        raise AssertionError("a deleted document was found")
    except elasticsearch.NotFoundError:
        pass
    assert es.count(index=INDEX)["count"] == 0


def check_bulk(es):
    actions = [
        {"_op_type": "create", "_index": INDEX, "_id": f"e-{number}", "_source": event(number)} for number in range(EVENTS)
    ]
    stored, errors = helpers.bulk(es, actions, refresh="wait_for")
    assert (stored, errors) == (EVENTS, []), (stored, errors)
    stored, errors = helpers.bulk(es, actions[:10], raise_on_error=False)
    assert stored == 0 and all(error["create"]["status"] == 409 for error in errors), errors
    malformed = [{"_index": INDEX, "_id": "bad", "_source": {"source": {"ip": "nowhere"}}}]
    stored, errors = helpers.bulk(es, malformed, raise_on_error=False)
    assert stored == 0 and errors[0]["index"]["status"] == 400, errors


def check_search(es):
    assert es.count(index=INDEX)["count"] == EVENTS
    queries = [
        ({"match_all": {}}, EVENTS),
        ({"term": {"event.dataset": "auth"}}, EVENTS // 2),
        ({"terms": {"event.id": ["e-1", "e-2", "e-none"]}}, 2),
        ({"match": {"message": {"query": "number 7", "operator": "and"}}}, 1),
        ({"match_phrase": {"message": "authentication failure"}}, EVENTS),
        ({"range": {"source.port": {"gte": 1024, "lt": 1034}}}, 10),
        ({"range": {"@timestamp": {"lt": "2026-03-14T00:01"}}}, 60),
        ({"term": {"source.ip": "10.0.1.0/24"}}, 250),
        ({"prefix": {"event.id": "e-24"}}, 111),
        ({"wildcard": {"event.id": "e-?9"}}, 9),
        ({"exists": {"field": "user.name"}}, 0),
        ({"ids": {"values": ["e-5"]}}, 1),
        ({"bool": {"filter": [{"term": {"event.dataset": "auth"}}], "must_not": [{"range": {"source.port": {"gte": 1034}}}]}}, 5),
        ({"query_string": {"query": "event.dataset:firewall AND source.port:[1024 TO 1033]"}}, 5),
    ]
    for query, expected in queries:
        answer = es.search(index=INDEX, query=query, size=3)
        assert answer["hits"]["total"] == {"value": expected, "relation": "eq"}, (query, answer["hits"]["total"])
        assert len(answer["hits"]["hits"]) == min(3, expected), query
    assert es.search(index=INDEX, q="source.ip:10.0.3.7")["hits"]["hits"][0]["_id"] == "e-757"
    hit = es.search(index=INDEX, query={"ids": {"values": ["e-5"]}}, source_includes=["source.*"])["hits"]["hits"][0]
    assert hit["_source"] == {"source": event(5)["source"]}, hit
    try:
        es.search(index=INDEX, aggs={"a": {"terms": {"field": "event.dataset"}}})
        raise AssertionError("an aggregation was answered")
    except elasticsearch.BadRequestError as error:
        assert "aggs" in str(error) or "aggregations" in str(error), error


def check_scan(es):
    scanned = {hit["_id"] for hit in helpers.scan(es, index=INDEX, size=700)}
    assert scanned == {f"e-{number}" for number in range(EVENTS)}, len(scanned)
    some = list(helpers.scan(es, index=INDEX, query={"query": {"term": {"event.dataset": "auth"}}}, size=100))
    assert len(some) == EVENTS // 2
    ordered = list(helpers.scan(es, index=INDEX, query={"sort": [{"source.port": "desc"}]}, size=999, preserve_order=True))
    assert [hit["sort"][0] for hit in ordered] == [1024 + number for number in reversed(range(EVENTS))]


def check_sort(es):
    seen, after = [], None
    while True:
        more = {"search_after": after} if after else {}
        sort = [{"@timestamp": "asc"}, {"event.id": "desc"}]
        hits = es.search(index=INDEX, size=400, sort=sort, **more)["hits"]["hits"]
        if not hits:
            break
        seen += [hit["_id"] for hit in hits]
        after = hits[-1]["sort"]
    expected = sorted(range(EVENTS), key=lambda number: event(number)["@timestamp"])
    assert seen == [f"e-{number}" for number in expected], len(seen)


def check_cat(es):
    row = next(row for row in es.cat.indices(format="json") if row["index"] == INDEX)
    assert row["docs.count"] == str(EVENTS), row
    assert es.cat.count(index=INDEX, h="count").body.strip() == str(EVENTS)
    assert "green" in es.cat.health().body


def main():
    es = Elasticsearch(sys.argv[1], request_timeout=60)
    for check in (check_server, check_indices, check_documents, check_bulk, check_search, check_scan, check_sort, check_cat):
        check(es)
        print(f"{check.__name__}: holds")
    es.indices.delete(index=INDEX)
    es.indices.delete_index_template(name="client-test")
    print(f"elasticsearch-py {elasticsearch.__versionstr__}: all holds")


if __name__ == "__main__":
    main()
