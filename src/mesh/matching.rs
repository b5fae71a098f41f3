//! Which capabilities of two products a plug connects, and who sets its ends up.
//!
//! Each product offers sides for a topic: its explicit integrations with the other product, then
//! what its definition says in general, then what its setup hooks serve. Two sides match when their
//! roles are complementary, their modes equal, and their formats equal or one is open. Of the pairs
//! that match, the best is taken, always the same: one that somebody sets up, push before pull,
//! producer and consumer before trigger and executor, both ends setting themselves up before one
//! setting up both, explicit before general, the most specific format and topic.

use super::hooks::{self, Part};
use super::mismatch::{self, Mismatch};
use super::model::{Capability, HookKind, Integration, Mode, Product, Role};

/// What is to be connected.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The mode; none = the best one.
    pub mode: Option<Mode>,
    /// The format; none = the most specific one.
    pub format: Option<&'a str>,
    /// Trigger to executor (true) or producer to consumer (false); none = either.
    pub trigger: Option<bool>,
    /// The instance that is to set both ends up.
    pub owner: Option<&'a str>,
    /// The instance that gives, with its product.
    pub source: (&'a str, &'a Product),
    /// The instance that takes, with its product.
    pub destination: (&'a str, &'a Product),
}

/// How one product can play its part.
#[derive(Debug, Clone)]
pub struct Side<'a> {
    /// The capability, with the topic of the plug.
    pub capability: Capability,
    /// The integration file it comes from, if any.
    pub explicit: Option<&'a Integration>,
    /// It says the topic by name.
    specific: bool,
    owns_self: bool,
    owns_both: bool,
}

/// Who sets the ends up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ownership {
    /// Each its own.
    Each,
    /// The source both.
    Source,
    /// The destination both.
    Destination,
}

/// How a plug is made.
#[derive(Debug, Clone)]
pub struct Choice<'a> {
    /// Which end is active.
    pub mode: Mode,
    /// The format agreed on.
    pub format: Option<String>,
    /// Who sets the ends up.
    pub ownership: Ownership,
    /// How the source plays its part.
    pub source: Side<'a>,
    /// How the destination plays its part.
    pub destination: Side<'a>,
}

/// Finds how to connect what is asked for.
///
/// # Errors
/// Which side lacks what, and what there is.
pub fn resolve<'a>(request: &Request<'a>) -> Result<Choice<'a>, Mismatch> {
    let mut pairs = Vec::new();
    for source_role in roles(request.trigger) {
        let (source, destination) = (request.source.1, request.destination.1);
        let gives = sides(source, destination, *source_role, request);
        let takes = sides(destination, source, source_role.counterpart(), request);
        for give in &gives {
            pairs.extend(takes.iter().filter(|take| compatible(give, take)).map(|take| (give.clone(), take.clone())));
            // An integration file that sets up both ends needs no word of the other product.
            if give.explicit.is_some() && give.owns_both {
                pairs.push((give.clone(), opposite(give)));
            }
        }
        for take in takes.iter().filter(|take| take.explicit.is_some() && take.owns_both) {
            pairs.push((opposite(take), take.clone()));
        }
    }
    let best = pairs
        .into_iter()
        .filter_map(|(source, destination)| Some((ownership(&source, &destination, request)?, source, destination)))
        .min_by_key(|(ownership, source, destination)| rank(*ownership, source, destination));
    let Some((ownership, mut source, mut destination)) = best else { return Err(mismatch::explain(request)) };
    match ownership {
        Ownership::Each => {}
        Ownership::Source => destination.capability.renders.clear(),
        Ownership::Destination => source.capability.renders.clear(),
    }
    let format = [&source, &destination].iter().find_map(|side| side.capability.format.clone());
    let format = format.or_else(|| request.format.map(str::to_owned));
    Ok(Choice { mode: source.capability.mode, format, ownership, source, destination })
}

/// Whether the ends would fit the other way round.
pub fn would_fit_swapped(request: &Request<'_>) -> bool {
    resolve(&Request { source: request.destination, destination: request.source, owner: None, ..*request }).is_ok()
}

/// The parts that a source can play.
pub(super) fn roles(trigger: Option<bool>) -> &'static [Role] {
    match trigger {
        None => &[Role::Producer, Role::Trigger],
        Some(false) => &[Role::Producer],
        Some(true) => &[Role::Trigger],
    }
}

/// Everything that `product` offers towards `target` in `role`, explicit integrations first.
fn sides<'a>(product: &'a Product, target: &Product, role: Role, request: &Request<'_>) -> Vec<Side<'a>> {
    let fits = |side: &Side<'_>| {
        request.mode.is_none_or(|mode| mode == side.capability.mode)
            && meets(request.format, side.capability.format.as_deref())
    };
    let explicit = product.integrations.iter().filter(|integration| {
        integration.target == target.name
            && integration.role == role
            && integration.topic.as_deref().is_none_or(|topic| topic == request.topic)
    });
    let explicit = explicit.flat_map(|integration| explicit_sides(product, integration, request.topic));
    let general = general(product, role, request.topic)
        .into_iter()
        .map(|(capability, specific)| side(product, None, specific, capability));
    explicit.chain(general).filter(fits).collect()
}

