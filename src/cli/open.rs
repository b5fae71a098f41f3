//! How commands come to the project and its mesh.

use std::path::{Path, PathBuf};

use super::Context;
use super::colleagues;
use super::failure::Failure;
use crate::mesh::compile::compile_used;
use crate::mesh::model::Mesh;
use crate::plan::journal::Journal;
use crate::plan::paths::StateFolder;
use crate::plan::profile;
use crate::plan::shared;
use crate::project::excerpt::Texts;
use crate::project::files::{Folder, Source};
use crate::project::load::{self, ProjectFiles};
use crate::project::locate;
use crate::project::names;
use crate::project::position::Diagnostic;
use crate::project::profile_file::{NONE, PROFILES};

impl Context {
    /// The folder of the project, absolute.
    ///
    /// # Errors
    /// When there is none.
    pub fn project_folder(&self) -> Result<PathBuf, Failure> {
        let directory = self.directory.display();
        locate::find(&self.directory)
            .map_err(|error| Failure::new(format!("folder `{directory}` cannot be opened: {error}")))?
            .ok_or_else(|| {
                Failure::new(format!("no project in `{directory}`, nor in a folder above it"))
                    .hint("`resilmesh init` makes one here; `-C DIR` names another folder")
            })
    }

    /// The files of the project. What is wrong with them is in [`ProjectFiles::found`].
    ///
    /// # Errors
    /// When there is no project.
    pub fn project(&self) -> Result<ProjectFiles, Failure> {
        let folder = self.project_folder()?;
        let mut files = load::load(&folder)
            .map_err(|error| Failure::new(format!("project `{}` cannot be opened: {error}", folder.display())))?;
        files.profile = self.profile_of(&files)?;
        Ok(files)
    }

    /// The profile for a project: the one that is asked for, else the one that is up.
    ///
    /// # Errors
    /// When there is none of the name that is asked for.
    pub(super) fn profile_of(&self, files: &ProjectFiles) -> Result<Option<String>, Failure> {
        let Some(name) = self.profile_in(&files.root) else { return Ok(None) };
        let file = Path::new(PROFILES).join(format!("{name}.yaml"));
        let has_mistakes = |found: &Diagnostic| found.at.as_ref().is_some_and(|at| at.file == file);
        if files.profiles.contains_key(&name) || files.found.iter().any(has_mistakes) {
            return Ok(Some(name));
        }
        if self.profile.is_none() {
            self.ui
                .warning(&format!("profile `{name}` is up, but `{}` is gone: what is written counts", file.display()));
            return Ok(None);
        }
        let failure = Failure::new(format!("there is no profile `{name}`"));
        Err(match names::suggest(&name, files.profiles.keys().map(String::as_str)) {
            Some(hint) => failure.hint(hint),
            None => failure.hint(format!("a profile is a file: `{}`", file.display())),
        })
    }

    /// The name of the profile for the project in `root`, whether there is such a profile or not.
    pub(super) fn profile_in(&self, root: &Path) -> Option<String> {
        match &self.profile {
            Some(name) if name == NONE => None,
            Some(name) => Some(name.clone()),
            // One that cannot be read is told by the commands that are about what is up.
            None => profile::up(&StateFolder::of(root)).ok().flatten(),
        }
    }

    /// What is up, also what others have set up at tenants, as the journal of the project in `root` tells; one that cannot be read is warned
    /// of and counts as empty.
    pub(super) fn journal(&self, root: &Path) -> Journal {
        let state = StateFolder::of(root);
        let mut journal = match (state.copied(), Journal::load(&state.journal())) {
            (None, Ok(journal)) => journal,
            (Some(copied), _) => {
                self.ui.warning(&copied.words());
                Journal::default()
            }
            (None, Err(error)) => {
                self.ui.warning(&format!("what is up is not known: {error}"));
                Journal::default()
            }
        };
        let environment = self.profile_in(root);
        journal.turn_to(environment.as_deref());
        match colleagues::known(root, environment.as_deref()) {
            Ok(Some((shared, view))) => shared::show_in(&mut journal, &shared, &view),
            Ok(None) => {}
            Err(trouble) => self.ui.warning(&format!("what others have set up is not known: {trouble}")),
        }
        journal
    }

    /// A failure of the plan of the project in `root`, with the lines that it is about: the mesh knows
    /// only where they stand.
    pub(super) fn in_project(&self, root: &Path, failure: impl Into<Failure>) -> Failure {
        let mut failure: Failure = failure.into();
        if let Ok(folder) = Folder::open(root) {
            let mut texts = Texts::default();
            for at in failure.diagnostics.iter().filter_map(|found| found.at.as_ref()) {
                if let Ok(Some(text)) = folder.text(&at.file) {
                    texts.note(&at.file, &text);
                }
            }
            texts.put_into(&mut failure.diagnostics);
        }
        failure
    }

    /// The compiled mesh with the folder of its project; warnings are printed.
    ///
    /// # Errors
    /// When there is no project, or everything that is wrong with it.
    pub fn mesh(&self) -> Result<(PathBuf, Mesh), Failure> {
        let files = self.project()?;
        let mesh = self.mesh_of(&files)?;
        Ok((files.root, mesh))
    }

    /// As [`Context::mesh`], of files that were read already.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(super) fn mesh_of(&self, files: &ProjectFiles) -> Result<Mesh, Failure> {
        let (mesh, warnings) = compiled(files)?;
        warnings.iter().for_each(|warning| self.ui.diagnostic(warning));
        Ok(mesh)
    }

    /// As [`Context::mesh`], with the warnings: for commands that are about what runs, not about what is written.
    ///
    /// # Errors
    /// As [`Context::mesh`].
    pub fn compiled(&self) -> Result<(PathBuf, Mesh, Vec<Diagnostic>), Failure> {
        let files = self.project()?;
        let (mesh, warnings) = compiled(&files)?;
        Ok((files.root, mesh, warnings))
    }
}

fn compiled(files: &ProjectFiles) -> Result<(Mesh, Vec<Diagnostic>), Failure> {
    compile_used(files).map_err(|found| {
        let errors = found.iter().filter(|found| found.is_error()).count();
        Failure::new(format!("the project has {}", names::counted(errors, "mistake"))).found(found)
    })
}
