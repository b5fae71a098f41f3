//! Tables for people.

use serde_json::{Map, Value};

use super::search::query_of;
use super::{Answer, Api, Body, Request};
use crate::error::ApiError;
use crate::search::count as count_matches;

/// A table: names of columns, and rows.
struct Table {
    columns: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl Table {
    fn answer(self, mut request: Request) -> Result<Answer, ApiError> {
        request.params.ignore(&["local", "master_timeout", "expand_wildcards", "include_unloaded_segments"]);
        if let Some(key) = ["health", "pri", "help", "s", "bytes", "time", "ts"]
            .into_iter()
            .find(|key| request.params.take(key).is_some())
        {
            return Err(ApiError::unsupported(format_args!("[{key}] of a table")));
        }
        let header = request.params.flag("v")?.unwrap_or(false);
        let format = request.params.take("format");
        let chosen = match request.params.take("h") {
            None => (0..self.columns.len()).collect(),
            Some(names) => self.choose(&names)?,
        };
        request.done()?;
        match format.as_deref() {
            None | Some("text" | "txt") => Ok(Answer { status: 200, body: Body::Text(self.text(&chosen, header)) }),
            Some("json") => Ok(Answer::ok(&self.json(&chosen))),
            Some(other) => Err(ApiError::unsupported(format_args!("format [{other}] of a table"))),
        }
    }

    fn choose(&self, names: &str) -> Result<Vec<usize>, ApiError> {
        let find = |name: &str| {
            self.columns.iter().position(|column| *column == name).ok_or_else(|| {
                ApiError::illegal(format!("there is no column [{name}]; the columns are {:?}", self.columns))
            })
        };
        names.split(',').map(find).collect()
    }

    fn text(&self, chosen: &[usize], header: bool) -> String {
        let names: Vec<String> = self.columns.iter().map(|name| (*name).to_owned()).collect();
        let rows: Vec<&Vec<String>> = header.then_some(&names).into_iter().chain(&self.rows).collect();
        let widths: Vec<usize> = chosen
            .iter()
            .map(|column| rows.iter().map(|row| row[*column].chars().count()).max().unwrap_or(0))
            .collect();
        let line = |row: &Vec<String>| {
            let cells: Vec<String> =
                chosen.iter().zip(&widths).map(|(column, width)| format!("{:<width$}", row[*column])).collect();
            format!("{}\n", cells.join(" ").trim_end())
        };
        rows.into_iter().map(line).collect()
    }

    fn json(&self, chosen: &[usize]) -> Value {
        let row = |row: &Vec<String>| {
            let cells: Map<String, Value> = chosen
                .iter()
                .map(|column| (self.columns[*column].to_owned(), Value::String(row[*column].clone())))
                .collect();
            Value::Object(cells)
        };
        Value::Array(self.rows.iter().map(row).collect())
    }
}

/// `GET /_cat/indices`.
pub(crate) fn indices(api: &Api, request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    api.store.before_search();
    let rows = api.store.matching(names.first().copied().unwrap_or_default(), false)?.into_iter().map(|index| {
        let searcher = index.searcher();
        let deleted: u32 = searcher.segment_readers().iter().map(|segment| segment.num_deleted_docs()).sum();
        let size = readable(index.bytes());
        vec![
            "green".to_owned(),
            "open".to_owned(),
            index.name.clone(),
            index.uuid.simple().to_string(),
            "1".to_owned(),
            "0".to_owned(),
            searcher.num_docs().to_string(),
            deleted.to_string(),
            size.clone(),
            size,
        ]
    });
    let columns = &[
        "health",
        "status",
        "index",
        "uuid",
        "pri",
        "rep",
        "docs.count",
        "docs.deleted",
        "store.size",
        "pri.store.size",
    ];
    Table { columns, rows: rows.collect() }.answer(request)
}

/// `GET /_cat/health`.
pub(crate) fn health(api: &Api, request: Request, _: &[&str]) -> Result<Answer, ApiError> {
    let now = chrono::Utc::now();
    let shards = api.store.all().len().to_string();
    let row = vec![
        now.timestamp().to_string(),
        now.format("%H:%M:%S").to_string(),
        api.cluster_name.clone(),
        "green".to_owned(),
        "1".to_owned(),
        "1".to_owned(),
        shards.clone(),
        shards,
        "0".to_owned(),
        "0".to_owned(),
        "0".to_owned(),
        "0".to_owned(),
        "-".to_owned(),
        "100.0%".to_owned(),
    ];
    let columns = &[
        "epoch",
        "timestamp",
        "cluster",
        "status",
        "node.total",
        "node.data",
        "shards",
        "pri",
        "relo",
        "init",
        "unassign",
        "pending_tasks",
        "max_task_wait_time",
        "active_shards_percent",
    ];
    Table { columns, rows: vec![row] }.answer(request)
}

/// `GET /_cat/count`.
pub(crate) fn count(api: &Api, request: Request, names: &[&str]) -> Result<Answer, ApiError> {
    api.store.before_search();
    let indices = api.store.matching(names.first().copied().unwrap_or_default(), false)?;
    let now = chrono::Utc::now();
    let query = query_of(&request.json()?)?;
    let count = count_matches(&indices, &query, now.timestamp_millis())?;
    let row = vec![now.timestamp().to_string(), now.format("%H:%M:%S").to_string(), count.to_string()];
    Table { columns: &["epoch", "timestamp", "count"], rows: vec![row] }.answer(request)
}

/// A number of bytes as Elasticsearch prints it.
fn readable(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["b", "kb", "mb", "gb", "tb"];
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes}b") } else { format!("{size:.1}{}", UNITS[unit]) }
}
