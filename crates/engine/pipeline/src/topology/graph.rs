//! Who takes events from whom. Pure: names in, connections or mistakes out.

use std::collections::{BTreeMap, BTreeSet};

use globset::GlobBuilder;

use crate::config::load::Component;
use crate::config::{Config, ConfigError, Section, closest};

/// The outputs of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outputs {
    /// All their names, such as `parse` and `parse.dropped`.
    Known(Vec<String>),
    /// The component has mistakes of its own: any output may be meant.
    Unknown,
}

/// The connections of a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    /// Output -> the components that take from it, each once.
    pub takers: BTreeMap<String, Vec<String>>,
}

/// Connects `components`, whose outputs are `outputs` (in the same order); `broken` are further
/// ones that could not be read. What is only doubtful is added to `warnings`.
///
/// # Errors
/// Every input that no component has, and every cycle.
pub fn connect(
    components: &[Component],
    outputs: &[Outputs],
    broken: &[String],
    warnings: &mut Vec<ConfigError>,
) -> Result<Graph, Vec<ConfigError>> {
    let known: Vec<&str> = outputs
        .iter()
        .flat_map(|outputs| match outputs {
            Outputs::Known(names) => names.iter().map(String::as_str).collect(),
            Outputs::Unknown => Vec::new(),
        })
        .collect();
    let unknown: Vec<&str> = components
        .iter()
        .zip(outputs)
        .filter(|(_, outputs)| **outputs == Outputs::Unknown)
        .map(|(component, _)| component.options.id.as_str())
        .chain(broken.iter().map(String::as_str))
        .collect();
    let mut graph = Graph { takers: known.iter().map(|output| ((*output).to_owned(), Vec::new())).collect() };
    let mut errors = Vec::new();
    for component in components {
        let id = &component.options.id;
        for input in &component.inputs {
            let matching = matching(&input.name, id, &known);
            if matching.is_empty() && !unknown.iter().any(|other| may_be_of(&input.name, other)) {
                errors.push(no_such_input(component, input, &known));
            }
            for output in matching {
                if let Some(takers) = graph.takers.get_mut(output)
                    && !takers.contains(id)
                {
                    takers.push(id.clone());
                }
            }
        }
    }
    errors.extend(cycles(&graph, components));
    if errors.is_empty() {
        warnings.extend(unused(&graph, components));
        Ok(graph)
    } else {
        Err(errors)
    }
}

/// The outputs that `input` names. A wildcard matches outputs of components; it matches named
/// outputs such as `t.dropped` only if it holds a `.` itself, so that `in_*` does not take what
/// `in_x` could not handle. A wildcard never means the component itself.
fn matching<'a>(input: &str, taker: &str, known: &[&'a str]) -> Vec<&'a str> {
    if !input.contains(['*', '?', '[', '{']) {
        return known.iter().copied().filter(|output| *output == input).collect();
    }
    let Ok(glob) = GlobBuilder::new(input).build() else { return Vec::new() };
    let matcher = glob.compile_matcher();
    known
        .iter()
        .copied()
        .filter(|output| matcher.is_match(output))
        .filter(|output| input.contains('.') || !output.contains('.'))
        .filter(|output| component_of(output) != taker)
        .collect()
}

/// Whether `input` may name an output of a component that could not be made.
fn may_be_of(input: &str, id: &str) -> bool {
    component_of(input) == id || !matching(input, "", &[id]).is_empty()
}

fn component_of(output: &str) -> &str {
    output.split_once('.').map_or(output, |(component, _)| component)
}

fn no_such_input(component: &Component, input: &crate::config::load::Input, known: &[&str]) -> ConfigError {
    let error = component
        .options
        .error("inputs", format!("input `{}` matches no source or transform, and no output of one", input.name));
    let error = match input.at {
        Some(at) => error.at(Some(at)),
        None => error,
    };
    match closest(&input.name, known.iter().copied()) {
        Some(close) => error.hint(format!("did you mean `{close}`?")),
        None => error,
    }
}

fn cycles(graph: &Graph, components: &[Component]) -> Vec<ConfigError> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (output, takers) in &graph.takers {
        next.entry(component_of(output)).or_default().extend(takers.iter().map(String::as_str));
    }
    let (mut done, mut errors) = (BTreeSet::new(), Vec::new());
    for component in components {
        let id = component.options.id.as_str();
        let mut path = Vec::new();
        if let Some(cycle) = find_cycle(id, &next, &mut path, &mut done) {
            errors.push(component.options.error("inputs", format!("events would go round for ever: {cycle}")));
        }
    }
    errors
}

fn find_cycle<'a>(
    id: &'a str,
    next: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    path: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<String> {
    if let Some(start) = path.iter().position(|seen| *seen == id) {
        return Some([&path[start..], &[id]].concat().join(" -> "));
    }
    if !done.insert(id) {
        return None;
    }
    path.push(id);
    let found = next.get(id).into_iter().flatten().find_map(|taker| find_cycle(taker, next, path, done));
    path.pop();
    found
}

fn unused(graph: &Graph, components: &[Component]) -> Vec<ConfigError> {
    let mut warnings = Vec::new();
    for (output, takers) in &graph.takers {
        // What no route took is left out on purpose when nobody asks for it.
        if !takers.is_empty() || output.ends_with("._unmatched") {
            continue;
        }
        let id = component_of(output);
        if let Some(component) = components.iter().find(|component| component.options.id == id) {
            warnings.push(component.options.error("", format!("nothing takes the output `{output}`")));
        }
    }
    warnings
}

