//! Reading what a value of a setting must be beyond its type.

use crate::mesh::model::{Bounds, Pattern, Setting, TextFormat};
use crate::project::decode::{Fields, Report};
use crate::project::names;
use crate::project::yaml::Value;

/// Reads `format`, `pattern`, `minimum`, `maximum` and examples; `format: password` makes it secret.
pub(super) fn decode(fields: &mut Fields<'_>, setting: &mut Setting, report: &mut Report) {
    setting.bounds = Bounds {
        format: format(fields, setting, report),
        pattern: pattern(fields, &setting.name, report),
        minimum: number(fields, "minimum", &setting.name, report),
        maximum: number(fields, "maximum", &setting.name, report),
        example: example(fields, report),
    };
}

fn format(fields: &mut Fields<'_>, setting: &mut Setting, report: &mut Report) -> Option<TextFormat> {
    const SECRET: &str = "password";
    let said = fields.text("format", report)?;
    setting.secret |= said.value == SECRET;
    let known = TextFormat::ALL.iter().find(|(name, _)| *name == said.value);
    // JSON Schema has many formats, and lets readers ignore those they do not know.
    if known.is_none() && said.value != SECRET {
        let names = || TextFormat::ALL.iter().map(|(name, _)| *name).chain([SECRET]);
        if names().any(|name| names::is_slip(&said.value, name)) {
            let message =
                format!("format `{}` of setting `{}` is not known, and checks nothing", said.value, setting.name);
            report.warning(said.at, message).hint = names::suggest(&said.value, names());
        }
    }
    known.map(|(_, format)| *format)
}

fn pattern(fields: &mut Fields<'_>, setting: &str, report: &mut Report) -> Option<Pattern> {
    let said = fields.text("pattern", report)?;
    let read = Pattern::new(&said.value);
    let why = match read {
        Ok(pattern) => return Some(pattern),
        Err(why) => why,
    };
    let message = format!("`pattern` of setting `{setting}` is not understood, and left out of account: {why}");
    report.warning(said.at, message).hint = Some("patterns are those of Rust's `regex`".to_owned());
    None
}

fn number(fields: &mut Fields<'_>, key: &'static str, setting: &str, report: &mut Report) -> Option<f64> {
    let node = fields.get(key)?;
    match node.value {
        Value::Integer(_) | Value::Float(_) => node.to_json().as_f64(),
        _ => {
            let is = node.describe();
            report.error(node.at, format!("`{key}` of setting `{setting}` must be a number, but is {is}"));
            None
        }
    }
}

/// `example`, or the first of `examples`, as JSON Schema has them.
fn example(fields: &mut Fields<'_>, report: &mut Report) -> Option<String> {
    let first = fields.items("examples", report).first().map(|node| super::show(&node.to_json()));
    fields.text("example", report).map(|text| text.value).or(first)
}
