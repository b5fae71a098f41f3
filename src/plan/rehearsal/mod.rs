//! Runs test cases: what would the mesh, or a part of it, make of these events? The rendered
//! configuration is run by the engine itself, in processes that listen on nothing and connect to
//! nothing. No code of products runs but the programs of their pipelines, and modules.
//!
//! | module | what it holds |
//! |---|---|
//! | [`verdict`] | what came out against what was expected; pure |
//! | [`update`] | what came out, written into the file |
//! | `stage` | the rendered mesh: which way messages go |
//! | `module` | modules by themselves |
//! | `engine` | a process that answers for one service |

mod engine;
mod module;
mod stage;
pub mod update;
pub mod verdict;

use std::collections::BTreeMap;
use std::path::Path;

use resilmesh_service::rehearsal::{Answer, Lost, Request};
use serde_json::{Value as Json, json};

use self::engine::Engine;
use self::stage::Stage;
use super::paths::{self, StateFolder};
use super::trouble::Trouble;
use crate::hooks::packages;
use crate::mesh::model::{Mesh, Product};
use crate::project::decode::Located;
use crate::project::names;
use crate::project::position::{Diagnostic, Position};
use crate::project::test_file::{Case, End, Given, Place, TestFile};

/// When lines that are given to a transform came in.
const INGESTED: &str = "2026-01-05T16:30:00Z";

/// What came out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// The events, in order.
    pub events: Vec<Json>,
    /// What was rejected.
    pub rejected: Vec<Rejected>,
    /// What got lost on the way, and where.
    pub lost: Vec<Lost>,
}

/// Something that was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Why.
    pub reason: String,
}

impl Rejected {
    /// Of a message to a topic of rejected ones.
    fn of(payload: &str) -> Self {
        Self::event(&serde_json::from_str(payload).unwrap_or_default())
    }

    fn event(event: &Json) -> Self {
        let said = ["/metadata/dropped/message", "/event/reason", "/error/message"];
        let reason = said.iter().find_map(|path| event.pointer(path)?.as_str());
        Self { reason: reason.unwrap_or("no reason is given").to_owned() }
    }
}

/// What test cases are run against.
#[derive(Debug)]
pub struct Rehearsal<'a> {
    folder: tempfile::TempDir,
    stage: Option<Stage<'a>>,
    products: &'a BTreeMap<String, Product>,
    programs: BTreeMap<(String, String), Engine>,
    conditions: Option<Engine>,
}

impl<'a> Rehearsal<'a> {
    /// Sets the stage, in a folder of its own that goes with it: without a mesh, for tests of products only.
    ///
    /// # Errors
    /// What is wrong with the mesh.
    pub fn new(mesh: Option<&'a Mesh>, products: &'a BTreeMap<String, Product>) -> Result<Self, Trouble> {
        let folder = tempfile::Builder::new()
            .prefix("resilmesh-test-")
            .tempdir()
            .map_err(|error| Trouble::io(&std::env::temp_dir(), &error))?;
        let stage = mesh.map(|mesh| Stage::set(mesh, folder.path())).transpose()?;
        Ok(Self { folder, stage, products, programs: BTreeMap::new(), conditions: None })
    }

    /// Lets modules find their virtual environments, which lie in this folder.
    ///
    /// # Errors
    /// When that cannot be made so.
    pub fn with_environments(self, environments: &Path) -> Result<Self, Trouble> {
        let state = StateFolder::of(self.folder.path());
        let made = paths::make_folder(state.root())
            .and_then(|()| std::os::unix::fs::symlink(environments, state.root().join(packages::FOLDER)));
        made.map_err(|error| Trouble::io(state.root(), &error))?;
        Ok(self)
    }

    /// Everything in a file that names what is not there, or is no condition.
    ///
    /// # Errors
    /// When that cannot be told.
    pub async fn check(&mut self, file: &TestFile, mesh: Option<&Mesh>) -> Result<Vec<Diagnostic>, Trouble> {
        let mut found = Vec::new();
        for case in &file.cases {
            if let Err(wrong) = self.check_place(file, case, mesh).await {
                found.push(wrong);
            }
            for condition in case.expect.iter().flatten().flat_map(|expected| &expected.conditions) {
                let request = Request::Condition { source: condition.value.clone(), event: json!({}) };
                if let Answer::Invalid { message, line, column } = self.ask_condition(&request).await? {
                    let at = Position::new(&file.path, condition.at);
                    let message = format!("no condition: {message} (at {line}:{column} in it)");
                    found.push(Diagnostic::error(at, message));
                }
            }
        }
        Ok(found)
    }

