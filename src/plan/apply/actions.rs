//! What each kind of step does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use tokio::time::timeout;

use super::{Executor, StepError};
use crate::hooks::HookError;
use crate::mesh::model::PlugId;
use crate::plan::paths;
use crate::plan::render::module;
use crate::plan::step::Action;
use crate::project::names;
use crate::project::rust_hooks;
use crate::project::saved::Saved;
use crate::runtime::ServiceSpec;

type Done = Result<Option<String>, StepError>;

/// Waiting and hooks can be broken off; the rest is short, and half of it would be worse.
pub(super) fn can_be_broken_off(action: &Action) -> bool {
    matches!(action, Action::Ready(_) | Action::Setup(_) | Action::Teardown { .. } | Action::Undo { .. })
}

/// Does it; what there is to say about it.
pub(super) async fn run(executor: &Executor<'_>, action: &Action) -> Done {
    let runtime = executor.runtime;
    if let Some(product) = runs_code_of(action)
        && !executor.trusted.is_some_and(|trusted| trusted.covers(product))
    {
        let hint = format!("`resilmesh trust {product}` shows what it would run");
        return Err(StepError::new(format!("product `{product}` is not trusted"), hint));
    }
    match action {
        Action::Render { instance, files, .. } => {
            let folder = executor.state.rendered(instance);
            write(&folder, files).map_err(|error| file_error(&folder, "written", &error))?;
            Ok(Some(names::counted(files.len(), "file")))
        }
        Action::RemoveFiles(instance) => {
            remove(&programs(executor, instance))?;
            remove(&executor.state.rendered(instance))
        }
        Action::DeleteData(instance) => remove(&executor.state.data(instance)),
        Action::Start(launch) => {
            make_data(executor, &launch.spec.instance)?;
            code(executor, &launch.spec).await?;
            nothing_to_say(runtime.start(&launch.spec).await)
        }
        Action::Restart(launch) => {
            make_data(executor, &launch.spec.instance)?;
            code(executor, &launch.spec).await?;
            runtime.stop(&launch.spec.instance).await?;
            nothing_to_say(runtime.start(&launch.spec).await)
        }
        Action::Reload(launch) => nothing_to_say(runtime.reload(&launch.spec).await),
        Action::Ready(instance) => nothing_to_say(runtime.wait_ready(instance, executor.patience).await),
        Action::Stop(instance) => nothing_to_say(runtime.stop(instance).await),
        Action::Finish => nothing_to_say(runtime.finish().await),
        Action::Setup(setup) => hook(executor, executor.hooks.setup(setup)).await,
        Action::Teardown { done, .. } => hook(executor, executor.hooks.teardown(done)).await,
        Action::Undo { undo, edited, .. } => hook(executor, executor.hooks.undo(undo, edited.as_deref())).await,
        Action::PlugUp { .. } => Ok(None),
        Action::PlugDown(plug) => forget(executor, plug),
    }
}

/// The product whose program, files or hook an action puts to work. Hooks that are compiled in need no
/// trust to undo what they did.
fn runs_code_of(action: &Action) -> Option<&str> {
    match action {
        Action::Start(launch) | Action::Restart(launch) | Action::Reload(launch) => Some(&launch.spec.product),
        Action::Setup(setup) => Some(&setup.call.own.product),
        Action::Undo { undo, .. } => Some(&undo.call.own.product),
        _ => None,
    }
}

fn nothing_to_say<E: Into<StepError>>(result: Result<(), E>) -> Done {
    result.map(|()| None).map_err(Into::into)
}

async fn hook(executor: &Executor<'_>, call: impl Future<Output = Result<Option<String>, HookError>>) -> Done {
    match timeout(executor.patience, call).await {
        Ok(said) => Ok(said?),
        Err(_) => {
            let what = format!("no answer within {:?}", executor.patience);
            Err(StepError::new(what, "`--wait-timeout` lets it take longer".to_owned()))
        }
    }
}

