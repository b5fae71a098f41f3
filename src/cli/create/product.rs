//! `resilmesh create product`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::write::{self, WriteArgs};
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::{completion, editors, hosts};
use crate::git::template;
use crate::project::catalogue;
use crate::project::load::{PRODUCTS, ProjectFiles};
use crate::project::names;
use crate::project::product_folder::DEFINITION;
use crate::project::scaffold::capability::bare_definition;
use crate::project::scaffold::draft::{Draft, Effect};
use crate::project::scaffold::product::Language;
use crate::project::scaffold::{foreign, product};

/// Start a product
///
/// Without --from it is a definition with a name. One that is there already is left alone.
#[derive(Debug, Args)]
pub(super) struct ProductArgs {
    /// Its name
    name: String,
    /// What it starts from: a template (`resilmesh list templates`), the folder of a product, or the
    /// address of a repository with one (`URL`, or `URL#FOLDER`)
    #[arg(long, value_name = "TEMPLATE|PATH|GIT-URL", add = completion::templates())]
    from: Option<String>,
    /// The language of its code [default: python]
    #[arg(long, value_enum)]
    lang: Option<LanguageArg>,
    #[command(flatten)]
    write: WriteArgs,
}

/// A language on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LanguageArg {
    /// Python
    Python,
    /// Rust
    Rust,
    /// Vector Remap Language, for modules
    Vrl,
}

impl From<LanguageArg> for Language {
    fn from(arg: LanguageArg) -> Self {
        match arg {
            LanguageArg::Python => Self::Python,
            LanguageArg::Rust => Self::Rust,
            LanguageArg::Vrl => Self::Vrl,
        }
    }
}

pub(super) fn run(cx: &Context, args: &ProductArgs) -> Result<(), Failure> {
    let files = cx.project()?;
    let name = &args.name;
    names::check_new_product(name).map_err(|wrong| bad_name(name, wrong))?;
    let language = args.lang.map(Language::from);
    let made = match &args.from {
        None => bare(&files, name, language)?,
        Some(from) => from_template(cx, &files, from, name, language)?,
    };
    let mut draft = Draft::default();
    for (file, content) in made {
        draft.put(product::place(name, &file), content);
    }
    if files.root.join(PRODUCTS).join(name).is_dir() && !may_overwrite(cx, args, &files.root, &draft)? {
        write::there_already(cx, format!("product `{name}` is there already"));
        return Ok(());
    }
    if catalogue::names().contains(&name.as_str()) {
        cx.ui.warning(&format!("product `{name}` of the project takes the place of the built-in one"));
    }
    if write::write(cx, &files, &draft, args.write)? {
        if args.lang == Some(LanguageArg::Rust) {
            hosts::unpack_sdk(&files.root)?;
        }
        cx.ui.progress(match &args.from {
            None => {
                format!("made product `{name}`; `resilmesh create capability {name} TOPIC ROLE` says what it can do")
            }
            Some(from) => format!("made product `{name}` from `{from}`"),
        });
        if args.from.as_deref().is_some_and(|from| !product::names().contains(&from)) {
            cx.ui.warning(&format!("read `{PRODUCTS}/{name}` before you put it to use: its code now counts as yours"));
        }
    }
    Ok(())
}

fn bad_name(name: &str, wrong: String) -> Failure {
    let better: String = name.chars().map(|c| if c.is_alphanumeric() || c == '.' { c } else { '_' }).collect();
    let failure = Failure::new(wrong).hint("names of new products have letters, digits, `_` and `.`");
    let better = better.trim_start_matches('.');
    if names::check_new_product(better).is_ok() { failure.hint(format!("how about `{better}`?")) } else { failure }
}

/// Whether a product that is there may be written over: if that is asked for, and it says something else.
fn may_overwrite(cx: &Context, args: &ProductArgs, root: &Path, draft: &Draft) -> Result<bool, Failure> {
    if args.from.is_none() {
        return Ok(false);
    }
    let effects = draft
        .effects(root)
        .map_err(|error| Failure::new(format!("product `{}` cannot be read: {error}", args.name)))?;
    let differs = effects.iter().any(|(_, effect)| *effect != Effect::Keep);
    if differs && (args.write.force || args.write.dry_run || cx.yes || cx.ui.can_ask()) {
        return Ok(true);
    }
    if differs {
        cx.ui.warning(
            "it differs from what it would be made from; `--force` writes over it, `--dry-run` lists the files",
        );
    }
    Ok(false)
}

