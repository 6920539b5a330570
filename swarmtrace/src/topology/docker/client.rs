//! Asking the Docker daemon.
//!
//! The daemon, networks, containers and events are asked through bollard's typed
//! calls; lists go by a [plain](super::plain) GET, so that an entry that cannot be
//! read is a gap and not a failed list. Requests run side by side and each has its
//! own deadline: a daemon that hangs delays a snapshot, and shows up in its gaps,
//! but never blocks it.

use super::api::{self, Answers};
use super::error::{DEADLINE, DockerError};
use super::plain::Plain;
use crate::topology::NetworkDriver;
use bollard::Docker;
use bollard::errors::Error as BollardError;
use bollard::query_parameters::InspectNetworkOptionsBuilder;
use futures_util::{StreamExt, stream};
use serde::de::DeserializeOwned;
use std::path::Path;
use tokio::time::timeout;

/// Requests under way at the same time.
const PARALLEL: usize = 8;

/// A connection to the Docker daemon.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) docker: Docker,
    plain: Plain,
    /// What was answered last: it stands in for a list that is not answered
    /// this time, and saves asking for sandboxes, which do not change while
    /// their file is there.
    last: Answers,
}

impl Client {
    /// Connects as `docker` itself would: to `DOCKER_HOST`, else to the usual
    /// socket. Requests carry no version, which a daemon takes as its own
    /// newest (dockerd since 1.24), unless bollard's is older.
    ///
    /// # Errors
    /// Errors if the daemon cannot be reached or refuses.
    pub async fn connect() -> Result<Self, DockerError> {
        let docker = Docker::connect_with_defaults().map_err(DockerError::Connect)?;
        let plain = Plain::from_environment().map_err(DockerError::SetUp)?;
        Self::with(docker, plain).await
    }

    async fn with(docker: Docker, plain: Plain) -> Result<Self, DockerError> {
        let docker = docker.with_timeout(DEADLINE);
        let late = |_| DockerError::Late {
            path: "/version".into(),
        };
        let docker = timeout(DEADLINE, docker.negotiate_version())
            .await
            .map_err(late)?
            .map_err(DockerError::Connect)?;
        Ok(Self {
            docker,
            plain,
            last: Answers::default(),
        })
    }

    /// What the daemon says of itself.
    pub(super) async fn daemon(&self) -> Result<crate::topology::Docker, DockerError> {
        let (version, info) = tokio::try_join!(self.version(), self.info())?;
        Ok(super::said_of_itself(&version, &info))
    }

    /// Asks everything that a snapshot needs. Fails only where the daemon does
    /// not say what it is; all else becomes a gap.
    pub(in crate::topology) async fn ask(&mut self) -> Result<Answers, DockerError> {
        let (version, info, containers, networks) = tokio::join!(
            self.version(),
            self.info(),
            self.list("/containers/json"),
            self.list::<api::Network>("/networks"),
        );
        let mut answers = Answers {
            version: version?,
            info: info?,
            ..Answers::default()
        };
        let mut gaps = Vec::new();
        answers.containers = taken(containers, &self.last.containers, &mut gaps);
        let manager = answers.info.swarm.control_available;
        let (networks, inspected, cluster) = tokio::join!(
            self.inspect_networks(taken(networks, &self.last.networks, &mut gaps)),
            self.inspect_containers(&answers.containers),
            async {
                if !manager {
                    return None;
                }
                Some(tokio::join!(
                    self.list("/services"),
                    // {"desired-state":["running"]}
                    self.list("/tasks?filters=%7B%22desired-state%22%3A%5B%22running%22%5D%7D"),
                    self.list("/nodes"),
                ))
            }
        );
        for network in networks {
            answers.networks.extend(network.or_gap(&mut gaps));
        }
        if let Some((services, tasks, nodes)) = cluster {
            answers.services = taken(services, &self.last.services, &mut gaps);
            answers.tasks = taken(tasks, &self.last.tasks, &mut gaps);
            answers.nodes = taken(nodes, &self.last.nodes, &mut gaps);
        } else if !answers.info.swarm.node_id.is_empty() {
            answers.udp_ports = udp_ports();
        }
        for inspected in inspected {
            if let Some(container) = inspected.or_gap(&mut gaps) {
                answers.sandboxes.insert(container.id.clone(), container);
            }
        }
        self.last.clone_from(&answers);
        answers.gaps = gaps;
        Ok(answers)
    }

    /// Overlays with their gossip; the others as they are. Of an overlay whose
    /// gossip could not be had, the last known stands in, else what was listed.
    async fn inspect_networks(
        &self,
        listed: Vec<api::Network>,
    ) -> Vec<Result<api::Network, (Option<api::Network>, DockerError)>> {
        stream::iter(listed)
            .map(|network| async move {
                if network.driver != NetworkDriver::Overlay {
                    return Ok(network);
                }
                let id = network.id.clone();
                let path = format!("/networks/{id}?verbose=true");
                let last = self.last.networks.iter().find(|n| n.id == network.id);
                let instead = last.cloned().unwrap_or(network);
                let options = InspectNetworkOptionsBuilder::default()
                    .verbose(true)
                    .build();
                let request = self.docker.inspect_network(&id, Some(options));
                let answer = self.typed(&path, request).await;
                answer.map_err(|e| (Some(instead), e))
            })
            .buffered(PARALLEL)
            .collect()
            .await
    }

