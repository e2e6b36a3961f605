//! Encrypted keys on disk: version 3 of the Web3 Secret Storage, which Ethereum's wallets and clients
//! read and write.
//!
//! A file may come from anybody, so that its parameters are bounded before memory and time are
//! spent on them.

use aes::cipher::{KeyIvInit as _, StreamCipher as _};
use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{Address, B256, Bytes, hex, keccak256};
use eyre::{WrapErr as _, bail, ensure, eyre};
use serde::{Deserialize, Serialize};

type Aes128Ctr = ctr::Ctr128BE<aes::Aes128>;

/// Largest file that is read.
pub(crate) const MAX_BYTES: usize = 64 << 10;
/// What this program asks of scrypt: 2^17 rounds of 1 KiB, 128 MiB and about half a second.
const LOG_N: u8 = 17;
const SCRYPT_R: u32 = 8;
const SCRYPT_P: u32 = 1;
/// Memory that a file may ask for.
const MAX_SCRYPT_BYTES: u64 = 1 << 30;
/// Parallelism and rounds that a file may ask for.
const MAX_SCRYPT_P: u32 = 16;
const MAX_PBKDF2_ROUNDS: u32 = 10_000_000;

/// The file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Keystore {
    version: u8,
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(alias = "Crypto")]
    crypto: Encrypted,
}

#[derive(Debug, Serialize, Deserialize)]
struct Encrypted {
    cipher: String,
    cipherparams: CipherParameters,
    #[serde(with = "plain_hex")]
    ciphertext: Vec<u8>,
    #[serde(flatten)]
    kdf: Derivation,
    #[serde(with = "plain_hex")]
    mac: Vec<u8>,
}

#[derive(Debug, Serialize, Deserialize)]
struct CipherParameters {
    #[serde(with = "plain_hex")]
    iv: Vec<u8>,
}

/// How the password becomes a key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kdf", content = "kdfparams", rename_all = "lowercase")]
enum Derivation {
    Scrypt {
        dklen: u8,
        n: u64,
        r: u32,
        p: u32,
        #[serde(with = "plain_hex")]
        salt: Vec<u8>,
    },
    Pbkdf2 {
        dklen: u8,
        c: u32,
        prf: String,
        #[serde(with = "plain_hex")]
        salt: Vec<u8>,
    },
}

/// Hex without `0x`, as the format has it; with it, as some write it.
mod plain_hex {
    use alloy_primitives::hex;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&hex::encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        hex::decode(text).map_err(D::Error::custom)
    }
}

impl Keystore {
    /// Encrypts a key.
    pub(crate) fn encrypt(key: &PrivateKeySigner, password: &str) -> eyre::Result<Self> {
        let kdf = Derivation::Scrypt {
            dklen: 32,
            n: 1 << LOG_N,
            r: SCRYPT_R,
            p: SCRYPT_P,
            salt: random::<32>()?.to_vec(),
        };
        let iv = random::<16>()?;
        let derived = kdf.derive(password)?;
        let mut ciphertext = key.to_bytes().to_vec();
        apply(&derived, &iv, &mut ciphertext)?;
        let mac = mac(&derived, &ciphertext);
        Ok(Self {
            version: 3,
            id: random_id()?,
            address: Some(hex::encode(key.address())),
            crypto: Encrypted {
                cipher: "aes-128-ctr".into(),
                cipherparams: CipherParameters { iv: iv.to_vec() },
                ciphertext,
                kdf,
                mac: mac.to_vec(),
            },
        })
    }

    /// Reads a file's bytes.
    pub(crate) fn parse(text: &str) -> eyre::Result<Self> {
        ensure!(text.len() <= MAX_BYTES, "a keystore has at most {MAX_BYTES} bytes");
        let store: Self = serde_json::from_str(text).wrap_err("this is no keystore")?;
        ensure!(store.version == 3, "keystore version {} is not known: 3 is", store.version);
        ensure!(
            store.crypto.cipher == "aes-128-ctr",
            "cipher {:?} is not known: aes-128-ctr is",
            store.crypto.cipher
        );
        Ok(store)
    }

