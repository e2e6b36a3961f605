//! Contract artifacts and their bindings.
