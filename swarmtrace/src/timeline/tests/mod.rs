//! The timeline against a Swarm made up for the purpose.

mod paths;
