//! One way to add a method: typed parameters in, a JSON value or an error out.

use std::{future::Future, sync::Arc};

use jsonrpsee::{
    RpcModule,
    core::RegisterMethodError,
    types::{ErrorObjectOwned, Params},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{context::Context, error::RpcError};

/// Parameters of a method. Missing trailing ones count as `null`.
fn parse<P: DeserializeOwned>(params: &Params<'_>) -> Result<P, RpcError> {
    let text = params.as_str().unwrap_or("[]");
    if let Ok(parsed) = serde_json::from_str(text) {
        return Ok(parsed);
    }
    let bad = |error: serde_json::Error| RpcError::Params(error.to_string());
    let mut list: Vec<Value> = serde_json::from_str(text).map_err(bad)?;
    // Optional parameters at the end may be left out; two is the most that any method has.
    let mut last = None;
    for _ in 0..3 {
        match serde_json::from_value(Value::Array(list.clone())) {
            Ok(parsed) => return Ok(parsed),
            Err(error) => last = Some(last.unwrap_or(error)),
        }
        list.push(Value::Null);
    }
    Err(RpcError::Params(last.map(|error| error.to_string()).unwrap_or_default()))
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
            Ok(answer(parse(&params)?, context)?)
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
            let parsed = parse(&params);
            async move {
                let value: Result<Value, ErrorObjectOwned> = Ok(answer(parsed?, context).await?);
                value
            }
        })
        .map(|_| ())
}