/// Checks `refused` of `engine.yaml`: sink -> other sink, without going round.
pub fn check_refused(config: &Config) -> Vec<ConfigError> {
    let sinks: Vec<&str> = config
        .components
        .iter()
        .filter(|component| component.options.section == Section::Sink)
        .map(|component| component.options.id.as_str())
        .collect();
    let refused = &config.engine.refused;
    let mut errors = Vec::new();
    let mut mistake = |message: String, hint: Option<&str>| {
        let error = ConfigError::new(&config.engine_file, message);
        errors.push(match hint {
            Some(close) => error.hint(format!("did you mean `{close}`?")),
            None => error,
        });
    };
    for (from, to) in refused {
        for name in [from, to] {
            if !sinks.contains(&name.as_str()) {
                mistake(format!("`refused` names `{name}`, which is no sink"), closest(name, sinks.iter().copied()));
            }
        }
        if from == to || refused.contains_key(to) {
            mistake(
                format!("`refused`: `{to}` takes what `{from}` cannot deliver, so it must not hand on itself"),
                None,
            );
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::load::Input;
    use crate::config::options::Options;

    fn component(section: Section, id: &str, inputs: &[&str]) -> Component {
        Component {
            inputs: inputs.iter().map(|name| Input { name: (*name).to_owned(), at: None }).collect(),
            options: Options::new(Path::new("t.yaml"), section, id, "x", Default::default(), Default::default(), None),
        }
    }

    fn outputs(components: &[Component]) -> Vec<Outputs> {
        let of = |component: &Component| match component.options.section {
            Section::Source => vec![component.options.id.clone()],
            Section::Transform => vec![component.options.id.clone(), format!("{}.dropped", component.options.id)],
            Section::Sink => vec![],
        };
        components.iter().map(|component| Outputs::Known(of(component))).collect()
    }

    fn connected(components: &[Component]) -> Result<(Graph, Vec<String>), Vec<String>> {
        let mut warnings = Vec::new();
        let texts = |errors: &[ConfigError]| errors.iter().map(ToString::to_string).collect::<Vec<_>>();
        match connect(components, &outputs(components), &[], &mut warnings) {
            Ok(graph) => Ok((graph, texts(&warnings))),
            Err(errors) => Err(texts(&errors)),
        }
    }

    #[test]
    fn wildcards_take_components_but_not_their_dropped_events() {
        let components = [
            component(Section::Source, "src", &[]),
            component(Section::Transform, "in_a", &["src"]),
            component(Section::Transform, "in_b", &["src"]),
            component(Section::Transform, "next", &["in_*"]),
            component(Section::Sink, "out", &["next"]),
            component(Section::Sink, "rejected", &["*.dropped"]),
        ];
        let (graph, warnings) = connected(&components).unwrap();
        assert_eq!(graph.takers["in_a"], ["next"]);
        assert_eq!(graph.takers["in_a.dropped"], ["rejected"]);
        assert_eq!(graph.takers["src"], ["in_a", "in_b"]);
        assert!(warnings.is_empty(), "{warnings:?}");
    }

    #[test]
    fn an_unknown_input_is_named_with_the_closest() {
        let components =
            [component(Section::Source, "source", &[]), component(Section::Sink, "out", &["sourse", "x_*"])];
        let errors = connected(&components).unwrap_err();
        assert_eq!(errors.len(), 2);
        assert!(errors[0].contains("input `sourse`") && errors[0].contains("did you mean `source`?"), "{errors:?}");
        assert!(errors[1].contains("input `x_*`"), "{errors:?}");
    }

    #[test]
    fn a_cycle_is_told_once_with_its_way() {
        let components = [
            component(Section::Source, "src", &[]),
            component(Section::Transform, "t", &["src", "u"]),
            component(Section::Transform, "u", &["t"]),
            component(Section::Sink, "out", &["t"]),
        ];
        let errors = connected(&components).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].contains("t -> u -> t"), "{errors:?}");
    }

    #[test]
    fn a_broken_transform_makes_no_further_errors() {
        let components = [
            component(Section::Source, "src", &[]),
            component(Section::Transform, "t", &["src"]),
            component(Section::Sink, "out", &["t.anything", "t*"]),
        ];
        let outputs = [Outputs::Known(vec!["src".into()]), Outputs::Unknown, Outputs::Known(vec![])];
        assert!(connect(&components, &outputs, &[], &mut Vec::new()).is_ok());
        let known = [Outputs::Known(vec!["src".into()]), Outputs::Known(vec![])];
        let [source, _, sink] = components;
        assert!(connect(&[source, sink], &known, &["t".to_owned()], &mut Vec::new()).is_ok());
    }

    #[test]
    fn what_nobody_takes_is_a_warning() {
        let components = [
            component(Section::Source, "src", &[]),
            component(Section::Source, "spare", &[]),
            component(Section::Sink, "out", &["src"]),
        ];
        let (_, warnings) = connected(&components).unwrap();
        assert!(warnings.len() == 1 && warnings[0].contains("`spare`"), "{warnings:?}");
    }
}
