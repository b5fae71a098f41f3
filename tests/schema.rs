//! The schemas that editors read say the same as the program: what they refuse, it finds wrong too.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::path::{Path, PathBuf};

use common::TestProject;
use jsonschema::Validator;
use resilmesh::mesh::compile::compile;
use resilmesh::project::load::{ProjectFiles, load};
use resilmesh::project::position::Diagnostic;
use resilmesh::project::scaffold::product;
use resilmesh::project::schema::kinds::Kind;
use resilmesh::project::schema::{Record, Shape, json};
use resilmesh::project::yaml;
use serde_json::{Value, json};

fn validator(schema: &Value) -> Validator {
    assert!(jsonschema::draft7::meta::is_valid(schema), "{schema:#}");
    jsonschema::draft7::new(schema).expect("a schema of draft 7")
}

fn mistakes(validator: &Validator, document: &Value) -> Vec<String> {
    validator.iter_errors(document).map(|wrong| format!("{}: {wrong}", wrong.instance_path())).collect()
}

fn document(text: &str) -> Value {
    yaml::parse(text, Path::new("x.yaml")).expect("YAML").to_json()
}

fn source() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below a folder of the source tree, relative to it.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(
                files_below(&path).into_iter().map(|below| Path::new(path.file_name().expect("name")).join(below)),
            );
        } else {
            found.push(path.file_name().expect("name").into());
        }
    }
    found.sort();
    found
}

/// The kind of the document at a path of a project.
fn kind(path: &Path) -> Option<Kind> {
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    match parts[..] {
        ["resilmesh.yaml"] => Some(Kind::Project),
        ["resilmesh.lock"] => Some(Kind::Lock),
        ["products", _, "definition.yaml"] => Some(Kind::Definition),
        ["profiles", file] if file.ends_with(".yaml") => Some(Kind::Profile),
        ["tests", file] | ["products", _, "tests", file] if file.ends_with(".yaml") => Some(Kind::Tests),
        ["products", _, "integrations", _, file] if file.ends_with(".yml") || file.ends_with(".yaml") => {
            Some(Kind::Integration)
        }
        ["instances", _, _, "config.yaml"] => Some(Kind::Instance),
        ["instances", _, _, "plugs", _, file] if file.ends_with(".yaml") => Some(Kind::Plug),
        ["profiles", file] if file.ends_with(".yaml") => Some(Kind::Profile),
        ["tests", file] | ["products", _, "tests", file] if file.ends_with(".yaml") => Some(Kind::Tests),
        _ => None,
    }
}

/// The documents of the projects in a folder: what they say, with what the schema says of it.
fn checked(project: &Path) -> Vec<(PathBuf, Vec<String>)> {
    let mut found = Vec::new();
    for path in files_below(project) {
        let Some(kind) = kind(&path) else { continue };
        // Some projects hold links that lead nowhere, or files that are no text.
        let Ok(text) = std::fs::read_to_string(project.join(&path)) else { continue };
        if let Ok(node) = yaml::parse(&text, &path) {
            found.push((path, mistakes(&validator(&json::of(kind)), &node.to_json())));
        }
    }
    found
}

#[test]
fn every_document_of_ours_fits_its_schema() {
    let examples = std::fs::read_dir(source().join("examples")).expect("examples");
    let mut projects: Vec<PathBuf> = examples.map(|entry| entry.expect("readable").path()).collect();
    let catalogue = TestProject::with(&[("resilmesh.yaml", "version: 1\n")]);
    std::os::unix::fs::symlink(source().join("products"), catalogue.root().join("products")).expect("a link");
    projects.push(catalogue.root());
    let mut count = 0;
    for project in projects {
        for (path, found) in checked(&project) {
            assert_eq!(found, Vec::<String>::new(), "{}", project.join(path).display());
            count += 1;
        }
    }
    assert!(count > 25, "{count} documents");
    let definitions = validator(&json::of(Kind::Definition));
    for name in product::names() {
        for language in product::languages(name) {
            let files = product::files(name, "mine", language).expect("a good template").expect("a template");
            let found = mistakes(&definitions, &document(&files["definition.yaml"]));
            assert_eq!(found, Vec::<String>::new(), "{name} in {}", language.word());
        }
    }
}

