//! Why two instances cannot be connected: which side lacks what, and what there is.

use std::collections::BTreeSet;

use super::matching::{self, Request};
use super::model::{Capability, Integration, Mode, Product, Role};
use crate::project::names;

/// A plug that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The key of the plug that it is about.
    pub about: &'static str,
    /// What is missing, on which side.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Says why nothing matches: the first that is true of a side without the topic, modes that differ,
/// formats that differ, and nobody who would set the ends up.
pub(super) fn explain(request: &Request<'_>) -> Mismatch {
    let (source, destination) = (request.source, request.destination);
    let offers = |product: &Product, target: &str, sending: bool| -> Vec<Capability> {
        let roles =
            matching::roles(request.trigger).iter().map(|role| if sending { *role } else { role.counterpart() });
        roles.flat_map(|role| all(product, target, role, request.topic)).collect()
    };
    let gives = offers(source.1, &destination.1.name, true);
    let takes = offers(destination.1, &source.1.name, false);
    let trigger = request.trigger.unwrap_or_else(|| {
        let known = if gives.is_empty() { &takes } else { &gives };
        !known.is_empty() && known.iter().all(|own| matches!(own.role, Role::Trigger | Role::Executor))
    });
    for (found, (instance, product), role, other) in [
        (&gives, source, if trigger { Role::Trigger } else { Role::Producer }, destination.1),
        (&takes, destination, if trigger { Role::Executor } else { Role::Consumer }, source.1),
    ] {
        if found.is_empty() {
            return no_topic(request.topic, instance, product, role, other);
        }
    }
    let of_one_kind = |give: &&Capability| takes.iter().any(|take| take.role == give.role.counterpart());
    if !gives.iter().any(|give| of_one_kind(&give)) {
        return Mismatch {
            about: "topic",
            message: format!(
                "`{}` {} `{}`, but `{}` {} it",
                source.0,
                gives[0].role.verb(),
                request.topic,
                destination.0,
                takes[0].role.verb()
            ),
            hint: Some("who produces goes with who consumes, and who triggers with who executes".to_owned()),
        };
    }
    by_mode(request, &gives, &takes)
        .or_else(|| by_format(request, &gives, &takes))
        .unwrap_or_else(|| not_owned(request, &gives, &takes))
}

fn all(product: &Product, target: &str, role: Role, topic: &str) -> Vec<Capability> {
    let mut found: Vec<Capability> =
        matching::general(product, role, topic).into_iter().map(|(capability, _)| capability).collect();
    let explicit = product
        .integrations
        .iter()
        .filter(|own| own.target == target && own.role == role && own.topic.as_deref().is_none_or(|own| own == topic));
    found.extend(explicit.map(|own| Capability {
        topic: Some(topic.to_owned()),
        role,
        mode: own.mode,
        format: own.format.clone(),
        owns_both: own.owns_both.unwrap_or(false),
        renders: Vec::new(),
        ports: std::collections::BTreeMap::new(),
    }));
    found
}

fn no_topic(topic: &str, instance: &str, product: &Product, role: Role, other: &Product) -> Mismatch {
    let own = product.capabilities.iter().filter(|own| own.role == role).filter_map(|own| own.topic.as_deref());
    let explicit = product.integrations.iter().filter(|own| own.role == role && own.target == other.name);
    let topics: BTreeSet<&str> = own.chain(explicit.filter_map(|own| own.topic.as_deref())).collect();
    let message = format!(
        "`{instance}` cannot be the {} of `{topic}`: product `{}` does not have that topic",
        role.word(),
        product.name
    );
    let hint = match names::closest(topic, topics.iter().copied()) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None if topics.is_empty() => Some(format!("`{}` {} nothing", product.name, role.verb())),
        None => Some(format!("`{}` {} {}", product.name, role.verb(), names::list(topics.iter().copied()))),
    };
    Mismatch { about: "topic", message, hint }
}

fn modes(capabilities: &[Capability]) -> BTreeSet<Mode> {
    capabilities.iter().map(|own| own.mode).collect()
}

fn mode_words(modes: &BTreeSet<Mode>) -> String {
    modes.iter().map(|mode| mode.word()).collect::<Vec<_>>().join(" and ")
}

