//! What the checks see of a node.

use super::facts::Facts;
use crate::firewall::Firewall;
use crate::topology::{Namespace, ReadError, Reader, Topology};

/// A node's topology and facts, as they were at one moment.
#[derive(Clone, Debug, Default)]
pub struct Examined {
    /// The snapshot.
    pub topology: Topology,
    /// What the kernel says beyond it.
    pub facts: Facts,
}

impl Examined {
    /// Reads this node.
    ///
    /// # Errors
    /// If the topology cannot be read. What else cannot be read is a gap in the
    /// facts.
    pub async fn read(reader: &mut Reader) -> Result<Self, ReadError> {
        let topology = reader.read().await?;
        let read = move || {
            let facts = Facts::read(&topology);
            Self { topology, facts }
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(examined) => Ok(examined),
            Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
        }
    }

    /// The packet filters' rules of a namespace, where they were read.
    pub fn rules(&self, namespace: &Namespace) -> Option<&Firewall> {
        self.facts.namespaces.get(&namespace.inode)?.rules.as_ref()
    }

    /// A kernel setting of a namespace, where the kernel has it.
    pub fn sysctl(&self, namespace: &Namespace, name: &str) -> Option<&str> {
        let facts = self.facts.namespaces.get(&namespace.inode)?;
        facts.sysctls.get(name).map(String::as_str)
    }
}
