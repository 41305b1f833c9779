//! Ways around a price. There is none, because the framework's own router decides what is sold and nothing decides again.

use std::net::SocketAddr;

use x402_tower::money::Amount;
use x402_tower::proto::header::PAYMENT_SIGNATURE;

use crate::client::send_raw;
use crate::{App, Kitchen, Shop, body, handler};

/// However a path is spelled, it leads to the price, to nothing, or to what is free anyway.
pub async fn is_no_other_spelling_of_a_path<A: App>() {
    let (kitchen, shop) = open::<A>().await;
    for target in SAME {
        let answer = ask(&shop, &format!("GET {target} HTTP/1.1"), "").await;
        assert!(
            answer.starts_with("HTTP/1.1 402 "),
            "{target} should be the goods: {answer}"
        );
    }
    for target in OTHERS {
        for method in ["GET", "HEAD", "POST"] {
            let answer = ask(&shop, &format!("{method} {target} HTTP/1.1"), "").await;
            assert_is_no_goods(&answer, target);
            assert_eq!(kitchen.started(), 0, "{method} {target}");
        }
    }
    shop.assert_charges(0);
}

/// No method but a browser's question is free, and no header makes one of another.
pub async fn is_no_other_method<A: App>() {
    let (kitchen, shop) = open::<A>().await;
    let preflight = "origin: https://page.example\r\naccess-control-request-method: GET\r\n";
    let headers = [
        "",
        "content-length: 0\r\n",
        "x-http-method-override: OPTIONS\r\n",
        "x-http-method: OPTIONS\r\n",
        "x-method-override: OPTIONS\r\n",
    ];
    let methods = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "BREW", "get",
        "options", "OPTION", "OPTIONSX",
    ];
    for method in methods {
        for header in headers {
            let headers = format!("{preflight}{header}");
            let answer = ask(&shop, &format!("{method} /goods HTTP/1.1"), &headers).await;
            assert!(answer.starts_with("HTTP/1.1 402 "), "{method}: {answer}");
        }
    }
    for header in headers {
        let answer = ask(&shop, "OPTIONS /goods HTTP/1.1", header).await;
        assert!(answer.starts_with("HTTP/1.1 402 "), "{header}: {answer}");
    }
    assert_eq!(kitchen.started(), 0);
    shop.assert_charges(0);
}

/// What a client says about another path changes neither what is asked for nor its name.
pub async fn is_no_header_that_names_another_path<A: App>() {
    let (kitchen, shop) = open::<A>().await;
    for header in [
        "x-original-url: /free",
        "x-original-uri: /free",
        "x-rewrite-url: /free",
        "x-forwarded-uri: /free",
        "x-forwarded-path: /free",
        "x-forwarded-prefix: /free",
        "x-forwarded-host: other.example",
        "x-forwarded-proto: http",
        "forwarded: for=127.0.0.1;host=other.example;proto=http",
        "referer: https://shop.example/api/free",
    ] {
        let answer = ask(&shop, "GET /goods HTTP/1.1", &format!("{header}\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 402 "), "{header}: {answer}");
        // The demand of version 1 names it in clear.
        let url = r#""resource":"https://shop.example/api/goods""#;
        assert!(answer.contains(url), "{header}: {answer}");
    }
    assert_eq!(kitchen.started(), 0);
    shop.assert_charges(0);
}

/// What was paid for something cheap buys nothing dear, whatever path it is sent along.
pub async fn is_no_cheaper_neighbour<A: App>() {
    let dear = Kitchen::open();
    let cheap = handler(|_| async { Ok(http::Response::new(body("something cheap"))) });
    let shop = Shop::builder()
        .sell("/cheap", |x402| x402.route("$0.01"), cheap)
        .sell("/dear", |x402| x402.route("$1"), dear.handler())
        .open::<A>()
        .await;
    for (number, target) in [
        "/dear",
        "/dear/",
        "/dear?/cheap",
        "//dear",
        "/./dear",
        "/cheap/../dear",
        "/cheap/%2e%2e/dear",
        "/cheap/..%2fdear",
        "/cheap%2f..%2fdear",
        "/cheap;/../dear",
        "/cheap\\..\\dear",
        "/cheap/..;/dear",
        "http://shop.example/api/dear",
        "http://shop.example/dear",
    ]
    .into_iter()
    .enumerate()
    {
        let payment = shop.pay(&shop.buyer(number as u64), "/cheap").await;
        let payment = format!(
            "{PAYMENT_SIGNATURE}: {}\r\n",
            payment.to_str().expect("base64 is text")
        );
        let answer = ask(&shop, &format!("GET {target} HTTP/1.1"), &payment).await;
        assert_is_no_goods(&answer, target);
        assert_eq!(dear.started(), 0, "{target}: {answer}");
    }
    let cent = Amount::from(10_000u64);
    assert!(shop.transfers().iter().all(|moved| moved.amount == cent));
}

