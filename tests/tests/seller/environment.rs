//! Configuration from variables, beside code.

use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tower::{Layer as _, ServiceExt as _};
use x402_tests::Challenge;
use x402_tower::gate::RequestBody;
use x402_tower::local::LocalFacilitator;
use x402_tower::{Builder, ConfigError, X402};

use super::PAYEE;

const OTHER: &str = "0x2222222222222222222222222222222222222222";

fn read<const N: usize>(builder: Builder, variables: [(&str, &str); N]) -> Builder {
    builder.from_variables(variables)
}

/// What a route of this seller asks for.
async fn accepts(x402: &X402) -> (String, Vec<(String, String)>) {
    let gate = x402.price("$0.01").unwrap();
    let service = gate.layer(tower::service_fn(
        async |_: Request<RequestBody<Full<Bytes>>>| {
            Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
        },
    ));
    let response = service
        .oneshot(Request::new(Full::default()))
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let challenge = Challenge::of(&x402_tests::Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    });
    let accepts = challenge.v2.accepts.into_iter();
    let accepts = accepts.map(|offer| (offer.network, offer.pay_to)).collect();
    (challenge.v2.resource.url, accepts)
}

#[tokio::test]
async fn says_everything_that_a_seller_needs() {
    let (heard, mut hears) = mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/x402", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let heard = heard.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let bearer = request.headers().get(AUTHORIZATION).cloned();
                heard.send((request.uri().to_string(), bearer)).unwrap();
                async { Ok::<_, std::convert::Infallible>(Response::new(String::from("{}"))) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    let payees = format!("base={PAYEE}, eip155:84532={OTHER}");
    let variables = [
        ("X402_FACILITATOR", url.as_str()),
        ("X402_FACILITATOR_TOKEN", "a token that nobody sees"),
        ("X402_PAY_TO", &payees),
        ("X402_PUBLIC_URL", "https://shop.example/api"),
        ("X402_SECRET", "a secret that nobody sees"),
        ("PATH", "/bin"),
    ];
    let builder = read(X402::builder(), variables);
    let shown = format!("{builder:?}");
    assert!(!shown.contains("nobody sees"), "{shown}");
    let x402 = builder.build().unwrap();
    assert!(!format!("{x402:?}").contains("nobody sees"));
    let (url, accepts) = accepts(&x402).await;
    assert_eq!(url, "https://shop.example/api/");
    let expected = [("eip155:8453", PAYEE), ("eip155:84532", OTHER)];
    assert_eq!(
        accepts,
        expected.map(|(network, payee)| (network.to_owned(), payee.to_owned()))
    );
    let (asked, bearer) = hears.recv().await.unwrap();
    assert_eq!(asked, "/x402/supported");
    assert_eq!(bearer.unwrap(), "Bearer a token that nobody sees");
}

#[tokio::test]
async fn wins_over_what_the_code_said_before() {
    let code = || X402::local().public_url("https://code.example");
    // The same network by another name, and one more.
    let payees = format!("eip155:84532={OTHER} sei-testnet={PAYEE}");
    let variables = [
        ("X402_PAY_TO", payees.as_str()),
        ("X402_PUBLIC_URL", "https://env.example"),
    ];
    let x402 = read(code(), variables).build().unwrap();
    let (url, asked) = accepts(&x402).await;
    assert_eq!(url, "https://env.example/");
    assert_eq!(asked.len(), 2);
    assert!(asked.contains(&("eip155:84532".to_owned(), OTHER.to_owned())));
    // What is not set, or empty, changes nothing.
    let variables = [("X402_PUBLIC_URL", ""), ("X402_PAY_TO", "")];
    let x402 = read(code(), variables).build().unwrap();
    let (url, asked) = accepts(&x402).await;
    assert_eq!((url.as_str(), asked.len()), ("https://code.example/", 1));
}

#[tokio::test]
async fn is_wrong_in_one_error() {
    let problems = |error: ConfigError| error.problems().map(str::to_owned).collect::<Vec<_>>();
    let variables = [
        ("X402_FACILITATOR", "http://facilitator.example"),
        ("X402_PAY_TO", "base:0x1, base=0x1, nowhere=0x1"),
        ("X402_PUBLIC_URL", "shop.example"),
        ("X402_SECRET", "short"),
    ];
    let error = read(X402::builder(), variables).build().unwrap_err();
    let told = problems(error);
    let expected = [
        "`base:0x1` is not of the form `network=address`",
        "the payee on eip155:8453",
        "nowhere",
        "`shop.example` is no public URL",
        "`X402_FACILITATOR`: ",
        "the secret is shorter",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for expected in expected {
        assert!(
            told.iter().any(|problem| problem.contains(expected)),
            "{expected}: {told:#?}"
        );
    }

    let lonely = [("X402_FACILITATOR_TOKEN", "token")];
    let told = problems(read(X402::local(), lonely).build().unwrap_err());
    assert_eq!(
        told,
        ["`X402_FACILITATOR_TOKEN` is set and `X402_FACILITATOR` is not"]
    );
    let unsendable = [
        ("X402_FACILITATOR", "https://facilitator.example"),
        ("X402_FACILITATOR_TOKEN", "a\nb"),
    ];
    let told = problems(read(X402::local(), unsendable).build().unwrap_err());
    assert_eq!(
        told,
        ["`X402_FACILITATOR_TOKEN` cannot be sent in a header"]
    );
    let both = [
        ("X402_FACILITATOR", "facilitator.example"),
        ("X402_FACILITATOR_TOKEN", "a\nb"),
    ];
    let told = problems(read(X402::local(), both).build().unwrap_err());
    assert_eq!(told.len(), 2, "{told:#?}");
}

#[cfg(unix)]
#[tokio::test]
async fn is_text() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;

    let variables = [(
        OsString::from("X402_SECRET"),
        OsString::from_vec(vec![0xff; 20]),
    )];
    let error = X402::local().from_variables(variables).build().unwrap_err();
    assert_eq!(error.to_string(), "`X402_SECRET` is no text");
}

/// A seller who says something is heard, or told that it is not.
#[tokio::test]
async fn is_not_passed_over_for_its_spelling() {
    for (name, meant) in [
        ("X402_FACILITATOR_URL", Some("X402_FACILITATOR")),
        ("X402_FACILITATER", Some("X402_FACILITATOR")),
        ("X402_FACILITATOR_TOKN", Some("X402_FACILITATOR_TOKEN")),
        ("X402_PAYTO", Some("X402_PAY_TO")),
        ("X402_PAY_TO_ADDRESS", Some("X402_PAY_TO")),
        ("X402_PUBLIC_URI", Some("X402_PUBLIC_URL")),
        ("X402_SECRETS", Some("X402_SECRET")),
        // For buyers, perhaps.
        ("X402_PRIVATE_KEY", None),
        ("X402_PUBLIC_KEY", None),
        ("X402_NETWORK", None),
        ("X402_PAYER", None),
        ("X402_PROTO", None),
        ("X402_SECURE", None),
        // Kubernetes says this of a service that is called `x402-facilitator`.
        ("X402_FACILITATOR_SERVICE_HOST", None),
        ("X402_FACILITATOR_SERVICE_PORT_HTTP", None),
        ("X402_FACILITATOR_PORT", None),
        ("X402_FACILITATOR_PORT_8080_TCP_ADDR", None),
    ] {
        let built = read(X402::local(), [(name, "something")]).build();
        let said = built.err().map(|error| error.to_string());
        let expected = meant
            .map(|meant| format!("`{name}` is set, and nobody reads it: did you mean `{meant}`?"));
        assert_eq!(said, expected);
    }
    // What is there beside the one that is meant is for somebody else.
    let url = ("X402_PUBLIC_URL", "https://shop.example\n");
    let variables = [("X402_PUBLIC_URL_OF_IMAGES", "something"), url];
    let x402 = read(X402::local(), variables).build().unwrap();
    assert_eq!(accepts(&x402).await.0, "https://shop.example/");
}

/// Real dollars are not sold for play money because a variable is missing, or empty.
#[tokio::test]
async fn that_forgets_the_facilitator_sells_nothing_for_play_money() {
    for (network, problem) in [
        (
            "base",
            Some(
                "play money is none on eip155:8453: say `.facilitator(…)`, or set `X402_FACILITATOR`",
            ),
        ),
        ("base-sepolia", None),
    ] {
        let payees = format!("{network}={PAYEE}");
        for (name, value) in [
            ("X402_FACILITATOR", ""),
            ("X402_FACILITATOR", " \n"),
            ("NOTHING", "at all"),
        ] {
            let variables = [(name, value), ("X402_PAY_TO", payees.as_str())];
            let built = read(X402::local(), variables).build();
            let said = built.err().map(|error| error.to_string());
            assert_eq!(said.as_deref(), problem, "{network}, {name}");
        }
        // Who says it means it.
        let meant = X402::local().facilitator(LocalFacilitator::new());
        let variables = [("X402_PAY_TO", payees.as_str())];
        assert!(read(meant, variables).build().is_ok());
    }
}
