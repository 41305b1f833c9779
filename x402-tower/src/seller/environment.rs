//! Configuration from variables. Each that is set wins over what the code has said before.

use std::ffi::OsString;

use super::Builder;
use crate::gate::GateLayer;
use crate::log;

pub(super) const FACILITATOR: &str = "X402_FACILITATOR";
const FACILITATOR_TOKEN: &str = "X402_FACILITATOR_TOKEN";
pub(super) const PAY_TO: &str = "X402_PAY_TO";
pub(super) const PUBLIC_URL: &str = "X402_PUBLIC_URL";
const SECRET: &str = "X402_SECRET";

const ALL: [&str; 5] = [FACILITATOR, FACILITATOR_TOKEN, PAY_TO, PUBLIC_URL, SECRET];

impl<L: From<GateLayer>> Builder<L> {
    /// Reads the environment of the process:
    ///
    /// | variable | as in code |
    /// |---|---|
    /// | `X402_FACILITATOR` | [`facilitator`](Builder::facilitator), by its URL |
    /// | `X402_FACILITATOR_TOKEN` | a bearer token for it |
    /// | `X402_PAY_TO` | [`pay_to`](Builder::pay_to): `base=0x… polygon=0x…`, with blanks or commas between |
    /// | `X402_PUBLIC_URL` | [`public_url`](Builder::public_url) |
    /// | `X402_SECRET` | [`secret`](Builder::secret), its bytes |
    ///
    /// What is set wins over what was said in code before; what is not set, or empty, changes nothing. Mistakes are
    /// reported by [`Builder::build`] with all others, and so are names that are nearly one of these, or one of these with
    /// something behind it, unless that one is set as well. Other names that begin with `X402_` are logged, but for those by
    /// which clusters tell of services.
    pub fn from_env(self) -> Self {
        self.from_variables(std::env::vars_os())
    }

    /// Reads variables that come from elsewhere: see [`Builder::from_env`].
    ///
    /// ```
    /// use x402_tower::X402;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let error = X402::local()
    ///     .from_variables([
    ///         ("X402_PAY_TO", "base-sepolia=0x209693Bc6afc0C5328bA36FaF03C514EF312287C, nowhere=0x1"),
    ///         ("X402_PUBLIC_URL", "api.example.com"),
    ///     ])
    ///     .build()
    ///     .unwrap_err();
    /// assert_eq!(error.problems().count(), 2);
    /// # }
    /// ```
    pub fn from_variables<N, V>(mut self, variables: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<OsString>,
        V: Into<OsString>,
    {
        self.has_read_variables = true;
        let (mut facilitator, mut token) = (None, None);
        let (mut read, mut unread) = (Vec::new(), Vec::new());
        for (name, value) in variables {
            let Ok(name) = name.into().into_string() else {
                continue;
            };
            if !name.starts_with("X402_") {
                continue;
            }
            let Ok(value) = value.into().into_string() else {
                self.problems.push(format!("`{name}` is no text"));
                continue;
            };
            // What comes out of a file ends with its line.
            let text = value.trim();
            if text.is_empty() {
                continue;
            }
            read.extend(ALL.into_iter().find(|known| *known == name));
            match name.as_str() {
                FACILITATOR => facilitator = Some(text.to_owned()),
                FACILITATOR_TOKEN => token = Some(text.to_owned()),
                PAY_TO => self = self.pay_to_all(text),
                PUBLIC_URL => self = self.public_url(text),
                SECRET => self = self.secret(value),
                name if is_of_a_service(name) => {}
                _ => unread.push(name),
            }
        }
        for name in unread {
            // Whoever sets that one as well has said what they mean, and this one is somebody else's.
            match meant(&name).filter(|known| !read.contains(known)) {
                Some(known) => self.problems.push(format!(
                    "`{name}` is set, and nobody reads it: did you mean `{known}`?"
                )),
                None => log::warning!("a variable is set that nobody reads"; name = name),
            }
        }
        match (facilitator, token) {
            (Some(url), token) => self.facilitator_at(&url, token),
            (None, Some(_)) => {
                self.problems.push(format!(
                    "`{FACILITATOR_TOKEN}` is set and `{FACILITATOR}` is not"
                ));
                self
            }
            (None, None) => self,
        }
    }

    /// `base=0x… polygon=0x…`
    fn pay_to_all(mut self, payees: &str) -> Self {
        let payees = payees
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|payee| !payee.is_empty());
        let mut read: Vec<(String, String)> = Vec::new();
        for payee in payees {
            match payee.split_once('=') {
                Some((network, address)) => read.push((network.to_owned(), address.to_owned())),
                None => self.problems.push(format!(
                    "`{PAY_TO}`: `{payee}` is not of the form `network=address`"
                )),
            }
        }
        // Networks have several names, so those that name none are compared by what they say.
        let same = |one: &str, other: &str| {
            let network = |name: &str| self.registry.network(name).ok();
            one == other || network(one).is_some_and(|one| network(other) == Some(one))
        };
        let mut payees = std::mem::take(&mut self.payees);
        payees.retain(|(own, _)| !read.iter().any(|(network, _)| same(network, own)));
        payees.append(&mut read);
        self.payees = payees;
        self
    }

