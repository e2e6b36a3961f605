//! Prints the OpenRPC document: `cargo run -p mezz-rpc --example openrpc > docs/openrpc.json`.

fn main() -> Result<(), serde_json::Error> {
    println!("{}", serde_json::to_string_pretty(&mezz_rpc::openrpc())?);
    Ok(())
}
