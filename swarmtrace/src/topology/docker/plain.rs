//! Plain GET requests to the daemon, for answers that bollard has no type for.
//!
//! bollard keeps its connection to itself, so this is a second client, set up from
//! the same environment: `DOCKER_HOST` (`unix://`, `tcp://`, `http://`, `https://`),
//! `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH` (`ca.pem`, `cert.pem`, `key.pem`).
//!
//! Relied on: dockerd takes a path without a version as its own newest version
//! (moby, daemon/server: every route is registered with and without a prefix).

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use hyperlocal::UnixConnector;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};

/// Where the daemon listens unless `DOCKER_HOST` is set.
const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";

/// Why a plain request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum PlainError {
    /// `DOCKER_HOST` names no kind of connection that is supported.
    #[error("DOCKER_HOST {0} is not supported: unix://, tcp:// or https://")]
    Scheme(String),
    /// The certificates in `DOCKER_CERT_PATH` cannot be used.
    #[error("certificates in {}: {why}", .path.display())]
    Certificates {
        /// The directory.
        path: PathBuf,
        /// What is wrong with them.
        why: String,
    },
    /// The path makes no URI.
    #[error(transparent)]
    Uri(#[from] hyper::http::Error),
    /// The request was not sent or not answered.
    #[error(transparent)]
    Send(#[from] hyper_util::client::legacy::Error),
    /// The answer broke off.
    #[error(transparent)]
    Receive(#[from] hyper::Error),
    /// The daemon answered with an error.
    #[error("{status}: {message}")]
    Status {
        /// HTTP status.
        status: StatusCode,
        /// What the daemon says.
        message: String,
    },
}

/// A connection that takes plain GET requests.
#[derive(Clone, Debug)]
pub(super) enum Plain {
    Unix {
        client: Client<UnixConnector, Empty<Bytes>>,
        socket: PathBuf,
    },
    /// With or without TLS, as the scheme of `base` says.
    Tcp {
        client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
        base: String,
    },
}

impl Plain {
    /// Prepares for the daemon that `DOCKER_HOST` names; nothing is sent yet.
    /// Errors if the scheme is not supported or the certificates cannot be read.
    pub fn from_environment() -> Result<Self, PlainError> {
        let variable = |name: &str| std::env::var(name).ok();
        let host = variable("DOCKER_HOST").unwrap_or_else(|| DEFAULT_HOST.to_owned());
        if let Some(socket) = host.strip_prefix("unix://") {
            return Ok(Self::unix(socket));
        }
        let (scheme, rest) = host.split_once("://").unwrap_or_default();
        let verify = variable("DOCKER_TLS_VERIFY").is_some();
        let tls = match scheme {
            "https" => true,
            "tcp" | "http" => verify,
            _ => return Err(PlainError::Scheme(host)),
        };
        let config = match tls {
            true => with_certificates(&certificates(variable))?,
            false => ClientConfig::builder()
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth(),
        };
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        let scheme = if tls { "https" } else { "http" };
        Ok(Self::Tcp {
            client: client().build(HttpsConnector::from((connector, config))),
            base: format!("{scheme}://{}", rest.trim_end_matches('/')),
        })
    }

    /// Prepares for the daemon behind a socket.
    pub fn unix(socket: impl Into<PathBuf>) -> Self {
        Self::Unix {
            client: client().build(UnixConnector),
            socket: socket.into(),
        }
    }

    /// The body of the answer to `GET path`. Errors if the daemon is not reached
    /// or its status is not a success.
    pub async fn get(&self, path: &str) -> Result<Bytes, PlainError> {
        let request =
            |uri: Result<Uri, hyper::http::Error>| Request::get(uri?).body(Empty::<Bytes>::new());
        let answer = match self {
            Self::Unix { client, socket } => {
                let uri = hyperlocal::Uri::new(socket, path).into();
                client.request(request(Ok(uri))?).await?
            }
            Self::Tcp { client, base } => {
                let uri = format!("{base}{path}").parse::<Uri>();
                client.request(request(uri.map_err(Into::into))?).await?
            }
        };
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        if status.is_success() {
            return Ok(body);
        }
        let message = serde_json::from_slice::<serde_json::Value>(&body).ok();
        let message = message.and_then(|m| Some(m.get("message")?.as_str()?.to_owned()));
        Err(PlainError::Status {
            status,
            message: message.unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned()),
        })
    }
}

/// Each request has a connection of its own: between two snapshots it would idle.
fn client() -> hyper_util::client::legacy::Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_max_idle_per_host(0);
    builder
}

/// The directory of the certificates, as bollard and `docker` find it.
fn certificates(variable: impl Fn(&str) -> Option<String>) -> PathBuf {
    let given = variable("DOCKER_CERT_PATH").or_else(|| variable("DOCKER_CONFIG"));
    match given {
        Some(path) => path.into(),
        None => PathBuf::from(variable("HOME").unwrap_or_default()).join(".docker"),
    }
}

/// Trusts the system's authorities and `ca.pem`; presents `cert.pem` if it and its
/// key are there.
fn with_certificates(directory: &Path) -> Result<ClientConfig, PlainError> {
    let bad = |why: String| PlainError::Certificates {
        path: directory.to_owned(),
        why,
    };
    let read = |file: &str| {
        CertificateDer::pem_file_iter(directory.join(file))
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|e| format!("{file}: {e}"))
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots.add_parsable_certificates(read("ca.pem").map_err(bad)?);
    let config = ClientConfig::builder().with_root_certificates(roots);
    let key = PrivateKeyDer::from_pem_file(directory.join("key.pem"));
    match (read("cert.pem"), key) {
        (Ok(chain), Ok(key)) => config
            .with_client_auth_cert(chain, key)
            .map_err(|e| bad(e.to_string())),
        _ => Ok(config.with_no_client_auth()),
    }
}
