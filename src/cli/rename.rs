//! `resilmesh rename`: give an instance another name, everywhere.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::Context;
use super::completion;
use super::edit::{self, new_findings};
use super::failure::Failure;
use super::secret::Opened;
use crate::mesh::model::PlugId;
use crate::mesh::secrets::{name_of_instance, name_of_plug};
use crate::plan::journal::Journal;
use crate::project::change::{instance_folder, plug_path};
use crate::project::edit::set_key;
use crate::project::files::{Folder, Source};
use crate::project::load::{CONFIG, ProjectFiles, load_from};
use crate::project::moves::{self, Move};
use crate::project::names;
use crate::project::position::Diagnostic;
use crate::project::replace::{self, Step};
use crate::project::scaffold::draft::Draft;
use crate::project::test_file::rename::in_tests;
use crate::project::test_file::{TESTS, is_test_file};
use crate::vault::{MESHROOM_FILE, Secret, SecretName};

/// What to do about secrets that cannot be renamed.
const KEEP_HINT: &str = "`--keep-secrets` renames the instance alone, without its secrets";

/// Give an instance another name
///
/// Its folder, its plugs and those of others that name it, its test cases and its secrets are renamed with it. It must
/// be down: what runs has the old name.
#[derive(Debug, Args)]
pub struct RenameArgs {
    /// The instance
    #[arg(add = completion::instances())]
    pub instance: String,
    /// Its new name
    pub new: String,
    /// Leave its secrets under their old names
    #[arg(long)]
    pub keep_secrets: bool,
    /// Leave its data on this machine behind, under the old name
    #[arg(long)]
    pub leave_data: bool,
}

/// Renames an instance.
///
/// # Errors
/// When it is up, the name is taken or wrong, or a secret cannot be read: nothing is changed then.
pub fn run(cx: &Context, args: RenameArgs) -> Result<(), Failure> {
    let files = cx.project()?;
    let product = edit::product_of(&files, &args.instance)?;
    names::check_instance(&args.new).map_err(|wrong| Failure::new(wrong).hint(names::NAME_HINT))?;
    if args.new == args.instance {
        let done = json!({"instance": args.new, "was": args.instance, "files": [], "secrets": []});
        cx.ui.done(format!("`{}` is called so already", args.new), done);
        return Ok(());
    }
    if let Some(other) = files.instances.iter().find(|own| own.name == args.new) {
        return Err(Failure::new(format!("instance `{}` is there already, of product `{}`", args.new, other.product))
            .hint("names are unique in a mesh: give another one"));
    }
    is_down(&cx.journal(&files.root), &args)?;
    let renaming = Renaming { files: &files, product: &product, old: &args.instance, new: &args.new };
    let opened = cx.secrets()?;
    let secrets = if args.keep_secrets { Vec::new() } else { renaming.secrets(cx, &opened)? };
    let changed = renaming.make(cx)?;
    for (old, new, value) in &secrets {
        opened.vault.set(new, value)?;
        opened.vault.remove(old)?;
        cx.ui.progress(format!("renamed secret `{old}` to `{new}`"));
    }
    if cx.ui.json {
        let secrets: Vec<Value> =
            secrets.iter().map(|(old, new, _)| json!({"from": old.as_str(), "to": new.as_str()})).collect();
        cx.ui.document(&json!({
            "schema": 1, "instance": args.new, "was": args.instance, "files": changed, "secrets": secrets,
        }));
    }
    cx.ui.progress(format!("renamed `{}` to `{}`", args.instance, args.new));
    Ok(())
}

/// What is up has the old name in its configuration, its users and its data.
fn is_down(journal: &Journal, args: &RenameArgs) -> Result<(), Failure> {
    let name = &args.instance;
    let has = |plug: &PlugId| plug.source == *name || plug.destination == *name;
    let plugs = journal.plugs.values().map(|own| &own.plug).any(has);
    let setups = journal.setups.values().any(|own| own.call.plug.as_ref().is_some_and(has));
    if journal.runs(name) || plugs || setups {
        return Err(Failure::new(format!("`{name}` is up, and what runs has that name"))
            .hint("`resilmesh down` takes the mesh down; rename it then, and bring the mesh up again"));
    }
    if journal.data.contains(name) && !args.leave_data {
        return Err(Failure::new(format!("`{name}` has data on this machine, which lies under that name"))
            .hint("`resilmesh down --volumes` deletes the data of all; `--leave-data` leaves it behind, unused"));
    }
    Ok(())
}

