//! Assertions and comparisons of made-up traces.
