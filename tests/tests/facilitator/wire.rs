//! What is sent, and where to.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http::{Request, Response, Uri};
use x402_tower::facilitator::{
    Authorize, Endpoint, Facilitator, FacilitatorError, HttpFacilitator, Transport,
};

use super::server::{Server, json};
use super::{call, over_both_transports, proved};

const VALID: &str = r#"{"isValid":true}"#;
const SETTLED: &str = r#"{"success":true,"transaction":"0x1","network":"eip155:8453"}"#;
const SUPPORTED: &str = r#"{"kinds":[{"x402Version":2,"scheme":"exact","network":"eip155:8453"}]}"#;

/// A facilitator that is content with everything.
async fn content() -> Server {
    Server::start(|_, seen| {
        let answer = match seen.path().rsplit('/').next().unwrap() {
            "verify" => VALID,
            "settle" => SETTLED,
            _ => SUPPORTED,
        };
        json("200 OK", answer)
    })
    .await
}

over_both_transports! {
    each_question_goes_to_its_path,
    connections_are_kept_warm,
    credentials_are_made_for_each_call,
    credentials_that_do_not_change_are_on_every_call,
    without_credentials_nothing_is_sent,
    a_network_of_ones_own_needs_no_encryption,
}

async fn each_question_goes_to_its_path(transport: impl Transport + Clone) {
    for (base, prefix) in [
        ("", ""),
        ("/", ""),
        ("/v2/x402", "/v2/x402"),
        ("/v2/x402/", "/v2/x402"),
        ("/v2//", "/v2"),
    ] {
        let server = content().await;
        let url = format!("{}{base}", server.url());
        let facilitator = HttpFacilitator::with_transport(url, transport.clone()).unwrap();
        assert!(facilitator.verify(&call()).await.unwrap().is_valid);
        assert_eq!(proved(facilitator.settle(&call()).await), "settled");
        assert_eq!(facilitator.supported().await.unwrap().kinds.len(), 1);

        let seen = server.requests();
        let lines: Vec<_> = seen.iter().map(|seen| &*seen.line).collect();
        assert_eq!(
            lines,
            [
                format!("POST {prefix}/verify HTTP/1.1"),
                format!("POST {prefix}/settle HTTP/1.1"),
                format!("GET {prefix}/supported HTTP/1.1"),
            ],
            "{base}"
        );
        for asked in &seen {
            assert_eq!(asked.header("host"), Some(&*server.address.to_string()));
            assert_eq!(asked.header("accept"), Some("application/json"));
        }
        for asked in &seen[..2] {
            assert_eq!(asked.header("content-type"), Some("application/json"));
            assert_eq!(asked.body.as_bytes(), call().body());
        }
        assert_eq!((&*seen[2].body, seen[2].header("content-type")), ("", None));
    }
}

async fn connections_are_kept_warm(transport: impl Transport) {
    let server = content().await;
    let facilitator = HttpFacilitator::with_transport(server.url(), transport).unwrap();
    for _ in 0..3 {
        facilitator.verify(&call()).await.unwrap();
        facilitator.settle(&call()).await.unwrap();
    }
    assert_eq!((server.requests().len(), server.connections()), (6, 1));
}

/// Says what it was made for, and how often that has been before.
#[derive(Default)]
struct Numbered(AtomicUsize);

impl Authorize for Numbered {
    async fn headers(
        &self,
        endpoint: Endpoint,
        uri: &Uri,
    ) -> Result<HeaderMap, Box<dyn std::error::Error + Send + Sync>> {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        let token = format!("Bearer {number} {} {}", endpoint.method(), uri.path());
        let mut headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&token)?)]);
        // What the question itself says is not for credentials to say.
        headers.insert("content-type", HeaderValue::from_static("text/plain"));
        Ok(headers)
    }
}

async fn credentials_are_made_for_each_call(transport: impl Transport) {
    let server = content().await;
    let facilitator = HttpFacilitator::with_transport(format!("{}/f", server.url()), transport)
        .unwrap()
        .authorize(Numbered::default());
    facilitator.verify(&call()).await.unwrap();
    facilitator.verify(&call()).await.unwrap();
    facilitator.settle(&call()).await.unwrap();
    facilitator.supported().await.unwrap();
    let seen = server.requests();
    let tokens: Vec<_> = seen
        .iter()
        .map(|seen| seen.header("authorization").unwrap())
        .collect();
    assert_eq!(
        tokens,
        [
            "Bearer 0 POST /f/verify",
            "Bearer 1 POST /f/verify",
            "Bearer 2 POST /f/settle",
            "Bearer 3 GET /f/supported",
        ]
    );
    assert_eq!(seen[0].header("content-type"), Some("application/json"));
}

