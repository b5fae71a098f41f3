//! What names look like, and which known name an unknown one may have meant.

/// The most characters a name may have: as many as a DNS label and a Kubernetes object.
const LONGEST: usize = 63;

/// What stands between the name of an instance and the number of a service of it.
const REPLICA: char = '/';

/// Checks the name of a product: word characters, dots and dashes, as Meshroom has them.
///
/// # Errors
/// What is wrong with it.
pub fn check_product(name: &str) -> Result<(), String> {
    check("product", name)
}

/// Checks the name of a product that is about to be made. Python takes the folder for a package, so
/// that it can have no dash.
///
/// # Errors
/// What is wrong with it.
pub fn check_new_product(name: &str) -> Result<(), String> {
    check_product(name)?;
    if name.contains('-') {
        return Err(format!("product name `{name}` has `-` in it, which Python cannot import"));
    }
    Ok(())
}

/// Checks the name of an instance.
///
/// # Errors
/// What is wrong with it.
pub fn check_instance(name: &str) -> Result<(), String> {
    check("instance", name)
}

/// Checks the name of a zone.
///
/// # Errors
/// What is wrong with it.
pub fn check_zone(name: &str) -> Result<(), String> {
    check("zone", name)
}

/// Checks the topic of a plug. The stem of a plug's file is its topic, and `_pull` at its end says
/// the mode, so no topic may end like that; `any` stands for every topic in file names.
///
/// # Errors
/// What is wrong with it.
pub fn check_topic(name: &str) -> Result<(), String> {
    if stands_for_all(name) {
        return Err(format!("`{name}` stands for every topic, but a plug carries one"));
    }
    if name.ends_with("_pull") {
        return Err(format!("topic `{name}` ends in `_pull`, which says the mode in the name of a plug's file"));
    }
    check("topic", name)
}

/// Whether a topic stands for every topic.
pub fn stands_for_all(topic: &str) -> bool {
    topic == "*" || topic == "any"
}

fn check(what: &str, name: &str) -> Result<(), String> {
    let Some(first) = name.chars().next() else {
        return Err(format!("the name of the {what} is empty"));
    };
    if !(first.is_alphanumeric() || first == '_') {
        return Err(format!("{what} name `{name}` must start with a letter, a digit or `_`"));
    }
    if let Some(odd) = name.chars().find(|c| !(c.is_alphanumeric() || "_.-".contains(*c))) {
        return Err(format!("{what} name `{name}` has `{}` in it", odd.escape_default()));
    }
    if name.chars().count() > LONGEST {
        return Err(format!("{what} name `{name}` has more than {LONGEST} characters"));
    }
    Ok(())
}

/// What to do about a name that [`check_instance`] and the like refuse.
pub const NAME_HINT: &str = "names have letters, digits, `_`, `-` and `.`, and start with a letter, a digit or `_`";

/// A name as a part of component, file and user names: characters outside `[A-Za-z0-9_-]` become `_`.
pub fn id(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' }).collect()
}

/// The name of a service: the first one of an instance is called as the instance, so that it stays who it is
/// when others join it; those are `name/2`, `name/3`. No instance has `/` in its name.
pub fn service(instance: &str, number: u16) -> String {
    if number <= 1 { instance.to_owned() } else { format!("{instance}{REPLICA}{number}") }
}

/// What the names of all services of an instance but the first begin with.
pub fn replicas_of(instance: &str) -> String {
    format!("{instance}{REPLICA}")
}

/// The instance that a service is one of.
pub fn instance_of(service: &str) -> &str {
    service.split_once(REPLICA).map_or(service, |(instance, _)| instance)
}

/// Which one of its instance's a service is, from 1.
pub fn number_of(service: &str) -> u16 {
    service.split_once(REPLICA).and_then(|(_, number)| number.parse().ok()).unwrap_or(1)
}

/// A name as a part of a name in Python: letters and digits of ASCII, and `_`.
pub fn python(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// Whether `name` is `known` with a slip of the finger.
pub fn is_slip(name: &str, known: &str) -> bool {
    slips(&name.to_lowercase(), known).is_some()
}

/// How many slips of the finger `folded` is away from a candidate, if that is not too far.
fn slips(folded: &str, candidate: &str) -> Option<usize> {
    let distance = strsim::damerau_levenshtein(folded, &candidate.to_lowercase());
    let most = candidate.chars().count().max(folded.chars().count()).div_ceil(3);
    (distance <= most).then_some(distance)
}

/// The known name that `name` most likely meant, if one is near.
pub fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = name.to_lowercase();
    known
        .into_iter()
        .filter_map(|candidate| {
            let part = folded.len() >= 3 && (candidate.contains(&folded) || folded.contains(candidate));
            let distance = || strsim::damerau_levenshtein(&folded, &candidate.to_lowercase());
            let near = slips(&folded, candidate).or_else(|| part.then(distance));
            near.map(|distance| (distance, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// A hint for an unknown name: the nearest known one, else what there is, else nothing.
pub fn suggest<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(near) = closest(name, known.clone()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let all = list(known);
    (!all.is_empty()).then(|| format!("there is {all}"))
}

/// A number of things: `1 event`, `2 events`.
pub fn counted<N: std::fmt::Display + PartialEq + From<u8>>(number: N, thing: &str) -> String {
    let ending = if number == N::from(1) { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

/// Names in backticks, sorted, each once; the tenth and further are counted only.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: std::collections::BTreeSet<&str> = names.into_iter().collect();
    let shown: Vec<String> = names.iter().take(9).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(shown.len());
    let shown = shown.join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_the_name() {
        assert_eq!(closest("ecs_event", ["logs", "ecs_events", "enriched_events"]), Some("ecs_events"));
        assert_eq!(closest("Nats", ["nats", "nats_client"]), Some("nats"));
        assert_eq!(closest("client", ["nats", "nats_client"]), Some("nats_client"));
        assert_eq!(closest("zebra", ["nats", "vector"]), None);
    }

    #[test]
    fn names_that_would_break_files_or_subjects_are_refused() {
        for bad in ["", "a b", "../x", ".hidden", "-x", "a/b", "a*", "a>b", &"x".repeat(64)] {
            assert!(check_instance(bad).is_err(), "{bad}");
        }
        for good in ["bus", "a.b", "EDR-1", "_x", "été"] {
            assert_eq!(check_instance(good), Ok(()), "{good}");
        }
        for bad in ["*", "any", "logs_pull"] {
            assert!(check_topic(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn long_lists_are_cut_short() {
        let names: Vec<String> = (0..12).map(|n| format!("n{n:02}")).collect();
        assert!(list(names.iter().map(String::as_str)).ends_with("`n08` and 3 more"));
        assert_eq!(suggest("zebra", []), None);
    }
}
