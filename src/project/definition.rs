//! `products/<product>/definition.yaml`: what a product is and can do.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::code::Code;
use super::decode::{self, Fields, Located, Report};
use super::names;
use super::position::Mark;
use super::schema::Record;
use super::schema::tables::{CAPABILITY, CAUTION, DEFINITION, GUARANTEE, HOOK, PERMISSIONS, RENDER};
use super::service;
use super::setting;
use super::yaml::Node;
use crate::mesh::model::{
    Capability, Caution, DeclaredHook, Guarantee, HookCode, Mode, Permissions, Product, ProductSource, Render, Role,
};

/// The sections that hold capabilities, with the part each is about.
pub const SECTIONS: [(&str, Role); 4] = [
    ("consumes", Role::Consumer),
    ("produces", Role::Producer),
    ("triggers", Role::Trigger),
    ("executes", Role::Executor),
];

/// A product of which nothing but the folder is known.
pub fn bare(name: &str, at: &Path, source: ProductSource) -> Product {
    Product {
        name: name.to_owned(),
        description: None,
        vendor: None,
        tags: Vec::new(),
        source,
        permissions: Permissions::default(),
        broker: false,
        outgoing_topics: None,
        settings: Vec::new(),
        capabilities: Vec::new(),
        integrations: Vec::new(),
        hooks: Vec::new(),
        cautions: Vec::new(),
        guarantees: Vec::new(),
        service: None,
        templates: BTreeMap::new(),
        code: BTreeMap::new(),
        at: super::position::Position::new(at, Mark::START),
    }
}

/// Reads the definition into `product`, whose name is its folder's.
pub fn decode(node: &Node, product: &mut Product, report: &mut Report) {
    if let Err(wrong) = names::check_product(&product.name) {
        let found = report.error(Mark::START, wrong);
        (found.code, found.hint) = (Code::BadName, Some(names::NAME_HINT.to_owned()));
    }
    let Some(mut fields) = Fields::of(node, "the product", &DEFINITION, report) else { return };
    // Its folder's name counts.
    fields.ignore(&["name"]);
    product.description = plain(fields.text("description", report));
    product.vendor = plain(fields.text("vendor", report));
    product.tags = fields.texts("tags", report).into_iter().map(|tag| tag.value).collect();
    product.broker = fields.flag("broker", report);
    product.outgoing_topics = fields.number("outgoing_topics", report).and_then(|most| usize::try_from(most).ok());
    product.settings = setting::decode_list(&mut fields, "settings", report);
    for (section, role) in SECTIONS {
        capabilities(&mut fields, section, role, product, report);
    }
    let host = host(&mut fields, report);
    let hooks = fields.items("hooks", report).iter();
    product.hooks = hooks.filter_map(|node| hook(node, host.as_deref(), report)).collect();
    product.cautions = fields.items("warn", report).iter().filter_map(|node| caution(node, report)).collect();
    product.guarantees = fields.items("guarantees", report).iter().filter_map(|node| guarantee(node, report)).collect();
    product.service = fields.get("service").and_then(|node| service::decode(node, &product.name, report));
    product.permissions = fields.get("permissions").and_then(|node| permissions(node, report)).unwrap_or_default();
    fields.finish(report);
}

/// The program that runs the hooks of the definition.
fn host(fields: &mut Fields<'_>, report: &mut Report) -> Option<String> {
    let said = fields.text("host", report)?;
    let path = Path::new(&said.value);
    let is_below = path.components().all(|part| matches!(part, Component::Normal(_))) && !said.value.is_empty();
    let holds_hooks = [".py", ".rs"].into_iter().find(|ending| said.value.ends_with(ending));
    if !is_below {
        report.error(said.at, format!("`host` is `{}`, which is no path below the product's folder", said.value));
        return None;
    }
    if let Some(ending) = holds_hooks {
        report
            .error(said.at, format!("`host` is `{}`: files that end in `{ending}` hold hooks themselves", said.value))
            .hint = Some(format!("call it `{}`", said.value.trim_end_matches(ending)));
        return None;
    }
    Some(said.value)
}

fn permissions(node: &Node, report: &mut Report) -> Option<Permissions> {
    let mut fields = Fields::of(node, "`permissions`", &PERMISSIONS, report)?;
    let [hosts, secrets, paths] = ["hosts", "secrets", "paths"].map(|key| {
        let said = fields.texts(key, report);
        for empty in said.iter().filter(|said| said.value.trim().is_empty()) {
            report.error(empty.at, format!("an item of `{key}` is empty"));
        }
        said.into_iter().map(|said| said.value).collect()
    });
    fields.finish(report);
    Some(Permissions { hosts, secrets, paths })
}

fn plain(text: Option<Located<String>>) -> Option<String> {
    text.map(|text| text.value)
}

fn capabilities(
    fields: &mut Fields<'_>,
    section: &'static str,
    role: Role,
    product: &mut Product,
    report: &mut Report,
) {
    for (topic, entries) in fields.map(section, report) {
        let what = format!("`{}` of `{section}`", topic.text);
        for entry in decode::list(entries, &what, report) {
            let Some(mut entry) = Fields::of(entry, format!("a capability of {what}"), &CAPABILITY, report) else {
                continue;
            };
            let capability = Capability {
                topic: (topic.text != "*" && topic.text != "any").then(|| topic.text.clone()),
                role,
                mode: mode(&mut entry, report).unwrap_or_default(),
                format: plain(entry.text("format", report)),
                owns_both: entry.flag("owns_both", report),
                renders: renders(&mut entry, &product.name, report).unwrap_or_default(),
                ports: ports(&mut entry, report).unwrap_or_default(),
            };
            entry.finish(report);
            product.capabilities.push(capability);
        }
    }
}

