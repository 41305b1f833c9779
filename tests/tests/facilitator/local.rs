//! The facilitator in the process, served to programs in any language.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::json;
use tokio::net::TcpListener;
use x402_tests::buyer::request;
use x402_tests::{Answer, Stop, send, try_send};
use x402_tower::facilitator::{Endpoint, Facilitator as _, HttpFacilitator};
use x402_tower::local::{Fault, LocalFacilitator};

use super::{call, over_both_transports, proved};

async fn serve(local: &LocalFacilitator) -> (std::net::SocketAddr, Stop) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let local = local.clone();
    let serving = tokio::spawn(async move { local.serve(listener).await });
    (address, Stop::new(move || serving.abort()))
}

#[tokio::test]
async fn what_is_no_question_is_said_to_be_none() {
    let local = LocalFacilitator::new();
    let (address, _stop) = serve(&local).await;
    let ask = async |method: Method, path: &str, body: &str| -> Answer {
        send(address, request(method, path, body.to_owned())).await
    };
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/verify"),
        (Method::GET, "/settle"),
        (Method::POST, "/supported"),
        (Method::POST, "/verify/"),
        (Method::PUT, "/settle"),
    ] {
        let answer = ask(method.clone(), path, "").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
    }
    for path in ["/verify", "/settle"] {
        for body in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"x402Version":2,"paymentPayload":{}}"#,
            r#"{"x402Version":3,"paymentPayload":{},"paymentRequirements":{}}"#,
            r#"{"x402Version":"2","paymentPayload":{},"paymentRequirements":{}}"#,
        ] {
            let answer = ask(Method::POST, path, body).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {body}");
            assert!(answer.json()["error"].is_string(), "{answer:?}");
        }
        let long = Bytes::from(vec![b' '; 256 * 1024 + 1]);
        let answer = send(address, request(Method::POST, path, long)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
    }
    // None of these was a payment.
    assert_eq!((local.calls().verify, local.calls().settle), (0, 0));

    let payment =
        r#"{"x402Version":2,"paymentPayload":{},"paymentRequirements":{"network":"base"}}"#;
    let answer = ask(Method::POST, "/verify", payment).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["isValid"], json!(false));
    let answer = ask(Method::POST, "/settle", payment).await;
    assert_eq!(answer.json()["success"], json!(false));
    assert_eq!(answer.json()["network"], json!("base"));
    let answer = ask(Method::GET, "/supported", "").await;
    let kinds = answer.json()["kinds"].as_array().unwrap().clone();
    let base = json!({ "x402Version": 2, "scheme": "exact", "network": "eip155:8453" });
    assert!(kinds.contains(&base), "{kinds:?}");
}

over_both_transports! {
    its_faults_are_those_of_a_network,
}

async fn its_faults_are_those_of_a_network(transport: impl x402_tower::facilitator::Transport) {
    let local = LocalFacilitator::new();
    let (address, _stop) = serve(&local).await;
    let facilitator =
        HttpFacilitator::with_transport(format!("http://{address}"), transport).unwrap();
    for fault in [
        Fault::LoseAnswer,
        Fault::LoseRequest,
        Fault::Unreachable,
        Fault::Garbage,
        Fault::Html,
    ] {
        for endpoint in [Endpoint::Verify, Endpoint::Settle, Endpoint::Supported] {
            local.on(endpoint, [fault.clone()]);
        }
        assert!(facilitator.verify(&call()).await.is_err(), "{fault:?}");
        let proof = proved(facilitator.settle(&call()).await);
        // Whoever can be connected to may have got the request.
        assert_eq!(proof, "unknown", "{fault:?}");
        assert!(facilitator.supported().await.is_err(), "{fault:?}");
    }
    assert!(facilitator.supported().await.is_ok());
}

#[tokio::test]
async fn a_lost_answer_is_a_connection_that_breaks() {
    let local = LocalFacilitator::new();
    let (address, _stop) = serve(&local).await;
    local.on(Endpoint::Supported, [Fault::LoseAnswer]);
    let asked = try_send(address, request(Method::GET, "/supported", "")).await;
    assert!(asked.unwrap_err().is_incomplete_message());
}
