//! What every bed is made of: network namespaces, programs started in them,
//! waits with deadlines, traffic, and the swarmtrace binary under test.

pub mod binary;
pub mod deadline;
pub mod namespace;
pub mod program;
pub mod traffic;
