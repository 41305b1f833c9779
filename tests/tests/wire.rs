//! The messages of both versions, byte for byte where they are ours, and by their meaning where they are others'.
//!
//! The vectors were made by other means than this engine.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tower::{Layer as _, ServiceExt as _, service_fn};
use x402_tests::{BoxError, TestBody, body};
use x402_tower::X402;
use x402_tower::clock::Clock as _;
use x402_tower::facilitator::{Facilitator, FacilitatorError, PaymentCall};
use x402_tower::gate::RequestBody;
use x402_tower::local::{LocalFacilitator, Wallet};
use x402_tower::proto::header::{
    PAYMENT_REQUIRED, PAYMENT_RESPONSE, PAYMENT_SIGNATURE, X_PAYMENT, X_PAYMENT_RESPONSE, decode,
};
use x402_tower::proto::v2::PaymentRequirements;
use x402_tower::proto::{SettleResponse, SupportedResponse, VerifyResponse, Version};
use x402_tower::testing::ManualClock;

/// The messages of one version.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Messages {
    /// What an unpaid request is told.
    challenge: Value,
    payment: String,
    payment_json: Value,
    /// The body of `/verify` and `/settle`.
    call: String,
    cases: Vec<Case>,
}

/// What a facilitator answers, and what becomes of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    name: String,
    verify_answer: Option<String>,
    settle_answer: Option<String>,
    status: u16,
    receipt: Option<String>,
    challenge: Option<Value>,
}

fn messages(version: Version) -> Messages {
    let text = match version {
        Version::V1 => include_str!("../vectors/v1.json"),
        _ => include_str!("../vectors/v2.json"),
    };
    serde_json::from_str(text).unwrap()
}

/// A facilitator that answers what it is told to, and remembers what it was asked.
#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    verify: String,
    settle: String,
    asked: Vec<String>,
}

impl Scripted {
    fn asked(&self, call: &PaymentCall) {
        let body = String::from_utf8(call.body().to_vec()).unwrap();
        self.0.lock().unwrap().asked.push(body);
    }
}

impl Facilitator for Scripted {
    async fn verify(&self, call: &PaymentCall) -> Result<VerifyResponse, FacilitatorError> {
        self.asked(call);
        Ok(serde_json::from_str(&self.0.lock().unwrap().verify).unwrap())
    }