    /// Whether a text looks like a keystore and not like a key.
    pub(crate) fn is_one(text: &str) -> bool {
        text.trim_start().starts_with('{')
    }

    /// Whose key it says that it holds; only decrypting proves it.
    pub(crate) fn address(&self) -> Option<Address> {
        self.address.as_ref()?.parse().ok()
    }

    /// The key.
    pub(crate) fn decrypt(&self, password: &str) -> eyre::Result<PrivateKeySigner> {
        let Encrypted { cipherparams, ciphertext, kdf, mac: expected, .. } = &self.crypto;
        ensure!(ciphertext.len() == 32, "a keystore holds 32 bytes, this one {}", ciphertext.len());
        let derived = kdf.derive(password)?;
        if mac(&derived, ciphertext).as_slice() != expected.as_slice() {
            bail!("wrong password");
        }
        let mut key = ciphertext.clone();
        apply(&derived, &cipherparams.iv, &mut key)?;
        let key = PrivateKeySigner::from_slice(&key)
            .map_err(|_| eyre!("the keystore holds bytes that are no private key"))?;
        if let Some(said) = self.address()
            && said != key.address()
        {
            bail!("the keystore says that it holds the key of {said}, but it is {}", key.address());
        }
        Ok(key)
    }

    /// The bytes of the file.
    pub(crate) fn encode(&self) -> eyre::Result<Bytes> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text.into())
    }
}

impl Derivation {
    fn derive(&self, password: &str) -> eyre::Result<[u8; 32]> {
        let mut derived = [0; 32];
        match self {
            Self::Scrypt { dklen, n, r, p, salt } => {
                ensure!(*dklen == 32, "dklen {dklen} is not known: 32 is");
                let memory = n.saturating_mul(u64::from(*r)).saturating_mul(128);
                ensure!(
                    n.is_power_of_two() && memory <= MAX_SCRYPT_BYTES && *p <= MAX_SCRYPT_P,
                    "scrypt with n={n}, r={r}, p={p} is out of bounds: n a power of two, \
                     128·n·r at most {MAX_SCRYPT_BYTES}, p at most {MAX_SCRYPT_P}"
                );
                let log_n = u8::try_from(n.trailing_zeros())?;
                let parameters = scrypt::Params::new(log_n, *r, *p, 32)
                    .map_err(|_| eyre!("scrypt does not work with n={n}, r={r}, p={p}"))?;
                scrypt::scrypt(password.as_bytes(), salt, &parameters, &mut derived)
                    .map_err(|error| eyre!("scrypt: {error}"))?;
            }
            Self::Pbkdf2 { dklen, c, prf, salt } => {
                ensure!(*dklen == 32, "dklen {dklen} is not known: 32 is");
                ensure!(prf == "hmac-sha256", "prf {prf:?} is not known: hmac-sha256 is");
                ensure!(
                    *c <= MAX_PBKDF2_ROUNDS,
                    "pbkdf2 with {c} rounds is out of bounds: at most {MAX_PBKDF2_ROUNDS}"
                );
                pbkdf2::pbkdf2_hmac::<sha2::Sha256>(password.as_bytes(), salt, *c, &mut derived);
            }
        }
        Ok(derived)
    }
}

fn apply(derived: &[u8; 32], iv: &[u8], bytes: &mut [u8]) -> eyre::Result<()> {
    let mut cipher = Aes128Ctr::new_from_slices(&derived[..16], iv)
        .map_err(|_| eyre!("the cipher's iv has {} bytes, not 16", iv.len()))?;
    cipher.apply_keystream(bytes);
    Ok(())
}

fn mac(derived: &[u8; 32], ciphertext: &[u8]) -> B256 {
    keccak256([&derived[16..], ciphertext].concat())
}

fn random<const N: usize>() -> eyre::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| eyre!("the system gives no randomness: {error}"))?;
    Ok(bytes)
}

