//! From a configuration to components that are ready to run, or to all its mistakes.

use std::collections::BTreeMap;

use resilmesh_service::Stats;
use resilmesh_service::stats::Kind;

use super::graph::{self, Graph, Outputs};
use crate::config::{Config, ConfigError, Options, Section, closest};
use crate::sink::{self, Sink};
use crate::source::{self, Source};
use crate::transform::{self, Transform};

/// All components of a pipeline by id, and how they are connected.
pub struct Parts {
    /// Where events enter.
    pub sources: BTreeMap<String, Box<dyn Source>>,
    /// What happens to them.
    pub transforms: BTreeMap<String, Box<dyn Transform>>,
    /// Where they leave.
    pub sinks: BTreeMap<String, Box<dyn Sink>>,
    /// Who takes from whom.
    pub graph: Graph,
    /// What is doubtful, but no reason not to start.
    pub warnings: Vec<ConfigError>,
}

/// What a component of a configuration became.
enum Part {
    Source(Box<dyn Source>),
    Transform(Box<dyn Transform>),
    Sink(Box<dyn Sink>),
}

/// What makes the components at the two ends of a pipeline.
pub(crate) struct Makers {
    pub(crate) source: Maker<dyn Source>,
    pub(crate) sink: Maker<dyn Sink>,
}

type Maker<T> = Box<dyn Fn(&Options) -> Option<Result<Box<T>, Vec<ConfigError>>>>;

/// Makes all components and connects them; touches nothing of the machine but files with programs.
///
/// # Errors
/// Every mistake that can be told from the others.
pub fn build(config: &Config, stats: &Stats) -> Result<Parts, Vec<ConfigError>> {
    let makers = Makers { source: Box::new(source::build), sink: Box::new(sink::build) };
    build_with(config, stats, &makers)
}

/// As [`build`], with other sources and sinks.
pub(crate) fn build_with(config: &Config, stats: &Stats, makers: &Makers) -> Result<Parts, Vec<ConfigError>> {
    let (mut errors, mut warnings, mut outputs) = (Vec::new(), Vec::new(), Vec::new());
    let (mut sources, mut transforms, mut sinks) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut resources: BTreeMap<String, &Options> = BTreeMap::new();
    for component in &config.components {
        let options = &component.options;
        let id = options.id.clone();
        match make(config, options, stats, makers, &mut warnings) {
            Err(mistakes) => {
                errors.extend(mistakes);
                outputs.push(match options.section {
                    Section::Source => Outputs::Known(vec![id]),
                    Section::Transform => Outputs::Unknown,
                    Section::Sink => Outputs::Known(Vec::new()),
                });
            }
            Ok(Part::Source(source)) => {
                for resource in source.resources() {
                    if let Some(other) = resources.insert(resource.clone(), options) {
                        errors.push(options.error("", format!("{resource} is already taken by source `{}`", other.id)));
                    }
                }
                outputs.push(Outputs::Known(vec![id.clone()]));
                sources.insert(id, source);
            }
            Ok(Part::Transform(transform)) => {
                let main = transform.has_main_output().then(|| id.clone());
                let ports = transform.ports().into_iter().map(|port| format!("{id}.{port}"));
                outputs.push(Outputs::Known(main.into_iter().chain(ports).collect()));
                transforms.insert(id, transform);
            }
            Ok(Part::Sink(sink)) => {
                outputs.push(Outputs::Known(Vec::new()));
                sinks.insert(id, sink);
            }
        }
    }
    errors.extend(graph::check_refused(config));
    match graph::connect(&config.components, &outputs, &config.broken, &mut warnings) {
        Ok(graph) if errors.is_empty() => Ok(Parts { sources, transforms, sinks, graph, warnings }),
        Ok(_) => Err(errors),
        Err(mistakes) => {
            errors.extend(mistakes);
            Err(errors)
        }
    }
}

fn make(
    config: &Config,
    options: &Options,
    stats: &Stats,
    makers: &Makers,
    warnings: &mut Vec<ConfigError>,
) -> Result<Part, Vec<ConfigError>> {
    let (made, kinds): (_, Vec<&str>) = match options.section {
        Section::Source => {
            let kinds = source::KINDS.iter().map(|(kind, _)| *kind).collect();
            ((makers.source)(options).map(|made| made.map(Part::Source)), kinds)
        }
        Section::Transform => {
            let mut cx = transform::Build {
                timezone: config.globals.timezone,
                counters: stats.component(&options.id, Kind::Transform),
                warnings,
            };
            let kinds = transform::KINDS.iter().map(|(kind, _)| *kind).collect();
            (transform::build(options, &mut cx).map(|made| made.map(Part::Transform)), kinds)
        }
        Section::Sink => ((makers.sink)(options).map(|made| made.map(Part::Sink)), sink::KINDS.to_vec()),
    };
    made.unwrap_or_else(|| Err(vec![unknown_kind(options, &kinds)]))
}

fn unknown_kind(options: &Options, kinds: &[&str]) -> ConfigError {
    let Options { kind, section, .. } = options;
    let error = options.error("type", format!("this engine has no {section} of type `{kind}`"));
    match closest(kind, kinds.iter().copied()) {
        Some(close) => error.hint(format!("did you mean `{close}`?")),
        None => error.hint(format!("it has {}", kinds.join(", "))),
    }
}