/// What hooks have left of the settings of a plug is of no use any more.
fn forget(executor: &Executor<'_>, plug: &PlugId) -> Done {
    let root = executor.state.root();
    let Some(project) = root.parent() else { return Ok(None) };
    Saved::of(project).forget(plug).map(|()| None).map_err(|error| file_error(root, "written", &error))
}

/// What the code of a module needs: packages, or a program that it is built to.
async fn code(executor: &Executor<'_>, spec: &ServiceSpec) -> Result<(), StepError> {
    let Ok(folders) = fs::read_dir(spec.directory.join(module::FOLDER)) else { return Ok(()) };
    for folder in folders.flatten() {
        executor.hooks.packages(&spec.product, &folder.path()).await?;
        if folder.path().join(rust_hooks::CRATE).is_dir() {
            let built = executor.hooks.program(&spec.product, &folder.path()).await?;
            let instance = names::instance_of(&spec.instance);
            let name = folder.file_name().to_string_lossy().into_owned();
            let target = executor.state.root().join(module::program(&names::id(instance), &name));
            keep_program(&built, &target).map_err(|error| file_error(&target, "written", &error))?;
        }
    }
    Ok(())
}

/// Where the programs of an instance's module are.
fn programs(executor: &Executor<'_>, instance: &str) -> PathBuf {
    executor.state.root().join(module::PROGRAMS).join(names::id(instance))
}

/// Copies a program to where it stays as long as its service is up, whatever is built in the meantime; older ones of
/// the instance go.
fn keep_program(built: &Path, target: &Path) -> io::Result<()> {
    let (Some(folder), Some(all)) = (target.parent(), target.parent().and_then(Path::parent)) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    paths::copy_program(built, target)?;
    for other in fs::read_dir(all)?.flatten().filter(|other| other.path() != folder) {
        // A worker of the former code may still end; what runs needs no file.
        let _ = fs::remove_dir_all(other.path());
    }
    Ok(())
}

fn make_data(executor: &Executor<'_>, instance: &str) -> Result<(), StepError> {
    let folder = executor.state.data(instance);
    paths::make_folder(&folder).map_err(|error| file_error(&folder, "made", &error))
}

/// Makes the folder hold these files and no others.
fn write(folder: &Path, files: &BTreeMap<String, String>) -> io::Result<()> {
    paths::make_folder(folder)?;
    for (path, content) in files {
        let path = folder.join(path);
        if fs::read(&path).ok().as_deref() != Some(content.as_bytes()) {
            paths::write_file(&path, content.as_bytes())?;
        }
    }
    prune(folder, "", files).map(|_| ())
}

/// Removes what is not among the files; whether the folder is empty then.
fn prune(folder: &Path, below: &str, files: &BTreeMap<String, String>) -> io::Result<bool> {
    let mut empty = true;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            if prune(&entry.path(), &format!("{path}/"), files)? {
                fs::remove_dir(entry.path())?;
            } else {
                empty = false;
            }
        } else if files.contains_key(&path) {
            empty = false;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(empty)
}

fn remove(folder: &Path) -> Done {
    match fs::remove_dir_all(folder) {
        Ok(()) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_error(folder, "deleted", &error)),
    }
}

fn file_error(folder: &Path, what: &str, error: &io::Error) -> StepError {
    let what = format!("folder `{}` cannot be {what}: {error}", folder.display());
    StepError::new(what, "check its permissions and the free disk space".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rendered_folder_holds_what_was_rendered_and_nothing_else() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let files = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect();
        write(folder.path(), &files(&["a", "vector/sinks/b", "vector/c"])).expect("write");
        write(folder.path(), &files(&["a", "vector/c"])).expect("write fewer");
        assert!(folder.path().join("vector/c").is_file());
        assert!(!folder.path().join("vector/sinks").exists());
    }
}
