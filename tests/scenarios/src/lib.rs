//! A real Docker Swarm of two nodes, broken in one way at a time.
//!
//! Real here: the kernel, dockerd and its Swarm mode, IPVS, VXLAN, conntrack, the
//! services' tasks, swarmtrace itself. Not real: the machines (both nodes are
//! namespaces of one VM, with one clock) and the wire between them (a bridge).
//!
//! [`swarm`] is the bed, [`catalogue`] the failures as data, [`stage`] plays one
//! and [`judge`] compares what swarmtrace printed with what the catalogue
//! expects. [`suites`] are the other checks that run on a real Swarm, [`matrix`]
//! a row of them for one kernel and one Docker, [`demo`] the first of them that a
//! newcomer sees. [`cli`] is the command line, which xtask has.

pub mod catalogue;
pub mod cli;
pub mod demo;
pub mod judge;
pub mod matrix;
pub mod play;
pub mod printed;
pub mod stage;
pub mod suites;
pub mod swarm;