    async fn settle(&self, call: &PaymentCall) -> Result<SettleResponse, FacilitatorError> {
        self.asked(call);
        Ok(serde_json::from_str(&self.0.lock().unwrap().settle).unwrap())
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorError> {
        Ok(SupportedResponse::default())
    }
}

struct Seen {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Seen {
    /// The JSON in a header, as it stands.
    fn json(&self, name: &http::HeaderName) -> Option<String> {
        let value = self.headers.get(name)?;
        Some(String::from_utf8(BASE64_STANDARD.decode(value).unwrap()).unwrap())
    }
}

/// Asks a shop, in which time passes as long as it does not answer.
async fn ask(facilitator: Scripted, payment: Option<(Version, &str)>) -> Seen {
    let clock = ManualClock::shared();
    let x402 = X402::builder()
        .facilitator(facilitator)
        .clock(clock.clone())
        .secret(*b"golden vectors are no secret")
        .public_url("https://shop.example")
        .pay_to("base-sepolia", "0x1111111111111111111111111111111111111111")
        .pay_to("bsc", "0x1111111111111111111111111111111111111111")
        .build()
        .unwrap();
    let route = x402.route("$0.01").description("Daily report");
    let gate = route.mime_type("application/json").build().unwrap();
    let report = service_fn(|_: Request<RequestBody<TestBody>>| async {
        Ok::<_, BoxError>(Response::new(body("the report")))
    });
    let mut request = Request::get("/report?day=1").body(body("")).unwrap();
    if let Some((version, payment)) = payment {
        let name = match version {
            Version::V1 => X_PAYMENT,
            _ => PAYMENT_SIGNATURE,
        };
        let value = HeaderValue::from_str(payment).unwrap();
        request.headers_mut().insert(name, value);
    }
    let mut asking = std::pin::pin!(gate.layer(report).oneshot(request));
    let answer = loop {
        tokio::select! {
            biased;
            answer = &mut asking => break answer.unwrap(),
            () = clock.sleepers(1) => clock.advance(Duration::from_millis(500)),
        }
    };
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Seen {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

/// The challenge of version 2 with its reference taken out, which is another one each time.
fn without_reference(challenge: &str) -> Value {
    let mut challenge: Value = serde_json::from_str(challenge).unwrap();
    for accepted in challenge["accepts"].as_array_mut().unwrap() {
        let reference = accepted["extra"]["ref"].as_str().unwrap();
        assert_eq!(reference.len(), 24);
        accepted["extra"]["ref"] = "{ref}".into();
    }
    challenge
}

/// Where members stand is part of what is said byte for byte.
fn order(json: &str) -> Vec<String> {
    let names = json
        .split('"')
        .skip(1)
        .step_by(2)
        .zip(json.split('"').skip(2).step_by(2));
    let names = names.filter(|(_, after)| after.trim_start().starts_with(':'));
    names.map(|(name, _)| name.to_owned()).collect()
}

fn assert_challenge(seen: &Seen, version: Version, expected: &Value, case: &str) {
    let said = match version {
        Version::V1 => serde_json::from_str(&seen.body).unwrap(),
        _ => without_reference(&seen.json(&PAYMENT_REQUIRED).unwrap()),
    };
    assert_eq!(&said, expected, "{case}");
}

#[tokio::test]
async fn an_unpaid_request_is_told_this() {
    let seen = ask(Scripted::default(), None).await;
    assert_eq!(seen.status, StatusCode::PAYMENT_REQUIRED);
    for version in [Version::V1, Version::V2] {
        assert_challenge(&seen, version, &messages(version).challenge, "unpaid");
    }
    assert_eq!(
        order(&seen.body)[..5],
        ["x402Version", "error", "accepts", "scheme", "network"]
    );
    let header = seen.json(&PAYMENT_REQUIRED).unwrap();
    assert_eq!(
        order(&header)[..7],
        [
            "x402Version",
            "error",
            "resource",
            "url",
            "description",
            "mimeType",
            "accepts"
        ]
    );
    // Some clients read no other alphabet, and no line breaks.
    let value = seen.headers[PAYMENT_REQUIRED].to_str().unwrap();
    assert_eq!(BASE64_STANDARD.encode(&header), value);
}

async fn answers_become_receipts(version: Version) {
    let messages = messages(version);
    let payment = decode::<Value>(messages.payment.as_bytes(), 1 << 20).unwrap();
    assert_eq!(payment, messages.payment_json);
    for case in messages.cases {
        let facilitator = Scripted::default();
        {
            let mut script = facilitator.0.lock().unwrap();
            script.verify = case.verify_answer.clone().unwrap_or_default();
            script.settle = case.settle_answer.clone().unwrap_or_default();
        }
        let name = &case.name;
        let seen = ask(facilitator.clone(), Some((version, &messages.payment))).await;
        assert_eq!(seen.status.as_u16(), case.status, "{name}: {}", seen.body);
        let asked = &facilitator.0.lock().unwrap().asked;
        assert!(
            asked.len() > usize::from(case.settle_answer.is_some()),
            "{name}"
        );
        for asked in asked {
            assert_eq!(asked, &messages.call, "{name}");
        }
        let (own, other) = match version {
            Version::V1 => (X_PAYMENT_RESPONSE, PAYMENT_RESPONSE),
            _ => (PAYMENT_RESPONSE, X_PAYMENT_RESPONSE),
        };
        let expected = case
            .receipt
            .map(|receipt| BASE64_STANDARD.decode(receipt).unwrap());
        let expected = expected.map(|receipt| String::from_utf8(receipt).unwrap());
        assert_eq!(seen.json(&own), expected, "{name}");
        assert!(!seen.headers.contains_key(other), "{name}");
        match &case.challenge {
            Some(challenge) => assert_challenge(&seen, version, challenge, name),
            None => assert!(!seen.headers.contains_key(PAYMENT_REQUIRED), "{name}"),
        }
        assert_eq!(seen.body == "the report", case.status == 200, "{name}");
    }
}

#[tokio::test]
async fn answers_become_receipts_of_version_1() {
    answers_become_receipts(Version::V1).await;
}

#[tokio::test]
async fn answers_become_receipts_of_version_2() {
    answers_become_receipts(Version::V2).await;
}

/// In whatever order a buyer says it, the facilitator is asked the same.
#[tokio::test]
async fn a_payment_in_another_order_is_asked_about_alike() {
    let messages = messages(Version::V2);
    let case = &messages.cases[0];
    let facilitator = Scripted::default();
    {
        let mut script = facilitator.0.lock().unwrap();
        script.verify = case.verify_answer.clone().unwrap();
        script.settle = case.settle_answer.clone().unwrap();
    }
    let sorted = messages.payment_json.to_string();
    let usual = BASE64_STANDARD.decode(&messages.payment).unwrap();
    assert_ne!(sorted.as_bytes(), usual);
    let payment = BASE64_STANDARD.encode(sorted);
    let seen = ask(facilitator.clone(), Some((Version::V2, &payment))).await;
    assert_eq!(seen.status.as_u16(), case.status);
    let expected: Value = serde_json::from_str(&messages.call).unwrap();
    let asked = &facilitator.0.lock().unwrap().asked;
    assert_eq!(asked.len(), 2);
    for asked in asked {
        assert_eq!(serde_json::from_str::<Value>(asked).unwrap(), expected);
    }
}

/// A payment and its signatures.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignedVector {
    name: String,
    private_key: String,
    address: String,
    signature: String,
    high_s: String,
    requirements: Box<RawValue>,
    payload: Value,
}

fn signed_vectors() -> Vec<SignedVector> {
    #[derive(Deserialize)]
    struct File {
        vectors: Vec<SignedVector>,
    }
    let file: File = serde_json::from_str(include_str!("../vectors/eip712.json")).unwrap();
    file.vectors
}

impl SignedVector {
    async fn verify(&self, payload: &Value) -> VerifyResponse {
        let requirements = self.requirements.get();
        let payment =
            format!(r#"{{"x402Version":2,"accepted":{requirements},"payload":{payload}}}"#);
        let call = PaymentCall::new(Version::V2, &payment, requirements);
        let facilitator = LocalFacilitator::with_clock(ManualClock::shared());
        facilitator.verify(&call).await.unwrap()
    }
}

#[tokio::test]
async fn signatures_are_those_of_other_implementations() {
    for vector in signed_vectors() {
        let name = &vector.name;
        let wallet = Wallet::from_key(&vector.private_key).unwrap();
        assert_eq!(wallet.address().to_string(), vector.address, "{name}");
        let verified = vector.verify(&vector.payload).await;
        assert_eq!(vector.payload["signature"], vector.signature.as_str());
        assert!(verified.is_valid, "{name}: {verified:?}");
        assert_eq!(verified.payer.as_ref(), Some(&vector.address), "{name}");

        // The other signature, which anybody can make of it, and none of another message.
        let mut malleable = vector.payload.clone();
        malleable["signature"] = vector.high_s.clone().into();
        let mut changed = vector.payload.clone();
        let nonce = match changed.get("authorization") {
            Some(_) => &mut changed["authorization"]["nonce"],
            None => &mut changed["permit2Authorization"]["nonce"],
        };
        let text = nonce.as_str().unwrap().to_owned();
        let last = if text.ends_with('1') { "2" } else { "1" };
        *nonce = format!("{}{last}", &text[..text.len() - 1]).into();
        for payload in [malleable, changed] {
            let verified = vector.verify(&payload).await;
            assert!(!verified.is_valid, "{name}: {payload}");
            let reason = verified.invalid_reason.unwrap();
            assert!(reason.contains("signature"), "{name}: {reason}");
        }
    }
}

/// What our wallet signs has the shape of what others sign.
#[tokio::test]
async fn wallets_sign_what_others_verify() {
    let clock = ManualClock::shared();
    for vector in signed_vectors() {
        let offer: PaymentRequirements = serde_json::from_str(vector.requirements.get()).unwrap();
        let wallet = Wallet::from_key(&vector.private_key).unwrap();
        let payload = wallet.sign(&offer, clock.now()).unwrap();
        let payload: Value = serde_json::from_str(payload.get()).unwrap();
        let names = |value: &Value| -> Vec<String> {
            let kinds = value.as_object().unwrap().iter();
            let members = kinds.flat_map(|(kind, value)| {
                let members = value.as_object().into_iter().flatten();
                members
                    .map(move |(name, _)| format!("{kind}.{name}"))
                    .chain([kind.clone()])
            });
            members.collect()
        };
        assert_eq!(names(&payload), names(&vector.payload), "{}", vector.name);
        assert!(vector.verify(&payload).await.is_valid, "{}", vector.name);
    }
}