    async fn inspect_containers(
        &self,
        containers: &[api::Container],
    ) -> Vec<Result<api::ContainerInspect, (Option<api::ContainerInspect>, DockerError)>> {
        let requests: Vec<_> = containers
            .iter()
            .map(|container| self.inspect_container(container))
            .collect();
        stream::iter(requests).buffered(PARALLEL).collect().await
    }

    async fn inspect_container(
        &self,
        container: &api::Container,
    ) -> Result<api::ContainerInspect, (Option<api::ContainerInspect>, DockerError)> {
        if let Some(known) = self.last.sandboxes.get(&container.id)
            && !known.network_settings.sandbox_key.is_empty()
            && Path::new(&known.network_settings.sandbox_key).exists()
        {
            return Ok(known.clone());
        }
        let path = format!("/containers/{}/json", container.id);
        let request = self.docker.inspect_container(&container.id, None);
        self.typed(&path, request).await.map_err(|e| (None, e))
    }

    /// An answer in bollard's type `B`. If that cannot read it (a value that is new
    /// in some Docker release), the same question goes as a plain request and our
    /// type takes the fields that it knows.
    async fn typed<B, T: From<B> + DeserializeOwned>(
        &self,
        path: &str,
        request: impl Future<Output = Result<B, BollardError>>,
    ) -> Result<T, DockerError> {
        match timeout(DEADLINE, request).await {
            Ok(Ok(answer)) => Ok(answer.into()),
            Ok(Err(BollardError::JsonDataError { .. } | BollardError::JsonSerdeError { .. })) => {
                self.get(path).await
            }
            Err(_) | Ok(Err(BollardError::RequestTimeoutError)) => Err(DockerError::Late {
                path: without_query(path),
            }),
            Ok(Err(source)) => Err(DockerError::Request {
                path: without_query(path),
                source,
            }),
        }
    }

    async fn version(&self) -> Result<api::Version, DockerError> {
        self.typed("/version", self.docker.version()).await
    }

    async fn info(&self) -> Result<api::Info, DockerError> {
        self.typed("/info", self.docker.info()).await
    }

    /// The answer to a plain request, in a type of ours.
    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, DockerError> {
        let bytes = match timeout(DEADLINE, self.plain.get(path)).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(source)) => {
                return Err(DockerError::Plain {
                    path: without_query(path),
                    source,
                });
            }
            Err(_) => {
                return Err(DockerError::Late {
                    path: without_query(path),
                });
            }
        };
        serde_json::from_slice(&bytes).map_err(|source| DockerError::Answer {
            path: without_query(path),
            source,
        })
    }

    /// A list, entry by entry, and what of it could not be read: bollard reads a
    /// list as a whole or not at all, and its tasks have no `NetworksAttachments`.
    async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<(Vec<T>, Vec<String>), DockerError> {
        let values: Vec<serde_json::Value> = self.get(path).await?;
        let mut gaps = Vec::new();
        let list = values
            .into_iter()
            .filter_map(|value| {
                serde_json::from_value(value)
                    .map_err(|e| {
                        gaps.push(format!("Docker {}: an entry: {e}", without_query(path)));
                    })
                    .ok()
            })
            .collect();
        Ok((list, gaps))
    }
}

/// The question without its filters names it well enough.
fn without_query(path: &str) -> String {
    path.split('?').next().unwrap_or(path).to_owned()
}

/// A list, or the last known in its place and a gap.
fn taken<T: Clone>(
    list: Result<(Vec<T>, Vec<String>), DockerError>,
    last: &[T],
    gaps: &mut Vec<String>,
) -> Vec<T> {
    match list {
        Ok((list, lost)) => {
            gaps.extend(lost);
            list
        }
        Err(error) => {
            gaps.push(error.to_string());
            last.to_vec()
        }
    }
}

/// An answer, or what stands in for it and a gap.
trait OrGap<T> {
    fn or_gap(self, gaps: &mut Vec<String>) -> Option<T>;
}

impl<T> OrGap<T> for Result<T, (Option<T>, DockerError)> {
    fn or_gap(self, gaps: &mut Vec<String>) -> Option<T> {
        match self {
            Ok(answer) => Some(answer),
            // Gone between the list and the question: not there any more.
            Err((
                _,
                DockerError::Request {
                    source:
                        BollardError::DockerResponseServerError {
                            status_code: 404, ..
                        },
                    ..
                },
            )) => None,
            Err((instead, error)) => {
                gaps.push(error.to_string());
                instead
            }
        }
    }
}

/// Ports bound with UDP in this process' namespace: the gossip has no protocol for
/// a published port, but dockerd binds the port itself.
fn udp_ports() -> Vec<u16> {
    ["/proc/self/net/udp", "/proc/self/net/udp6"]
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .flat_map(|text| super::local_ports(&text))
        .collect()
}

#[cfg(test)]
mod tests;
