use std::fmt;
use std::net::IpAddr;

use ::http::Uri;

use super::Endpoint;
use crate::redacted::redacted;

/// Where a facilitator is: the URI of each of its endpoints.
#[derive(Clone, Debug)]
pub(super) struct Base {
    verify: Uri,
    settle: Uri,
    supported: Uri,
}

/// What is between here and a facilitator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    /// Anybody can listen, and answer.
    Open,
    /// Nobody can who is not trusted with the money.
    Trusted,
}

impl Base {
    pub(super) fn parse(url: &str, wire: Wire) -> Result<Self, UrlError> {
        let error = |problem| UrlError {
            url: redacted(url),
            problem,
        };
        let uri: Uri = url.parse().map_err(|_| error(Problem::Malformed))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(error(Problem::Malformed));
        };
        if authority.as_str().contains('@') {
            return Err(error(Problem::Credentials));
        }
        if uri.query().is_some() || url.contains('#') {
            return Err(error(Problem::GoesOn));
        }
        match scheme {
            "https" => {}
            "http" if wire == Wire::Trusted || is_loopback(authority.host()) => {}
            "http" => return Err(error(Problem::NotEncrypted)),
            _ => return Err(error(Problem::Malformed)),
        }
        let url = url.trim_end_matches('/');
        let uri = |endpoint: Endpoint| {
            let uri = format!("{url}{}", endpoint.path()).parse();
            uri.map_err(|_| error(Problem::Malformed))
        };
        Ok(Self {
            verify: uri(Endpoint::Verify)?,
            settle: uri(Endpoint::Settle)?,
            supported: uri(Endpoint::Supported)?,
        })
    }

    pub(super) const fn uri(&self, endpoint: Endpoint) -> &Uri {
        match endpoint {
            Endpoint::Verify => &self.verify,
            Endpoint::Settle => &self.settle,
            Endpoint::Supported => &self.supported,
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Why an address is not one of a facilitator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlError {
    url: String,
    problem: Problem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    Malformed,
    Credentials,
    GoesOn,
    NotEncrypted,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = &self.url;
        match self.problem {
            Problem::Malformed => write!(f, "`{url}` is not the `https` address of a facilitator"),
            Problem::Credentials => {
                write!(
                    f,
                    "`{url}` holds credentials: say them with `.authorize(…)`"
                )
            }
            Problem::GoesOn => write!(f, "`{url}` goes on behind its path"),
            Problem::NotEncrypted => {
                write!(
                    f,
                    "`{url}` is not encrypted: `http` is for facilitators on this machine, and with \
                     `HttpFacilitator::unencrypted` for those in a network of your own"
                )
            }
        }
    }
}

impl std::error::Error for UrlError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_at_the_end_make_no_difference() {
        for url in [
            "https://f.example/v2",
            "https://f.example/v2/",
            "https://f.example/v2//",
        ] {
            let base = Base::parse(url, Wire::Open).unwrap();
            assert_eq!(*base.uri(Endpoint::Verify), "https://f.example/v2/verify");
        }
        let base = Base::parse("https://f.example", Wire::Open).unwrap();
        assert_eq!(
            *base.uri(Endpoint::Supported),
            "https://f.example/supported"
        );
    }

    #[test]
    fn only_this_machine_is_asked_in_the_clear() {
        for url in [
            "http://127.0.0.1:8080",
            "http://localhost",
            "http://[::1]:1/",
            "http://127.9.9.9",
        ] {
            assert!(Base::parse(url, Wire::Open).is_ok(), "{url}");
        }
        for url in [
            "http://f.example",
            "http://10.0.0.1",
            "http://localhost.f.example",
            "http://[::2]",
        ] {
            assert_eq!(
                Base::parse(url, Wire::Open).unwrap_err().problem,
                Problem::NotEncrypted,
                "{url}"
            );
            assert!(Base::parse(url, Wire::Trusted).is_ok(), "{url}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_showing_passwords() {
        for url in [
            "",
            "f.example",
            "/verify",
            "ftp://f.example",
            "https://",
            "https://f.example?x",
            "https://f.example/#x",
        ] {
            for wire in [Wire::Open, Wire::Trusted] {
                assert!(Base::parse(url, wire).is_err(), "{url}");
            }
        }
        let error = Base::parse("https://user:hunter2@f.example", Wire::Open).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
