//! How a team keeps secrets together: one shares, one joins, one leaves.

use crate::support::Place;

#[test]
fn a_colleague_joins_asks_is_let_in_and_leaves_again() {
    let place = Place::new();
    let (ann, bob) = (place.person("ann"), place.person("bob"));
    let url = place.bare("mesh.git");
    ann.small_mesh();
    ann.set_secret("mesh", "edr_edr-1_token", "correct horse battery");
    ann.must("mesh", &["share", &url]);

    // He lists at once, and reads nothing.
    let joined = bob.resilmesh("", &["clone", &url]);
    assert!(joined.err.contains("`resilmesh secret recipients request`"), "{}", joined.err);
    assert!(bob.must("mesh", &["list", "instances"]).contains("edr-1"));
    assert_eq!(bob.must("mesh", &["secret", "list"]), "edr_edr-1_token\n");
    let refused = bob.refused("mesh", &["secret", "get", "edr_edr-1_token"]);
    assert!(refused.contains("none of the keys here opens"), "{refused}");

    let key = bob.must("mesh", &["secret", "recipients", "request"]);
    bob.must("mesh", &["share"]);
    let told = ann.resilmesh("mesh", &["update"]);
    let asks = format!("public key {} for the secrets added", key.trim());
    assert!(told.out.contains(&asks), "{}{}", told.out, told.err);
    assert!(ann.must("mesh", &["secret", "recipients", "list"]).contains("asks for access"));
    ann.must("mesh", &["secret", "recipients", "add", key.trim(), "--yes"]);
    ann.must("mesh", &["share"]);

    bob.must("mesh", &["update"]);
    assert_eq!(bob.must("mesh", &["secret", "get", "edr_edr-1_token"]), "correct horse battery\n");
    let again = bob.resilmesh("", &["clone", &url, "again"]);
    assert!(again.err.contains("a key of yours opens its secrets"), "{}", again.err);

    let known = ann.must("mesh", &["secret", "recipients", "remove", key.trim()]);
    assert_eq!(known, "edr_edr-1_token\n", "it must be changed");
    ann.set_secret("mesh", "edr_edr-1_token", "another horse battery");
    ann.must("mesh", &["share"]);
    bob.must("mesh", &["update"]);
    assert!(bob.refused("mesh", &["secret", "get", "edr_edr-1_token"]).contains("none of the keys here opens"));
    assert_eq!(ann.must("mesh", &["secret", "get", "edr_edr-1_token"]), "another horse battery\n");
}
