//! Taking a snapshot, and taking the next one cheaply.
//!
//! The kernel answers within milliseconds, Docker within a few hundred at
//! worst seconds. [`Reader::read`] asks both; [`Reader::read_kernel`] asks only
//! the kernel and puts Docker's last answer beside it, which is what tapping a
//! new task in time needs: its name may come later.

use super::discover::DOCKER_NETNS;
use super::docker::{Client, Container, DockerError, View, interpret};
use super::kernel::{self, Kernel};
use super::watch::Watch;
use super::{Topology, assemble};
use crate::sys::netns::NetnsError;
use std::path::{Path, PathBuf};

/// Why there is no snapshot at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not allowed to look into other namespaces.
    #[error("looking into network namespaces needs root (CAP_SYS_ADMIN): run it with sudo")]
    NotPermitted,
    /// Even the own namespace cannot be read.
    #[error(transparent)]
    Namespace(NetnsError),
}

impl From<NetnsError> for ReadError {
    fn from(error: NetnsError) -> Self {
        match error {
            NetnsError::NotPermitted => Self::NotPermitted,
            other => Self::Namespace(other),
        }
    }
}

/// Takes snapshots of this node.
#[derive(Debug, Default)]
pub struct Reader {
    client: Option<Client>,
    view: Option<View>,
    /// Why Docker's half is missing or old.
    trouble: Option<String>,
}

/// What [`Reader::ask_docker`] brought, for [`Reader::take_docker`].
#[derive(Debug)]
pub struct DockerAnswer(Option<Client>, Result<View, DockerError>);

impl Topology {
    /// A snapshot of this node, once.
    ///
    /// # Errors
    /// As [`Reader::read_kernel`].
    pub async fn read() -> Result<Self, ReadError> {
        Reader::default().read().await
    }
}

impl Reader {
    /// Docker's answer and the kernel's. Where Docker does not answer, its last
    /// answer is kept and a gap says so.
    ///
    /// # Errors
    /// As [`Self::read_kernel`].
    pub async fn read(&mut self) -> Result<Topology, ReadError> {
        let answer = self.ask_docker().await;
        self.take_docker(answer);
        self.read_kernel().await
    }

    /// The kernel's answer beside Docker's last one: some milliseconds.
    ///
    /// # Errors
    /// Errors if the namespaces cannot be entered.
    pub async fn read_kernel(&self) -> Result<Topology, ReadError> {
        let containers = self.containers();
        let directories = directories(containers);
        let processes: Vec<PathBuf> = containers.iter().filter_map(by_process).collect();
        let read = move || kernel::read(&directories, &processes);
        let kernel = match tokio::task::spawn_blocking(read).await {
            Ok(kernel) => kernel?,
            Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
        };
        Ok(self.join(kernel))
    }

    /// Reports changes from now on.
    ///
    /// # Errors
    /// Errors if netlink or inotify cannot be subscribed to.
    pub fn watch(&self) -> std::io::Result<Watch> {
        Watch::start(directories(self.containers()), self.client.clone())
    }

    /// Asks Docker without holding the reader, so that the kernel's half can be
    /// read meanwhile; [`Reader::take_docker`] takes what comes of it.
    pub fn ask_docker(&self) -> impl Future<Output = DockerAnswer> + Send + use<> {
        let client = self.client.clone();
        async move {
            let mut client = match client {
                Some(client) => client,
                None => match Client::connect().await {
                    Ok(client) => client,
                    Err(error) => return DockerAnswer(None, Err(error)),
                },
            };
            let answers = client.ask().await;
            DockerAnswer(Some(client), answers.map(|a| interpret(&a)))
        }
    }

    /// Makes an answer Docker's last one. Where it is none, the one before stays
    /// and a gap says so.
    pub fn take_docker(&mut self, DockerAnswer(client, answer): DockerAnswer) {
        self.client = client;
        match answer {
            Ok(view) => {
                self.view = Some(view);
                self.trouble = None;
            }
            Err(error) => {
                self.trouble = Some(match self.view {
                    None => format!("{error}; names of services, tasks and nodes are missing"),
                    Some(_) => format!("{error}; names are as of its last answer"),
                });
            }
        }
    }

    fn join(&self, kernel: Kernel) -> Topology {
        let mut topology = assemble::assemble(kernel, self.view.as_ref());
        topology.gaps.extend(self.trouble.clone());
        if topology.hostname.is_empty() {
            // The UTS namespace's, as gethostname(2).
            topology.hostname = std::fs::read_to_string("/proc/sys/kernel/hostname")
                .map(|name| name.trim().to_owned())
                .unwrap_or_default();
        }
        topology
    }

    fn containers(&self) -> &[Container] {
        self.view.as_ref().map_or(&[], |v| &v.containers)
    }
}

impl Container {
    /// The file that opens the namespace of its first process.
    pub(super) fn namespace_of_process(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/ns/net", self.pid))
    }
}

/// Where sandboxes are: the usual place and where Docker says they are.
fn directories(containers: &[Container]) -> Vec<PathBuf> {
    let mut directories = vec![PathBuf::from(DOCKER_NETNS)];
    for container in containers {
        if let Some(parent) = container.sandbox.parent()
            && parent.is_absolute()
            && !directories.iter().any(|known| same(known, parent))
        {
            directories.push(parent.to_owned());
        }
    }
    directories
}

/// `/var/run` is usually a link to `/run`.
fn same(a: &Path, b: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    a == b || real(a) == real(b)
}

/// The namespace of a container without a visible file, through its process.
/// The process must be the container's: where Docker or this program lives in
/// another pid namespace, the number means someone else.
fn by_process(container: &Container) -> Option<PathBuf> {
    if container.pid == 0 || container.sandbox.exists() {
        return None;
    }
    let cgroup = std::fs::read_to_string(format!("/proc/{}/cgroup", container.pid)).ok()?;
    cgroup
        .contains(&container.id)
        .then(|| container.namespace_of_process())
}