/// A random UUID, version 4.
fn random_id() -> eyre::Result<String> {
    let mut bytes = random::<16>()?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex::encode(bytes);
    Ok([&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";
    /// The vector of the format's definition for PBKDF2.
    const PBKDF2: &str = r#"{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":
        "6087dab2f9fdbbfaddc31a909735c1e6"},"ciphertext":
        "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46","kdf":"pbkdf2",
        "kdfparams":{"c":262144,"dklen":32,"prf":"hmac-sha256","salt":
        "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},"mac":
        "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},
        "id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}"#;
    /// The same key as Foundry's `cast wallet import` encrypts it. (The definition's own vector has
    /// r = 1 with N = 2^18, which RFC 7914 rules out.)
    const SCRYPT: &str = r#"{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":
        "ebdf41bbe49e82e44eb0b9f48cb8c026"},"ciphertext":
        "153daa88a69d98b973b6c67156d6b4df1f1e61534279cca63b76ccbfa9716f2f","kdf":"scrypt",
        "kdfparams":{"dklen":32,"n":8192,"p":1,"r":8,"salt":
        "20746081dd0b1c491a0ad7c2122f2e028c6d4c76b01666c797132ea72ab0ff74"},"mac":
        "415b9e3f120717eac6405bca7a1713b36c8f9b509befe850dd2751f144e3c57e"},
        "id":"87c2587f-ddbb-460a-91e5-9dfec26ca67a","version":3}"#;

    #[test]
    fn what_others_encrypted_decrypts() {
        for text in [PBKDF2, SCRYPT] {
            let store = Keystore::parse(text).unwrap();
            let key = store.decrypt("testpassword").unwrap();
            assert_eq!(hex::encode(key.to_bytes()), SECRET);
        }
    }

    #[test]
    fn a_key_comes_back_with_its_password_alone() {
        let key = PrivateKeySigner::random();
        let file = Keystore::encrypt(&key, "correct horse").unwrap().encode().unwrap();
        let text = std::str::from_utf8(&file).unwrap();
        assert!(!text.contains(&hex::encode(key.to_bytes())));
        let store = Keystore::parse(text).unwrap();
        assert_eq!(store.address(), Some(key.address()));
        assert_eq!(store.decrypt("correct horse").unwrap().to_bytes(), key.to_bytes());
        assert_eq!(store.decrypt("correct Horse").unwrap_err().to_string(), "wrong password");
    }

    #[test]
    fn a_file_that_asks_for_too_much_is_refused_before_it_gets_it() {
        for (before, after) in [
            ("\"n\":8192", "\"n\":1099511627776"),
            ("\"n\":8192", "\"n\":8191"),
            ("\"n\":8192", "\"n\":0"),
            ("\"r\":8", "\"r\":4294967295"),
            ("\"p\":1", "\"p\":4000"),
            ("\"dklen\":32", "\"dklen\":16"),
            ("ebdf41bbe49e82e44eb0b9f48cb8c026", "ebdf41"),
            ("\"version\":3", "\"version\":1"),
            ("aes-128-ctr", "aes-128-cbc"),
        ] {
            let text = SCRYPT.replace(before, after);
            assert_ne!(text, SCRYPT, "{before}");
            let read = Keystore::parse(&text).and_then(|store| store.decrypt("testpassword"));
            assert!(read.is_err(), "{after}");
        }
        let text = PBKDF2.replace("262144", "4294967295");
        assert!(Keystore::parse(&text).unwrap().decrypt("testpassword").is_err());
    }

    #[test]
    fn a_file_that_lies_about_its_address_is_refused() {
        let lie =
            SCRYPT.replace("\"version\":3", &format!("\"address\":\"{:040x}\",\"version\":3", 1));
        let error = Keystore::parse(&lie).unwrap().decrypt("testpassword").unwrap_err();
        assert!(error.to_string().contains("says that it holds"), "{error}");
    }
}
