//! The program as a process: started, asked over RPC, killed, started again.

mod crash;
mod process;
mod stop;
