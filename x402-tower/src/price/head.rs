use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, header, request,
};

/// The head of a request, borrowed: all that is looked at before a payment is.
///
/// Frameworks whose types are not those of the `http` crate lend theirs through [`Headers`].
#[derive(Clone, Copy)]
pub struct Head<'a> {
    method: &'a str,
    target: &'a str,
    /// The target, where it can be shared.
    shared: Option<&'a PathAndQuery>,
    headers: &'a dyn Headers,
    authority: Option<&'a str>,
    version: Version,
    is_sold: bool,
    has_telling: bool,
}

impl<'a> Head<'a> {
    /// The head of a request to `target`: the path and query that the client asked for, before any router took some off.
    pub fn new(method: &'a str, target: &'a str, headers: &'a dyn Headers) -> Self {
        Self {
            method,
            target,
            shared: None,
            headers,
            authority: None,
            version: Version::HTTP_11,
            is_sold: false,
            has_telling: true,
        }
    }

    /// The name of the server, if the client says it otherwise than in `Host`: HTTP/2 has `:authority` for it, and what is
    /// asked of proxies has it in front of its path.
    #[must_use]
    pub const fn at(mut self, authority: Option<&'a str>) -> Self {
        self.authority = authority;
        self
    }

    /// Whether a gate further out has sold this request already, and left a [`Payment`](crate::Payment) with it. It cannot
    /// be paid for twice, so a price inside answers 500.
    ///
    /// ```
    /// use http::{Request, StatusCode, Version};
    /// use x402_tower::price::Head;
    /// use x402_tower::{Payment, X402};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let request = Request::new(());
    /// let is_sold = request.extensions().get::<Payment>().is_some();
    /// let head = Head::new("GET", "/weather", request.headers()).sold(is_sold);
    ///
    /// let price = X402::local().build()?.price("$0.01")?;
    /// for (head, status) in [
    ///     (head, StatusCode::PAYMENT_REQUIRED),
    ///     (head.sold(true), StatusCode::INTERNAL_SERVER_ERROR),
    /// ] {
    ///     let visit = price.look(&head, true, Version::HTTP_11, || None);
    ///     let answer = visit.go_on(String::new(), async |_, _| {
    ///         Ok::<_, std::convert::Infallible>(http::Response::new(String::new()))
    ///     });
    ///     assert_eq!(answer.await?.status(), status);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn sold(mut self, is_sold: bool) -> Self {
        self.is_sold = is_sold;
        self
    }

    /// The same with a target that can be shared instead of copied.
    pub(crate) fn sharing(mut self, target: Option<&'a PathAndQuery>) -> Self {
        self.shared = target;
        self.target = target.map_or("/", |target| target.as_str());
        self
    }

    /// The target, to be kept.
    pub(crate) fn own_target(&self) -> Target {
        let shared = self.shared.cloned().map(Target::Shared);
        shared.unwrap_or_else(|| Target::Copied(self.target.into()))
    }

    pub(crate) const fn is_sold(&self) -> bool {
        self.is_sold
    }

    /// The same by this version of HTTP.
    pub(crate) const fn by(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// Whether there may be headers that always tell one request from another. Whoever has seen all of them knows, and saves
    /// others looking for each.
    pub(crate) const fn with_telling(mut self, has_telling: bool) -> Self {
        self.has_telling = has_telling;
        self
    }

    pub(crate) const fn has_telling(&self) -> bool {
        self.has_telling
    }

    pub(crate) const fn authority(&self) -> Option<&'a str> {
        self.authority
    }

    /// Whether the authority is part of what is asked for, as it is of those who ask a proxy: in HTTP/1, and by CONNECT.
    /// Everybody else says in it what HTTP/1 says in `Host`.
    pub(crate) fn is_for_proxies(&self) -> bool {
        self.authority.is_some() && (self.version < Version::HTTP_2 || self.method == "CONNECT")
    }

    /// The same with other headers.
    pub(crate) const fn with_headers(mut self, headers: &'a dyn Headers) -> Self {
        self.headers = headers;
        self
    }

    pub(crate) const fn headers(&self) -> &'a dyn Headers {
        self.headers
    }

    /// The name of the server, as the client says it. A client can say anything there.
    pub fn host(&self) -> Option<&'a str> {
        self.header(&header::HOST)
            .and_then(|host| str::from_utf8(host).ok())
            .or(self.authority)
    }

    /// The value number `n` of a header. The name of the server is its `Host`, wherever the client says it.
    fn nth(&self, name: &HeaderName, n: usize) -> Option<&'a [u8]> {
        let said = self.headers.nth(name, n);
        said.or_else(|| {
            let authority = self.authority.filter(|_| n == 0 && *name == header::HOST);
            authority.map(str::as_bytes)
        })
    }

    /// The method.
    pub const fn method(&self) -> &'a str {
        self.method
    }

    /// Path and query as the client asked for them.
    pub const fn target(&self) -> &'a str {
        self.target
    }

    /// The path as the client asked for it.
    pub fn path(&self) -> &'a str {
        self.target
            .split_once('?')
            .map_or(self.target, |(path, _)| path)
    }

    /// The query, without the question mark.
    pub fn query(&self) -> Option<&'a str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// The first value of a header. `Host` is the name of the server, wherever the client says it.
    pub fn header(&self, name: &HeaderName) -> Option<&'a [u8]> {
        self.nth(name, 0)
    }

    /// All values of a header.
    pub fn header_values(&self, name: &'a HeaderName) -> impl Iterator<Item = &'a [u8]> + 'a {
        let head = *self;
        (0..).map_while(move |n| head.nth(name, n))
    }
}

impl fmt::Debug for Head<'_> {
    /// Shows no header: some are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Head({} {})", self.method, self.target)
    }
}

