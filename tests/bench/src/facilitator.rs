//! Facilitators that say yes at once: one in the process, one behind HTTP in a process of its own.

use std::convert::Infallible;
use std::io::{BufRead as _, BufReader};
use std::process::{self, Command, ExitCode, Stdio};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use x402_tower::facilitator::{Facilitator, FacilitatorError, PaymentCall};
use x402_tower::proto::{SettleResponse, SupportedResponse, VerifyResponse};

use crate::measure;
use crate::payments::PAYER;

const TRANSACTION: &str = "0x5f6b2a1c9d3e4f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708";

pub struct Canned;

impl Facilitator for Canned {
    async fn verify(&self, _: &PaymentCall) -> Result<VerifyResponse, FacilitatorError> {
        Ok(VerifyResponse::valid(PAYER))
    }

    async fn settle(&self, _: &PaymentCall) -> Result<SettleResponse, FacilitatorError> {
        Ok(SettleResponse::settled("eip155:84532", PAYER, TRANSACTION))
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorError> {
        Ok(serde_json::from_str(SUPPORTED).expect("what is supported"))
    }
}

/// Never says anything.
pub struct Hanging;

impl Facilitator for Hanging {
    async fn verify(&self, _: &PaymentCall) -> Result<VerifyResponse, FacilitatorError> {
        std::future::pending().await
    }

    async fn settle(&self, _: &PaymentCall) -> Result<SettleResponse, FacilitatorError> {
        std::future::pending().await
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorError> {
        Canned.supported().await
    }
}

const SUPPORTED: &str = r#"{"kinds":[{"x402Version":2,"scheme":"exact","network":"eip155:84532"},{"x402Version":1,"scheme":"exact","network":"base-sepolia"}],"extensions":[],"signers":{}}"#;

/// The facilitator behind HTTP, until this is dropped.
pub struct Child {
    process: process::Child,
    address: String,
}

impl Child {
    pub fn start() -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut process = Command::new(program)
            .arg("facilitator")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut address = String::new();
        BufReader::new(process.stdout.take().expect("its output"))
            .read_line(&mut address)
            .expect("its address");
        Self {
            process,
            address: address.trim().to_owned(),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves until whoever started it is gone.
pub fn serve() -> ExitCode {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_line(&mut String::new());
        process::exit(0);
    });
    measure::runtime().block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        println!("{}", listener.local_addr().expect("an address"));
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("no delay");
            let connection =
                http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
            tokio::spawn(connection);
        }
    })
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let _ = request.into_body().collect().await;
    let json = match &*path {
        "/verify" => serde_json::to_string(&VerifyResponse::valid(PAYER)),
        "/settle" => {
            serde_json::to_string(&SettleResponse::settled("eip155:84532", PAYER, TRANSACTION))
        }
        _ => Ok(SUPPORTED.to_owned()),
    };
    Ok(Response::new(Full::from(json.expect("JSON"))))
}
