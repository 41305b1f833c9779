use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::error::ConfigError;
use super::{Declaration, Priced, Seller, environment, origin};
use crate::checkout::Flights;
use crate::clock::{Clock, SystemClock};
use crate::facilitator::{Facilitator, SharedFacilitator, Supported};
use crate::gate::GateLayer;
use crate::home::Home;
use crate::ledger::{Ledger, MemoryLedger, SharedLedger};
use crate::log;
use crate::money::{Address, Asset, Network, Registry};
use crate::price::{PriceList, Seal, no_play_money};
use crate::scheme::{ExactEvm, Scheme, UptoEvm};
use crate::settlement::{Attendance, Beliefs, SharedWitness, Witness, attendance, reconciler};
use crate::tasks::Tasks;
use crate::telemetry::{Event, Observer};
use crate::till::{AllTerms, Limits, Origin, Till};

/// Whom a seller has for trying things out, as long as nobody else is named.
struct StandIn {
    /// For play money.
    facilitator: SharedFacilitator,
    network: &'static str,
    payee: &'static str,
}

/// Sets up a seller.
///
/// Nothing is checked before [`Builder::build`], which reports everything that is wrong at once.
///
/// ```
/// use std::time::Duration;
///
/// use x402_tower::X402;
/// use x402_tower::local::LocalFacilitator;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), x402_tower::ConfigError> {
/// let x402 = X402::builder()
///     .facilitator(LocalFacilitator::new()) // or an `HttpFacilitator`, for real money
///     .pay_to("base", "0x209693Bc6afc0C5328bA36FaF03C514EF312287C")
///     .pay_to("eip155:137", "0x209693Bc6afc0C5328bA36FaF03C514EF312287C")
///     .public_url("https://example.com/api") // behind a proxy that takes off `/api`
///     .secret(*b"the same for all servers of api.") // not this one
///     .most_in_flight_per_payer(8)
///     .wait_for_outcome(Duration::from_secs(10))
///     .memory(Duration::from_secs(3600), Duration::from_secs(1800))
///     .build()?;
/// let layer = x402.price("$0.01")?;
/// assert_eq!(layer.offers().len(), 2);
///
/// // All that is wrong is said at once.
/// let error = X402::builder().pay_to("base", "0x1234").secret(*b"short").build().unwrap_err();
/// let problems: Vec<&str> = error.problems().collect();
/// assert!(problems.contains(&"the secret is shorter than 16 bytes"));
/// assert!(problems.contains(&"the facilitator is missing: say `.facilitator(…)`"));
/// # Ok(())
/// # }
/// ```
///
/// `L` is what a price is in the framework at hand.
#[must_use]
pub struct Builder<L = GateLayer> {
    pub(super) facilitator: Option<Result<SharedFacilitator, String>>,
    pub(super) payees: Vec<(String, String)>,
    stand_in: Option<StandIn>,
    origin: Option<Result<Origin, String>>,
    pub(super) registry: Registry,
    schemes: Vec<Arc<dyn Scheme>>,
    ledger: Option<SharedLedger>,
    clock: Arc<dyn Clock>,
    home: Option<Handle>,
    secret: Option<Vec<u8>>,
    witness: Option<SharedWitness>,
    observer: Box<dyn Observer>,
    limits: Limits,
    most_in_flight: usize,
    most_per_payer: usize,
    most_waiters: Option<usize>,
    declared: Vec<&'static Declaration>,
    /// Whether variables were read, so that they are named where something is missing.
    pub(super) has_read_variables: bool,
    pub(super) problems: Vec<String>,
    layer: PhantomData<fn() -> L>,
}

