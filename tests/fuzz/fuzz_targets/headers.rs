//! Payment headers of both versions, by themselves and at a gate. Nobody is served for one that nobody has signed.
//!
//! The first byte says which header it is, and whether what follows is the value or the JSON in it.

#![no_main]

use std::cell::OnceCell;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::Empty;
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use tower::util::BoxCloneService;
use tower::{BoxError, Layer as _, ServiceBuilder, ServiceExt as _, service_fn};
use x402_tower::X402;
use x402_tower::gate::RequestBody;
use x402_tower::money::{Address, Network};
use x402_tower::proto::header::{self, PAYMENT_SIGNATURE, X_PAYMENT};
use x402_tower::proto::{Presented, SettleResponse, Version, v1, v2};
use x402_tower::scheme::{ExactEvm, Scheme as _};

type Gate = BoxCloneService<Request<Empty<Bytes>>, Response<()>, BoxError>;

struct Shop {
    runtime: tokio::runtime::Runtime,
    gate: Gate,
}

thread_local! {
    static SHOP: OnceCell<Shop> = const { OnceCell::new() };
}

fn open() -> Shop {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    let x402 = X402::local()
        .secret(*b"the same in every run")
        .public_url("https://shop.example")
        .build()
        .unwrap();
    let goods = service_fn(|_: Request<RequestBody<Empty<Bytes>>>| async {
        panic!("somebody is served for a payment that nobody has signed");
        #[allow(unreachable_code)]
        Ok::<_, BoxError>(Response::new(Empty::<Bytes>::new()))
    });
    let gate = ServiceBuilder::new()
        .map_response(|response: Response<_>| response.map(drop))
        .service(x402.price("$0.01").unwrap().layer(goods));
    let gate = BoxCloneService::new(gate);
    drop(_entered);
    Shop { runtime, gate }
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    let version = if kind & 1 == 0 {
        Version::V2
    } else {
        Version::V1
    };
    let is_json = kind & 2 == 0;
    let value = if is_json {
        let Ok(text) = std::str::from_utf8(data) else {
            return;
        };
        read(version, text);
        // What is no JSON is base64 all the same.
        match RawValue::from_string(text.to_owned()) {
            Ok(json) => header::encode(&json).unwrap().into_bytes(),
            Err(_) => return,
        }
    } else {
        data.to_vec()
    };
    decode(&value);
    if let Ok(value) = HeaderValue::from_bytes(&value) {
        present(version, value);
    }
});

fn read(version: Version, text: &str) {
    if let Ok(presented) = Presented::read(version, text.as_bytes()) {
        let (scheme, token) = (ExactEvm, Address::evm([7; 20]));
        if let Ok(authorization) = scheme.read(&presented, &Network::BASE, &token) {
            let again = scheme.read(&presented, &Network::BASE, &token).unwrap();
            assert_eq!(
                (again.key, again.proof),
                (authorization.key, authorization.proof)
            );
        }
    }
}

fn decode(value: &[u8]) {
    let limit = header::DEFAULT_LIMIT;
    let _ = header::decode::<v1::PaymentPayload>(value, limit);
    let _ = header::decode::<v2::PaymentPayload>(value, limit);
    let _ = header::decode::<v1::PaymentRequired>(value, limit);
    if let Ok(required) = header::decode::<v2::PaymentRequired>(value, limit) {
        let again = header::encode(&required).unwrap();
        let again: v2::PaymentRequired = header::decode(again.as_bytes(), usize::MAX).unwrap();
        assert_eq!(again, required);
    }
    if let Ok(receipt) = header::decode::<SettleResponse>(value, limit) {
        let again = header::encode(&receipt).unwrap();
        let again: SettleResponse = header::decode(again.as_bytes(), usize::MAX).unwrap();
        assert_eq!(again, receipt);
    }
}

fn present(version: Version, value: HeaderValue) {
    let name = match version {
        Version::V1 => X_PAYMENT,
        _ => PAYMENT_SIGNATURE,
    };
    let mut request = Request::new(Empty::new());
    request.headers_mut().insert(name, value);
    SHOP.with(|shop| {
        let shop = shop.get_or_init(open);
        let answer = shop.runtime.block_on(shop.gate.clone().oneshot(request));
        let status = answer.unwrap().status().as_u16();
        assert!(matches!(status, 400 | 402 | 409 | 431), "{status}");
    });
}
