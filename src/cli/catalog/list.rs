//! `resilmesh catalog list`.

use serde::Serialize;
use serde_json::json;

use crate::cli::Context;
use crate::project::git_catalogue;
use crate::project::load::ProjectFiles;

#[derive(Serialize)]
struct Row<'f> {
    name: &'f str,
    url: &'f str,
    rev: Option<&'f str>,
    commit: &'f str,
    fetched: bool,
    products: Vec<&'f str>,
}

pub(super) fn run(cx: &Context, files: &ProjectFiles) {
    let rows: Vec<Row<'_>> = files
        .lock
        .catalogues
        .iter()
        .map(|(name, locked)| Row {
            name,
            url: &locked.url,
            rev: locked.rev.as_deref(),
            commit: &locked.commit,
            fetched: git_catalogue::files(locked).is_some(),
            products: locked.products.keys().map(String::as_str).collect(),
        })
        .collect();
    if cx.ui.json {
        cx.ui.document(&json!({"schema": 1, "catalogues": rows}));
    } else if rows.is_empty() {
        cx.ui.progress("the project uses no catalogue; `resilmesh catalog add URL` adds one");
    } else {
        let cells = |row: &Row<'_>| {
            let fetched = if row.fetched { "yes" } else { "no" };
            let commit = &row.commit[..row.commit.len().min(10)];
            [row.name, row.url, row.rev.unwrap_or("-"), commit, fetched, &row.products.join(", ")]
                .map(str::to_owned)
                .to_vec()
        };
        let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
        cx.ui.table(&["Name", "URL", "Rev", "Commit", "Fetched", "Products"], &rows);
    }
}