/// What the definition and the hooks of a product say about a topic, with whether they name it
/// rather than every topic.
pub fn general(product: &Product, role: Role, topic: &str) -> Vec<(Capability, bool)> {
    let mut found: Vec<(Capability, bool)> = product
        .capabilities
        .iter()
        .filter(|own| own.role == role && own.topic.as_deref().is_none_or(|own| own == topic))
        .map(|own| (Capability { topic: Some(topic.to_owned()), ..own.clone() }, own.topic.is_some()))
        .collect();
    let setups =
        product.hooks.iter().filter(|hook| hook.kind == HookKind::Setup && hook.role.is_none_or(|own| own == role));
    for hook in setups.filter(|hook| hook.topic.as_deref().is_none_or(|own| own == topic)) {
        for mode in [Mode::Push, Mode::Pull] {
            let declared =
                found.iter().any(|(own, _)| own.mode == mode && meets(own.format.as_deref(), hook.format.as_deref()));
            if hook.mode.is_none_or(|own| own == mode) && !declared {
                let capability = Capability {
                    topic: Some(topic.to_owned()),
                    role,
                    mode,
                    format: hook.format.clone(),
                    owns_both: hook.owns_both,
                    renders: Vec::new(),
                    ports: std::collections::BTreeMap::new(),
                };
                found.push((capability, hook.topic.is_some()));
            }
        }
    }
    found
}

/// An integration file over each capability that it refines, or alone if there is none.
fn explicit_sides<'a>(product: &'a Product, integration: &'a Integration, topic: &str) -> Vec<Side<'a>> {
    let alone = || Capability {
        topic: Some(topic.to_owned()),
        role: integration.role,
        mode: integration.mode,
        format: None,
        owns_both: false,
        renders: Vec::new(),
        ports: std::collections::BTreeMap::new(),
    };
    let mut refined: Vec<Capability> = general(product, integration.role, topic)
        .into_iter()
        .map(|(capability, _)| capability)
        .filter(|own| own.mode == integration.mode && meets(own.format.as_deref(), integration.format.as_deref()))
        .collect();
    if refined.is_empty() {
        refined.push(alone());
    }
    let over = |own: Capability| Capability {
        format: integration.format.clone().or(own.format),
        owns_both: integration.owns_both.unwrap_or(own.owns_both),
        renders: integration.renders.clone().unwrap_or(own.renders),
        ports: integration.ports.clone().unwrap_or(own.ports),
        ..own
    };
    refined.into_iter().map(|own| side(product, Some(integration), integration.topic.is_some(), over(own))).collect()
}

fn side<'a>(
    product: &'a Product,
    explicit: Option<&'a Integration>,
    specific: bool,
    capability: Capability,
) -> Side<'a> {
    let part = Part {
        role: capability.role,
        topic: capability.topic.as_deref().unwrap_or_default(),
        mode: capability.mode,
        format: capability.format.as_deref(),
    };
    let setups = hooks::in_force(product, explicit, HookKind::Setup, part);
    let hooks_own_both = setups.iter().any(|hook| hook.owns_both);
    let owns_both = capability.owns_both || hooks_own_both;
    // Hooks that set up both ends do so wherever they are in force.
    let owns_self = !hooks_own_both && (!capability.renders.is_empty() || !setups.is_empty());
    Side { capability, explicit, specific, owns_self, owns_both }
}

/// The other end of a side that needs nobody there.
fn opposite<'a>(side: &Side<'_>) -> Side<'a> {
    let capability = Capability {
        role: side.capability.role.counterpart(),
        owns_both: false,
        renders: Vec::new(),
        ports: std::collections::BTreeMap::new(),
        ..side.capability.clone()
    };
    Side { capability, explicit: None, specific: false, owns_self: false, owns_both: false }
}

/// Formats are equal or one is open.
pub fn meets(one: Option<&str>, other: Option<&str>) -> bool {
    one.is_none() || other.is_none() || one == other
}

fn compatible(give: &Side<'_>, take: &Side<'_>) -> bool {
    give.capability.mode == take.capability.mode
        && meets(give.capability.format.as_deref(), take.capability.format.as_deref())
}

fn ownership(source: &Side<'_>, destination: &Side<'_>, request: &Request<'_>) -> Option<Ownership> {
    let by_owner = |name: &str, who| request.owner.is_none_or(|owner| owner == name).then_some(who);
    let each = source.owns_self && destination.owns_self && request.owner.is_none();
    let each = each.then_some(Ownership::Each);
    let source_both = source.owns_both.then(|| by_owner(request.source.0, Ownership::Source)).flatten();
    let destination_both =
        || destination.owns_both.then(|| by_owner(request.destination.0, Ownership::Destination)).flatten();
    each.or(source_both).or_else(destination_both)
}

/// Smaller is better. Equal ranks keep the order of the files.
fn rank(ownership: Ownership, source: &Side<'_>, destination: &Side<'_>) -> impl Ord + use<> {
    let count = |yes: fn(&Side<'_>) -> bool| 2 - usize::from(yes(source)) - usize::from(yes(destination));
    (
        source.capability.mode,
        source.capability.role == Role::Trigger,
        ownership,
        count(|side| side.explicit.is_some()),
        count(|side| side.capability.format.is_some()),
        count(|side| side.specific),
    )
}
