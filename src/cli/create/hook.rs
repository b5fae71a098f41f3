//! `resilmesh create hook`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::write::{self, WriteArgs};
use super::{RoleArg, definition};
use crate::cli::Context;
use crate::cli::completion;
use crate::cli::edit;
use crate::cli::failure::Failure;
use crate::cli::hosts;
use crate::cli::plug::ModeArg;
use crate::mesh::model::{Integration, Mode, Role};
use crate::project::files::{Folder, Source};
use crate::project::integration_file::stem;
use crate::project::load::ProjectFiles;
use crate::project::names;
use crate::project::scaffold::draft::Draft;
use crate::project::scaffold::hook::{Kind, NewHook, manifest as new_manifest};
use crate::project::scaffold::product::place;

/// The file that new hooks go into.
const FILE: &str = "hooks.py";
/// The same in Rust.
const RUST_FILE: &str = "hooks/src/main.rs";
/// What makes a crate of it.
const MANIFEST: &str = "hooks/Cargo.toml";

/// Start a hook: a function that is called at a moment
///
/// In Python it goes to the end of the product's hooks.py; with --target, of the Python file of an
/// integration. In Rust it goes to the end of hooks/src/main.rs. A function that is there already is left
/// alone.
#[derive(Debug, Args)]
pub(super) struct HookArgs {
    /// The product
    #[arg(add = completion::products())]
    product: String,
    /// When it is called
    kind: KindArg,
    /// For which topic; `*` for every one. Not for `pull`
    #[arg(add = completion::topics())]
    topic: Option<String>,
    /// For which part the product plays; needed by `setup`, `teardown`, `check` and `scaffold`
    role: Option<RoleArg>,
    /// For the integration with this product only
    #[arg(long, value_name = "PRODUCT", add = completion::products())]
    target: Option<String>,
    /// In which mode only
    #[arg(short, long)]
    mode: Option<ModeArg>,
    /// For which format only
    #[arg(short, long)]
    format: Option<String>,
    /// What it is called when it runs
    #[arg(short, long)]
    title: Option<String>,
    /// What it is written in [default: rust for a product with a crate of hooks and no hooks.py, else python]
    #[arg(long, value_enum)]
    lang: Option<LangArg>,
    /// Only list what would be written
    #[arg(long)]
    dry_run: bool,
}

/// A language on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LangArg {
    /// Python
    Python,
    /// Rust
    Rust,
}

/// A moment on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum KindArg {
    /// A plug is brought up
    Setup,
    /// A plug is taken down
    Teardown,
    /// A plug that is up is looked at: is it as it was set up?
    Check,
    /// An integration is made
    Scaffold,
    /// `produce`: records are sent
    Produce,
    /// `watch`: records are looked at
    Watch,
    /// `trigger`: a command is given
    Trigger,
    /// `execute`: a command is carried out
    Execute,
    /// `publish`: an integration is brought to its users
    Publish,
    /// `pull`: the product's own code is fetched
    Pull,
}

impl From<KindArg> for Kind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::Setup => Self::Setup,
            KindArg::Teardown => Self::Teardown,
            KindArg::Check => Self::Check,
            KindArg::Scaffold => Self::Scaffold,
            KindArg::Produce => Self::Produce,
            KindArg::Watch => Self::Watch,
            KindArg::Trigger => Self::Trigger,
            KindArg::Execute => Self::Execute,
            KindArg::Publish => Self::Publish,
            KindArg::Pull => Self::Pull,
        }
    }
}

pub(super) fn run(cx: &Context, args: &HookArgs) -> Result<(), Failure> {
    let mut files = cx.project()?;
    definition::own(&mut files, &args.product)?;
    let hook = wanted(args)?;
    let language = args.lang.unwrap_or_else(|| usual(&files.root, &args.product));
    let path = match (language, &hook.target) {
        (LangArg::Rust, target) => {
            if let Some(target) = target {
                edit::product(&mut files, target)?;
            }
            place(&args.product, RUST_FILE)
        }
        (LangArg::Python, None) => place(&args.product, FILE),
        (LangArg::Python, Some(target)) => of_integration(&mut files, args, &hook, target)?,
    };
    let folder =
        Folder::open(&files.root).map_err(|error| Failure::new(format!("the project cannot be opened: {error}")))?;
    let text_of = |path: &Path| {
        let unreadable = || Failure::new(format!("`{}` cannot be read", path.display()));
        folder.text(path).map_err(|wrong| unreadable().found(vec![wrong]))
    };
    let there = text_of(&path)?;
    let (file, function) = (path.display().to_string(), hook.function());
    let added = match language {
        LangArg::Python => hook.add_to(there.as_deref(), &args.product),
        LangArg::Rust => hook.add_to_rust(there.as_deref(), &args.product),
    };
    let Some(text) = added.map_err(Failure::new)? else {
        write::there_already(cx, format!("`{file}` has a function `{function}` already"));
        return Ok(());
    };
    let mut draft = Draft::default();
    draft.build_on(path, text);
    let manifest = place(&args.product, MANIFEST);
    if language == LangArg::Rust && text_of(&manifest)?.is_none() {
        draft.put(manifest, new_manifest(&args.product).map_err(Failure::new)?.into_bytes());
        draft.put(place(&args.product, "hooks/.gitignore"), b"/target\n".to_vec());
    }
    if write::write(cx, &files, &draft, WriteArgs { dry_run: args.dry_run, force: false })? {
        if language == LangArg::Rust {
            hosts::unpack_sdk(&files.root)?;
        }
        cx.ui.progress(format!("write what it does into the function `{function}` of `{file}`"));
    }
    Ok(())
}

