//! Revert data as a person reads it.

use alloy::sol_types::{Revert, SolError, SolInterface};
use mezz_contracts::{Inbox, Messenger, Operators, Settlement, Vault};

/// The custom error of one of the chain's contracts, `Error(string)`, or the bytes.
pub fn revert_reason(data: &[u8]) -> String {
    if let Ok(text) = Revert::abi_decode(data) {
        return text.reason;
    }
    let named = [
        Inbox::InboxErrors::abi_decode(data).map(|error| format!("{error:?}")),
        Settlement::SettlementErrors::abi_decode(data).map(|error| format!("{error:?}")),
        Vault::VaultErrors::abi_decode(data).map(|error| format!("{error:?}")),
        Operators::OperatorsErrors::abi_decode(data).map(|error| format!("{error:?}")),
        Messenger::MessengerErrors::abi_decode(data).map(|error| format!("{error:?}")),
    ];
    named
        .into_iter()
        .find_map(Result::ok)
        .map(|text| unwrap_variant(&text))
        .unwrap_or_else(|| format!("0x{}", alloy_primitives::hex::encode(data)))
}

/// `Variant(Inner { .. })` without the variant, which repeats the name.
fn unwrap_variant(text: &str) -> String {
    match text.split_once('(') {
        Some((variant, rest)) if rest.starts_with(variant) => {
            rest.strip_suffix(')').unwrap_or(rest).to_owned()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_errors_are_named() {
        let data = Inbox::Inbox_DueMessageSkipped { index: 7 }.abi_encode();
        assert_eq!(revert_reason(&data), "Inbox_DueMessageSkipped { index: 7 }");
        assert_eq!(revert_reason(&Revert::from("too late").abi_encode()), "too late");
        assert_eq!(revert_reason(&[1, 2, 3, 4]), "0x01020304");
    }
}