async fn credentials_that_do_not_change_are_on_every_call(transport: impl Transport) {
    let server = content().await;
    let mut headers = HeaderMap::new();
    headers.insert("x-api-key", HeaderValue::from_static("hunter2"));
    let facilitator = HttpFacilitator::with_transport(server.url(), transport)
        .unwrap()
        .authorize(headers);
    facilitator.verify(&call()).await.unwrap();
    facilitator.settle(&call()).await.unwrap();
    facilitator.supported().await.unwrap();
    for seen in server.requests() {
        assert_eq!(seen.header("x-api-key"), Some("hunter2"), "{seen:?}");
    }
    assert!(!format!("{facilitator:?}").contains("hunter2"));
}

/// Has nothing to show.
struct Locked;

impl Authorize for Locked {
    async fn headers(
        &self,
        _: Endpoint,
        _: &Uri,
    ) -> Result<HeaderMap, Box<dyn std::error::Error + Send + Sync>> {
        Err("the key is in the other coat".into())
    }
}

async fn without_credentials_nothing_is_sent(transport: impl Transport) {
    let server = content().await;
    let facilitator = HttpFacilitator::with_transport(server.url(), transport)
        .unwrap()
        .authorize(Locked);
    assert!(facilitator.verify(&call()).await.unwrap_err().is_not_sent());
    assert_eq!(proved(facilitator.settle(&call()).await), "not sent");
    assert!(facilitator.supported().await.unwrap_err().is_not_sent());
    assert_eq!(server.connections(), 0);
}

/// Looks at requests instead of sending them.
#[derive(Debug, Default)]
struct Looking(Mutex<Vec<Request<Bytes>>>);

impl Transport for &'static Looking {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: usize,
    ) -> Result<Response<Bytes>, FacilitatorError> {
        self.0.lock().unwrap().push(request);
        Ok(Response::new(Bytes::from_static(VALID.as_bytes())))
    }
}

#[tokio::test]
async fn credentials_are_marked_as_secrets() {
    let looking: &Looking = Box::leak(Box::default());
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer hunter2"));
    headers.append("x-api-key", HeaderValue::from_static("hunter2"));
    headers.append("x-api-key", HeaderValue::from_static("hunter22"));
    let facilitator = HttpFacilitator::with_transport("https://f.example", looking)
        .unwrap()
        .authorize(headers);
    facilitator.verify(&call()).await.unwrap();
    let seen = looking.0.lock().unwrap();
    for name in ["authorization", "x-api-key"] {
        assert!(seen[0].headers().contains_key(name));
        for value in seen[0].headers().get_all(name) {
            assert!(value.is_sensitive(), "{name}");
        }
    }
    assert!(!format!("{:?}", seen[0]).contains("hunter2"));
}

/// Payments to a facilitator on this machine are not encrypted, so they must not go by way of another one.
#[test]
fn nothing_goes_by_a_proxy_that_the_environment_names() {
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    again.args([
        "wire::over_reqwest::each_question_goes_to_its_path",
        "wire::over_hyper::each_question_goes_to_its_path",
        "--exact",
    ]);
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        again.env(name, "http://127.0.0.1:1");
    }
    let output = again.output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("2 passed"), "{shown}");
}

async fn a_network_of_ones_own_needs_no_encryption(transport: impl Transport + Clone) {
    let server = content().await;
    // This machine by a name that does not say so.
    let url = server.url().replace("127.0.0.1", "0.0.0.0");
    assert!(HttpFacilitator::with_transport(&url, transport.clone()).is_err());
    let facilitator = HttpFacilitator::unencrypted_with_transport(&url, transport).unwrap();
    assert!(facilitator.verify(&call()).await.unwrap().is_valid);
}

#[test]
fn an_address_that_cannot_be_asked_is_named_with_its_problem() {
    let looking: &Looking = Box::leak(Box::default());
    for (url, problem) in [
        ("http://f.example", "not encrypted"),
        ("http://10.0.0.7:8080/", "not encrypted"),
        ("f.example/x402", "is not the `https` address"),
        ("ftp://f.example", "is not the `https` address"),
        ("https://f.example/?network=base", "goes on behind its path"),
        ("https://f.example/#top", "goes on behind its path"),
        ("https://me:you@f.example", "`.authorize(…)`"),
    ] {
        let error = HttpFacilitator::with_transport(url, looking).unwrap_err();
        assert!(error.to_string().contains(problem), "{url}: {error}");
    }
}

#[test]
fn an_address_shows_no_secrets_when_it_is_refused() {
    let looking: &Looking = Box::leak(Box::default());
    for url in [
        "https://me:hunter2@f.example",
        "https://hunter2@f.example",
        "me:hunter2@f.example",
        "ftp://me:hunter2@f.example",
        "https://f.example/v2?key=hunter2",
        "https://f.example/v2?email=me@f.example&key=hunter2",
        "https://f.example/v2#hunter2",
    ] {
        let error = HttpFacilitator::with_transport(url, looking).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("f.example"), "{shown}");
    }
}