/// Path and query of a request, kept.
#[derive(Debug)]
pub(crate) enum Target {
    Shared(PathAndQuery),
    Copied(Box<str>),
}

impl Deref for Target {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Shared(target) => target.as_str(),
            Self::Copied(target) => target,
        }
    }
}

/// The headers of a request, whatever they are kept in.
pub trait Headers {
    /// The value number `n` of a header, counted from zero.
    fn nth(&self, name: &HeaderName, n: usize) -> Option<&[u8]>;
}

impl Headers for HeaderMap {
    fn nth(&self, name: &HeaderName, n: usize) -> Option<&[u8]> {
        match n {
            0 => self.get(name).map(http::HeaderValue::as_bytes),
            _ => self
                .get_all(name)
                .iter()
                .nth(n)
                .map(http::HeaderValue::as_bytes),
        }
    }
}

/// The head of a request, owned and cheap to clone: what a price function gets.
#[derive(Clone)]
pub struct RequestHead {
    parts: Arc<Parts>,
}

struct Parts {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    extensions: Extensions,
}

impl RequestHead {
    /// The head with these parts; `uri` is the one that the client asked for.
    pub fn new(method: Method, uri: Uri, headers: HeaderMap, extensions: Extensions) -> Self {
        Self {
            parts: Arc::new(Parts {
                method,
                uri,
                headers,
                extensions,
            }),
        }
    }

    pub(crate) fn from_parts(parts: request::Parts) -> Self {
        Self::new(parts.method, parts.uri, parts.headers, parts.extensions)
    }

    pub(crate) fn of<B>(request: &Request<B>, uri: &Uri) -> Self {
        let mut headers = request.headers().clone();
        // The name of the server is its `Host`, wherever the client says it.
        if let header::Entry::Vacant(host) = headers.entry(header::HOST)
            && let Some(authority) = uri.authority()
            && let Ok(authority) = HeaderValue::from_str(authority.as_str())
        {
            host.insert(authority);
        }
        Self::new(
            request.method().clone(),
            uri.clone(),
            headers,
            request.extensions().clone(),
        )
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.parts.method
    }

    /// What the client asked for, before any router took a prefix off.
    pub fn uri(&self) -> &Uri {
        &self.parts.uri
    }

    /// The headers, with the name of the server as `Host`, wherever the client says it. What a client writes there, a client
    /// can change, so name those that the price depends on in [`distinguish_by`](crate::RouteBuilder::distinguish_by).
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// What layers before this one have found out about the request.
    pub fn extensions(&self) -> &Extensions {
        &self.parts.extensions
    }

    /// The value of a parameter of the query, the first if there are several. Names and values are read as forms have them:
    /// `%34` is `4`, and `+` is a blank.
    ///
    /// A price that is for one thing and a handler that gives another is a mistake that costs money. Where the handler reads
    /// its parameters in some other way, read them here in the same, from the [`uri`](Self::uri).
    pub fn query_parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        let pairs = self.uri().query()?.split('&');
        pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .find_map(|(own, value)| (decoded(own) == name).then(|| decoded(value)))
    }
}

/// What a name or a value in a query stands for.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let digit = |byte: Option<&u8>| byte.and_then(|&byte| char::from(byte).to_digit(16));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        bytes.push(match (first, digit(behind.first()), digit(behind.get(1))) {
            (b'%', Some(high), Some(low)) => {
                rest = &behind[2..];
                (high << 4 | low) as u8
            }
            (b'+', ..) => b' ',
            // A sign that stands before no digits stands for itself.
            (other, ..) => *other,
        });
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

impl fmt::Debug for RequestHead {
    /// Shows no header: some are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestHead({} {})", self.method(), self.uri())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(query: &str, name: &str) -> Option<String> {
        let uri = format!("/goods?{query}").parse().unwrap();
        let head = RequestHead::new(Method::GET, uri, HeaderMap::new(), Extensions::default());
        let found = head.query_parameter(name);
        found.map(|value| value.to_string())
    }

    #[test]
    fn the_name_of_the_server_is_its_host_wherever_it_is_said() {
        for (uri, host, found) in [
            ("/goods", Some("a.example"), Some("a.example")),
            ("https://b.example/goods", None, Some("b.example")),
            (
                "https://b.example/goods",
                Some("a.example"),
                Some("a.example"),
            ),
            ("/goods", None, None),
        ] {
            let mut request = Request::builder().uri(uri);
            if let Some(host) = host {
                request = request.header(header::HOST, host);
            }
            let request = request.body(()).unwrap();
            let head = RequestHead::of(&request, request.uri());
            let said = head.headers().get(header::HOST);
            assert_eq!(said.map(|host| host.to_str().unwrap()), found);
        }
    }

    /// A handler that reads `%34` as `4` must not be sold at the price of something else.
    #[test]
    fn a_parameter_means_to_the_price_what_it_means_to_the_handler() {
        for query in [
            "days=4",
            "days=%34",
            "%64ays=4",
            "d%61y%73=%34&days=1",
            "x&days=4&days=1",
            "&&days=4",
        ] {
            assert_eq!(parameter(query, "days").as_deref(), Some("4"), "{query}");
        }
        for (query, value) in [
            ("a+b=c+d%2Be", "c d+e"),
            ("a%20b=%C3%a9", "é"),
            ("a+b=%ff%", "\u{fffd}%"),
            ("a+b=%zz%4", "%zz%4"),
            ("a+b=%25+34", "% 34"),
            ("a+b=x=y", "x=y"),
            ("a+b", ""),
        ] {
            assert_eq!(parameter(query, "a b").as_deref(), Some(value), "{query}");
        }
        assert_eq!(parameter("Days=4&day=4&days%00=4", "days"), None);
    }
}
