//! Every template makes a product that is whole, and products of different ones fit together.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use common::TestProject;
use resilmesh::mesh::matching::meets;
use resilmesh::mesh::model::{Product, Role};
use resilmesh::project::load::load;
use resilmesh::project::scaffold::product;

/// A project with a product of each template, which has the name of the template.
fn one_of_each() -> TestProject {
    let project = TestProject::with(&[("resilmesh.yaml", "version: 1\n")]);
    for name in product::names() {
        project.must(&["create", "product", name, "--from", name]);
    }
    project
}

#[test]
fn every_category_has_a_template() {
    let meshroom = [
        "adversarial_exposure_validation",
        "asca",
        "assistant",
        "caasm",
        "cps",
        "csma",
        "dfir",
        "drp",
        "easm",
        "edr",
        "exposure_assessment",
        "itdr",
        "mdr",
        "monitoring",
        "ndr",
        "pentest",
        "security_service_edge",
        "siem",
        "telemetry",
        "threat_exposure_management",
        "tip",
        "waf",
        "xdr",
    ];
    let platform = [
        "anomaly_detector",
        "broker",
        "collection_agent",
        "cti_feed",
        "dashboard",
        "enrichment",
        "log_source",
        "module",
        "normaliser",
        "retention_store",
        "soar",
    ];
    let all: BTreeSet<&str> = meshroom.into_iter().chain(platform).collect();
    assert_eq!(product::names().into_iter().collect::<BTreeSet<_>>(), all);
}

#[test]
fn every_template_makes_a_product_without_a_mistake() {
    let project = one_of_each();
    let files = load(&project.root()).expect("the project can be opened");
    assert_eq!(files.found, [], "not even a warning");
    for (name, product) in &files.products {
        let about = product.description.as_deref().unwrap_or_default();
        let sentences = about.matches(['.', '?']).count();
        assert!((2..=4).contains(&sentences) && about.len() > 120, "{name}: {about}");
        assert!(!product.tags.is_empty() && !product.settings.is_empty() && !product.capabilities.is_empty(), "{name}");
        assert!(product.settings.iter().all(|own| own.description.is_some()), "{name} says what its settings are");
        assert!(!product.hooks.is_empty(), "{name} has hooks");
    }
}

/// How products of two templates can be plugged, as `source -> destination: topic`.
fn pairs(products: &[&Product]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for source in products {
        for destination in products.iter().filter(|other| other.name != source.name) {
            let gives = source.capabilities.iter().filter(|own| matches!(own.role, Role::Producer | Role::Trigger));
            for give in gives {
                let takes = destination.capabilities.iter().any(|take| {
                    take.role == give.role.counterpart()
                        && take.mode == give.mode
                        && take.topic == give.topic
                        && meets(take.format.as_deref(), give.format.as_deref())
                });
                if takes {
                    let topic = give.topic.as_deref().unwrap_or("*");
                    found.insert(format!("{} -> {}: {topic}", source.name, destination.name));
                }
            }
        }
    }
    found
}

#[test]
fn products_of_different_templates_can_be_plugged() {
    let project = one_of_each();
    let files = load(&project.root()).expect("the project can be opened");
    let products: Vec<&Product> = files.products.values().collect();
    let pairs = pairs(&products);
    insta::assert_snapshot!(pairs.iter().cloned().collect::<Vec<_>>().join("\n"));
    for product in &products {
        let alone = !pairs.iter().any(|pair| pair.split([' ', ':']).any(|word| word == product.name));
        assert!(!alone, "nothing can be plugged to `{}`", product.name);
    }
    for capability in products.iter().flat_map(|own| own.capabilities.iter().map(move |one| (own, one))) {
        let (product, capability) = capability;
        let others = products.iter().filter(|other| other.name != product.name);
        let met = others.flat_map(|other| &other.capabilities).any(|other| {
            other.role == capability.role.counterpart()
                && other.topic == capability.topic
                && other.mode == capability.mode
                && meets(other.format.as_deref(), capability.format.as_deref())
        });
        assert!(met, "nobody is the other end of `{}`'s {capability:?}", product.name);
    }
}

/// What the products' own tests need of the package `resilmesh`: decorators that leave functions as
/// they are.
const PACKAGE: &str = "\
class _Decorators:
    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        def decorator(*args, **kwargs):
            return lambda function: function
        return decorator
import sys
sys.modules['resilmesh.decorators'] = _Decorators()
";

#[test]
fn every_product_passes_its_own_tests() {
    let project = one_of_each();
    project.write("package/resilmesh/__init__.py", PACKAGE);
    project.write("package/resilmesh/model.py", "def get_project_dir():\n    raise RuntimeError('not in a test')\n");
    let python = std::env::var_os("RESILMESH_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    for name in product::names() {
        let tests = Path::new("products").join(name).join("tests");
        let output = Command::new(&python)
            .args(["-m", "unittest", "discover", "-s"])
            .arg(tests)
            .current_dir(project.root())
            .env("PYTHONPATH", project.root().join("package"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output()
            .expect("python3 is installed (`scripts/bootstrap test` installs it)");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("OK"), "{name}:\n{said}");
        assert!(said.contains("Ran "), "{name}:\n{said}");
    }
}