/// What a product's hooks are written in so far.
fn usual(root: &Path, product: &str) -> LangArg {
    let has = |file| root.join(place(product, file)).is_file();
    if has(MANIFEST) && !has(FILE) { LangArg::Rust } else { LangArg::Python }
}

fn wanted(args: &HookArgs) -> Result<NewHook, Failure> {
    let kind = Kind::from(args.kind);
    let word = kind.word();
    match (&args.topic, args.role) {
        (None, _) if kind.takes_topic() => {
            return Err(Failure::usage(format!("a `{word}` hook needs a topic")).hint("`*` stands for every one"));
        }
        (Some(_), _) if !kind.takes_topic() => {
            return Err(Failure::usage(format!("a `{word}` hook is for no topic")));
        }
        (_, None) if kind.needs_role() => {
            return Err(Failure::usage(format!("a `{word}` hook needs a role"))
                .hint("`consumer`, `producer`, `trigger` or `executor`, behind the topic"));
        }
        (_, Some(_)) if !kind.takes_role() && args.target.is_none() => {
            return Err(Failure::usage(format!("a `{word}` hook is for no role")));
        }
        (_, None) if args.target.is_some() => {
            return Err(Failure::usage("a hook of one integration needs the integration's role")
                .hint("`consumer`, `producer`, `trigger` or `executor`, behind the topic"));
        }
        _ => {}
    }
    if args.target.is_some() && !kind.takes_target() {
        return Err(Failure::usage(format!("a `{word}` hook is for no integration")));
    }
    if args.title.is_some() && !kind.takes_title() {
        return Err(Failure::usage(format!("a `{word}` hook has no title"))
            .hint("`setup`, `teardown`, `check` and `pull` have one"));
    }
    if kind == Kind::Pull && (args.mode.is_some() || args.format.is_some()) {
        return Err(Failure::usage("a `pull` hook is for no mode and no format"));
    }
    let topic = args.topic.clone().filter(|topic| topic != "*" && topic != "any");
    if let Some(topic) = &topic {
        names::check_topic(topic).map_err(|wrong| Failure::new(wrong).hint(names::NAME_HINT))?;
    }
    Ok(NewHook {
        kind,
        role: args.role.map(Role::from),
        topic,
        mode: args.mode.map(Mode::from),
        format: args.format.clone(),
        title: args.title.clone(),
        target: args.target.clone(),
    })
}

/// The Python file of the integration, which must be there.
fn of_integration(files: &mut ProjectFiles, args: &HookArgs, hook: &NewHook, target: &str) -> Result<PathBuf, Failure> {
    edit::product(files, target)?;
    let (topic, mode) = (hook.topic.as_deref(), hook.mode.unwrap_or_default());
    let own = &files.products[&args.product].integrations;
    let of_pair = || own.iter().filter(|own| own.target == target);
    let is_it = |own: &&Integration| own.topic.as_deref() == topic && Some(own.role) == hook.role && own.mode == mode;
    if let (Some(role), Some(_)) = (hook.role, of_pair().find(is_it)) {
        let stem = stem(topic, role, mode);
        return Ok(place(&args.product, &format!("integrations/{target}/{stem}.py")));
    }
    let role = hook.role.map(Role::word).unwrap_or_default();
    let topic = topic.unwrap_or("'*'");
    let pull = if mode == Mode::Pull { " --mode pull" } else { "" };
    let failure = Failure::new(format!(
        "`{}` has no integration with `{target}` as {role} of {topic} ({})",
        args.product,
        mode.word()
    ));
    let there: Vec<String> =
        of_pair().map(|own| stem(own.topic.as_deref(), own.role, own.mode)).map(|stem| format!("`{stem}`")).collect();
    let failure = if there.is_empty() { failure } else { failure.hint(format!("there is {}", there.join(", "))) };
    Err(failure.hint(format!("`resilmesh create integration {} {target} {topic} {role}{pull}` makes it", args.product)))
}
