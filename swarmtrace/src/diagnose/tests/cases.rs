//! The catalogue's failures as scenes, with what is to be said of each.

use super::scene::{Scene, View};
use super::{host_cases, overlay_cases, state_cases, task_cases};
use crate::diagnose::Certainty;
use crate::synthetic::{Connection, Ending, Route};

pub struct Expect {
    pub id: &'static str,
    pub certainty: Certainty,
    /// Part of the verdict's place.
    pub place: &'static str,
    pub scene: Scene,
}

pub fn all() -> Vec<Expect> {
    let mut all = host_cases::cases();
    all.extend(overlay_cases::cases());
    all.extend(task_cases::cases());
    all.extend(state_cases::cases());
    all
}

pub fn broken(id: &'static str, certainty: Certainty, place: &'static str, scene: Scene) -> Expect {
    Expect {
        id,
        certainty,
        place,
        scene,
    }
}

pub fn mesh(ending: Ending) -> Scene {
    Scene::new(Connection::new(Route::MeshLocal, ending, 7), View::A)
}

pub fn unanswered(route: Route) -> Scene {
    Scene::new(Connection::new(route, Ending::Unanswered, 7), View::A)
}