/// Files that resilmesh makes itself, as they are written into the project.
fn own_files(files: &ProjectFiles, name: &str, made: BTreeMap<String, String>) -> BTreeMap<String, Vec<u8>> {
    made.into_iter()
        .map(|(file, text)| {
            let text = editors::new_document(files, &product::place(name, &file), text);
            (file, text.into_bytes())
        })
        .collect()
}

/// A definition alone.
fn bare(files: &ProjectFiles, name: &str, language: Option<Language>) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    // Meshroom's users say `--lang python` whatever they start.
    if let Some(language @ (Language::Rust | Language::Vrl)) = language {
        return Err(Failure::usage(format!(
            "`--lang {}` says how the code of a template is written; without `--from TEMPLATE` there is none",
            language.word()
        ))
        .hint("`resilmesh list templates` shows them all"));
    }
    Ok(own_files(files, name, BTreeMap::from([(DEFINITION.to_owned(), bare_definition(name))])))
}

fn from_template(
    cx: &Context,
    files: &ProjectFiles,
    from: &str,
    name: &str,
    language: Option<Language>,
) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    if product::names().contains(&from) {
        let language = language.unwrap_or_default();
        let offered = product::languages(from);
        if !offered.contains(&language) {
            let offered: Vec<String> = offered.iter().map(|one| format!("`{}`", one.word())).collect();
            return Err(Failure::usage(format!(
                "template `{from}` is not to be had in `{}`, but in {}",
                language.word(),
                offered.join(", ")
            )));
        }
        let made = product::files(from, name, language).map_err(Failure::new)?;
        return Ok(own_files(files, name, made.unwrap_or_default()));
    }
    let is_elsewhere = foreign::is_address(from) || from.contains('/') || Path::new(from).is_dir();
    if let Some(language) = language.filter(|_| is_elsewhere) {
        return Err(Failure::usage(format!(
            "`--lang {}` is for templates; what comes from `{from}` is in the language that it is in",
            language.word()
        )));
    }
    if foreign::is_address(from) {
        return from_repository(cx, from, name);
    }
    let folder = PathBuf::from(from);
    if !from.contains('/') && !folder.is_dir() {
        return Err(unknown(from));
    }
    if !folder.is_dir() {
        return Err(Failure::new(format!("there is no folder `{from}`")));
    }
    taken(foreign::files(&folder, from, name))
}

fn from_repository(cx: &Context, from: &str, name: &str) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let (address, below) = foreign::split_address(from);
    let below = Path::new(below.unwrap_or(""));
    if below.components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
        return Err(Failure::usage(format!("`{}` is no folder of a repository", below.display())));
    }
    let place =
        tempfile::tempdir().map_err(|error| Failure::new(format!("no temporary folder can be made: {error}")))?;
    cx.ui.progress(format!("fetching `{address}`"));
    let fetched = place.path().join("files");
    template::fetch(address, &fetched)?;
    // A link could lead to this machine's own files.
    let folder = fetched.join(below);
    let inside = folder.canonicalize().is_ok_and(|real| fetched.canonicalize().is_ok_and(|top| real.starts_with(top)));
    if !inside || !folder.is_dir() {
        return Err(Failure::new(format!("there is no folder `{}` in `{address}`", below.display())));
    }
    taken(foreign::files(&folder, from, name))
}

fn taken(files: Result<BTreeMap<String, Vec<u8>>, foreign::Refusal>) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    files.map_err(|refusal| refusal.hint.into_iter().fold(Failure::new(refusal.message), Failure::hint))
}

fn unknown(name: &str) -> Failure {
    let failure = Failure::new(format!("there is no template `{name}`"));
    let near = names::closest(name, product::names());
    let near = near.map(|near| format!("did you mean `{near}`?"));
    near.into_iter()
        .fold(failure, Failure::hint)
        .hint("`resilmesh list templates` shows them all; a folder or the address of a repository does as well")
}
