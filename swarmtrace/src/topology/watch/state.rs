//! What has changed and is not reported yet.

use crate::topology::Lives;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// Which half of a snapshot is out of date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Namespaces or devices: [`read_kernel`](crate::topology::Reader::read_kernel) will do.
    pub kernel: bool,
    /// Services, tasks, networks or nodes: [`read`](crate::topology::Reader::read) is needed.
    pub docker: bool,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// The lives of this node's containers, by Docker's events.
    pub lives: Lives,
    kernel: AtomicBool,
    docker: AtomicBool,
    notify: Notify,
}

impl State {
    /// Namespaces or devices have changed.
    pub fn kernel_changed(&self) {
        self.kernel.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    /// What Docker answers has changed.
    pub fn docker_changed(&self) {
        self.docker.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    /// Waits for the next change.
    pub async fn changed(&self) {
        self.notify.notified().await;
    }

    /// What has changed since [`Self::take`].
    pub fn changes(&self) -> Changes {
        Changes {
            kernel: self.kernel.load(Ordering::Acquire),
            docker: self.docker.load(Ordering::Acquire),
        }
    }

    /// The same, which counts as reported from now on.
    pub fn take(&self) -> Changes {
        Changes {
            kernel: self.kernel.swap(false, Ordering::AcqRel),
            docker: self.docker.swap(false, Ordering::AcqRel),
        }
    }
}
