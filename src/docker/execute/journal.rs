//! What a run has done so far, and undoing it.

use std::collections::{BTreeMap, BTreeSet};

use bollard::query_parameters::{
    RemoveContainerOptionsBuilder, RemoveVolumeOptions, RenameContainerOptionsBuilder,
    StartContainerOptions,
};
use futures_util::future::join_all;

use super::Execution;
use crate::docker::observe::status;

/// What a run has done so far, as far as it can be undone.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// By id, where it is known: old engines take a name twice.
    networks: BTreeSet<String>,
    /// Volumes that it made and that nothing can have written to: no container was started since.
    volumes: BTreeSet<String>,
    /// Containers that it made, by name; what each is called for good, which is its id where that
    /// is known: the name may be another's by the time that all is undone.
    created: BTreeMap<String, String>,
    /// Containers that were there and that it has set aside: their names, and those meanwhile.
    set_aside: BTreeMap<String, String>,
    /// Containers that were there and that it stopped.
    stopped: BTreeSet<String>,
    /// Containers that were there and that it started.
    started: BTreeSet<String>,
    /// Whether a container that was there is gone for good.
    removed: bool,
    /// Whether a container did not stop in time.
    killed: bool,
}

/// What undoing a run has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RolledBack {
    /// All is as it was before.
    AsBefore,
    /// A container of before was gone already, so that the stack cannot be as it was.
    Gone,
    /// Something could not be undone.
    Incomplete,
}

impl Journal {
    pub(super) fn created_network(&mut self, name: &str) {
        self.networks.insert(name.to_owned());
    }

    pub(super) fn created_volume(&mut self, name: &str) {
        self.volumes.insert(name.to_owned());
    }

    pub(super) fn created_container(&mut self, name: &str, id: &str) {
        self.created.insert(name.to_owned(), id.to_owned());
    }

    pub(super) fn stopped(&mut self, name: &str) {
        self.stopped.insert(name.to_owned());
    }

    pub(super) fn killed(&mut self) {
        self.killed = true;
    }

    /// To be said before it is started: then its volumes stay, whatever comes of it.
    pub(super) fn starts(&mut self, name: &str) {
        self.volumes.clear();
        if !self.created.contains_key(name) {
            self.started.insert(name.to_owned());
        }
    }

    pub(super) fn removed(&mut self, name: &str) {
        let mut set_aside = self.set_aside.iter();
        let original = set_aside.find_map(|(original, aside)| (aside == name).then_some(original));
        let original = original.map_or_else(|| name.to_owned(), Clone::clone);
        self.set_aside.remove(&original);
        // What did not run before it was removed is what broken-off runs leave.
        self.removed |= self.stopped.remove(&original);
    }

    /// Where it has only one of the two names, and no id is known, the other is nobody's.
    pub(super) fn renamed(&mut self, from: &str, to: &str) {
        match self.created.get(from) {
            Some(id) => {
                let id = if id == from { to } else { id };
                self.created.insert(to.to_owned(), id.to_owned());
            }
            None => {
                self.set_aside.insert(from.to_owned(), to.to_owned());
            }
        }
    }

    /// Whether a container only waits to be removed.
    pub(super) fn is_set_aside(&self, name: &str) -> bool {
        self.set_aside.values().any(|aside| aside == name)
    }
}

impl Execution<'_> {
    /// Whether a container did not stop by itself in time.
    pub fn has_killed(&self) -> bool {
        self.journal().killed
    }

    /// Removes what the run has made, and starts again what it has stopped, as far as that is
    /// there. What cannot be undone stays; the failure before it is what there is to tell.
    pub async fn roll_back(&self) -> RolledBack {
        let journal = std::mem::take(&mut *self.journal());
        let docker = &self.connection.docker;
        let remove = |name: String| async move {
            let options = RemoveContainerOptionsBuilder::new().force(true).build();
            self.is_undone(&name, docker.remove_container(&name, Some(options)).await)
        };
        let created: BTreeSet<_> = journal.created.into_values().collect();
        let removed = join_all(created.into_iter().map(remove)).await;
        let mut all = !removed.contains(&false);
        for name in journal.started {
            all &= self.is_undone(&name, docker.stop_container(&name, None).await);
        }
        for name in journal.networks {
            all &= self.is_undone(&name, docker.remove_network(&name).await);
        }
        for name in journal.volumes {
            let options = None::<RemoveVolumeOptions>;
            all &= self.is_undone(&name, docker.remove_volume(&name, options).await);
        }
        if journal.removed {
            return RolledBack::Gone;
        }
        for (name, aside) in journal.set_aside {
            let options = RenameContainerOptionsBuilder::new().name(&name).build();
            all &= self.is_undone(&name, docker.rename_container(&aside, options).await);
        }
        for name in journal.stopped {
            let options = None::<StartContainerOptions>;
            let started = docker.start_container(&name, options).await;
            all &= started.is_ok();
            self.is_undone(&name, started);
        }
        if all {
            RolledBack::AsBefore
        } else {
            RolledBack::Incomplete
        }
    }

    /// What is not there any more, or never was, is undone.
    fn is_undone(&self, name: &str, outcome: Result<(), bollard::errors::Error>) -> bool {
        match outcome {
            Err(error) if status(&error) != Some(404) => {
                self.printer
                    .detail(&format!("cannot undo what was done to {name}: {error}"));
                false
            }
            _ => true,
        }
    }
}
