//! Docker's events: that something changed, and what became of a container.

use super::Client;
use crate::sys::clock::Wall;
use crate::topology::{ContainerEvent, Happening};
use bollard::models::{EventMessage, EventMessageTypeEnum};
use futures_util::StreamExt;

impl Client {
    /// Something happened to a container, network, service or node, since then (in
    /// whole seconds) as far as Docker remembers; what, if it was a container's start
    /// or end. Ends when the connection does.
    pub fn events(
        &self,
        since: Wall,
    ) -> impl futures_util::Stream<Item = Option<ContainerEvent>> + use<> {
        let types = vec!["container", "network", "service", "node"];
        let filters = std::collections::HashMap::from([("type", types)]);
        let options = bollard::query_parameters::EventsOptionsBuilder::default()
            .filters(&filters)
            .since(&since.seconds().to_string())
            .build();
        self.docker
            .events(Some(options))
            .take_while(|event| std::future::ready(event.is_ok()))
            // Health checks are `exec_…` events, several a second on some nodes.
            .filter(|event| {
                let action = event.as_ref().ok().and_then(|e| e.action.as_deref());
                std::future::ready(!action.is_some_and(|a| a.starts_with("exec_")))
            })
            .map(|event| container_event(event.ok()?))
    }
}

/// The event of a container's life, if it is one.
fn container_event(event: EventMessage) -> Option<ContainerEvent> {
    if event.typ != Some(EventMessageTypeEnum::CONTAINER) {
        return None;
    }
    let actor = event.actor?;
    let attributes = actor.attributes.unwrap_or_default();
    let signal = attributes.get("signal").map(String::as_str);
    let seconds = || event.time?.checked_mul(1_000_000_000);
    let time = event.time_nano.or_else(seconds)?;
    Some(ContainerEvent {
        container: actor.id?,
        time: Wall::from_ns(u64::try_from(time).ok()?),
        what: Happening::of(&event.action?, signal)?,
    })
}
