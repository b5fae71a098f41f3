//! `resilmesh configure`: change the settings of an instance.

use std::collections::BTreeMap;
use std::io::IsTerminal;

use clap::Args;
use serde_json::Value;

use super::Context;
use super::completion;
use super::edit::{self, NewMistakes};
use super::failure::Failure;
use super::secret_settings::{self, Declared, SecretArgs};
use crate::mesh::model::{Product, Setting};
use crate::mesh::secrets::name_of_instance;
use crate::project::assign;
use crate::project::change::{Change, instance_folder};
use crate::project::edit::set_key;
use crate::project::files::{Folder, Source};
use crate::project::load::{CONFIG, ProjectFiles};
use crate::project::yaml;

/// Change the settings of an instance
///
/// On a terminal, required settings that have no value are asked for.
#[derive(Debug, Args)]
pub struct ConfigureArgs {
    /// The instance
    #[arg(add = completion::instances())]
    pub instance: String,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a comment here would become the help of the command")]
    pub given: Given,
}

/// What an instance is told on the command line.
#[derive(Debug, Default, Args)]
pub struct Given {
    /// A setting; give it again for each item of a list; `KEY=` goes back to the default
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub config: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a comment here would become the help of the command")]
    pub secrets: SecretArgs,
    /// Where it runs
    #[arg(long)]
    pub runtime: Option<String>,
    /// Its network zone
    #[arg(long)]
    pub zone: Option<String>,
}

/// Changes the settings of an instance.
///
/// # Errors
/// When there is no such instance, or a setting is wrong.
pub fn run(cx: &Context, args: ConfigureArgs) -> Result<(), Failure> {
    let mut files = cx.project()?;
    let product = edit::product_of(&files, &args.instance)?;
    let name = args.instance;
    write(cx, &mut files, &product, &name, &args.given)?;
    cx.ui.progress(format!("configured `{name}`"));
    Ok(())
}

/// Writes the instance's file, and its secrets into the vault; tells whether the file was there before.
///
/// # Errors
/// When something that is given is wrong: nothing is written then.
pub(super) fn write(
    cx: &Context,
    files: &mut ProjectFiles,
    product: &str,
    name: &str,
    given: &Given,
) -> Result<bool, Failure> {
    let (text, exists) = configured(cx, files, product, name, given)?;
    let settings: Vec<&Setting> = edit::product(files, product)?.settings.iter().collect();
    let declared: Vec<Declared<'_>> = settings
        .iter()
        .filter(|setting| setting.secret)
        .map(|setting| Declared { setting, name: name_of_instance(product, name, &setting.name) })
        .collect();
    let opened = cx.secrets()?;
    let secrets = secret_settings::take(cx, &opened, &format!("`{name}`"), &settings, &declared, &given.secrets)?;
    secrets.prepare(cx, &opened)?;
    let change = Change::WriteInstance { product: product.to_owned(), name: name.to_owned(), text };
    cx.change(files, &[change], NewMistakes::Refuse)?;
    secrets.keep(cx, &opened)?;
    Ok(exists)
}

/// The text of the instance's file with what is given, and whether the file is there already.
fn configured(
    cx: &Context,
    files: &mut ProjectFiles,
    product: &str,
    name: &str,
    given: &Given,
) -> Result<(String, bool), Failure> {
    let root = files.root.clone();
    let written = files.instances.iter().find(|own| own.product == product && own.name == name);
    let present: Vec<String> = written.iter().flat_map(|own| own.settings.keys().cloned()).collect();
    let declared = edit::product(files, product)?;
    let settings: Vec<&Setting> = declared.settings.iter().collect();
    let mut values =
        assign::parse(&given.config, &settings, &format!("product `{product}`")).map_err(edit::all_wrong)?;
    ask(cx, declared, &present, &mut values)?;
    let old = read(&root, product, name)?;
    let exists = old.is_some();
    if let Some(text) = &old {
        // A file that cannot be understood must not be written over.
        yaml::parse(text, &instance_folder(product, name).join(CONFIG))
            .map_err(|found| Failure::new(format!("instance `{name}` cannot be read")).found(found))?;
    }
    let mut text = old.unwrap_or_else(|| format!("name: {}\nproduct: {}\n", word(name), word(product)));
    for (key, value) in values {
        let setting = settings.iter().find(|setting| setting.name == key);
        let is_default = value.is_null() || setting.is_some_and(|setting| setting.default == value);
        text = set_key(&text, Some("settings"), &key, (!is_default).then_some(&value));
    }
    for (key, value) in [("runtime", &given.runtime), ("zone", &given.zone)] {
        if let Some(value) = value {
            let value = Value::from(value.as_str());
            text = set_key(&text, None, key, (value != "").then_some(&value));
        }
    }
    Ok((text, exists))
}

fn word(name: &str) -> String {
    crate::project::write::inline(&Value::from(name))
}

fn read(root: &std::path::Path, product: &str, name: &str) -> Result<Option<String>, Failure> {
    let path = instance_folder(product, name).join(CONFIG);
    let folder = Folder::open(root).map_err(|error| Failure::new(format!("the project cannot be opened: {error}")))?;
    folder.text(&path).map_err(|wrong| Failure::new(format!("instance `{name}` cannot be read")).found(vec![wrong]))
}

/// Asks for required settings that have no value, on a terminal only.
fn ask(
    cx: &Context,
    product: &Product,
    present: &[String],
    values: &mut BTreeMap<String, Value>,
) -> Result<(), Failure> {
    let lacking = product.settings.iter().filter(|own| own.required && !own.secret && own.default.is_null());
    let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && !cx.yes;
    if !terminal {
        // The compiler names what is missing.
        return Ok(());
    }
    for setting in lacking {
        let given = values.get(&setting.name).is_some_and(|value| !value.is_null());
        if given || (present.contains(&setting.name) && !values.contains_key(&setting.name)) {
            continue;
        }
        if let Some(description) = &setting.description {
            cx.ui.progress(description);
        }
        let answer: String = dialoguer::Input::new()
            .with_prompt(&setting.name)
            .validate_with(|text: &String| assign::value(setting, &[text]).map(drop).map_err(|wrong| wrong.message))
            .interact_text()
            .map_err(|error| Failure::new(format!("no answer for setting `{}`: {error}", setting.name)))?;
        let value = assign::value(setting, &[&answer]).map_err(|wrong| Failure::new(wrong.message))?;
        values.insert(setting.name.clone(), value);
    }
    Ok(())
}
