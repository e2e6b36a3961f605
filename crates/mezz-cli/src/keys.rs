//! Who signs: a remote signer, or a key here from an encrypted keystore, and for development from a plain
//! file, the environment, or the public test mnemonic.

use std::{
    fs,
    io::{IsTerminal as _, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use alloy::signers::local::{MnemonicBuilder, PrivateKeySigner, coins_bip39::English};
use alloy_primitives::Address;
use eyre::{WrapErr as _, bail, ensure, eyre};
use mezz_devl1::{DEV_MNEMONIC, DevL1Config};
use mezz_l1::{Endpoint, L1Signer, RemoteSigner};

use crate::{
    args::{KeyArgs, Role, RoleSignerArgs},
    keystore::{Keystore, MAX_BYTES},
    wiring::RoleKeys,
};

/// Environment variable that may hold a private key in hex, for development.
pub(crate) const KEY_VARIABLE: &str = "MEZZ_PRIVATE_KEY";
/// Environment variable that may hold the password of a keystore.
const PASSWORD_VARIABLE: &str = "MEZZ_KEY_PASSWORD";
/// Fewest characters of a password for a new keystore.
const PASSWORD_LENGTH: usize = 8;
/// Chain ids of L1s that hold nothing of worth: the embedded one, Geth's and Anvil's.
const DEVELOPMENT_L1S: [u64; 3] = [DevL1Config::CHAIN_ID, 1_337, 31_337];

/// What somebody who names an unprotected key is told to do.
const PROTECT: &str = "\
Encrypt it once, and name the result:
  mezz key import --key-file FILE --out keystore.json
  … --key-file keystore.json --password-file FILE   (or MEZZ_KEY_PASSWORD, or type it)";

/// Whether an L1 holds nothing of worth.
pub(crate) fn is_development(l1_chain_id: u64) -> bool {
    DEVELOPMENT_L1S.contains(&l1_chain_id)
}

/// Account `index` of the public test mnemonic.
pub(crate) fn dev_account(index: u32) -> eyre::Result<PrivateKeySigner> {
    MnemonicBuilder::<English>::default()
        .phrase(DEV_MNEMONIC)
        .index(index)
        .and_then(|builder| builder.build())
        .map_err(|error| eyre!("account {index} of the test mnemonic: {error}"))
}

/// Who signs for `roles`: each role's own signer, or else what `key` names.
pub(crate) fn role_keys(
    roles: &[Role],
    key: &KeyArgs,
    own: &RoleSignerArgs,
    l1_chain_id: u64,
) -> eyre::Result<RoleKeys> {
    let (batches, proposes) = (roles.contains(&Role::Batcher), roles.contains(&Role::Proposer));
    let batcher = remote(own.batcher_signer.as_deref(), own.batcher_address)?;
    let proposer = remote(own.proposer_signer.as_deref(), own.proposer_address)?;
    ensure!(batches || batcher.is_none(), "--batcher-signer needs the role: add it to --roles");
    ensure!(proposes || proposer.is_none(), "--proposer-signer needs the role: add it to --roles");
    let shares = (batches && batcher.is_none()) || (proposes && proposer.is_none());
    let sequences = roles.contains(&Role::Sequencer);
    let signs = sequences && key.is_given();
    let shared = (shares || signs).then(|| signer(key, l1_chain_id)).transpose()?;
    let feed = match &shared {
        Some(L1Signer::Local(key)) if sequences => Some(key.clone()),
        _ => None,
    };
    Ok(RoleKeys {
        sequencer: sequences,
        batcher: batcher.or_else(|| shared.clone()).filter(|_| batches),
        proposer: proposer.or(shared).filter(|_| proposes),
        feed,
        follower: None,
    })
}

/// Who signs for these arguments, on a chain whose L1 has this chain id.
pub(crate) fn signer(args: &KeyArgs, l1_chain_id: u64) -> eyre::Result<L1Signer> {
    match remote(args.signer.as_deref(), args.signer_address)? {
        Some(remote) => Ok(remote),
        None => Ok(local_key(args, l1_chain_id)?.into()),
    }
}

fn remote(url: Option<&str>, address: Option<Address>) -> eyre::Result<Option<L1Signer>> {
    let Some((url, address)) = url.zip(address) else { return Ok(None) };
    Ok(Some(RemoteSigner::new(Endpoint::parse(url)?, address).into()))
}

/// The key that the arguments name, for a chain on the L1 with this chain id. Only a development L1
/// takes keys that are not protected.
pub(crate) fn local_key(args: &KeyArgs, l1_chain_id: u64) -> eyre::Result<PrivateKeySigner> {
    let development = is_development(l1_chain_id);
    if let Some(index) = args.dev_account {
        ensure!(
            development,
            "--dev-account is refused: L1 chain {l1_chain_id} is no development L1, and everybody \
             knows the key of account {index}. Make a key of your own with \
             `mezz key new --out keystore.json`, and name it with --key-file"
        );
        return dev_account(index);
    }
    let Some(path) = &args.key_file else {
        let key = environment_key()?;
        ensure!(
            development,
            "the environment variable {KEY_VARIABLE} is refused: L1 chain {l1_chain_id} is no \
             development L1, and other programs can read it.\n{PROTECT}"
        );
        return Ok(key);
    };
    let text = read_secret(path)?;
    if Keystore::is_one(&text) {
        let store = Keystore::parse(&text).wrap_err_with(|| path.display().to_string())?;
        let password = password(args.password_file.as_deref(), ask)?;
        return store.decrypt(&password).wrap_err_with(|| path.display().to_string());
    }
    ensure!(
        development,
        "{} is refused: it holds a key without protection, and L1 chain {l1_chain_id} is no \
         development L1.\n{PROTECT}",
        path.display()
    );
    plain_key(&text, &path.display().to_string())
}

/// A key in hex. The text is a secret: no error repeats it.
pub(crate) fn plain_key(text: &str, from: &str) -> eyre::Result<PrivateKeySigner> {
    text.trim().parse().map_err(|_| eyre!("{from} holds no private key: 32 bytes in hex"))
}

fn environment_key() -> eyre::Result<PrivateKeySigner> {
    match std::env::var(KEY_VARIABLE) {
        Ok(text) => plain_key(&text, KEY_VARIABLE),
        Err(_) => bail!(
            "no key: name a keystore with --key-file FILE (make one with `mezz key new`), or a remote \
             signer with --signer URL --signer-address ADDRESS; for development also the environment \
             variable {KEY_VARIABLE}, or --dev-account N"
        ),
    }
}

/// A small file with a secret in it, which other users of the machine may not read.
pub(crate) fn read_secret(path: &Path) -> eyre::Result<String> {
    let name = || format!("the file {}", path.display());
    let file = fs::File::open(path).wrap_err_with(name)?;
    let mode = file.metadata().wrap_err_with(name)?.permissions().mode();
    ensure!(
        mode & 0o007 == 0,
        "every user of this machine may read {0}: chmod 600 {0}",
        path.display()
    );
    let limit = u64::try_from(MAX_BYTES)?;
    let mut text = String::new();
    file.take(limit.saturating_add(1)).read_to_string(&mut text).wrap_err_with(name)?;
    ensure!(text.len() <= MAX_BYTES, "{} has more than {MAX_BYTES} bytes", path.display());
    Ok(text)
}

/// The password: from a file, from the environment, or else as `ask` gets it.
pub(crate) fn password(
    file: Option<&Path>,
    ask: impl FnOnce() -> eyre::Result<String>,
) -> eyre::Result<String> {
    if let Some(path) = file {
        let text = read_secret(path)?;
        // An editor ends a file with a line end, which is not part of the password.
        return Ok(text.strip_suffix('\n').unwrap_or(&text).trim_end_matches('\r').to_owned());
    }
    std::env::var(PASSWORD_VARIABLE).or_else(|_| ask())
}

/// Asks on the terminal, without showing what is typed.
fn prompt(question: &str) -> eyre::Result<String> {
    ensure!(
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
        "no password: name a file with --password-file, set {PASSWORD_VARIABLE}, or run it in a \
         terminal"
    );
    let mut terminal = console::Term::stderr();
    terminal.write_all(format!("{question}: ").as_bytes())?;
    Ok(terminal.read_secure_line()?)
}

/// Asks for the password of a keystore that is there.
pub(crate) fn ask() -> eyre::Result<String> {
    prompt("Password of the keystore")
}

/// A password for a new keystore, typed twice.
pub(crate) fn new_password(file: Option<&Path>) -> eyre::Result<String> {
    let password = password(file, || {
        let first = prompt("Password for the new keystore")?;
        ensure!(first == prompt("Once more")?, "the two passwords differ");
        Ok(first)
    })?;
    ensure!(
        password.chars().count() >= PASSWORD_LENGTH,
        "the password is shorter than {PASSWORD_LENGTH} characters"
    );
    Ok(password)
}

/// Writes a keystore to a new file, durably, for its owner alone.
pub(crate) fn write_new(path: &Path, store: &Keystore) -> eyre::Result<()> {
    let name = || format!("the new keystore {}", path.display());
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .wrap_err_with(name)?;
    file.write_all(&store.encode()?).wrap_err_with(name)?;
    file.sync_all().wrap_err_with(name)?;
    let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
    let parent = fs::File::open(parent.unwrap_or(Path::new("."))).wrap_err_with(name)?;
    parent.sync_all().wrap_err_with(name)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const KEY: &str = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";
    const SEPOLIA: u64 = 11_155_111;

    fn file(dir: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn args(key_file: &Path, password_file: Option<&Path>) -> KeyArgs {
        KeyArgs {
            key_file: Some(key_file.to_owned()),
            password_file: password_file.map(Path::to_owned),
            ..KeyArgs::default()
        }
    }

    #[test]
    fn a_keystore_works_everywhere_and_a_plain_key_only_in_development() {
        let dir = tempfile::tempdir().unwrap();
        let plain = file(&dir, "plain", &format!("0x{KEY}\n"));
        let password = file(&dir, "password", "correct horse\n");
        let key = local_key(&args(&plain, None), 31_337).unwrap();
        let error = local_key(&args(&plain, None), SEPOLIA).unwrap_err().to_string();
        assert!(error.contains("mezz key import"), "{error}");

        let store = dir.path().join("keystore.json");
        write_new(&store, &Keystore::encrypt(&key, "correct horse").unwrap()).unwrap();
        assert_eq!(fs::metadata(&store).unwrap().permissions().mode() & 0o777, 0o600);
        for chain in [31_337, SEPOLIA] {
            let read = local_key(&args(&store, Some(&password)), chain).unwrap();
            assert_eq!(read.to_bytes(), key.to_bytes());
        }
        // What is there is not written over: it may be the only copy of a key.
        let again = write_new(&store, &Keystore::encrypt(&key, "correct horse").unwrap());
        assert!(again.is_err());
    }

    #[test]
    fn the_public_mnemonic_is_refused_where_money_is() {
        let args = KeyArgs { dev_account: Some(3), ..KeyArgs::default() };
        assert!(local_key(&args, DevL1Config::CHAIN_ID).is_ok());
        let error = local_key(&args, 1).unwrap_err().to_string();
        assert!(error.contains("mezz key new"), "{error}");
    }

    #[test]
    fn each_role_has_its_own_signer_or_the_shared_key() {
        let [batcher, proposer] = [1, 2].map(Address::repeat_byte);
        let url = || Some(String::from("http://127.0.0.1:9000"));
        let own = RoleSignerArgs {
            batcher_signer: url(),
            batcher_address: Some(batcher),
            ..RoleSignerArgs::default()
        };
        let key = KeyArgs { dev_account: Some(3), ..KeyArgs::default() };
        let both = [Role::Batcher, Role::Proposer];
        let keys = role_keys(&both, &key, &own, 31_337).unwrap();
        assert_eq!(keys.batcher.unwrap().address(), batcher);
        assert_eq!(keys.proposer.unwrap().address(), dev_account(3).unwrap().address());
        assert!(!keys.sequencer);

        // No key is looked for that no role needs: there is none here.
        let keys = role_keys(&[Role::Batcher], &KeyArgs::default(), &own, 1).unwrap();
        assert!(keys.proposer.is_none());
        let remote =
            KeyArgs { signer: url(), signer_address: Some(proposer), ..KeyArgs::default() };
        let keys = role_keys(&both, &remote, &own, 1).unwrap();
        assert_eq!(keys.batcher.unwrap().address(), batcher);
        assert_eq!(keys.proposer.unwrap().address(), proposer);

        let error = role_keys(&[Role::Proposer], &remote, &own, 1).unwrap_err().to_string();
        assert!(error.contains("--roles"), "{error}");
    }

    #[test]
    fn a_secret_that_everybody_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let plain = file(&dir, "plain", KEY);
        fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).unwrap();
        let error = local_key(&args(&plain, None), 31_337).unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }

    #[test]
    fn no_error_repeats_a_secret() {
        let dir = tempfile::tempdir().unwrap();
        let nearly = format!("{KEY}00");
        let error = local_key(&args(&file(&dir, "plain", &nearly), None), 31_337).unwrap_err();
        assert!(!format!("{error:?}").contains(KEY));
    }
}