/// What the program finds wrong with a project.
fn found_in(files: &ProjectFiles) -> Vec<Diagnostic> {
    compile(files).map_or_else(|found| found, |(_, warnings)| warnings)
}

#[test]
fn what_a_schema_refuses_is_found_wrong_by_the_program() {
    let mut refused = String::new();
    for entry in files_below(&source().join("tests/invalid"))
        .iter()
        .filter_map(|path| path.iter().next())
        .collect::<std::collections::BTreeSet<_>>()
    {
        let project = source().join("tests/invalid").join(entry);
        let files = load(&project).expect("a project");
        for (path, found) in checked(&project) {
            let Some(first) = found.first() else { continue };
            refused.push_str(&format!("{}/{}: {first}\n", entry.display(), path.display()));
            let known = found_in(&files).iter().any(|found| found.at.as_ref().is_some_and(|at| at.file == path));
            assert!(known, "{}/{}: {found:?}", entry.display(), path.display());
        }
    }
    insta::assert_snapshot!(refused);
}

/// Values of a shape, each other than the others; `within` are the records that it lies in.
fn samples(shape: &'static Shape, within: &[&str]) -> Vec<Value> {
    match shape {
        Shape::Text => vec![json!("x")],
        Shape::Flag => vec![json!(true)],
        Shape::Whole(from, _) => vec![json!(from)],
        Shape::Texts => vec![json!("x"), json!(["x", "y"])],
        Shape::Word(words) => words.iter().map(|word| json!(word)).collect(),
        Shape::Map(of) => samples(of, within).into_iter().map(|value| json!({"some": value})).collect(),
        Shape::List(of) => samples(of, within).into_iter().map(|value| json!([value])).collect(),
        Shape::Record(record) => documents(record, within),
        Shape::Either(shapes) => shapes.iter().flat_map(|shape| samples(shape, within)).collect(),
        Shape::Any => vec![json!("x")],
    }
}

/// Documents of a record: one with what must be there, and one for each value that a key may have.
fn documents(record: &'static Record, within: &[&str]) -> Vec<Value> {
    let inside = [within, &[record.name]].concat();
    let required = record.fields().filter(|field| field.required);
    let least: serde_json::Map<String, Value> = required
        .map(|field| (field.key.to_owned(), samples(&field.shape, &inside).into_iter().next().expect("a value")))
        .collect();
    let mut found = vec![Value::Object(least.clone())];
    // Settings may hold settings.
    if within.contains(&record.name) {
        return found;
    }
    for field in record.fields() {
        for value in samples(&field.shape, &inside) {
            let mut document = least.clone();
            document.insert(field.key.to_owned(), value);
            found.push(Value::Object(document));
        }
    }
    found
}

fn place(kind: Kind) -> &'static str {
    match kind {
        Kind::Project => "resilmesh.yaml",
        Kind::Lock => "resilmesh.lock",
        Kind::Definition => "products/box/definition.yaml",
        Kind::Integration => "products/box/integrations/x/x_consumer.yml",
        Kind::Instance => "instances/box/x/config.yaml",
        Kind::Plug => "instances/box/x/plugs/x/x.yaml",
        Kind::Profile => "profiles/x.yaml",
        Kind::Tests => "tests/x.yaml",
    }
}

