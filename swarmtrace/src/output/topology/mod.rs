//! A node's topology: a screen of text, or a graph for Graphviz.

pub mod dot;
mod names;
mod namespaces;
mod services;
#[cfg(test)]
mod tests;
pub mod text;