impl<L: From<GateLayer>> Builder<L> {
    pub(super) fn new() -> Self {
        Self {
            facilitator: None,
            payees: Vec::new(),
            stand_in: None,
            origin: None,
            registry: Registry::new(),
            schemes: Vec::new(),
            ledger: None,
            clock: Arc::new(SystemClock),
            home: None,
            secret: None,
            witness: None,
            observer: Box::new(|_: &Event<'_>| {}),
            limits: Limits::default(),
            most_in_flight: 1024,
            most_per_payer: 256,
            most_waiters: None,
            declared: Vec::new(),
            has_read_variables: false,
            problems: Vec::new(),
            layer: PhantomData,
        }
    }

    /// Who checks payments and moves the money. Needed.
    pub fn facilitator(mut self, facilitator: impl Facilitator) -> Self {
        self.facilitator = Some(Ok(SharedFacilitator::new(facilitator)));
        self
    }

    /// Who is paid on a network, named in any spelling: one line for each network that the seller is paid on. Needed.
    pub fn pay_to(mut self, network: impl Into<String>, address: impl Into<String>) -> Self {
        self.payees.push((network.into(), address.into()));
        self
    }

    #[cfg(feature = "local")]
    pub(super) fn stand_in(
        mut self,
        facilitator: impl Facilitator,
        network: &'static str,
        payee: &'static str,
    ) -> Self {
        self.stand_in = Some(StandIn {
            facilitator: SharedFacilitator::new(facilitator),
            network,
            payee,
        });
        self
    }

    /// Where the server is, as its clients see it: scheme and host, and a path if a proxy takes one off. Needed, unless
    /// [`Builder::trust_host`] is said.
    ///
    /// Sellers who share a ledger are told apart by it, and each looks after its own payments. What is parked under an
    /// old URL waits until somebody asks for it under that.
    pub fn public_url(mut self, url: impl AsRef<str>) -> Self {
        self.origin = Some(origin::parse(url.as_ref()));
        self
    }

    /// Takes the server's name from what each client says in `Host`, and adds `https://` or `http://`.
    ///
    /// A client can say anything there. That is fine for development, and behind a proxy that sets the header.
    pub fn trust_host(mut self, https: bool) -> Self {
        self.origin = Some(Ok(Origin::Host(if https { "https" } else { "http" })));
        self
    }

    /// A token that is not well-known. It is what dollars mean on its network from now on.
    ///
    /// ```
    /// use x402_tower::X402;
    /// use x402_tower::local::LocalFacilitator;
    /// use x402_tower::money::{Address, Asset, Network, Transfer};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let home: Network = "eip155:31337".parse()?;
    /// let token = Address::parse(&home, "0x5FbDB2315678afecb367f032d93F642f64180aa3")?;
    /// let token = Asset::new(home.clone(), "TEA", token, 6, Transfer::Eip3009);
    /// let x402 = X402::local()
    ///     .facilitator(LocalFacilitator::new()) // or whoever settles there
    ///     .network("home", home)
    ///     .token(token.with_eip712("Tea", "1")) // as its contract has them
    ///     .pay_to("home", "0x209693Bc6afc0C5328bA36FaF03C514EF312287C")
    ///     .build()?;
    /// let layer = x402.price("$0.01")?;
    /// assert_eq!(layer.offers()[0].to_string(), "0.01 TEA on eip155:31337");
    /// # Ok(())
    /// # }
    /// ```
    pub fn token(mut self, asset: Asset) -> Self {
        if let Err(error) = self.registry.register(asset) {
            self.problems.push(error.to_string());
        }
        self
    }

    /// A name of the seller's own for a network.
    pub fn network(mut self, name: impl Into<String>, network: Network) -> Self {
        if let Err(error) = self.registry.name_network(name, network) {
            self.problems.push(error.to_string());
        }
        self
    }

    /// A payment scheme of the seller's own. It goes before those that are built in.
    pub fn scheme(mut self, scheme: impl Scheme) -> Self {
        self.schemes.push(Arc::new(scheme));
        self
    }

    /// Where payments are written down: in memory unless said otherwise, which [forgets](MemoryLedger) on restart.
    pub fn ledger(mut self, ledger: impl Ledger) -> Self {
        self.ledger = Some(SharedLedger::new(ledger));
        self
    }

    /// A ledger in memory with other bounds than usual.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use x402_tower::X402;
    /// use x402_tower::ledger::MemoryLedger;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), x402_tower::ConfigError> {
    /// let ledger = MemoryLedger::builder().most_entries(10_000).build();
    /// let x402 = X402::local().memory_ledger(Arc::new(ledger)).build()?;
    /// # drop(x402);
    /// # Ok(())
    /// # }
    /// ```
    pub fn memory_ledger(mut self, ledger: Arc<MemoryLedger>) -> Self {
        self.ledger = Some(SharedLedger::memory(ledger));
        self
    }

    /// Who looks at the chain itself when a facilitator cannot say what became of a settlement. It has as long for each look
    /// as the facilitator has to verify.
    pub fn witness(mut self, witness: impl Witness) -> Self {
        self.witness = Some(SharedWitness::new(witness));
        self
    }

    /// Who is told what happens to the money.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Box::new(observer);
        self
    }