fn by_mode(request: &Request<'_>, gives: &[Capability], takes: &[Capability]) -> Option<Mismatch> {
    let (give, take) = (modes(gives), modes(takes));
    let common: BTreeSet<Mode> = give.intersection(&take).copied().collect();
    let message = match request.mode {
        Some(mode) if !common.contains(&mode) => {
            let lacking: Vec<String> = [(request.source.0, &give), (request.destination.0, &take)]
                .into_iter()
                .filter(|(_, modes)| !modes.contains(&mode))
                .map(|(name, modes)| format!("`{name}` does it by {} only", mode_words(modes)))
                .collect();
            format!("`{}` cannot go by {}: {}", request.topic, mode.word(), lacking.join(", "))
        }
        None if common.is_empty() => format!(
            "modes of `{}` differ: `{}` gives by {}, `{}` takes by {}",
            request.topic,
            request.source.0,
            mode_words(&give),
            request.destination.0,
            mode_words(&take)
        ),
        _ => return None,
    };
    let hint = common.first().map(|mode| format!("both can do it by {}", mode.word()));
    Some(Mismatch { about: "mode", message, hint })
}

fn by_format(request: &Request<'_>, gives: &[Capability], takes: &[Capability]) -> Option<Mismatch> {
    let in_mode = |own: &&Capability| request.mode.is_none_or(|mode| mode == own.mode);
    let formats = |all: &[Capability]| -> Vec<Option<String>> {
        all.iter().filter(in_mode).map(|own| own.format.clone()).collect()
    };
    let (give, take) = (formats(gives), formats(takes));
    let asked = |own: &Option<String>| matching::meets(request.format, own.as_deref());
    let agree = give
        .iter()
        .filter(|own| asked(own))
        .any(|one| take.iter().filter(|own| asked(own)).any(|other| matching::meets(one.as_deref(), other.as_deref())));
    if agree {
        return None;
    }
    let words = |all: &[Option<String>]| {
        let known: Vec<&str> = all.iter().flatten().map(String::as_str).collect();
        if known.is_empty() { "any format".to_owned() } else { names::list(known) }
    };
    let asked = request.format.map(|format| format!(" as `{format}`")).unwrap_or_default();
    Some(Mismatch {
        about: "format",
        message: format!(
            "formats differ: `{}` cannot go{asked}, since `{}` gives {} and `{}` takes {}",
            request.topic,
            request.source.0,
            words(&give),
            request.destination.0,
            words(&take)
        ),
        hint: Some("put something between them that takes the one and gives the other".to_owned()),
    })
}

fn not_owned(request: &Request<'_>, gives: &[Capability], takes: &[Capability]) -> Mismatch {
    let (source, destination) = (request.source, request.destination);
    if let Some(owner) = request.owner {
        return Mismatch {
            about: "owner",
            message: format!("`{owner}` is to set up both ends of the plug, but cannot"),
            hint: Some(format!(
                "`owner` must be `{}` or `{}`, with an integration that owns both ends",
                source.0, destination.0
            )),
        };
    }
    Mismatch {
        about: "topic",
        message: format!(
            "nobody sets up the ends of `{}` between `{}` and `{}`: neither both products set up their own, nor one of them both",
            request.topic, source.0, destination.0
        ),
        hint: Some(how_to_own(request, gives, takes)),
    }
}

/// What lets an end be set up: a hook in the integration that is there, else an integration. It is the
/// source's, unless only the destination's lacks nothing but the hook.
fn how_to_own(request: &Request<'_>, gives: &[Capability], takes: &[Capability]) -> String {
    let (source, destination) = (request.source.1, request.destination.1);
    let in_mode = |own: &&Capability| request.mode.is_none_or(|mode| mode == own.mode);
    let meet = |give: &&Capability| {
        takes.iter().filter(in_mode).any(|take| take.role == give.role.counterpart() && take.mode == give.mode)
    };
    let (role, mode) =
        gives.iter().filter(in_mode).find(meet).map_or((Role::Producer, Mode::Push), |give| (give.role, give.mode));
    let pull = if mode == Mode::Pull { " --mode pull" } else { "" };
    let ends = [(source, destination, role), (destination, source, role.counterpart())];
    let written = ends.into_iter().find_map(|(product, target, role)| {
        let is_it = |own: &&Integration| {
            let of_topic = own.topic.as_deref().is_none_or(|topic| topic == request.topic);
            own.target == target.name && own.role == role && own.mode == mode && of_topic
        };
        Some((product, target, product.integrations.iter().find(is_it)?))
    });
    match written {
        Some((product, target, own)) => format!(
            "`resilmesh create hook {} setup {} {} --target {}{pull}` begins a setup hook in the integration that is there; `renders` does as well",
            product.name,
            own.topic.as_deref().unwrap_or("'*'"),
            own.role.word(),
            target.name,
        ),
        None => format!(
            "`resilmesh create integration {} {} {} {}{pull}` begins one, with setup hooks or `renders`",
            source.name,
            destination.name,
            request.topic,
            role.word(),
        ),
    }
}
