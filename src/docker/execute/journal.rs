//! What a run has done so far, and undoing it.

use std::collections::BTreeSet;

use bollard::query_parameters::{
    RemoveContainerOptionsBuilder, RemoveVolumeOptions, StartContainerOptions,
};
use futures_util::future::join_all;

use super::Execution;

/// What a run has done so far, as far as it can be undone.
#[derive(Debug, Default)]
pub(super) struct Journal {
    networks: BTreeSet<String>,
    /// Volumes that it made and that nothing can have written to: no container was started since.
    volumes: BTreeSet<String>,
    /// Containers that it made.
    created: BTreeSet<String>,
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
    Incomplete,
}

impl Journal {
    pub(super) fn created_network(&mut self, name: &str) {
        self.networks.insert(name.to_owned());
    }

    pub(super) fn created_volume(&mut self, name: &str) {
        self.volumes.insert(name.to_owned());
    }

    pub(super) fn created_container(&mut self, name: &str) {
        self.created.insert(name.to_owned());
    }

    pub(super) fn stopped(&mut self, name: &str, killed: bool) {
        self.killed |= killed;
        self.stopped.insert(name.to_owned());
    }

    /// To be said before it is started: then its volumes stay, whatever comes of it.
    pub(super) fn starts(&mut self, name: &str) {
        self.volumes.clear();
        if !self.created.contains(name) {
            self.started.insert(name.to_owned());
        }
    }

    pub(super) fn removed(&mut self, name: &str) {
        // What did not run before it was removed is what broken-off runs leave.
        self.removed |= self.stopped.remove(name);
    }

    pub(super) fn renamed(&mut self, from: &str, to: &str) {
        if self.created.remove(from) {
            self.created.insert(to.to_owned());
        }
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
            self.undone(&name, docker.remove_container(&name, Some(options)).await);
        };
        join_all(journal.created.into_iter().map(remove)).await;
        for name in journal.started {
            self.undone(&name, docker.stop_container(&name, None).await);
        }
        for name in journal.networks {
            self.undone(&name, docker.remove_network(&name).await);
        }
        for name in journal.volumes {
            let options = None::<RemoveVolumeOptions>;
            self.undone(&name, docker.remove_volume(&name, options).await);
        }
        if journal.removed {
            return RolledBack::Incomplete;
        }
        for name in journal.stopped {
            let options = None::<StartContainerOptions>;
            self.undone(&name, docker.start_container(&name, options).await);
        }
        RolledBack::AsBefore
    }

    fn undone(&self, name: &str, outcome: Result<(), bollard::errors::Error>) {
        if let Err(error) = outcome {
            self.printer
                .detail(&format!("cannot undo what was done to {name}: {error}"));
        }
    }
}
