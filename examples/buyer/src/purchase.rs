use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use x402_tower::proto::SettleResponse;
use x402_tower::proto::header::{PAYMENT_RESPONSE, X_PAYMENT_RESPONSE, decode};

use crate::Error;

/// A signed payment, in its header. Until it is spent, whoever sees it can spend it on what it was signed for.
#[derive(Clone, Debug)]
pub struct Paid {
    pub(crate) name: HeaderName,
    pub(crate) value: HeaderValue,
}

impl Paid {
    pub(crate) fn new(name: HeaderName, value: &str) -> Result<Self, Error> {
        let mut value = HeaderValue::from_str(value)?;
        value.set_sensitive(true);
        Ok(Self { name, value })
    }

    /// The name of the header, as people write it.
    pub fn name(&self) -> String {
        self.name.as_str().to_ascii_uppercase()
    }

    /// The command that sends it, for people.
    ///
    /// # Errors
    ///
    /// None, in practice: the header is text.
    pub fn curl(&self, url: &str) -> Result<String, Error> {
        Ok(format!(
            "curl -i -H '{}: {}' {url}",
            self.name(),
            self.value.to_str()?
        ))
    }
}

/// What came of a request.
#[derive(Clone, Debug)]
pub struct Purchase {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// The receipt, if there is one.
    pub receipt: Option<SettleResponse>,
}

/// Longer than any receipt.
const MOST_BYTES: usize = 64 * 1024;

impl Purchase {
    pub(crate) async fn read(response: Response) -> Result<Self, Error> {
        let (status, headers) = (response.status(), response.headers().clone());
        let receipt = headers
            .get(PAYMENT_RESPONSE)
            .or_else(|| headers.get(X_PAYMENT_RESPONSE))
            .map(|value| decode(value.as_bytes(), MOST_BYTES))
            .transpose()?;
        Ok(Self {
            status,
            headers,
            body: response.bytes().await?.into(),
            receipt,
        })
    }

    /// The body, as far as it is text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// How long to wait before the same payment is sent again, if the seller does not know yet what becomes of it.
    pub(crate) fn wait_for(&self) -> Option<Duration> {
        if !matches!(
            self.status,
            StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        ) {
            return None;
        }
        let seconds = self.headers.get(RETRY_AFTER)?.to_str().ok()?;
        seconds.parse().ok().map(Duration::from_secs)
    }
}
