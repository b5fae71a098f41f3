//! A part of the mesh, named on the command line.

use std::collections::BTreeSet;

use clap::Args;

use super::Context;
use super::completion;
use super::failure::Failure;
use super::plug::ModeArg;
use crate::mesh::model::{Mesh, Mode, PlugId};
use crate::mesh::sound::{self, LeftOut, Sound};
use crate::plan::reconcile::Part;
use crate::project::load::ProjectFiles;
use crate::project::names;

/// Which plugs.
#[derive(Debug, Clone, Default, Args)]
pub struct PartArgs {
    /// Only what has to do with this instance; with DESTINATION, only what it gives
    #[arg(add = completion::instances())]
    pub source: Option<String>,
    /// Only the plugs from SOURCE to this instance
    #[arg(add = completion::instances())]
    pub destination: Option<String>,
    /// Only those of this topic
    #[arg(add = completion::topics())]
    pub topic: Option<String>,
    /// Only those in this mode
    pub mode: Option<ModeArg>,
}

impl PartArgs {
    /// Whether everything is meant.
    pub(super) fn is_all(&self) -> bool {
        self.source.is_none()
    }

    /// As on the command line.
    pub(super) fn words(&self) -> Vec<String> {
        let mode = self.mode.map(|mode| Mode::from(mode).word().to_owned());
        let topic = self.topic.clone();
        [self.source.clone(), self.destination.clone(), topic, mode].into_iter().flatten().collect()
    }

    fn has(&self, plug: &PlugId) -> bool {
        let of_pair = match (&self.source, &self.destination) {
            (Some(source), Some(destination)) => plug.source == *source && plug.destination == *destination,
            (Some(either), None) => plug.source == *either || plug.destination == *either,
            _ => true,
        };
        of_pair
            && self.topic.as_ref().is_none_or(|topic| plug.topic == *topic)
            && self.mode.is_none_or(|mode| Mode::from(mode) == plug.mode)
    }

    /// The plugs that are meant, of those given.
    pub(super) fn of<'a>(&self, plugs: impl IntoIterator<Item = &'a PlugId>) -> BTreeSet<PlugId> {
        plugs.into_iter().filter(|plug| self.has(plug)).cloned().collect()
    }

    /// The project with its mesh, and the part that is meant; none = all of it. For a part, what
    /// is wrong elsewhere is only warned of.
    ///
    /// # Errors
    /// When there is no project or no such instance, or what is wrong.
    pub(super) fn open(&self, cx: &Context) -> Result<(ProjectFiles, Mesh, Option<Part>), Failure> {
        let files = cx.project()?;
        let Some(source) = &self.source else {
            let mesh = cx.mesh_of(&files)?;
            return Ok((files, mesh, None));
        };
        let named: Vec<&str> = std::iter::once(source).chain(&self.destination).map(String::as_str).collect();
        let Some(Sound { mesh, found, left_out }) = sound::around(&files, &named, |plug| self.has(plug)) else {
            // Something concerns it: then everything is told.
            let mesh = cx.mesh_of(&files)?;
            let part = self.of_mesh(cx, &mesh, LeftOut::default())?;
            return Ok((files, mesh, Some(part)));
        };
        found.iter().for_each(|found| cx.ui.diagnostic(found));
        let part = self.of_mesh(cx, &mesh, left_out)?;
        Ok((files, mesh, Some(part)))
    }

    fn of_mesh(&self, cx: &Context, mesh: &Mesh, left_out: LeftOut) -> Result<Part, Failure> {
        for name in self.source.iter().chain(&self.destination) {
            if !mesh.instances.contains_key(name) {
                let hint = names::suggest(name, mesh.instances.keys().map(String::as_str));
                let failure = Failure::new(format!("there is no instance `{name}`"));
                return Err(hint.into_iter().fold(failure, Failure::hint));
            }
        }
        let plugs = self.of(mesh.plugs.iter().map(|plug| &plug.id));
        let alone = self.source.iter().filter(|_| self.destination.is_none());
        let services: BTreeSet<String> =
            alone.filter(|name| mesh.services().any(|(own, _)| own.name == **name)).cloned().collect();
        if plugs.is_empty() && services.is_empty() {
            cx.ui.progress("there is no such plug; `resilmesh list plugs` shows them all");
        }
        Ok(Part { plugs, services, left_out })
    }
}
