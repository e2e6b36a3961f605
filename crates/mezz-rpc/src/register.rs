//! One way to add a method: typed parameters in, a JSON value or an error out.

use std::{future::Future, sync::Arc};

use jsonrpsee::{
    RpcModule,
    core::RegisterMethodError,
    types::{ErrorObjectOwned, Params},
};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::Value;

use crate::{context::Context, error::RpcError};

/// Times that a request is tried whose state goes away while it is read.
const TRIES: usize = 3;

/// Parameters of a method, by position. Missing trailing ones count as `null`, so that optional ones
/// may be left out; more than the method takes are refused.
fn parse<P: DeserializeOwned>(params: &Params<'_>) -> Result<P, RpcError> {
    let text = params.as_str().unwrap_or("[]");
    let values: Vec<Value> = serde_json::from_str(text)
        .map_err(|error| RpcError::Params(format!("parameters are a list: {error}")))?;
    let count = values.len();
    let mut list = List { values: values.into_iter(), taken: 0 };
    let parsed = P::deserialize(&mut list);
    match parsed {
        Ok(_) if !list.values.as_slice().is_empty() => {
            let most = list.taken;
            Err(RpcError::Params(format!("too many arguments, want at most {most}")))
        }
        Ok(parsed) => Ok(parsed),
        Err(_) if list.taken > count => Err(RpcError::Params(format!(
            "missing value for required argument {}",
            list.taken.saturating_sub(1)
        ))),
        Err(error) => {
            let position = list.taken.saturating_sub(1);
            Err(RpcError::Params(format!("invalid argument {position}: {error}")))
        }
    }
}

/// A list of values that a tuple may reach beyond.
struct List {
    values: std::vec::IntoIter<Value>,
    taken: usize,
}

impl<'de> Deserializer<'de> for &mut List {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_seq(Items { list: self, padded: false })
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_seq(Items { list: self, padded: true })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple_struct map struct enum identifier ignored_any
    }
}

struct Items<'l> {
    list: &'l mut List,
    padded: bool,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = serde_json::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Self::Error> {
        let value = match self.list.values.next() {
            Some(value) => value,
            None if self.padded => Value::Null,
            None => return Ok(None),
        };
        self.list.taken = self.list.taken.saturating_add(1);
        seed.deserialize(value).map(Some)
    }
}

/// Whether to ask once more: blocks were taken back while the state was read, and those that stand now have
/// one. Nothing was done before it was read.
fn again<T>(answered: &Result<T, RpcError>, tries: &mut usize) -> bool {
    let moved = matches!(answered, Err(RpcError::Moved(_)));
    *tries = tries.saturating_add(1);
    moved && *tries <= TRIES
}

/// Adds a method that answers at once.
pub(crate) fn method<P, F>(
    module: &mut RpcModule<Context>,
    name: &'static str,
    answer: F,
) -> Result<(), RegisterMethodError>
where
    P: DeserializeOwned,
    F: Fn(P, &Context) -> Result<Value, RpcError> + Send + Sync + 'static,
{
    module
        .register_method(name, move |params, context, _| -> Result<Value, ErrorObjectOwned> {
            let mut tries = 1;
            let answered = loop {
                let answered = parse(&params).and_then(|params| answer(params, context));
                if !again(&answered, &mut tries) {
                    break answered;
                }
            };
            context.counts.count(name, &answered);
            Ok(answered?)
        })
        .map(|_| ())
}

/// Adds a method that waits for something.
pub(crate) fn method_async<P, F, R>(
    module: &mut RpcModule<Context>,
    name: &'static str,
    answer: F,
) -> Result<(), RegisterMethodError>
where
    P: DeserializeOwned + Send,
    F: Fn(P, Arc<Context>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<Value, RpcError>> + Send,
{
    module
        .register_async_method(name, move |params, context, _| {
            let answer = answer.clone();
            async move {
                let mut tries = 1;
                let answered = loop {
                    let parsed = parse(&params);
                    let answered = match parsed {
                        Ok(params) => answer(params, Arc::clone(&context)).await,
                        Err(error) => Err(error),
                    };
                    if !again(&answered, &mut tries) {
                        break answered;
                    }
                };
                context.counts.count(name, &answered);
                let value: Result<Value, ErrorObjectOwned> = Ok(answered?);
                value
            }
        })
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed<P: DeserializeOwned>(text: &str) -> Result<P, String> {
        parse(&Params::new(Some(text))).map_err(|error| error.to_string())
    }

    #[test]
    fn a_state_that_goes_away_is_read_again_and_not_for_ever() {
        let moved = || Err::<u8, _>(RpcError::Moved("the state went away".into()));
        let refused = Err::<u8, _>(RpcError::Refused("no".into()));
        let mut tries = 1;
        assert!(!again(&Ok(1), &mut tries) && !again(&refused, &mut tries));
        tries = 1;
        assert!(again(&moved(), &mut tries) && again(&moved(), &mut tries));
        assert!(!again(&moved(), &mut tries));
    }

    #[test]
    fn optional_parameters_may_be_left_out_and_no_others() {
        type Four = (u8, Option<u8>, Option<u8>, Option<u8>);
        assert_eq!(parsed::<Four>("[1]"), Ok((1, None, None, None)));
        assert_eq!(parsed::<Four>("[1,null,3]"), Ok((1, None, Some(3), None)));
        assert_eq!(
            parsed::<Four>("[]"),
            Err("invalid params: missing value for required argument 0".into())
        );
        assert_eq!(
            parsed::<(u8,)>("[1,2]"),
            Err("invalid params: too many arguments, want at most 1".into())
        );
        let wrong = parsed::<Four>("[1,\"x\"]").unwrap_err();
        assert!(wrong.starts_with("invalid params: invalid argument 1: "), "{wrong}");
        assert!(parsed::<Four>("{\"a\":1}").unwrap_err().contains("parameters are a list"));
        assert_eq!(parsed::<Vec<u8>>("[]"), Ok(vec![]));
        assert_eq!(parsed::<Vec<u8>>("[1,2]"), Ok(vec![1, 2]));
    }
}