struct Renaming<'a> {
    files: &'a ProjectFiles,
    product: &'a str,
    old: &'a str,
    new: &'a str,
}

impl Renaming<'_> {
    /// The new name for the old one, the same for any other.
    fn name(&self, name: &str) -> String {
        if name == self.old { self.new.to_owned() } else { name.to_owned() }
    }

    fn plug(&self, id: &PlugId) -> PlugId {
        PlugId { source: self.name(&id.source), destination: self.name(&id.destination), ..id.clone() }
    }

    fn is_mine(&self, id: &PlugId) -> bool {
        id.source == self.old || id.destination == self.old
    }

    /// The folder of the instance, and those of plugs that lead to it.
    fn moves(&self) -> Vec<Move> {
        let own = Move { from: instance_folder(self.product, self.old), to: instance_folder(self.product, self.new) };
        let leading_here = self.files.plugs.iter().filter(|plug| plug.id.destination == self.old);
        let mut others: Vec<Move> = leading_here
            .map(|plug| {
                let folder = instance_folder(&plug.source_product, &self.name(&plug.id.source)).join("plugs");
                Move { from: folder.join(self.old), to: folder.join(self.new) }
            })
            .collect();
        others.dedup();
        std::iter::once(own).chain(others).collect()
    }

    /// The files that say the name, as they will be.
    fn draft(&self, there: &dyn Source) -> Result<Draft, Failure> {
        let mut draft = Draft::default();
        let config = instance_folder(self.product, self.old).join(CONFIG);
        let text = read(there, &config)?;
        let place = instance_folder(self.product, self.new).join(CONFIG);
        draft.build_on(place, with_key(&text, "name", self.old, self.new));
        for plug in &self.files.plugs {
            let owner = plug.owner.as_ref().is_some_and(|owner| owner.value == self.old);
            if !self.is_mine(&plug.id) && !owner {
                continue;
            }
            let text = read(there, &plug.at.file)?;
            let keys = ["src_instance", "dst_instance", "owner"];
            let text = keys.iter().fold(text, |text, key| with_key(&text, key, self.old, self.new));
            draft.build_on(plug_path(&plug.source_product, &self.plug(&plug.id)), text);
        }
        for profile in self.files.profiles.values().filter(|profile| profile.instances.contains_key(self.old)) {
            let text = read(there, &profile.path)?;
            let place = [Step::Key("instances".to_owned()), Step::Key(self.old.to_owned())];
            // One that is too odd to be edited is told as a mistake before anything is changed.
            draft.build_on(profile.path.clone(), replace::key(&text, &place, self.new).unwrap_or(text));
        }
        for (path, text) in self.tests(there)? {
            draft.build_on(path, text);
        }
        Ok(draft)
    }

    /// The files of test cases that name it, as they will be.
    fn tests(&self, there: &dyn Source) -> Result<Vec<(PathBuf, String)>, Failure> {
        let folder = Path::new(TESTS);
        let wrong = |wrong| Failure::new(format!("`{TESTS}` cannot be read")).found(vec![wrong]);
        let names = there.entries(folder).map_err(wrong)?.files;
        let mut changed = Vec::new();
        for path in names.iter().filter(|name| is_test_file(name)).map(|name| folder.join(name)) {
            let text = read(there, &path)?;
            let renamed = in_tests(&text, self.old, self.new);
            if renamed != text {
                changed.push((path, renamed));
            }
        }
        Ok(changed)
    }

    /// Tries it, then makes it; the files that say the name, relative to the project.
    fn make(&self, cx: &Context) -> Result<Vec<String>, Failure> {
        let root = &self.files.root;
        let failed = |error| Failure::new(format!("the project cannot be changed: {error}"));
        let moves = self.moves();
        let draft = self.draft(&Folder::open(root).map_err(failed)?)?;
        let moved = moves::after(Folder::open(root).map_err(failed)?, &moves);
        let found = new_findings(self.files, &load_from(root, &draft.over(&*moved)));
        if found.iter().any(Diagnostic::is_error) {
            let mistakes = found.into_iter().filter(Diagnostic::is_error).collect();
            return Err(Failure::new("nothing is changed: the project would have mistakes with it").found(mistakes));
        }
        moves::make(root, &moves).map_err(failed)?;
        if let Err(error) = draft.write(root) {
            moves::take_back(root, &moves);
            return Err(failed(error));
        }
        let changed: Vec<String> = draft.paths().map(|path| path.display().to_string()).collect();
        changed.iter().for_each(|path| cx.ui.progress(format!("changed `{path}`")));
        Ok(changed)
    }

    /// Its secrets, with what they will be called. Those whose names could also be others' are left alone.
    fn secrets(&self, cx: &Context, opened: &Opened) -> Result<Vec<(SecretName, SecretName, Secret)>, Failure> {
        if self.files.root.join(MESHROOM_FILE).is_file() {
            cx.ui.warning(&format!(
                "secrets in Meshroom's `{MESHROOM_FILE}` keep their old names: take them over first (`resilmesh secret import`)"
            ));
        }
        let plugs: Vec<&PlugId> = self.files.plugs.iter().map(|plug| &plug.id).collect();
        let mine = plugs.iter().filter(|id| self.is_mine(id));
        let mut own: Vec<(String, String)> =
            mine.map(|id| (name_of_plug(id, ""), name_of_plug(&self.plug(id), ""))).collect();
        own.push((name_of_instance(self.product, self.old, ""), name_of_instance(self.product, self.new, "")));
        let other_plugs = plugs.iter().filter(|id| !self.is_mine(id)).map(|id| name_of_plug(id, ""));
        let other_instances = self.files.instances.iter().filter(|own| own.name != self.old);
        let others: Vec<String> =
            other_plugs.chain(other_instances.map(|own| name_of_instance(&own.product, &own.name, ""))).collect();
        let mut found = Vec::new();
        for name in opened.vault.names()? {
            let Some((key, new)) = own.iter().find_map(|(old, new)| Some((name.as_str().strip_prefix(old)?, new)))
            else {
                continue;
            };
            let new: SecretName = format!("{new}{key}").parse()?;
            if others.iter().any(|prefix| name.as_str().starts_with(prefix)) {
                cx.ui.warning(&format!(
                    "secret `{name}` may be another's and keeps its name; if it is this one's, give it as `{new}` (`resilmesh secret set {new}`)"
                ));
                continue;
            }
            if opened.vault.contains(&new)? {
                return Err(Failure::new(format!(
                    "there is a secret `{new}` already, which `{name}` would take the place of"
                ))
                .hint(format!("take out the one that is not needed (`resilmesh secret rm {new}`)"))
                .hint(KEEP_HINT));
            }
            let value = opened.vault.get(&name).map_err(|error| Failure::from(error).hint(KEEP_HINT))?;
            found.push((name, new, value));
        }
        Ok(found)
    }
}

fn read(there: &dyn Source, path: &Path) -> Result<String, Failure> {
    let text = there.text(path);
    text.map(Option::unwrap_or_default)
        .map_err(|wrong| Failure::new(format!("`{}` cannot be read", path.display())).found(vec![wrong]))
}

/// The text with the new name where `key` says the old one.
fn with_key(text: &str, key: &str, old: &str, new: &str) -> String {
    let node = crate::project::yaml::parse(text, Path::new(""));
    let says_it = node.is_ok_and(|node| node.to_json().get(key).and_then(Value::as_str) == Some(old));
    if says_it { set_key(text, None, key, Some(&new.into())) } else { text.to_owned() }
}