    async fn check_place(&mut self, file: &TestFile, case: &Case, mesh: Option<&Mesh>) -> Result<(), Diagnostic> {
        let at = |mark| Position::new(&file.path, mark);
        match &case.place {
            Place::Route { from, to, at: said } => {
                for end in [from, to] {
                    known_instance(mesh, &end.instance)
                        .map_err(|(wrong, hint)| Diagnostic::error(at(*said), wrong).with_hint_if(hint))?;
                }
                let obstacle = self.stage.as_ref().and_then(|stage| stage.obstacle(from, to));
                obstacle.map_or(Ok(()), |why| Err(Diagnostic::error(at(*said), why)))
            }
            Place::Transform { instance, transform } => {
                known_instance(mesh, &instance.value)
                    .map_err(|(wrong, hint)| Diagnostic::error(at(instance.at), wrong).with_hint_if(hint))?;
                let Some(stage) = &mut self.stage else { return Ok(()) };
                let engine = stage.engine(&instance.value).await;
                let engine = engine.map_err(|why| Diagnostic::error(at(instance.at), why))?;
                let known = engine.parts.iter().filter(|part| part.section == "transform");
                let known: Vec<&str> = known.map(|part| part.id.as_str()).collect();
                unless_known(&known, transform, |wrong, hint| {
                    let message = format!("`{}` has no transform `{wrong}`", instance.value);
                    Diagnostic::error(at(transform.at), message).with_hint_if(hint)
                })
            }
            Place::Program(program) => {
                let product = self.product(file).map_err(|why| Diagnostic::error(at(program.at), why))?;
                let programs = product.templates.keys().map(String::as_str).filter(|path| path.ends_with(".vrl"));
                let own = module::hook(product, &program.value).map(|_| program.value.as_str());
                let known: Vec<&str> = programs.chain(own).collect();
                unless_known(&known, program, |wrong, hint| {
                    let message = format!("product `{}` has no program `{wrong}` below `templates`", product.name);
                    Diagnostic::error(at(program.at), message).with_hint_if(hint)
                })?;
                let started = self.program(file, &program.value).await;
                started.map(drop).map_err(|why| Diagnostic::error(at(program.at), why))
            }
        }
    }

    fn product(&self, file: &TestFile) -> Result<&'a Product, String> {
        let crate::project::test_file::Owner::Product(name) = &file.owner else {
            return Err("the file is no product's".to_owned());
        };
        self.products.get(name).ok_or_else(|| format!("there is no product `{name}`"))
    }

    /// Runs a case.
    ///
    /// # Errors
    /// Why it cannot be run.
    pub async fn run(&mut self, file: &TestFile, case: &Case) -> Result<Outcome, String> {
        match &case.place {
            Place::Route { from, to, .. } => self.route(from, to, &case.given).await,
            Place::Transform { instance, transform } => {
                let stage = self.stage.as_mut().ok_or_else(|| "there is no mesh".to_owned())?;
                let made = stage.transform(&instance.value, &transform.value, events(&case.given)).await?;
                Ok(outcome(made))
            }
            Place::Program(program) if module::hook(self.product(file)?, &program.value).is_some() => {
                module::run(self.program(file, &program.value).await?, &case.given).await
            }
            Place::Program(program) => {
                let request = Request::Transform { id: PROGRAM.to_owned(), events: events(&case.given) };
                match self.program(file, &program.value).await?.ask(&request).await? {
                    Answer::Made(made) => Ok(outcome(made)),
                    other => Err(format!("the engine answered {other:?}")),
                }
            }
        }
    }

    async fn route(&mut self, from: &End, to: &End, given: &[Given]) -> Result<Outcome, String> {
        let payload = |given: &Given| match given {
            Given::Line(line) => line.clone(),
            Given::Event(event) => event.to_string(),
        };
        let stage = self.stage.as_mut().ok_or_else(|| "there is no mesh".to_owned())?;
        stage.route(from, to, given.iter().map(payload).collect()).await
    }

    /// Why a condition does not hold for an event; none = it holds.
    ///
    /// # Errors
    /// When that cannot be told.
    pub async fn broken(&mut self, condition: &str, event: &Json) -> Result<Option<String>, Trouble> {
        let request = Request::Condition { source: condition.to_owned(), event: event.clone() };
        Ok(match self.ask_condition(&request).await? {
            Answer::Holds => None,
            Answer::Broken(why) | Answer::Invalid { message: why, .. } => Some(why),
            other => Some(format!("the engine answered {other:?}")),
        })
    }

    async fn ask_condition(&mut self, request: &Request) -> Result<Answer, Trouble> {
        if self.conditions.is_none() {
            let args = ["engine", "conditions"].map(str::to_owned);
            self.conditions = Some(Engine::start(&args, self.folder.path()).await.map_err(Trouble::new)?);
        }
        match &mut self.conditions {
            Some(engine) => engine.ask(request).await.map_err(Trouble::new),
            None => Err(Trouble::new("the engine cannot be started")),
        }
    }

    /// The engine that runs one program of a product.
    async fn program(&mut self, file: &TestFile, program: &str) -> Result<&mut Engine, String> {
        let product = self.product(file)?;
        let key = (product.name.clone(), program.to_owned());
        if !self.programs.contains_key(&key) {
            let engine = match module::hook(product, program) {
                Some(_) => module::start(StateFolder::of(self.folder.path()).root(), product).await?,
                None => start_program(self.folder.path(), product, program).await?,
            };
            self.programs.insert(key.clone(), engine);
        }
        self.programs.get_mut(&key).ok_or_else(|| "the program has no engine".to_owned())
    }
}