/// Asks for the goods in every spelling, below a path of a server's own making. None gets them for nothing; whether their
/// handler has run is for the caller to look at.
pub async fn is_nowhere_below(address: SocketAddr, below: &str) {
    let paths = SAME.iter().chain(&OTHERS);
    let paths = paths.filter(|path| path.starts_with('/'));
    let encoded = below.replacen('/', "/%2e/", 1);
    for path in paths {
        for target in [
            format!("{below}{path}"),
            format!("{below}/{path}"),
            format!("/{below}{path}"),
            format!("{below}/.{path}"),
            format!("{below}/x/..{path}"),
            format!("{below}%2F{path}"),
            format!("{encoded}{path}"),
        ] {
            for method in ["GET", "HEAD", "OPTIONS"] {
                let line = format!("{method} {target} HTTP/1.1");
                let text = format!("{line}\r\nhost: shop.example\r\nconnection: close\r\n\r\n");
                let answer = send_raw(address, text.as_bytes()).await;
                assert_is_no_goods(&answer, &line);
            }
        }
    }
}

/// The goods by their name, as far as every framework is concerned.
const SAME: [&str; 10] = [
    "/goods",
    "/goods?",
    "/goods?free",
    "/goods?x=/free",
    "/goods/below",
    "/goods/../free",
    "/goods/%2e%2e/free",
    "/goods/x%2Fy%252Fz",
    "/goods/x%5C..%5C..%5Cfree",
    "http://other.example/goods",
];

/// Names that some framework, proxy or filesystem might take for that of the goods.
const OTHERS: [&str; 34] = [
    "//goods",
    "///goods",
    "/goods/",
    "/goods//",
    "//goods//",
    "/./goods",
    "/goods/.",
    "/goods/..",
    "/../goods",
    "/x/../goods",
    "/free/../goods",
    "/free/%2e%2e/goods",
    "/free/..%2fgoods",
    "/free/..;/goods",
    "/free%2f..%2fgoods",
    "/free\\..\\goods",
    "/%67oods",
    "/%2567oods",
    "/go%6Fds",
    "/goods%2F",
    "/goods%2f",
    "/goods%252F",
    "/goods%5C",
    "/goods\\",
    "/goods%00",
    "/goods%20",
    "/goods%3F",
    "/goods%23",
    "/goods;a=b",
    "/goods.json",
    "/GOODS",
    "\\goods",
    "*",
    "http://other.example//goods",
];

async fn open<A: App>() -> (Kitchen, Shop) {
    let kitchen = Kitchen::open();
    let free = handler(|_| async { Ok(http::Response::new(body("for nothing"))) });
    let shop = Shop::builder()
        .sell("/goods", |x402| x402.route("$0.01"), kitchen.handler())
        .give("/free", free)
        .open::<A>()
        .await;
    (kitchen, shop)
}

/// Sends a request that is written by hand, and gets all that comes back.
async fn ask(shop: &Shop, line: &str, headers: &str) -> String {
    let text = format!("{line}\r\nhost: shop.example\r\nconnection: close\r\n{headers}\r\n");
    send_raw(shop.address(), text.as_bytes()).await
}

#[track_caller]
fn assert_is_no_goods(answer: &str, target: &str) {
    assert!(!answer.contains("the goods"), "{target}: {answer}");
    let is_refused = answer.starts_with("HTTP/1.1 4");
    let is_else = answer.contains("for nothing") || answer.contains("something cheap");
    // The answer to HEAD does not say what it would be.
    let is_bare = answer.ends_with("\r\n\r\n");
    assert!(is_refused || is_else || is_bare, "{target}: {answer}");
}
