use std::error::Error as StdError;
use std::io;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::net::TcpListener;

use super::facilitator::after;
use super::{Fault, LocalFacilitator};
use crate::facilitator::{
    Endpoint, Facilitator as _, FacilitatorError, FacilitatorErrorKind, PaymentCall,
};
use crate::proto::Version;

/// Longer than any payment.
const MOST_BYTES: usize = 256 * 1024;

impl LocalFacilitator {
    /// Speaks `/verify`, `/settle` and `/supported` over HTTP, for programs in any language. Dropping the future stops it.
    ///
    /// Faults are what they are on a network: answers that get lost are connections that break.
    pub async fn serve(&self, listener: TcpListener) -> io::Error {
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => return error,
            };
            let facilitator = self.clone();
            let connection = async move {
                let service = service_fn(move |request| {
                    let facilitator = facilitator.clone();
                    async move { facilitator.respond(request).await }
                });
                // A connection that breaks is what was asked for, or the client's own doing.
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            };
            drop(tokio::spawn(connection));
        }
    }

    /// Answers one request. An error means that the connection is to break.
    pub async fn respond<B>(
        &self,
        request: Request<B>,
    ) -> Result<Response<Full<Bytes>>, FacilitatorError>
    where
        B: Body<Error: Into<Box<dyn StdError + Send + Sync>>>,
    {
        let (parts, body) = request.into_parts();
        let endpoint = match (&parts.method, parts.uri.path()) {
            (&Method::POST, "/verify") => Endpoint::Verify,
            (&Method::POST, "/settle") => Endpoint::Settle,
            (&Method::GET, "/supported") => Endpoint::Supported,
            _ => return Ok(text(StatusCode::NOT_FOUND, "text/plain", "not found")),
        };
        if endpoint == Endpoint::Supported {
            return match self.supported().await {
                Ok(answer) => Ok(json(&answer)),
                Err(error) if error.kind() == FacilitatorErrorKind::Unreadable => Ok(text(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "text/plain",
                    "this is no answer",
                )),
                Err(error) => Err(error),
            };
        }
        let call = match read(body).await {
            Ok(call) => call,
            Err(error) => {
                let error = serde_json::json!({ "error": error }).to_string();
                return Ok(text(StatusCode::BAD_REQUEST, "application/json", error));
            }
        };
        let fault = self.begin(endpoint);
        self.before(fault.as_ref()).await?;
        let answer = match endpoint {
            Endpoint::Verify => json(&self.verify_now(&call, fault.as_ref())),
            Endpoint::Settle | Endpoint::Supported => json(&self.settle_now(&call, fault.as_ref())),
        };
        match fault {
            Some(Fault::Garbage) => Ok(text(StatusCode::OK, "application/json", "{\"succ")),
            Some(Fault::Html) => {
                let page = "<html><h1>502 Bad Gateway</h1></html>";
                Ok(text(StatusCode::BAD_GATEWAY, "text/html", page))
            }
            fault => after(fault.as_ref(), answer),
        }
    }
}

async fn read<B>(body: B) -> Result<PaymentCall, String>
where
    B: Body<Error: Into<Box<dyn StdError + Send + Sync>>>,
{
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Message<'a> {
        x402_version: u64,
        #[serde(borrow)]
        payment_payload: &'a RawValue,
        #[serde(borrow)]
        payment_requirements: &'a RawValue,
    }

    let body = Limited::new(body, MOST_BYTES)
        .collect()
        .await
        .map_err(|error| error.to_string())?;
    let bytes = body.to_bytes();
    let message: Message<'_> = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    let version = match message.x402_version {
        1 => Version::V1,
        2 => Version::V2,
        other => return Err(format!("x402Version {other} is not known")),
    };
    Ok(PaymentCall::new(
        version,
        message.payment_payload.get(),
        message.payment_requirements.get(),
    ))
}

fn json(answer: &impl Serialize) -> Response<Full<Bytes>> {
    match serde_json::to_vec(answer) {
        Ok(answer) => text(StatusCode::OK, "application/json", answer),
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", ""),
    }
}

fn text(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        http::HeaderValue::from_static(content_type),
    );
    response
}
