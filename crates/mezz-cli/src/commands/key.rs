//! `mezz key`: keys, encrypted on disk.

use std::io::Read as _;

use alloy::signers::local::PrivateKeySigner;
use eyre::{WrapErr as _, ensure, eyre};
use serde_json::json;

use crate::{
    args::{KeyCommand, NewKeystore},
    keys::{KEY_VARIABLE, new_password, password, plain_key, read_secret, write_new},
    keystore::{Keystore, MAX_BYTES},
    output::Output,
};

/// Runs one of the commands.
pub(crate) fn run(command: &KeyCommand, out: Output) -> eyre::Result<()> {
    match command {
        KeyCommand::New(to) => {
            let key = PrivateKeySigner::random();
            store(&key, to, out)
        }
        KeyCommand::Import { key_file, to } => {
            let key = match key_file {
                Some(path) => plain_key(&read_secret(path)?, &path.display().to_string())?,
                None => match std::env::var(KEY_VARIABLE) {
                    Ok(text) => plain_key(&text, KEY_VARIABLE)?,
                    Err(_) => plain_key(&standard_input()?, "standard input")?,
                },
            };
            store(&key, to, out)
        }
        KeyCommand::Address { keystore, check, password_file } => {
            let text = read_secret(keystore)?;
            ensure!(
                Keystore::is_one(&text),
                "{} is no keystore; `mezz key import` makes one of a key in hex",
                keystore.display()
            );
            let name = || keystore.display().to_string();
            let store = Keystore::parse(&text).wrap_err_with(name)?;
            let address = if *check || password_file.is_some() {
                let password = password(password_file.as_deref(), crate::keys::ask)?;
                store.decrypt(&password).wrap_err_with(name)?.address()
            } else {
                store.address().ok_or_else(|| {
                    eyre!("{} does not name its address: ask with --check", keystore.display())
                })?
            };
            out.emit("key", &json!({ "address": address }), address.to_string());
            Ok(())
        }
    }
}

fn store(key: &PrivateKeySigner, to: &NewKeystore, out: Output) -> eyre::Result<()> {
    let password = new_password(to.password_file.as_deref())?;
    write_new(&to.out, &Keystore::encrypt(key, &password)?)?;
    let address = key.address();
    let text = format!(
        "{address}\nencrypted in {}. Keep a copy of the file and of the password apart from this \
         machine: nobody can restore either",
        to.out.display()
    );
    out.emit("key", &json!({ "address": address, "file": to.out }), text);
    Ok(())
}

fn standard_input() -> eyre::Result<String> {
    let mut text = String::new();
    let limit = u64::try_from(MAX_BYTES)?;
    std::io::stdin().take(limit).read_to_string(&mut text).wrap_err("standard input")?;
    Ok(text)
}
