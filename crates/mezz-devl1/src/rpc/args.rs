//! Positional arguments of a request.

use jsonrpsee::types::{Params, params::ParamsSequence};
use serde::de::{Deserialize, DeserializeOwned, Deserializer};

use super::error::RpcError;

/// The arguments, taken one after the other.
#[derive(Debug)]
pub(crate) struct Args<'a> {
    sequence: ParamsSequence<'a>,
    index: usize,
}

impl<'a> Args<'a> {
    pub(crate) fn new(params: &'a Params<'_>) -> Self {
        Self { sequence: params.sequence(), index: 0 }
    }

    /// The next argument.
    pub(crate) fn next<T: DeserializeOwned>(&mut self, what: &'static str) -> Result<T, RpcError> {
        let index = self.index;
        self.optional()?.ok_or(RpcError::ArgumentMissing { index, what })
    }

    /// The next argument, if there is one that is not `null`.
    pub(crate) fn optional<T: DeserializeOwned>(&mut self) -> Result<Option<T>, RpcError> {
        let index = self.index;
        self.index += 1;
        self.sequence.optional_next().map_err(|error| RpcError::Argument {
            index,
            reason: error.data().map_or_else(
                || error.message().to_owned(),
                |data| data.get().trim_matches('"').to_owned(),
            ),
        })
    }
}

/// A number, as hexadecimal or decimal text or as a JSON number: tools differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(u64),
            Text(String),
        }
        let text = match Either::deserialize(deserializer)? {
            Either::Number(number) => return Ok(Self(number)),
            Either::Text(text) => text,
        };
        let number = match text.strip_prefix("0x") {
            Some("") => Ok(0),
            Some(digits) => u64::from_str_radix(digits, 16),
            None => text.parse(),
        };
        number.map(Self).map_err(|_| serde::de::Error::custom(format!("not a number: {text}")))
    }
}
