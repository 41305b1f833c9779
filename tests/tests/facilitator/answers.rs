//! What comes back, and what it proves.

use x402_tower::facilitator::{
    Facilitator as _, FacilitatorErrorKind, HttpFacilitator, Transport, Verification,
};

use super::server::{Act, Server, answer, json};
use super::{call, expected, over_both_transports, proved};

over_both_transports! {
    a_settlement_is_read_whatever_the_status,
    what_is_no_settlement_proves_nothing,
    an_answer_that_breaks_off_proves_nothing,
    an_answer_needs_no_length,
    a_verification_is_read_whatever_the_status,
    what_is_no_verification_is_no_verdict,
    redirects_are_not_followed,
    answers_are_read_up_to_a_bound,
    an_answer_without_an_end_is_cut_off,
}

const STATUSES: [&str; 7] = [
    "200 OK",
    "202 Accepted",
    "400 Bad Request",
    "402 Payment Required",
    "409 Conflict",
    "500 Internal Server Error",
    "504 Gateway Timeout",
];

async fn settle(transport: impl Transport, act: Act) -> &'static str {
    let server = Server::always(act).await;
    let facilitator = HttpFacilitator::with_transport(server.url(), transport).unwrap();
    let proved = proved(facilitator.settle(&call()).await);
    assert_eq!(server.requests().len(), 1, "it was asked again");
    proved
}