    /// The secret that the references of challenges are sealed with, of at least 16 bytes. Servers behind one name need
    /// the same; one alone makes one up at each start.
    pub fn secret(mut self, secret: impl Into<Vec<u8>>) -> Self {
        self.secret = Some(secret.into());
        self
    }

    /// The runtime on which settlements run: it has to live as long as the program. The one in which
    /// [`Builder::build`] is called unless said otherwise.
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.home = Some(runtime);
        self
    }

    /// The clock that validity is judged by.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// How many bytes of a payment header are read: 16 KiB unless said otherwise.
    pub const fn most_header_bytes(mut self, most: usize) -> Self {
        self.limits.header = most;
        self
    }

    /// How many paid requests are on their way at once: 1024 unless said otherwise. More are answered 503.
    pub const fn most_in_flight(mut self, most: usize) -> Self {
        self.most_in_flight = most;
        self
    }

    /// How many paid requests of one payer are on their way at once: 256 unless said otherwise, so that nobody takes all
    /// places with one wallet. More are answered 429. A request counts from when its payment is known to be the payer's.
    pub const fn most_in_flight_per_payer(mut self, most: usize) -> Self {
        self.most_per_payer = most;
        self
    }

    /// How many requests wait for another one with the same payment: half as many as may be on their way unless said
    /// otherwise, so that nobody takes all places with one payment. More are answered 409.
    pub const fn most_waiters(mut self, most: usize) -> Self {
        self.most_waiters = Some(most);
        self
    }

    /// How long a request waits for another one with the same payment: 10 seconds unless said otherwise.
    pub const fn wait_for_same_payment(mut self, wait: Duration) -> Self {
        self.limits.wait = wait;
        self
    }

    /// How long the facilitator may take to verify, and to settle: 10 and 30 seconds unless said otherwise. Price functions
    /// have as long as a verification.
    ///
    /// One behind HTTP has [times of its own](crate::facilitator::HttpFacilitator::timeouts), which are the same unless said
    /// otherwise: whoever raises these raises those.
    pub const fn facilitator_timeouts(mut self, verify: Duration, settle: Duration) -> Self {
        self.limits.verify = verify;
        self.limits.settle = settle;
        self
    }

    /// How long a request waits for a settlement that is pending or unknown, before it is answered 503: 20 seconds
    /// unless said otherwise.
    pub const fn wait_for_outcome(mut self, wait: Duration) -> Self {
        self.limits.outcome = wait;
        self
    }

    /// How many bytes of one answer are kept for a buyer who does not get it: 64 KiB unless said otherwise.
    pub const fn most_kept_answer_bytes(mut self, most: usize) -> Self {
        self.limits.answer = most;
        self
    }

    /// How many bytes of a request's body are compared with those of an earlier one: 1 MiB unless said otherwise.
    pub const fn most_compared_body_bytes(mut self, most: u64) -> Self {
        self.limits.body = most;
        self
    }

    /// How long settled payments are remembered at least, and for how long an answer that was not delivered goes before
    /// a new payment for the same request: 15 and 10 minutes unless said otherwise. Both count from the settlement, and stand
    /// still while the answer is on its way: whoever loses a long one at its end has as much time as anybody.
    pub const fn memory(mut self, settled: Duration, owed: Duration) -> Self {
        self.limits.remember = settled;
        self.limits.owed = owed;
        self
    }

    /// Handlers that declare their price. [`Builder::build`] finds out whether each of them can be paid, which otherwise the
    /// first request would.
    pub fn priced<const N: usize>(mut self, handlers: [&dyn Priced; N]) -> Self {
        self.declared
            .extend(handlers.map(|handler| handler.declaration()));
        self
    }

    /// The seller.
    ///
    /// The facilitator need not be up: it is asked for what it supports in the background.
    ///
    /// # Errors
    ///
    /// If anything is wrong or missing, with all of it.
    pub fn build(mut self) -> Result<Seller<L>, ConfigError> {
        let mut problems = std::mem::take(&mut self.problems);
        let payees = self.payees(&mut problems);
        let origin = self.origin.take().unwrap_or_else(|| {
            let problem = "the server's address is missing: say `.public_url(\"https://…\")`";
            Err(self.missing(problem, environment::PUBLIC_URL))
        });
        let origin = origin.map_err(|problem| problems.push(problem)).ok();
        let facilitator = match self.facilitator.take() {
            Some(named) => {
                // Nobody has to stand in for it.
                self.stand_in = None;
                named
            }
            None => self.for_play_money(&payees),
        };
        let facilitator = facilitator.map_err(|problem| problems.push(problem)).ok();
        let home = self.home.take().or_else(|| Handle::try_current().ok());
        if home.is_none() {
            problems.push(
                "there is no tokio runtime here: call `build()` inside of one, or say `.runtime(handle)`"
                    .to_owned(),
            );
        }
        let secret = self.secret_or_random(&mut problems);
        self.check_limits(&mut problems);
        let (Some(origin), Some(facilitator), Some(home), Some((secret, start)), true) =
            (origin, facilitator, home, secret, problems.is_empty())
        else {
            return Err(ConfigError::new(problems));
        };
        let declared = std::mem::take(&mut self.declared);
        let x402 = self.assemble(
            payees,
            origin,
            facilitator,
            Home::new(home),
            Seal::new(&secret, start),
        );
        x402.check_all(declared)?;
        Ok(x402)
    }

    fn assemble(
        self,
        payees: Vec<(Network, Address)>,
        origin: Origin,
        facilitator: SharedFacilitator,
        home: Home,
        seal: Seal,
    ) -> Seller<L> {
        let clock = self.clock;
        let all_terms = Arc::new(AllTerms::default());
        let all = Arc::clone(&all_terms);
        let supported = Supported::new(
            facilitator.clone(),
            Arc::clone(&clock),
            home.clone(),
            move |supported| {
                all.each(|terms| {
                    if let Err(problems) = terms.prepare(supported) {
                        log::error!("what the facilitator supports cannot be used"; problems = problems.join("; "));
                    }
                });
            },
        );
        let ledger = self.ledger.unwrap_or_else(|| {
            SharedLedger::memory(Arc::new(
                MemoryLedger::builder().clock(Arc::clone(&clock)).build(),
            ))
        });
        let mut schemes = self.schemes;
        schemes.push(Arc::new(ExactEvm));
        // Behind the other: who names no scheme means a fixed price.
        schemes.push(Arc::new(UptoEvm));
        let till = Arc::new(Till {
            list: PriceList {
                registry: self.registry,
                schemes,
                payees,
                is_play_money: self.stand_in.is_some(),
            },
            facilitator,
            supported,
            ledger,
            clock,
            home,
            seal,
            origin,
            limits: self.limits,
            flights: Arc::new(Flights::new(
                self.most_in_flight,
                self.most_waiters.unwrap_or(self.most_in_flight.div_ceil(2)),
                self.most_per_payer,
            )),
            observer: self.observer,
            all_terms,
            witness: self.witness,
            beliefs: Beliefs::default(),
            tasks: Arc::new(Tasks::default()),
            reconcile: Arc::new(Notify::new()),
            attendance: Attendance::default(),
        });
        till.supported.refresh(till.now());
        reconciler::start(&till);
        attendance::start(&till);
        Seller {
            till,
            declared: Arc::default(),
            layer: PhantomData,
        }
    }

    fn payees(&self, problems: &mut Vec<String>) -> Vec<(Network, Address)> {
        let mut payees: Vec<(Network, Address)> = Vec::new();
        let named = self
            .payees
            .iter()
            .map(|(network, address)| (&**network, &**address));
        let stand_in = self.stand_in.as_ref().filter(|_| self.payees.is_empty());
        let stand_in = stand_in.map(|stand_in| (stand_in.network, stand_in.payee));
        for (network, address) in named.chain(stand_in) {
            let network = match self.registry.network(network) {
                Ok(network) => network,
                Err(error) => {
                    problems.push(error.to_string());
                    continue;
                }
            };
            match Address::payee(&network, address) {
                Ok(_) if payees.iter().any(|(own, _)| *own == network) => {
                    problems.push(format!("two payees are named for {network}"));
                }
                Ok(address) => payees.push((network, address)),
                Err(error) => problems.push(format!("the payee on {network}: {error}")),
            }
        }
        if self.payees.is_empty() && stand_in.is_none() {
            problems.push(self.missing(
                "nobody is paid: say `.pay_to(network, address)`",
                environment::PAY_TO,
            ));
        }
        payees
    }

    /// The facilitator if none is named.
    fn for_play_money(&self, payees: &[(Network, Address)]) -> Result<SharedFacilitator, String> {
        let real = |(network, _): &&(Network, Address)| !network.is_testnet();
        let problem = match (&self.stand_in, payees.iter().find(real)) {
            (Some(stand_in), None) => return Ok(stand_in.facilitator.clone()),
            (Some(_), Some((network, _))) => no_play_money(network),
            (None, _) => "the facilitator is missing: say `.facilitator(…)`".to_owned(),
        };
        Err(self.missing(&problem, environment::FACILITATOR))
    }

    /// Something that is missing, and how it is said: in code, or by a variable if any were read.
    fn missing(&self, problem: &str, variable: &str) -> String {
        if self.has_read_variables {
            format!("{problem}, or set `{variable}`")
        } else {
            problem.to_owned()
        }
    }

    /// The secret, and where the serial numbers of references begin.
    fn secret_or_random(&mut self, problems: &mut Vec<String>) -> Option<(Vec<u8>, u32)> {
        let mut random = [0; 36];
        if let Err(error) = getrandom::getrandom(&mut random) {
            problems.push(format!("the system gives no random numbers: {error}"));
            return None;
        }
        let [a, b, c, d, made_up @ ..] = random;
        let secret = self.secret.take().unwrap_or_else(|| made_up.to_vec());
        if secret.len() < SHORTEST_SECRET {
            problems.push(format!(
                "the secret is shorter than {SHORTEST_SECRET} bytes"
            ));
        }
        Some((secret, u32::from_be_bytes([a, b, c, d])))
    }

    fn check_limits(&self, problems: &mut Vec<String>) {
        if self.most_in_flight == 0 || self.most_in_flight > MOST_IN_FLIGHT {
            problems.push(format!(
                "`most_in_flight` is not between 1 and {MOST_IN_FLIGHT}"
            ));
        }
        if self.most_per_payer == 0 {
            problems.push("`most_in_flight_per_payer` is 0: nobody could pay".to_owned());
        }
        if self.limits.header < SHORTEST_HEADER {
            problems.push(format!("`most_header_bytes` is less than {SHORTEST_HEADER}: ordinary payments would not fit"));
        }
        for (time, method) in [
            (self.limits.verify, "facilitator_timeouts"),
            (self.limits.settle, "facilitator_timeouts"),
            (self.limits.outcome, "wait_for_outcome"),
            (self.limits.wait, "wait_for_same_payment"),
            (self.limits.remember, "memory"),
        ] {
            if time > LONGEST_TIME {
                let days = LONGEST_TIME.as_secs() / (24 * 3600);
                problems.push(format!("`{method}` is longer than {days} days"));
            }
        }
        if self.limits.verify.is_zero() || self.limits.settle.is_zero() {
            problems.push(
                "the facilitator has no time to answer: raise `facilitator_timeouts`".to_owned(),
            );
        }
        if self.limits.owed > self.limits.remember {
            problems.push(
                "answers are owed for longer than payments are remembered: raise the first time of `memory`"
                    .to_owned(),
            );
        }
    }
}

const SHORTEST_SECRET: usize = 16;
const SHORTEST_HEADER: usize = 1024;
/// Nothing here takes that long, and sums of times stay small.
const LONGEST_TIME: Duration = Duration::from_secs(366 * 24 * 3600);
const MOST_IN_FLIGHT: usize = 1 << 20;

impl<L> fmt::Debug for Builder<L> {
    /// Shows no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("facilitator", &self.facilitator)
            .field("payees", &self.payees)
            .field("origin", &self.origin)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
