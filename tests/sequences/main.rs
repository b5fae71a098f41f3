//! Whatever happens on the way, the next `up` reaches what is declared, and `down` leaves nothing: with
//! the real program, its supervisor, services, hooks, and a machine on which all of this leaves traces.
//!
//! What `tests/plan_converges.rs` shows on a thousand meshes in memory, this shows on twenty real ones.
//! Each is brought up once without a hitch. Then it is come to by a detour: other meshes are brought up
//! before it, and the process of each such `up` is killed at a random step.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod meshes;
mod place;
mod seen;

use meshes::{CHEAP, FLOW, Family, Mesh};
use place::Place;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// How many meshes are come to by detours, in all.
const CASES: u64 = 20;
/// So many of them carry events: a broker, a pipeline, a store.
const FLOWS: u64 = 4;

/// What a case came across: a test in which nothing is ever killed would show nothing.
#[derive(Default)]
struct Met {
    /// An `up` was killed with steps left to do.
    ups: usize,
    /// A `down` was.
    downs: usize,
    /// Services that ran in the end.
    services: usize,
    /// What hooks had set up in the end.
    tenants: usize,
}

/// One mesh, without a hitch and by a detour.
fn case(family: &'static Family, seed: u64) -> Met {
    let mut random = StdRng::seed_from_u64(seed);
    let mut met = Met::default();
    let mut detour: Vec<Mesh> = vec![Mesh::any(family, &mut random)];
    for _ in 0..random.random_range(1..3) {
        let next = detour[detour.len() - 1].edited(&mut random);
        detour.push(next);
    }
    let last = detour.pop().expect("there are several");
    let told = format!("seed {seed}: {detour:#?}, then {last:#?}");

    let place = Place::new();
    last.write(&place);
    let nothing = seen::left_by_a_mesh(&place);
    place.must(&["up", "--no-verify"]);
    let reference = seen::of(&place);
    place.must(&["down", "--volumes", "--yes"]);
    seen::assert_down(&place, &nothing, &told);

    for mesh in &detour {
        mesh.write(&place);
        met.ups += usize::from(place.killed(&["up", "--json", "--no-verify"], &mut random));
    }
    last.write(&place);
    place.must(&["up", "--no-verify"]);
    let seen = seen::of(&place);
    let differ = reference.difference(&seen);
    assert!(differ.is_empty(), "{told}\nis not as without a hitch:\n{}\n{}", differ.join("\n"), place.logs());
    assert_eq!(place.run(&["plan", "--detailed-exitcode"]).0, 0, "{told}: a second `up` has something to do");
    assert_eq!(place.run(&["drift"]).0, 0, "{told}: something is not as declared");
    (met.services, met.tenants) = seen.counts();

    if random.random_bool(0.5) {
        met.downs += usize::from(place.killed(&["down", "--json"], &mut random));
    }
    place.must(&["down"]);
    seen::assert_down(&place, &nothing, &told);
    met
}

/// Several, one after the other.
fn cases(family: &'static Family, seeds: std::ops::Range<u64>) {
    let met: Vec<Met> = seeds.clone().map(|seed| case(family, seed)).collect();
    let all = |count: fn(&Met) -> usize| met.iter().map(count).sum::<usize>();
    let told = format!("of {seeds:?}: {} ups killed, {} downs", all(|met| met.ups), all(|met| met.downs));
    assert!(all(|met| met.ups) >= met.len() && all(|met| met.downs) > 0, "{told}");
    assert!(all(|met| met.services) > 0 && all(|met| met.tenants) > 0, "{told}");
}

// Two halves: they run at the same time.

#[test]
fn a_mesh_is_the_same_by_every_way() {
    cases(&CHEAP, 0..(CASES - FLOWS) / 2);
}

#[test]
fn another_mesh_is_the_same_by_every_way() {
    cases(&CHEAP, (CASES - FLOWS) / 2..CASES - FLOWS);
}

#[test]
fn a_mesh_that_carries_events_is_the_same_by_every_way() {
    cases(&FLOW, CASES - FLOWS..CASES);
}
