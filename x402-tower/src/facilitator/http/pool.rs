//! Connections that are kept, by where they lead.
//!
//! A facilitator is one server that is asked twice for every payment, so a list is enough, and takes half the work of a
//! pool for browsers.

use std::future::poll_fn;
use std::sync::Mutex;
use std::time::Duration;

use ::http::uri::{Authority, Scheme};
use ::http::{HeaderValue, Request, Response, Uri, header};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use tokio::time::Instant;

use super::whole::Whole;
use crate::lock::lock;

/// Connections that wait for their next request.
#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<Vec<Idle>>);

#[derive(Debug)]
struct Idle {
    scheme: Option<Scheme>,
    authority: Option<Authority>,
    connection: Connection,
    since: Instant,
}

/// What is idle for longer may have been forgotten on the way, without a word.
const LONGEST: Duration = Duration::from_secs(90);

impl Pool {
    /// A connection to the server of this URI.
    pub(super) fn take(&self, uri: &Uri) -> Option<Connection> {
        let mut idle = lock(&self.0);
        idle.retain(|idle| !idle.connection.is_closed() && idle.since.elapsed() < LONGEST);
        let leads_there = |idle: &Idle| {
            idle.authority.as_ref() == uri.authority() && idle.scheme.as_ref() == uri.scheme()
        };
        // The latest is the least likely to break.
        let at = idle.iter().rposition(leads_there)?;
        let found = &mut idle[at];
        if let Connection::Http2(shared) = &found.connection {
            found.since = Instant::now();
            return Some(Connection::Http2(shared.clone()));
        }
        Some(idle.remove(at).connection)
    }

    /// Keeps a connection to the server of this URI.
    pub(super) fn put(&self, uri: &Uri, connection: Connection) {
        lock(&self.0).push(Idle {
            scheme: uri.scheme().cloned(),
            authority: uri.authority().cloned(),
            connection,
            since: Instant::now(),
        });
    }
}

/// A connection that is open, as far as is known.
#[derive(Debug)]
pub(super) enum Connection {
    /// For one request after the other.
    Http1(http1::SendRequest<Whole>),
    /// For many at once: whoever has it has a clone.
    Http2(http2::SendRequest<Whole>),
}

/// Why there is no response.
pub(super) enum Broken {
    /// The connection was closed before. The request is given back: certainly nothing was sent.
    Before(Box<Request<Whole>>, hyper::Error),
    Meanwhile(hyper::Error),
}

impl Connection {
    pub(super) async fn send(
        &mut self,
        uri: &Uri,
        mut request: Request<Whole>,
    ) -> Result<Response<Incoming>, Broken> {
        let sent = match self {
            Self::Http1(sender) => {
                if let Err(error) = poll_fn(|cx| sender.poll_ready(cx)).await {
                    return Err(Broken::Before(Box::new(request), error));
                }
                // Version 1.1 says which server is meant in a header, and only the rest in the first line.
                if let Some(host) = host(uri).and_then(|host| HeaderValue::from_str(host).ok()) {
                    request.headers_mut().entry(header::HOST).or_insert(host);
                }
                let path = uri.path_and_query().cloned();
                *request.uri_mut() = path.map_or_else(Uri::default, Uri::from);
                sender.try_send_request(request).await
            }
            Self::Http2(sender) => {
                *request.uri_mut() = uri.clone();
                request.headers_mut().remove(header::HOST);
                sender.try_send_request(request).await
            }
        };
        sent.map_err(|mut error| match error.take_message() {
            Some(request) => Broken::Before(Box::new(request), error.into_error()),
            None => Broken::Meanwhile(error.into_error()),
        })
    }

    fn is_closed(&self) -> bool {
        match self {
            Self::Http1(sender) => sender.is_closed(),
            Self::Http2(sender) => sender.is_closed(),
        }
    }
}

/// What clients say in `Host`: the port only if it is not the usual one.
fn host(uri: &Uri) -> Option<&str> {
    let authority = uri.authority()?.as_str();
    let usual = if uri.scheme() == Some(&Scheme::HTTP) {
        ":80"
    } else {
        ":443"
    };
    Some(authority.strip_suffix(usual).unwrap_or(authority))
}
