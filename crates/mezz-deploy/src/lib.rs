//! Configuration checks and contract deployment.
