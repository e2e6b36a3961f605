//! Where keys come from: a file, the environment, or the public test mnemonic.

use alloy::signers::local::{MnemonicBuilder, PrivateKeySigner, coins_bip39::English};
use eyre::{WrapErr as _, bail, eyre};
use mezz_devl1::DEV_MNEMONIC;

use crate::args::KeyArgs;

/// Environment variable that may hold a private key in hex.
const KEY_VARIABLE: &str = "MEZZ_PRIVATE_KEY";

/// Account `index` of the public test mnemonic.
pub(crate) fn dev_account(index: u32) -> eyre::Result<PrivateKeySigner> {
    MnemonicBuilder::<English>::default()
        .phrase(DEV_MNEMONIC)
        .index(index)
        .and_then(|builder| builder.build())
        .map_err(|error| eyre!("account {index} of the test mnemonic: {error}"))
}

/// The key that the arguments name.
pub(crate) fn signer(args: &KeyArgs) -> eyre::Result<PrivateKeySigner> {
    if let Some(index) = args.dev_account {
        return dev_account(index);
    }
    let (text, from) = match &args.key_file {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .wrap_err_with(|| format!("the key file {}", path.display()))?;
            (text, path.display().to_string())
        }
        None => match std::env::var(KEY_VARIABLE) {
            Ok(text) => (text, KEY_VARIABLE.to_owned()),
            Err(_) => bail!(
                "no key: name one with --key-file FILE, the environment variable {KEY_VARIABLE}, \
                 or for development --dev-account N"
            ),
        },
    };
    // The text is a secret: it is not repeated in the error.
    text.trim().parse().map_err(|_| eyre!("{from} holds no private key: 32 bytes in hex"))
}
