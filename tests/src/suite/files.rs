//! Files behind a price, as `tower-http` serves them: in parts, as heads, and not at all to whoever has them.

use bytes::Bytes;
use http::header::{CONTENT_RANGE, IF_MODIFIED_SINCE, IF_RANGE, LAST_MODIFIED, RANGE};
use http::{HeaderName, Method, Request, StatusCode, Uri};
use http_body_util::BodyExt as _;
use tower_http::services::ServeDir;

use crate::buyer::{get, paying, request};
use crate::{App, Handler, Shop, Verb, handler};

const FILE: &str = "/goods/Cargo.lock";

/// The files of this workspace, below `/goods`.
fn files() -> Handler {
    handler(|request| {
        // There is nothing in it that a file depends on.
        let mut request = request.map(|_| String::new());
        async move {
            let path = request.uri().path().strip_prefix("/goods");
            *request.uri_mut() = path.unwrap_or("/").parse::<Uri>()?;
            let mut files = ServeDir::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
            let response = files.try_call(request).await?;
            Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
        }
    })
}

async fn open<A: App>() -> (Shop, Vec<u8>) {
    let file = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).unwrap();
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), files())
        .open::<A>()
        .await;
    (shop, file)
}

fn with(mut request: Request<Bytes>, name: HeaderName, value: &str) -> Request<Bytes> {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

/// A part is paid for like all of it, and is all that its payment is good for.
pub async fn are_sold_in_parts<A: App>() {
    let (shop, file) = open::<A>().await;
    let buyer = shop.buyer(1);
    let ranges = [
        ("bytes=0-99", 0..100),
        ("bytes=100-", 100..file.len()),
        ("bytes=-7", file.len() - 7..file.len()),
    ];
    let mut bought = 0;
    for by_http_2 in [false, true] {
        for (range, part) in ranges.clone() {
            let payment = shop.pay(&buyer, FILE).await;
            let ask = |range| paying(with(get(FILE), RANGE, range), &payment);
            let answer = if by_http_2 {
                shop.send_http2("shop.example", ask(range)).await
            } else {
                shop.send(ask(range)).await
            };
            bought += 1;
            assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT);
            assert!(answer.header(CONTENT_RANGE).is_some() && answer.receipt().success);
            assert_eq!(answer.body, file[part]);
            shop.ledger.wait_for(Verb::Delivered, bought).await;
            let other = shop.send(ask("bytes=1-")).await;
            assert_eq!(other.problem(), "payment_for_other_request");
            let whole = shop.send(paying(get(FILE), &payment)).await;
            assert_eq!(whole.problem(), "payment_for_other_request");
        }
    }
    shop.assert_charges(bought);
}

/// What is no part of it, what the buyer has already, and what is not there, cost nothing.
pub async fn cost_nothing_if_there_is_nothing_to_give<A: App>() {
    let (shop, _) = open::<A>().await;
    let payment = shop.pay(&shop.buyer(1), FILE).await;
    let ask = |path| paying(get(path), &payment);
    let beyond = with(ask(FILE), RANGE, "bytes=99999999-");
    let answer = shop.send(beyond).await;
    assert_eq!(answer.status, StatusCode::RANGE_NOT_SATISFIABLE);
    let missing = shop.send(ask("/goods/none")).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    let secret = shop.send(ask("/goods/%2e%2e/%2e%2e/etc/passwd")).await;
    assert_eq!(secret.status, StatusCode::NOT_FOUND);
    shop.assert_charges(0);

    let head = paying(request(Method::HEAD, FILE, ""), &payment);
    let head = shop.send(head).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    shop.ledger.wait_for(Verb::Delivered, 1).await;
    shop.assert_charges(1);
    let since = head.header(LAST_MODIFIED).unwrap().to_owned();

    let payment = shop.pay(&shop.buyer(2), FILE).await;
    let has_it = with(paying(get(FILE), &payment), IF_MODIFIED_SINCE, &since);
    let answer = shop.send(has_it).await;
    assert_eq!(
        (answer.status, answer.body.len()),
        (StatusCode::NOT_MODIFIED, 0)
    );
    shop.assert_charges(1);
    let stale = with(paying(get(FILE), &payment), IF_RANGE, "\"stale\"");
    let answer = shop.send(with(stale, RANGE, "bytes=0-9")).await;
    assert!(answer.status.is_success());
    shop.assert_charges(2);
}