/// The mode of a capability or hook, if it says one.
pub(super) fn mode(fields: &mut Fields<'_>, report: &mut Report) -> Option<Mode> {
    let said = fields.text("mode", report)?;
    match said.value.as_str() {
        "push" => Some(Mode::Push),
        "pull" => Some(Mode::Pull),
        other => {
            report.error(said.at, format!("mode `{other}` is neither `push` nor `pull`")).hint =
                names::closest(other, ["push", "pull"]).map(|near| format!("did you mean `{near}`?"));
            None
        }
    }
}

/// `renders` of a capability or integration: files per plug.
pub(super) fn renders(fields: &mut Fields<'_>, product: &str, report: &mut Report) -> Option<Vec<Render>> {
    fields.get("renders")?;
    Some(render_list(fields, "renders", &RENDER, product, report))
}

/// A list of files to render: per plug those of [`RENDER`], else into the instance's own folder.
pub(super) fn render_list(
    fields: &mut Fields<'_>,
    key: &'static str,
    record: &'static Record,
    product: &str,
    report: &mut Report,
) -> Vec<Render> {
    let read = |node: &Node, report: &mut Report| {
        let mut entry = Fields::of(node, format!("an entry of `{key}`"), record, report)?;
        let template = entry.text("template", report);
        let to = entry.text("to", report);
        let into = record.field("into").and_then(|_| entry.word("into", "`into`", report)).unwrap_or_default();
        let when = plain(entry.text("when", report));
        let at = report.position(template.as_ref().map_or(node.at, |template| template.at));
        entry.finish(report);
        Some(Render { product: product.to_owned(), template: template?.value, to: to?.value, into, when, at })
    };
    fields.items(key, report).iter().filter_map(|node| read(node, report)).collect()
}

/// `ports`: names and default numbers.
pub(super) fn ports(fields: &mut Fields<'_>, report: &mut Report) -> Option<BTreeMap<String, u16>> {
    fields.get("ports")?;
    let mut ports = BTreeMap::new();
    for (name, node) in fields.map("ports", report) {
        let number = decode::number(node, &format!("port `{}`", name.text), 1..=i64::from(u16::MAX), report);
        if let Some(number) = number.and_then(|number| u16::try_from(number).ok()) {
            ports.insert(name.text.clone(), number);
        }
    }
    Some(ports)
}

fn hook(node: &Node, host: Option<&str>, report: &mut Report) -> Option<DeclaredHook> {
    let mut fields = Fields::of(node, "a hook", &HOOK, report)?;
    let kind = fields.word("kind", "hook kind", report);
    let role = fields.word("role", "role", report);
    let title = fields.text("title", report);
    let topic = plain(fields.text("topic", report)).filter(|topic| topic != "*");
    let mode = mode(&mut fields, report);
    let format = plain(fields.text("format", report));
    let owns_both = fields.flag("owns_both", report);
    let function = fields.text("function", report);
    fields.finish(report);
    let at = report.position(node.at);
    let code = match (host, function) {
        (None, None) => HookCode::Builtin,
        (Some(host), Some(function)) => {
            HookCode::Own { host: host.to_owned(), function: function.value, line: at.line }
        }
        (None, Some(function)) => {
            report
                .error(function.at, "`function` is what a host of the product's own calls the hook, and it has none")
                .hint = Some("`host: PROGRAM` names one".to_owned());
            return None;
        }
        (Some(_), None) => {
            report.error(node.at, "a hook that the product's own host runs needs a `function`").hint =
                Some("it is the name by which `host` knows the hook".to_owned());
            return None;
        }
    };
    let any = DeclaredHook::any(kind?, Some(role?));
    Some(DeclaredHook { topic, mode, format, title: title?.value, owns_both, code, at, ..any })
}

fn caution(node: &Node, report: &mut Report) -> Option<Caution> {
    let mut fields = Fields::of(node, "an entry of `warn`", &CAUTION, report)?;
    let when = fields.text("when", report);
    let message = fields.text("message", report);
    fields.finish(report);
    let when = when?;
    Some(Caution { at: report.position(when.at), when: when.value, message: message?.value })
}

fn guarantee(node: &Node, report: &mut Report) -> Option<Guarantee> {
    let mut fields = Fields::of(node, "an entry of `guarantees`", &GUARANTEE, report)?;
    let role = fields.word("role", "role", report);
    let mode = mode(&mut fields, report);
    let format = plain(fields.text("format", report));
    let product = plain(fields.text("product", report));
    let when = plain(fields.text("when", report));
    let delivery = fields.word("delivery", "delivery", report);
    let because = fields.text("because", report);
    fields.finish(report);
    let at = report.position(node.at);
    Some(Guarantee { role: role?, mode, format, product, when, delivery: delivery?, because: because?.value, at })
}
