//! Completion knows the hooks of the product that is named.

use crate::common::python::{sensor_and_lake, setup};

#[test]
fn hooks_of_the_product_are_offered() {
    let project =
        sensor_and_lake(&setup("producer"), &format!("{}@pull()\ndef fetch():\n    pass\n", setup("consumer")));
    let offered = |words: &[&str]| {
        let args = [&["--", "resilmesh", "hooks", "run"], words].concat();
        let (code, out, err) = project.output_with(&args, &[("COMPLETE", "fish")]);
        assert_eq!(code, 0, "{err}");
        out.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let of_lake = offered(&["lake", ""]);
    assert!(of_lake.contains(&"fetch".to_owned()) && of_lake.contains(&"set_up_consumer".to_owned()), "{of_lake:?}");
    assert!(!of_lake.contains(&"set_up_producer".to_owned()), "{of_lake:?}");
    assert_eq!(offered(&["sensor", "set"]), ["set_up_producer"]);
}
