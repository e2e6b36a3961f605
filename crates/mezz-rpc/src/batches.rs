//! Requests on their way to the methods, one by one and in batches.
//!
//! Those of a batch are answered one after the other, except that neighbouring `eth_sendRawTransaction`s, which
//! wait for the disk, wait together: one write keeps all of them.

use std::future::Future;

use futures_util::{StreamExt as _, future::Either, stream::FuturesOrdered};
use jsonrpsee::{
    BatchResponseBuilder, MethodResponse,
    core::middleware::{Batch, BatchEntry, Notification, RpcServiceT},
    types::{
        ErrorObjectOwned, Request,
        error::{INTERNAL_ERROR_CODE, METHOD_NOT_FOUND_CODE},
    },
};

use crate::accepting::Accepting;

/// Its requests wait for the disk, and their answers are small.
const SEND: &str = "eth_sendRawTransaction";

/// Ends a subscription.
const UNSUBSCRIBE: &str = "eth_unsubscribe";

/// What is for WebSocket alone.
const SUBSCRIBING: [&str; 2] = ["eth_subscribe", UNSUBSCRIBE];

/// Answers batches by asking `service` for each request.
#[derive(Clone, Debug)]
pub(crate) struct Batches<S> {
    pub(crate) service: S,
    /// Bytes of an answer at most.
    pub(crate) bytes: usize,
    pub(crate) accepting: Accepting,
}

impl<S> RpcServiceT for Batches<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            NotificationResponse = MethodResponse,
            BatchResponse = MethodResponse,
        > + Clone
        + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        ask(&self.service, &self.accepting, request)
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = MethodResponse> + Send + 'a {
        self.service.notification(notification)
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let (service, accepting) = (self.service.clone(), self.accepting.clone());
        let answers = BatchResponseBuilder::new_with_limit(self.bytes);
        async move {
            answer(&service, &accepting, batch, answers).await.unwrap_or_else(|too_large| too_large)
        }
    }
}

/// The answer to one request. The server calls it an error of its own when somebody asks over HTTP for what
/// only WebSocket can give.
fn ask<'a, S>(
    service: &S,
    accepting: &Accepting,
    request: Request<'a>,
) -> impl Future<Output = MethodResponse> + Send + 'a
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Clone + Send + Sync + 'static,
{
    let subscribing = SUBSCRIBING.contains(&request.method_name()).then(|| request.id.clone());
    let ends = (request.method_name() == UNSUBSCRIBE).then(|| accepting.wait(&request)).flatten();
    let answer = match ends {
        None => Either::Left(service.call(request)),
        Some(accepted) => {
            let service = service.clone();
            Either::Right(async move {
                accepted.await;
                service.call(request).await
            })
        }
    };
    async move {
        let answer = answer.await;
        match subscribing {
            Some(id) if answer.as_error_code() == Some(INTERNAL_ERROR_CODE) => {
                let text = "notifications not supported over HTTP: connect by WebSocket";
                let error = ErrorObjectOwned::owned(METHOD_NOT_FOUND_CODE, text, None::<()>);
                MethodResponse::error(id, error)
            }
            _ => answer,
        }
    }
}

/// The answer to a batch; as an error if it gets too large.
async fn answer<S>(
    service: &S,
    accepting: &Accepting,
    batch: Batch<'_>,
    mut answers: BatchResponseBuilder,
) -> Result<MethodResponse, MethodResponse>
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Clone + Send + Sync + 'static,
{
    let mut sends = FuturesOrdered::new();
    let mut notified = false;
    for entry in batch {
        match entry {
            Ok(BatchEntry::Call(request)) if request.method_name() == SEND => {
                sends.push_back(ask(service, accepting, request));
            }
            Ok(BatchEntry::Call(request)) => {
                // What was sent before it is in the pool when it is answered.
                settle(&mut sends, &mut answers).await?;
                answers.append(ask(service, accepting, request).await)?;
            }
            Ok(BatchEntry::Notification(notification)) => {
                notified = true;
                service.notification(notification).await;
            }
            Err(error) => {
                settle(&mut sends, &mut answers).await?;
                let (error, id) = error.into_parts();
                answers.append(MethodResponse::error(id, error))?;
            }
        }
    }
    settle(&mut sends, &mut answers).await?;
    if answers.is_empty() && notified {
        return Ok(MethodResponse::notification());
    }
    Ok(MethodResponse::from_batch(answers.finish()))
}

/// Waits for all that was sent.
async fn settle(
    sends: &mut FuturesOrdered<impl Future<Output = MethodResponse>>,
    answers: &mut BatchResponseBuilder,
) -> Result<(), MethodResponse> {
    while let Some(answer) = sends.next().await {
        answers.append(answer)?;
    }
    Ok(())
}
