//! The client against a socket that answers as the manager of the fixtures did.

use super::*;
use crate::topology::docker::interpret;
use crate::topology::fixtures::node;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// A daemon that answers from `swarm/a`, and with an error to what is broken.
struct Daemon {
    broken: Arc<Mutex<Vec<&'static str>>>,
    asked: Arc<Mutex<Vec<String>>>,
    socket: tempfile::TempDir,
}

impl Daemon {
    fn start() -> Self {
        let daemon = Self {
            broken: Arc::default(),
            asked: Arc::default(),
            socket: tempfile::tempdir().unwrap(),
        };
        let listener = UnixListener::bind(daemon.socket.path().join("docker.sock")).unwrap();
        let (broken, asked) = (daemon.broken.clone(), daemon.asked.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, broken.clone(), asked.clone()));
            }
        });
        daemon
    }

    async fn client(&self) -> Client {
        let socket = self.socket.path().join("docker.sock");
        let version = bollard::API_DEFAULT_VERSION;
        let docker = Docker::connect_with_unix(&socket.to_string_lossy(), 5, version).unwrap();
        Client::with(docker, Plain::unix(socket)).await.unwrap()
    }
}

async fn serve(
    stream: UnixStream,
    broken: Arc<Mutex<Vec<&'static str>>>,
    asked: Arc<Mutex<Vec<String>>>,
) {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    while stream.read_line(&mut request).await.unwrap_or(0) > 0 && !request.ends_with("\r\n\r\n") {}
    let target = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let path = target
        .split('?')
        .next()
        .unwrap()
        .trim_start_matches('/')
        .to_owned();
    // containers/<id>/json, networks/<id>, tasks
    let parts: Vec<&str> = path.split('/').collect();
    let file = match parts.as_slice() {
        ["containers", "json"] => "containers.json".to_owned(),
        ["containers", id, "json"] => format!("container-{id}.json"),
        ["networks", id] => format!("network-{id}.json"),
        _ => format!("{path}.json"),
    };
    asked.lock().unwrap().push(target);
    let broken = broken.lock().unwrap().contains(&path.as_str());
    let (status, body) = match std::fs::read_to_string(node("swarm/a").join(file)) {
        Ok(body) if !broken => ("200 OK", body),
        _ => (
            "500 Internal Server Error",
            "{\"message\":\"broken\"}".to_owned(),
        ),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    let _ = stream.write_all((head + &body).as_bytes()).await;
}

#[tokio::test]
async fn everything_is_asked_for() {
    let daemon = Daemon::start();
    let answers = daemon.client().await.ask().await.unwrap();
    assert_eq!(answers.gaps, Vec::<String>::new());
    let view = interpret(&answers);
    assert_eq!(
        (view.services.len(), view.tasks.len(), view.nodes.len()),
        (2, 3, 2)
    );
    assert!(view.networks.iter().any(|n| !n.endpoints.is_empty()));
    let asked = daemon.asked.lock().unwrap().clone();
    let tasks = asked.iter().find(|a| a.starts_with("/tasks")).unwrap();
    assert!(tasks.ends_with("?filters=%7B%22desired-state%22%3A%5B%22running%22%5D%7D"));
    let verbose = asked
        .iter()
        .filter(|a| a.ends_with("?verbose=true"))
        .count();
    assert_eq!(verbose, 2, "overlays only: {asked:?}");
}

#[tokio::test]
async fn an_answer_that_bollard_cannot_read_is_read_all_the_same() {
    let daemon = Daemon::start();
    let client = daemon.client().await;
    let unreadable = async { Err::<bollard::models::SystemInfo, _>(not_json()) };
    let info: api::Info = client.typed("/info", unreadable).await.unwrap();
    assert!(info.swarm.control_available);
}

fn not_json() -> BollardError {
    let error = serde_json::from_str::<u8>("x").unwrap_err();
    BollardError::JsonSerdeError { err: error }
}

#[tokio::test]
async fn what_is_not_answered_keeps_its_last_answer() {
    let daemon = Daemon::start();
    let mut client = daemon.client().await;
    let whole = interpret(&client.ask().await.unwrap());
    let parts = ["tasks", "services", "nodes", "networks", "containers/json"];
    daemon.broken.lock().unwrap().extend(parts);
    let answers = client.ask().await.unwrap();
    assert_eq!(answers.gaps.len(), parts.len(), "{:?}", answers.gaps);
    assert!(
        answers
            .gaps
            .iter()
            .any(|g| g.starts_with("Docker /tasks: ")),
        "{:?}",
        answers.gaps
    );
    let partial = interpret(&answers);
    assert_eq!(
        (partial.tasks, partial.services),
        (whole.tasks, whole.services)
    );
    assert_eq!(
        (partial.nodes, partial.networks),
        (whole.nodes, whole.networks)
    );
}

#[tokio::test]
async fn a_daemon_that_does_not_say_what_it_is_is_none() {
    let daemon = Daemon::start();
    let mut client = daemon.client().await;
    daemon.broken.lock().unwrap().push("info");
    let error = client.ask().await.unwrap_err();
    assert!(error.to_string().starts_with("Docker /info: "), "{error}");
}