#[test]
fn every_key_and_value_of_the_tables_is_read_and_fits_the_schema() {
    for kind in Kind::ALL {
        let project = TestProject::with(&[]);
        let validator = validator(&json::of(kind));
        for document in documents(kind.record(), &[]) {
            assert_eq!(mistakes(&validator, &document), Vec::<String>::new(), "{}: {document}", kind.word());
            project.write(place(kind), document.to_string());
            let files: ProjectFiles = load(&project.root()).expect("a project");
            let lost = ["has no key", "lacks the key", "must be a map", "must be a list", "must be a text"];
            // What a default or a choice is, its setting says; here only what can be read counts.
            let of_setting = ["the default does not fit", "a choice of setting"];
            let is_read = |message: &str| !of_setting.iter().any(|start| message.starts_with(start));
            let lost = files
                .found
                .iter()
                .find(|found| is_read(&found.message) && lost.iter().any(|words| found.message.contains(words)));
            assert!(lost.is_none(), "{}: {document}: {lost:?}", kind.word());
        }
    }
}

#[test]
fn what_is_no_document_of_its_kind_does_not_fit() {
    for (kind, text) in [
        (Kind::Project, "name: soc\n"),
        (Kind::Project, "version: 2\n"),
        (Kind::Project, "version: 1\nrun: x\n"),
        (Kind::Definition, "tags: {a: b}\n"),
        (Kind::Definition, "consumes: [logs]\n"),
        (Kind::Definition, "consumes: {logs: [{mode: shove}]}\n"),
        (Kind::Definition, "settings: [{type: string}]\n"),
        (Kind::Definition, "settings: [{name: a, type: strin}]\n"),
        (Kind::Definition, "settings: [{name: a, type: object, properties: [{name: b, secret: maybe}]}]\n"),
        (Kind::Definition, "service: {ready: {port: x}}\n"),
        (Kind::Definition, "service: {ready: {port: x}, embedded: {program: x}, ports: {x: 70000}}\n"),
        (Kind::Integration, "renders: [{template: x}]\n"),
        (Kind::Integration, "owns_both: 1\n"),
        (Kind::Instance, "settngs: {}\n"),
        (Kind::Instance, "settings: [a]\n"),
        (Kind::Plug, "mode: shove\n"),
        (Kind::Plug, "kind: executor\n"),
        (Kind::Lock, "version: 1\ncatalogues: {a: {url: x}}\n"),
    ] {
        assert_ne!(mistakes(&validator(&json::of(kind)), &document(text)), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn the_settings_of_a_product_are_in_the_schema_of_its_instances() {
    let project = TestProject::with(&[
        ("resilmesh.yaml", "version: 1\n"),
        (
            "products/edr/definition.yaml",
            "settings:\n- {name: region, default: eu, choices: [eu, us], description: Where}\n- {name: key, secret: true}\n- {name: zones, type: array, items: string}\n- {name: proxy, type: object, properties: [{name: host, required: true}, {name: port, type: integer}]}\n",
        ),
    ]);
    let printed = project.prints(&["schema", "instance", "--product", "edr"]);
    let schema: Value = serde_json::from_str(&printed).expect("JSON");
    let region = &schema["properties"]["settings"]["properties"]["region"];
    assert_eq!(region["description"], "Where");
    assert_eq!(region["default"], "eu");
    let validator = validator(&schema);
    let fits = |settings: &str| mistakes(&validator, &document(&format!("settings: {settings}\n"))).is_empty();
    assert!(fits("{region: us, zones: [a], proxy: {host: x, port: 1, more: 2}}"));
    assert!(fits("{region: }"), "an empty key counts as missing");
    for wrong in [
        "{region: asia}",
        "{key: x}",
        "{zones: [1]}",
        "{proxy: {port: 1}}",
        "{proxy: {host: x, port: y}}",
        "{regoin: eu}",
    ] {
        assert!(!fits(wrong), "{wrong}");
    }
    let found = project.fails(&["schema", "instance", "--product", "edrr"]);
    assert!(found.contains("did you mean `edr`?"), "{found}");
}

#[test]
fn kinds_are_listed_and_printed() {
    let project = TestProject::empty_folder();
    insta::assert_snapshot!(project.run(&["schema"]));
    for kind in Kind::ALL {
        let printed: Value = serde_json::from_str(&project.prints(&["schema", kind.word()])).expect("JSON");
        assert_eq!(printed, json::of(kind));
    }
    let listed: Value = serde_json::from_str(&project.prints(&["schema", "--json"])).expect("JSON");
    assert_eq!(listed["kinds"][3]["kind"], "instance");
    insta::assert_snapshot!(project.run(&["schema", "plug", "--product", "vector"]), @"
    -- stderr
    error: `--product` is for `instance`, not for `plug`
    -- exit 2
    ");
    let (code, _, err) = project.output(&["schema", "plan"]);
    assert_eq!(code, 2);
    assert!(
        err.contains("[possible values: project, definition, integration, instance, plug, profile, tests, lock]"),
        "{err}"
    );
}

/// The schema that the first line of a document names.
fn named(project: &TestProject, path: &str) -> PathBuf {
    let text = project.read(path);
    let line = text.lines().next().expect("a line");
    let name = line.strip_prefix("# yaml-language-server: $schema=").unwrap_or_else(|| panic!("{path}: {line}"));
    project.root().join(path).parent().expect("a folder").join(name)
}

fn documents_fit_what_they_name(project: &TestProject) -> usize {
    let paths: Vec<String> = project
        .files()
        .into_keys()
        .filter(|path| kind(Path::new(path)).is_some_and(|kind| kind != Kind::Lock))
        .collect();
    for path in &paths {
        let schema = std::fs::read_to_string(named(project, path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let schema: Value = serde_json::from_str(&schema).expect("JSON");
        assert_eq!(mistakes(&validator(&schema), &document(&project.read(path))), Vec::<String>::new(), "{path}");
    }
    paths.len()
}

#[test]
fn new_documents_name_their_schema_which_is_there() {
    let project = TestProject::new();
    for command in common::SOAPA {
        project.must(command);
    }
    project.must(&["create", "product", "edr", "--from", "edr"]);
    project.must(&["create", "product", "bare"]);
    project.must(&["create", "integration", "edr", "bare", "events", "producer"]);
    project.must(&["add", "bare"]);
    assert_eq!(documents_fit_what_they_name(&project), 19);
    // Changing one keeps the line.
    project.must(&["configure", "collector", "-c", "max_line_bytes=2048"]);
    assert!(named(&project, "instances/vector/collector/config.yaml").exists());
    let example = TestProject::example("soapa");
    assert_eq!(documents_fit_what_they_name(&example), 16);
}

#[test]
fn schemas_are_written_anew_for_whoever_lacks_them() {
    let project = TestProject::example("soapa");
    let schemas = project.root().join(".resilmesh/schema");
    std::fs::remove_dir_all(&schemas).expect("there");
    assert_eq!(project.says(&["schema", "--write"]), "wrote 14 schemas to `.resilmesh/schema`\n");
    assert_eq!(documents_fit_what_they_name(&project), 16);
    // `init` in a clone that git made.
    std::fs::remove_dir_all(&schemas).expect("there");
    project.must(&["init", "--no-key"]);
    assert_eq!(documents_fit_what_they_name(&project), 16);
}

#[test]
fn documents_of_a_project_of_meshroom_stay_as_meshroom_writes_them() {
    let project = TestProject::with(&[(
        "products/edr/definition.yaml",
        "name: edr\nproduces: {logs: [{owns_both: true}]}\nconsumes: {logs: [{}]}\n",
    )]);
    project.must(&["add", "edr", "a"]);
    project.must(&["add", "edr", "b"]);
    project.must(&["plug", "logs", "a", "b"]);
    project.must(&["create", "product", "siem"]);
    for (path, text) in project.files() {
        assert!(!String::from_utf8_lossy(&text).contains("yaml-language-server"), "{path}");
    }
    assert!(!project.has(".resilmesh/schema"));
}
