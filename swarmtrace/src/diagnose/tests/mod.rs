//! Every rule against traffic that is broken in its way, and against the same
//! traffic whole.

mod bed;
mod cases;
mod healthy;
mod host_cases;
mod overlay_cases;
mod positive;
mod rewritten;
mod roles;
mod scene;
mod state_cases;
mod task_cases;
