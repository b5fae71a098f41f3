//! Which URL is answered by what.

use http::Method;
use serde_json::json;

use super::{Answer, Api, Request, bulk, cat, cluster, documents, indices, search};
use crate::error::ApiError;

type Handler = fn(&Api, Request, &[&str]) -> Result<Answer, ApiError>;

/// Methods and what answers them, for the URLs of one form.
type Routes = &'static [(Method, Handler)];

const GET: Method = Method::GET;
const HEAD: Method = Method::HEAD;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const DELETE: Method = Method::DELETE;

/// Answers a request; `segments` are the parts of its path.
pub(crate) fn answer(api: &Api, request: Request, segments: &[String]) -> Answer {
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let Some((routes, names)) = find(&segments) else {
        let reason = format!("no handler found for uri [{}] and method [{}]", request.path, request.method);
        return Answer::json(400, json!({"error": reason, "status": 400}).to_string());
    };
    let Some((_, handler)) = routes.iter().find(|(method, _)| *method == request.method) else {
        let allowed: Vec<&str> = routes.iter().map(|(method, _)| method.as_str()).collect();
        let reason = format!(
            "Incorrect HTTP method for uri [{}] and method [{}], allowed: [{}]",
            request.path,
            request.method,
            allowed.join(", ")
        );
        return Answer::json(405, json!({"error": reason, "status": 405}).to_string());
    };
    handler(api, request, &names).unwrap_or_else(Answer::from)
}

/// The routes of a path, and the names in it: the index first, empty for all.
fn find<'a>(segments: &[&'a str]) -> Option<(Routes, Vec<&'a str>)> {
    Some(match segments {
        [] => (&[(GET, cluster::root), (HEAD, cluster::root)], vec![]),
        ["_cluster", "health"] => (&[(GET, cluster::health)], vec![""]),
        ["_cluster", "health", index] => (&[(GET, cluster::health)], vec![index]),
        ["_cluster", "settings"] => (&[(GET, cluster::settings)], vec![]),
        ["_bulk"] => (&[(POST, bulk::bulk), (PUT, bulk::bulk)], vec![""]),
        ["_mget"] => (&[(GET, documents::get_many), (POST, documents::get_many)], vec![""]),
        ["_search"] => (&[(GET, search::search), (POST, search::search)], vec![""]),
        ["_search", "scroll"] => {
            (&[(GET, search::scroll), (POST, search::scroll), (DELETE, search::close_scrolls)], vec![])
        }
        ["_search", "scroll", id] => {
            (&[(GET, search::scroll), (POST, search::scroll), (DELETE, search::close_scrolls)], vec![id])
        }
        ["_count"] => (&[(GET, search::count), (POST, search::count)], vec![""]),
        ["_refresh"] => (&[(GET, indices::refresh), (POST, indices::refresh)], vec![""]),
        ["_flush"] => (&[(GET, indices::refresh), (POST, indices::refresh)], vec![""]),
        ["_mapping" | "_mappings"] => (&[(GET, indices::mapping)], vec![""]),
        ["_settings"] => (&[(GET, indices::settings)], vec![""]),
        ["_index_template"] => (&[(GET, indices::templates)], vec!["*"]),
        ["_index_template", name] => (
            &[
                (GET, indices::templates),
                (HEAD, indices::template_exists),
                (PUT, indices::put_template),
                (POST, indices::put_template),
                (DELETE, indices::delete_template),
            ],
            vec![name],
        ),
        ["_cat", "indices"] => (&[(GET, cat::indices)], vec![""]),
        ["_cat", "indices", index] => (&[(GET, cat::indices)], vec![index]),
        ["_cat", "health"] => (&[(GET, cat::health)], vec![]),
        ["_cat", "count"] => (&[(GET, cat::count), (POST, cat::count)], vec![""]),
        ["_cat", "count", index] => (&[(GET, cat::count), (POST, cat::count)], vec![index]),
        [index] if *index == "_all" || !index.starts_with('_') => (
            &[(GET, indices::get), (HEAD, indices::exists), (PUT, indices::create), (DELETE, indices::delete)],
            vec![index],
        ),
        [index, rest @ ..] if *index == "_all" || !index.starts_with('_') => return find_of_index(index, rest),
        _ => return None,
    })
}

fn find_of_index<'a>(index: &'a str, rest: &[&'a str]) -> Option<(Routes, Vec<&'a str>)> {
    Some(match rest {
        ["_bulk"] => (&[(POST, bulk::bulk), (PUT, bulk::bulk)], vec![index]),
        ["_mget"] => (&[(GET, documents::get_many), (POST, documents::get_many)], vec![index]),
        ["_search"] => (&[(GET, search::search), (POST, search::search)], vec![index]),
        ["_count"] => (&[(GET, search::count), (POST, search::count)], vec![index]),
        ["_refresh" | "_flush"] => (&[(GET, indices::refresh), (POST, indices::refresh)], vec![index]),
        ["_mapping" | "_mappings"] => {
            (&[(GET, indices::mapping), (PUT, indices::put_mapping), (POST, indices::put_mapping)], vec![index])
        }
        ["_settings"] => (&[(GET, indices::settings)], vec![index]),
        ["_doc"] => (&[(POST, documents::index)], vec![index]),
        ["_doc", id] => (
            &[
                (GET, documents::get),
                (HEAD, documents::exists),
                (PUT, documents::index),
                (POST, documents::index),
                (DELETE, documents::delete),
            ],
            vec![index, id],
        ),
        ["_create", id] => (&[(PUT, documents::create), (POST, documents::create)], vec![index, id]),
        ["_update", id] => (&[(POST, documents::update)], vec![index, id]),
        ["_source", id] => (&[(GET, documents::source), (HEAD, documents::exists)], vec![index, id]),
        _ => return None,
    })
}