    #[cfg(any(feature = "reqwest", feature = "hyper"))]
    fn facilitator_at(mut self, url: &str, token: Option<String>) -> Self {
        use http::{HeaderMap, HeaderValue, header};

        use crate::facilitator::{HttpFacilitator, SharedFacilitator};

        #[cfg(feature = "reqwest")]
        let made = HttpFacilitator::new(url).map_err(|error| error.to_string());
        #[cfg(not(feature = "reqwest"))]
        let made = crate::facilitator::HyperTransport::new()
            .map_err(|error| error.to_string())
            .and_then(|transport| {
                HttpFacilitator::with_transport(url, transport).map_err(|error| error.to_string())
            });
        let bearer = token.map(|token| HeaderValue::from_maybe_shared(format!("Bearer {token}")));
        let bearer = bearer.transpose().unwrap_or_else(|_| {
            let problem = format!("`{FACILITATOR_TOKEN}` cannot be sent in a header");
            self.problems.push(problem);
            None
        });
        let facilitator = match (made, bearer) {
            (Ok(made), None) => Ok(SharedFacilitator::new(made)),
            (Ok(made), Some(mut bearer)) => {
                bearer.set_sensitive(true);
                let headers = HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]);
                Ok(SharedFacilitator::new(made.authorize(headers)))
            }
            (Err(problem), _) => Err(format!("`{FACILITATOR}`: {problem}")),
        };
        self.facilitator = Some(facilitator);
        self
    }

    #[cfg(not(any(feature = "reqwest", feature = "hyper")))]
    fn facilitator_at(mut self, _: &str, _: Option<String>) -> Self {
        self.facilitator = Some(Err(format!(
            "`{FACILITATOR}` needs the feature `reqwest` or `hyper`"
        )));
        self
    }
}

/// Whether a cluster tells every server in it where one is that is called `x402-facilitator` or the like, as Kubernetes does:
/// `X402_FACILITATOR_SERVICE_HOST`, `X402_FACILITATOR_PORT_8080_TCP`.
fn is_of_a_service(name: &str) -> bool {
    let parts = ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT_"];
    name.ends_with("_PORT") || parts.iter().any(|part| name.contains(part))
}

/// The variable that somebody has in mind who writes another name: it says more, or one letter in five differs. There are
/// other words as near as two letters to the short ones.
fn meant(name: &str) -> Option<&'static str> {
    let letters = |name: &str| name.trim_start_matches("X402_").replace('_', "");
    let name = letters(name);
    let how_far = |known: &'static str| {
        let word = letters(known);
        let far = distance(&name, &word);
        (name.starts_with(&word) || far <= word.len() / 5).then_some((far, known))
    };
    let meant = ALL.into_iter().filter_map(how_far).min();
    meant.map(|(_, known)| known)
}

/// How many letters have to be put in, taken out or changed to make one word of the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, b) in to.bytes().enumerate() {
            let change = corner + usize::from(a != b);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row[to.len()]
}
