//! Automation: checks, contracts, guest, soak.

fn main() {}
