//! What delivery a mesh promises, as tables and as JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cli::Context;
use crate::mesh::guarantees::{Delivery, Edge, Way, edges, ways};
use crate::mesh::model::Mesh;
use crate::project::names;

/// Prints the promise of each plug, then that of each way with its weakest hop.
pub(super) fn show(cx: &Context, mesh: &Mesh) {
    let edges = edges(mesh);
    let rows: Vec<Vec<String>> = edges
        .iter()
        .map(|edge| vec![edge.plug.id.to_string(), edge.delivery.words().to_owned(), edge.because.clone()])
        .collect();
    cx.ui.table(&["Plug", "Delivery", "Because"], &rows);
    cx.ui.line("");
    let rows: Vec<Vec<String>> = ways(mesh, &edges)
        .iter()
        .map(|way| {
            let weakest = &edges[way.weakest];
            let weakest = format!("{} ({})", weakest.plug.id, weakest.delivery.words());
            vec![way.source.clone(), way.end.clone(), whole(way), weakest]
        })
        .collect();
    cx.ui.table(&["From", "To", "Delivery", "Weakest hop"], &rows);
}

/// What a way promises, in words.
fn whole(way: &Way) -> String {
    let words = way.delivery.words();
    if way.delivery == Delivery::ExactlyOnce { format!("{words} in `{}`", way.end) } else { words.to_owned() }
}

/// Says in one line how many ways promise what.
pub(super) fn note(cx: &Context, mesh: &Mesh) {
    let mut counts: BTreeMap<Delivery, usize> = BTreeMap::new();
    for way in ways(mesh, &edges(mesh)) {
        *counts.entry(way.delivery).or_default() += 1;
    }
    if counts.is_empty() {
        return;
    }
    let counts: Vec<String> = counts
        .iter()
        .rev()
        .map(|(delivery, count)| format!("{} on {}", delivery.words(), names::counted(*count, "way")))
        .collect();
    cx.ui.progress(format!(
        "delivery from end to end: {} (`resilmesh check --guarantees` tells more)",
        counts.join(", ")
    ));
}

/// The same as JSON.
pub(super) fn document(mesh: &Mesh) -> Value {
    let edges = edges(mesh);
    let plug = |edge: &Edge<'_>| json!({"plug": edge.plug.id, "delivery": edge.delivery, "because": edge.because});
    let way = |way: &Way| {
        json!({
            "source": way.source, "end": way.end, "delivery": way.delivery,
            "hops": way.hops.iter().map(|hop| &edges[*hop].plug.id).collect::<Vec<_>>(),
            "weakest": plug(&edges[way.weakest]),
        })
    };
    let ways: Vec<Value> = ways(mesh, &edges).iter().map(way).collect();
    json!({"plugs": edges.iter().map(plug).collect::<Vec<_>>(), "ways": ways})
}
