//! Native cryptography for the state transition.
