//! Many operations in one request.

use std::time::Instant;

use serde_json::{Value, json};

use super::{Answer, Api, Request};
use crate::error::ApiError;
use crate::index::write::{Action, Condition, Done, Effected, Operation, Outcome};
use crate::json::quoted;

/// `POST /_bulk` and `POST /{index}/_bulk`.
pub(crate) fn bulk(api: &Api, mut request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    let started = Instant::now();
    let refresh = refresh_param(&mut request)?;
    request.params.ignore(&["timeout", "wait_for_active_shards", "routing", "require_data_stream"]);
    refuse_pipeline(&mut request)?;
    for key in ["require_alias", "list_executed_pipelines", "_source"] {
        if let Some(value) = request.params.take(key)
            && value != "false"
        {
            return Err(ApiError::unsupported(format_args!("[{key}] in a bulk request")));
        }
    }
    request.done()?;
    let lines = parse(&request.body, names.first().copied().unwrap_or_default())?;
    let operations: Vec<Operation<'_>> =
        lines.iter().filter_map(|line| line.operation.as_ref().ok()).cloned().collect();
    let mut outcomes = api.store.write(&operations)?.into_iter();
    if refresh {
        api.store.refresh()?;
    }
    let mut items = String::with_capacity(lines.len() * 160);
    let mut errors = false;
    for (number, line) in lines.into_iter().enumerate() {
        let outcome = match line.operation {
            Ok(_) => outcomes
                .next()
                .unwrap_or_else(|| Outcome { id: line.id.clone(), result: Err(ApiError::internal("no outcome")) }),
            Err(error) => Outcome { id: line.id.clone(), result: Err(error) },
        };
        errors |= outcome.result.is_err();
        if number > 0 {
            items.push(',');
        }
        items.push_str(&format!(r#"{{"{}":{}}}"#, line.name, item(&line.index, &outcome)));
    }
    let took = started.elapsed().as_millis();
    Ok(Answer::json(200, format!(r#"{{"took":{took},"errors":{errors},"items":[{items}]}}"#)))
}

/// Takes `refresh`: whether operations must be searchable before the answer.
pub(crate) fn refresh_param(request: &mut Request) -> Result<bool, ApiError> {
    match request.params.take("refresh").as_deref() {
        None | Some("false") => Ok(false),
        Some("" | "true" | "wait_for") => Ok(true),
        Some(other) => Err(ApiError::illegal(format!("Unknown value for refresh: [{other}]."))),
    }
}

/// Takes `pipeline`, which only may be the one that does nothing.
pub(crate) fn refuse_pipeline(request: &mut Request) -> Result<(), ApiError> {
    match request.params.take("pipeline").as_deref() {
        None | Some("_none") => Ok(()),
        Some(pipeline) => Err(ApiError::unsupported(format_args!("ingest pipeline [{pipeline}]"))),
    }
}

/// The answer to one operation.
pub(crate) fn item(index: &str, outcome: &Outcome) -> String {
    let (index, id) = (quoted(index), quoted(&outcome.id));
    match &outcome.result {
        Ok(done) => format!(
            r#"{{"_index":{index},"_id":{id},"_version":{},"result":"{}","_shards":{{"total":1,"successful":1,"failed":0}},"_seq_no":{},"_primary_term":1,"status":{}}}"#,
            done.version,
            result_name(done),
            done.seq,
            status(done)
        ),
        Err(error) => format!(r#"{{"_index":{index},"_id":{id},"status":{},"error":{}}}"#, error.status, error.cause()),
    }
}

pub(crate) fn result_name(done: &Done) -> &'static str {
    match done.effected {
        Effected::Created => "created",
        Effected::Updated => "updated",
        Effected::Deleted => "deleted",
        Effected::NotFound => "not_found",
        Effected::Noop => "noop",
    }
}

pub(crate) fn status(done: &Done) -> u16 {
    match done.effected {
        Effected::Created => 201,
        Effected::NotFound => 404,
        Effected::Updated | Effected::Deleted | Effected::Noop => 200,
    }
}

/// One operation of the body, with what its item in the answer says.
struct Line<'a> {
    name: &'static str,
    index: String,
    id: String,
    operation: Result<Operation<'a>, ApiError>,
}

struct Meta {
    name: &'static str,
    index: Option<String>,
    id: Option<String>,
    condition: Result<Condition, ApiError>,
}

/// Reads the lines of a body. Nothing is done if a line cannot be understood.
fn parse<'a>(body: &'a [u8], default_index: &'a str) -> Result<Vec<Line<'a>>, ApiError> {
    if body.is_empty() {
        return Err(ApiError::parsing("request body is required"));
    }
    if body.last() != Some(&b'\n') {
        return Err(ApiError::illegal("The bulk request must be terminated by a newline [\\n]"));
    }
    let mut lines = Vec::new();
    let mut rest = body.split(|byte| *byte == b'\n').enumerate();
    while let Some((number, line)) = rest.next() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let meta = meta(line, number + 1)?;
        let source = if meta.name == "delete" {
            &[][..]
        } else {
            // The last piece of the split is what follows the final line end.
            rest.next()
                .map(|(_, source)| source.strip_suffix(b"\r").unwrap_or(source))
                .filter(|source| !source.is_empty())
                .ok_or_else(|| {
                    ApiError::illegal(format!("line [{}] needs a document on the line behind it", number + 1))
                })?
        };
        lines.push(line_of(meta, source, default_index));
    }
    if lines.is_empty() {
        return Err(ApiError::new(
            400,
            "action_request_validation_exception",
            "Validation Failed: 1: no requests added;",
        ));
    }
    Ok(lines)
}

fn line_of<'a>(meta: Meta, source: &'a [u8], default_index: &'a str) -> Line<'a> {
    let index = meta.index.unwrap_or_else(|| default_index.to_owned());
    let name = meta.name;
    let missing = |what: &str| {
        ApiError::new(400, "action_request_validation_exception", format!("Validation Failed: 1: {what} is missing;"))
    };
    let operation = meta.condition.and_then(|condition| {
        let action = match name {
            "index" => Action::Index(source),
            "create" => Action::Create(source),
            "update" => Action::Update(source),
            _ => Action::Delete,
        };
        if index.is_empty() {
            return Err(missing("index"));
        }
        if meta.id.is_none() && matches!(name, "update" | "delete") {
            return Err(missing("id"));
        }
        if name == "create" && condition != Condition::None {
            return Err(ApiError::illegal("create operations do not support versioning. use index instead"));
        }
        Ok(Operation { index: index.clone(), id: meta.id.clone(), action, condition })
    });
    Line { name, index, id: meta.id.unwrap_or_default(), operation }
}

fn meta(line: &[u8], number: usize) -> Result<Meta, ApiError> {
    let malformed = |why: &str| ApiError::illegal(format!("Malformed action/metadata line [{number}], {why}"));
    let value: Value = serde_json::from_slice(line).map_err(|error| malformed(&format!("it is not JSON: {error}")))?;
    let object = value.as_object().ok_or_else(|| malformed("expected an object"))?;
    let mut entries = object.iter();
    let (Some((name, options)), None) = (entries.next(), entries.next()) else {
        return Err(malformed("expected exactly one of index, create, update, delete"));
    };
    let name = ["index", "create", "update", "delete"]
        .into_iter()
        .find(|known| known == name)
        .ok_or_else(|| malformed(&format!("expected one of index, create, update, delete but found [{name}]")))?;
    let options = options.as_object().ok_or_else(|| malformed("expected an object behind the action"))?;
    let mut meta = Meta { name, index: None, id: None, condition: Ok(Condition::None) };
    let (mut version, mut version_type, mut seq, mut term) = (None, "internal".to_owned(), None, None);
    for (key, value) in options {
        let text = || value.as_str().map(str::to_owned).or_else(|| value.is_number().then(|| value.to_string()));
        let whole = || {
            value
                .as_u64()
                .or_else(|| value.as_str()?.parse().ok())
                .ok_or_else(|| malformed(&format!("[{key}] must be a number")))
        };
        match key.as_str() {
            "_index" => meta.index = text(),
            "_id" if value.is_null() => {}
            "_id" => meta.id = text(),
            "version" | "_version" => version = Some(whole()?),
            "version_type" | "_version_type" => version_type = text().unwrap_or_default(),
            "if_seq_no" => seq = Some(whole()?),
            "if_primary_term" => term = Some(whole()?),
            // One shard, one node: where a document goes is no question.
            "routing" | "_routing" | "retry_on_conflict" => {}
            "require_alias" | "require_data_stream" if value == false => {}
            "dynamic_templates" if value.as_object().is_some_and(serde_json::Map::is_empty) => {}
            other => {
                return Err(malformed(&format!(
                    "parameter [{other}] is unknown or not supported by resilmesh engine store"
                )));
            }
        }
    }
    meta.condition = condition(version, &version_type, seq, term);
    Ok(meta)
}

/// What must hold, as parameters say it.
pub(crate) fn condition(
    version: Option<u64>,
    version_type: &str,
    seq: Option<u64>,
    term: Option<u64>,
) -> Result<Condition, ApiError> {
    match (version, version_type, seq, term) {
        (None, _, None, None) => Ok(Condition::None),
        (None, _, Some(seq), Some(1)) => Ok(Condition::Seq(seq)),
        (None, _, Some(_), Some(term)) => Err(ApiError::new(
            409,
            "version_conflict_engine_exception",
            format!("version conflict, required primary term [{term}], the store has [1]"),
        )),
        (Some(version), "external" | "external_gt", None, None) => Ok(Condition::External(version)),
        (Some(version), "external_gte", None, None) => Ok(Condition::ExternalOrEqual(version)),
        (Some(_), "internal", None, None) => Err(ApiError::new(
            400,
            "action_request_validation_exception",
            "Validation Failed: 1: internal versioning can not be used for optimistic concurrency control. Please use `if_seq_no` and `if_primary_term` instead;",
        )),
        _ => Err(ApiError::illegal(format!(
            "cannot use this combination of version [{version:?}], version_type [{version_type}], if_seq_no [{seq:?}], if_primary_term [{term:?}]"
        ))),
    }
}

/// The answer to a request with one operation.
pub(crate) fn single(api: &Api, operation: Operation<'_>, refresh: bool) -> Result<Answer, ApiError> {
    let index = operation.index.clone();
    let outcome = api.store.write(&[operation])?.pop().ok_or_else(|| ApiError::internal("no outcome"))?;
    if refresh {
        api.store.refresh()?;
    }
    let done = match &outcome.result {
        Ok(done) => *done,
        Err(error) => return Err(ApiError { index: Some(index), ..error.clone() }),
    };
    let body = json!({
        "_index": index,
        "_id": outcome.id,
        "_version": done.version,
        "result": result_name(&done),
        "_shards": {"total": 1, "successful": 1, "failed": 0},
        "_seq_no": done.seq,
        "_primary_term": 1,
    });
    Ok(Answer::json(status(&done), body.to_string()))
}
