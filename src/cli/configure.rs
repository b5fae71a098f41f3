//! `resilmesh configure`: change the settings of an instance.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value, json};

use super::ask::{Questions, Which};
use super::completion;
use super::edit::{self, NewMistakes};
use super::failure::Failure;
use super::secret_settings::{self, Declared, Need, SecretArgs};
use super::setting_input;
use super::{Context, editors};
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
/// On a terminal, all settings are asked for if none is given, else those that are required and have no
/// value.
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
    /// A setting. Give it again for each item of a list; `KEY=` goes back to the default; `MAP.KEY=VALUE`
    /// sets an entry; `KEY=@FILE` takes it from a file, `@FILE` several from a YAML file, and `@-` from
    /// standard input
    #[arg(short, long, value_name = "KEY=VALUE|@FILE")]
    pub config: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a comment here would become the help of the command")]
    pub secrets: SecretArgs,
    /// Where it runs
    #[arg(long)]
    pub runtime: Option<String>,
    /// How many like services run for it and share its work
    #[arg(long, value_name = "NUMBER")]
    pub replicas: Option<u16>,
    /// Its network zone, one of `zones` in `resilmesh.yaml`
    #[arg(long, add = completion::zones())]
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
    cx.ui.done(format!("configured `{name}`"), json!({"done": "configured", "instance": name, "product": product}));
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
    let root = files.root.clone();
    let old = read(&root, product, name)?;
    let exists = old.is_some();
    let current = current(files, product, name);
    let blank = format!("name: {}\nproduct: {}\n", word(name), word(product));
    let blank = editors::new_document(files, &instance_folder(product, name).join(CONFIG), blank);
    let declared = edit::product(files, product)?;
    let settings: Vec<&Setting> = declared.settings.iter().collect();
    let of = format!("`{name}`");
    secret_settings::check(&of, &settings, &given.secrets.secrets)?;
    let secrets: Vec<Declared<'_>> = settings
        .iter()
        .filter(|setting| setting.secret)
        .map(|setting| Declared { setting, name: name_of_instance(product, name, &setting.name) })
        .collect();
    let assigned = setting_input::read(&given.config, &given.secrets.secrets)?;
    let values =
        assign::parse(&assigned, &settings, &format!("product `{product}`"), &current).map_err(edit::all_wrong)?;
    let opened = cx.secrets()?;
    let questions = Questions {
        of: &of,
        settings: &settings,
        secrets: &secrets,
        current: &current,
        given: &values,
        named: &given.secrets.secrets,
        which: which(declared, given, exists),
    };
    let answers = questions.ask(cx, &opened)?;
    let need = if exists { Need::Required } else { Need::Expected };
    let text = old.unwrap_or(blank);
    let values = written(values, &settings, &current);
    let text = configured(text, values, answers.values, given);
    let secrets = secret_settings::take(cx, &opened, &of, &secrets, &given.secrets, answers.secrets, need)?;
    secrets.prepare(cx, &opened)?;
    let change = Change::WriteInstance { product: product.to_owned(), name: name.to_owned(), text };
    let new = if given.zone.is_some() { NewMistakes::AllowCrossings } else { NewMistakes::Refuse };
    cx.change(files, &[change], new)?;
    secrets.keep(cx, &opened)?;
    Ok(exists)
}

/// What is asked on a terminal: of a new tenant everything, since its settings say where it is; what we
/// run ourselves has defaults that do. One who says what to change is asked for nothing else.
fn which(product: &Product, given: &Given, exists: bool) -> Which {
    let Given { config, secrets, runtime, replicas, zone } = given;
    let says_nothing =
        config.is_empty() && secrets.secrets.is_empty() && (runtime.is_none() && replicas.is_none() && zone.is_none());
    let all = if exists { says_nothing } else { product.service.is_none() };
    if all { Which::All } else { Which::Missing }
}

/// The settings that stand in the instance's file.
fn current(files: &ProjectFiles, product: &str, name: &str) -> BTreeMap<String, Value> {
    let written = files.instances.iter().find(|own| own.product == product && own.name == name);
    let settings = written.into_iter().flat_map(|own| &own.settings);
    settings.map(|(key, given)| (key.clone(), given.value.to_json())).collect()
}

/// What is written of given values, null for what is to be taken out: a default is not written, unless
/// the setting stands there already, with a comment perhaps.
pub(super) fn written(
    mut values: BTreeMap<String, Value>,
    settings: &[&Setting],
    current: &BTreeMap<String, Value>,
) -> BTreeMap<String, Value> {
    for (key, value) in &mut values {
        let setting = settings.iter().find(|setting| setting.name == *key);
        if setting.is_some_and(|setting| setting.default == *value) && !current.contains_key(key) {
            *value = Value::Null;
        }
    }
    values
}

/// The text of the instance's file with what is given and answered.
fn configured(
    mut text: String,
    values: BTreeMap<String, Value>,
    answers: BTreeMap<String, Value>,
    given: &Given,
) -> String {
    for (key, value) in values {
        text = set_key(&text, Some("settings"), &key, (!value.is_null()).then_some(&value));
    }
    for (key, value) in answers {
        text = set_key(&text, Some("settings"), &key, Some(&value));
    }
    for (key, value) in [("runtime", &given.runtime), ("zone", &given.zone)] {
        if let Some(value) = value {
            let value = Value::from(value.as_str());
            text = set_key(&text, None, key, (value != "").then_some(&value));
        }
    }
    match given.replicas {
        // One is what there is anyway.
        Some(1) => set_key(&text, None, "replicas", None),
        Some(number) => set_key(&text, None, "replicas", Some(&number.into())),
        None => text,
    }
}

fn word(name: &str) -> String {
    crate::project::write::inline(&Value::from(name))
}

/// The text of the instance's file, if there is one. One that cannot be understood must not be written
/// over.
fn read(root: &std::path::Path, product: &str, name: &str) -> Result<Option<String>, Failure> {
    let path = instance_folder(product, name).join(CONFIG);
    let unreadable = |found| Failure::new(format!("instance `{name}` cannot be read")).found(found);
    let folder = Folder::open(root).map_err(|error| Failure::new(format!("the project cannot be opened: {error}")))?;
    let text = folder.text(&path).map_err(|wrong| unreadable(vec![wrong]))?;
    if let Some(text) = &text {
        yaml::parse(text, &path).map_err(unreadable)?;
    }
    Ok(text)
}