async fn a_settlement_is_read_whatever_the_status(transport: impl Transport + Clone) {
    for (body, proof) in [
        (
            r#"{"success":true,"transaction":"0x1","network":"eip155:8453"}"#,
            "settled",
        ),
        (
            r#"{"success":true,"transaction":"0x1","network":"base","payer":null,"more":[1]}"#,
            "settled",
        ),
        (
            r#"{"success":true,"transaction":"","network":"eip155:8453"}"#,
            "unknown",
        ),
        (
            r#"{"success":true,"transaction":"0x1","network":"eip155:84532"}"#,
            "unknown",
        ),
        (
            r#"{"success":false,"errorReason":"insufficient_funds","transaction":"","network":"base"}"#,
            "refused",
        ),
        (
            r#"{"success":false,"errorReason":"invalid_exact_evm_transaction_failed","transaction":"0x1","network":"base"}"#,
            "refused",
        ),
        (
            r#"{"success":false,"errorReason":"invalid_exact_evm_nonce_already_used","transaction":"","network":"base"}"#,
            "already used",
        ),
        (
            r#"{"success":false,"errorReason":"settlement_pending","transaction":"0x1","network":"base"}"#,
            "pending",
        ),
        (
            r#"{"success":false,"errorReason":"settlement_pending","transaction":"","network":"base"}"#,
            "unknown",
        ),
        (
            r#"{"success":false,"errorReason":"unexpected_settle_error","transaction":"","network":"base"}"#,
            "unknown",
        ),
        (
            r#"{"success":false,"errorReason":"transaction_failed","transaction":"0x1","network":"base"}"#,
            "unknown",
        ),
        (
            r#"{"success":false,"errorReason":"no such host: rpc.internal"}"#,
            "unknown",
        ),
        (r#"{"success":false}"#, "unknown"),
    ] {
        for status in STATUSES {
            let proved = settle(transport.clone(), json(status, body)).await;
            assert_eq!(proved, proof, "{status} {body}");
        }
    }
}

/// Bodies in which no answer can be found.
const NONE: [&str; 10] = [
    "",
    " ",
    "null",
    "[]",
    "true",
    "{}",
    r#"{"error":"insufficient_funds"}"#,
    r#"{"success":"true","transaction":"0x1","isValid":"true"}"#,
    "<html><h1>502 Bad Gateway</h1></html>",
    "{\"success\":true,\"transaction\":\"0x1\",\"isValid\":true,\"payer\":\"",
];

async fn what_is_no_settlement_proves_nothing(transport: impl Transport + Clone) {
    for body in NONE {
        for status in STATUSES {
            let proved = settle(transport.clone(), json(status, body)).await;
            assert_eq!(proved, "unknown", "{status} {body}");
        }
    }
    for act in [
        Act::Answer(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
        Act::Close(b"\x16\x03\x01 this is not HTTP \r\n\r\n".to_vec()),
        Act::Close(b"HTTP/1.1 200".to_vec()),
        Act::Close(Vec::new()),
    ] {
        assert_eq!(
            settle(transport.clone(), act.clone()).await,
            "unknown",
            "{act:?}"
        );
    }
}

const SETTLED: &str = r#"{"success":true,"transaction":"0x1","network":"eip155:8453"}"#;

async fn an_answer_that_breaks_off_proves_nothing(transport: impl Transport + Clone) {
    let whole = answer("200 OK", "application/json", &format!("{SETTLED}  "));
    // The JSON is complete, but the answer was to be longer: what is missing may say otherwise.
    for missing in [1, 2, 3, 30] {
        let act = Act::Close(whole[..whole.len() - missing].to_vec());
        assert_eq!(settle(transport.clone(), act).await, "unknown", "{missing}");
    }
    let length = SETTLED.len();
    let chunked =
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{SETTLED}\r\n");
    let act = Act::Close(chunked.into_bytes());
    assert_eq!(
        settle(transport, act).await,
        "unknown",
        "without a last chunk"
    );
}

async fn an_answer_needs_no_length(transport: impl Transport + Clone) {
    let (start, end) = SETTLED.split_at(9);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{start}\r\n{:x}\r\n{end}\r\n0\r\n\r\n",
        start.len(),
        end.len(),
    );
    let act = Act::Answer(chunked.into_bytes());
    assert_eq!(settle(transport.clone(), act).await, "settled");
    let closed = format!("HTTP/1.0 200 OK\r\n\r\n{SETTLED}");
    let act = Act::Close(closed.into_bytes());
    assert_eq!(settle(transport, act).await, "settled");
}

async fn verify(transport: impl Transport, act: Act) -> String {
    let server = Server::always(act).await;
    let facilitator = HttpFacilitator::with_transport(server.url(), transport).unwrap();
    match Verification::judge(facilitator.verify(&call()).await, &expected()) {
        Verification::Valid => "valid".to_owned(),
        Verification::Invalid { reason, .. } => format!("invalid: {reason}"),
        Verification::AlreadyUsed => "already used".to_owned(),
        Verification::Unavailable(_) => "unavailable".to_owned(),
        _ => "something new".to_owned(),
    }
}

async fn a_verification_is_read_whatever_the_status(transport: impl Transport + Clone) {
    for (body, verdict) in [
        (r#"{"isValid":true,"payer":null}"#, "valid"),
        (
            r#"{"isValid":true,"payer":"0x2222222222222222222222222222222222222222"}"#,
            "valid",
        ),
        (
            r#"{"isValid":true,"payer":"0x3333333333333333333333333333333333333333"}"#,
            "unavailable",
        ),
        (
            r#"{"isValid":false,"invalidReason":"insufficient_funds"}"#,
            "invalid: insufficient_funds",
        ),
        (
            r#"{"isValid":false,"invalidReason":"no such host: rpc.internal"}"#,
            "invalid: invalid_payment",
        ),
        (r#"{"isValid":false}"#, "invalid: invalid_payment"),
        (
            r#"{"isValid":false,"invalidReason":"invalid_exact_evm_nonce_already_used"}"#,
            "already used",
        ),
        (
            r#"{"isValid":false,"invalidReason":"unexpected_verify_error","invalidMessage":"rpc"}"#,
            "unavailable",
        ),
    ] {
        for status in STATUSES {
            let verified = verify(transport.clone(), json(status, body)).await;
            assert_eq!(verified, verdict, "{status} {body}");
        }
    }
}

async fn what_is_no_verification_is_no_verdict(transport: impl Transport + Clone) {
    for body in NONE {
        for status in STATUSES {
            let verified = verify(transport.clone(), json(status, body)).await;
            assert_eq!(verified, "unavailable", "{status} {body}");
        }
    }
    let valid = answer("200 OK", "application/json", r#"{"isValid":true} "#);
    let act = Act::Close(valid[..valid.len() - 1].to_vec());
    assert_eq!(verify(transport, act).await, "unavailable");
}

async fn redirects_are_not_followed(transport: impl Transport + Clone) {
    for status in [
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let target = Server::always(json("200 OK", SETTLED)).await;
        let location = format!("{}/settle", target.url());
        let redirect =
            format!("HTTP/1.1 {status}\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        let server = Server::always(Act::Answer(redirect.into_bytes())).await;
        let facilitator = HttpFacilitator::with_transport(server.url(), transport.clone()).unwrap();
        let error = facilitator.verify(&call()).await.unwrap_err();
        assert_eq!(error.kind(), FacilitatorErrorKind::Unreadable);
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("redirects are not followed"), "{cause}");
        assert_eq!(proved(facilitator.settle(&call()).await), "unknown");
        assert!(facilitator.supported().await.is_err());
        assert_eq!(
            (server.requests().len(), target.connections()),
            (3, 0),
            "{status}"
        );
    }
}

async fn answers_are_read_up_to_a_bound(transport: impl Transport + Clone) {
    let large = format!("{SETTLED}{}", " ".repeat(1000 - SETTLED.len()));
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n",
        large.len(),
    );
    for act in [json("200 OK", &large), Act::Answer(chunked.into_bytes())] {
        for (bound, proof) in [(1000, "settled"), (999, "unknown")] {
            let server = Server::always(act.clone()).await;
            let facilitator = HttpFacilitator::with_transport(server.url(), transport.clone())
                .unwrap()
                .most_answer_bytes(bound);
            let answer = facilitator.settle(&call()).await;
            if let Err(error) = &answer {
                assert_eq!(error.kind(), FacilitatorErrorKind::Unreadable);
            }
            assert_eq!(proved(answer), proof, "{bound}");
        }
    }
}

async fn an_answer_without_an_end_is_cut_off(transport: impl Transport) {
    // Each time this is said it is another answer's beginning, which the client takes for more of the first body.
    let mut endless = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_vec();
    endless.resize(64 * 1024, b' ');
    let server = Server::always(Act::Repeat(endless)).await;
    let facilitator = HttpFacilitator::with_transport(server.url(), transport).unwrap();
    let error = facilitator.verify(&call()).await.unwrap_err();
    assert_eq!(error.kind(), FacilitatorErrorKind::Unreadable);
    assert_eq!(proved(facilitator.settle(&call()).await), "unknown");
    // Nobody listens any more, so the server could stop.
    server.left(2).await;
}
