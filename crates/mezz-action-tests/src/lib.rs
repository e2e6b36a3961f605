//! A whole network in one process, driven step by step.