/// The transform that a program of a product is run as.
const PROGRAM: &str = "program";

async fn start_program(folder: &Path, product: &Product, program: &str) -> Result<Engine, String> {
    let source = product.templates.get(program).ok_or_else(|| format!("there is no program `{program}`"))?;
    if source.contains("{{") || source.contains("{%") {
        return Err(format!("`{program}` depends on an instance: test it in a mesh, with `instance` and `transform`"));
    }
    let folder = folder.join("products").join(names::id(&product.name)).join(names::id(program));
    let (file, path) = (folder.join("templates").join(program), folder.join("vector.yaml"));
    let config = json!({
        "sources": {"given": {"type": "stdin"}},
        "transforms": {PROGRAM: {
            "type": "remap", "inputs": ["given"], "drop_on_error": true, "reroute_dropped": true, "file": file,
        }},
        "sinks": {"made": {"type": "blackhole", "inputs": [PROGRAM]}},
    });
    paths::write_file(&file, source.as_bytes())
        .and_then(|()| paths::write_file(&path, config.to_string().as_bytes()))
        .map_err(|error| format!("`{program}` cannot be written for the engine: {error}"))?;
    let args = ["engine", "pipeline", "--config", &path.display().to_string(), "--rehearse"].map(str::to_owned);
    let own = product.at.file.parent().unwrap_or(Path::new("")).display().to_string();
    Engine::start(&args, &folder).await.map_err(|wrong| {
        let wrong = wrong.replace(&folder.display().to_string(), &own);
        format!("the program does not compile: {}", wrong.replace(&format!("transform `{PROGRAM}`: "), ""))
    })
}

/// What was given to a transform: a line is an event as one that has just come in.
fn events(given: &[Given]) -> Vec<Json> {
    let event = |(given, number): (&Given, usize)| match given {
        Given::Event(event) => event.clone(),
        Given::Line(line) => json!({
            "message": line,
            "event": {"id": format!("test-{number}"), "original": line, "ingested": INGESTED},
        }),
    };
    given.iter().zip(1..).map(event).collect()
}

/// What a transform made: what left by an output of dropped events was rejected.
fn outcome(made: Vec<resilmesh_service::rehearsal::Made>) -> Outcome {
    let mut outcome = Outcome::default();
    for made in made {
        if made.output.ends_with(".dropped") {
            outcome.rejected.push(Rejected::event(&made.event));
        } else {
            outcome.events.push(made.event);
        }
    }
    outcome
}

type Unknown = (String, Option<String>);

fn known_instance(mesh: Option<&Mesh>, name: &str) -> Result<(), Unknown> {
    let Some(mesh) = mesh.filter(|mesh| !mesh.instances.contains_key(name)) else { return Ok(()) };
    Err((format!("there is no instance `{name}`"), names::suggest(name, mesh.instances.keys().map(String::as_str))))
}

fn unless_known(
    known: &[&str],
    said: &Located<String>,
    wrong: impl FnOnce(&str, Option<String>) -> Diagnostic,
) -> Result<(), Diagnostic> {
    if known.contains(&said.value.as_str()) {
        return Ok(());
    }
    Err(wrong(&said.value, names::suggest(&said.value, known.iter().copied())))
}
