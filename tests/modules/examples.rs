//! The modules that come with the program.

use crate::{expect_each_once, soapa_with};

#[test]
fn events_are_tagged_by_rules_and_by_where_they_come_from() {
    let mesh = soapa_with(&[("zone_tagger", ""), ("sigma_tagger", "")]);
    mesh.expect(&[
        "configure",
        "sigma_tagger",
        "-c",
        "rules=[{title: Marked line, id: marked, tags: [marked], detection: {words: ['*', MARK], condition: words}}]",
    ]);
    mesh.up();
    let lines =
        ["<134>Nov 21 10:00:00 gw01 app[1]: a line with MARK in it", "<134>Nov 21 10:00:00 gw01 app[1]: another"];
    mesh.send_syslog(lines.iter().map(|line| line.as_bytes()));
    mesh.wait_for_count(2);
    expect_each_once(&mesh, 2);
    assert_eq!(crate::tagged(&mesh, "marked"), 1);
}

#[test]
fn a_rule_that_cannot_be_understood_keeps_the_module_from_starting_and_says_why() {
    let mesh = soapa_with(&[("sigma_tagger", "")]);
    mesh.expect(&["configure", "sigma_tagger", "-c", "rules=[{title: Odd, detection: {a: {b: c}, condition: d}}]"]);
    let output = mesh.run(&["up", "--wait-timeout", "5"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("rule `Odd`: there is no selection `d`"), "{said}");
}
