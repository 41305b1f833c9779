//! What must be true of every payment, whatever has happened.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::StatusCode;
use x402_tower::ledger::{Delivery, Release, Standing};

use crate::history::{End, Event, Head, Verb, What};
use crate::plan::{Spelling, Step, Trouble};
use crate::world::{Asking, World};

/// The rules that were broken.
pub fn broken(world: &World) -> Vec<String> {
    let events = world.history().events();
    let mut judge = Judge {
        world,
        payments: (0..world.payments.len())
            .map(|_| Payment::default())
            .collect(),
        requests: (0..world.requests.len())
            .map(|_| Request::default())
            .collect(),
        broken: Vec::new(),
        ran_for: BTreeMap::new(),
        crashes: 0,
        crashed: 0,
        index: 0,
        at: Duration::ZERO,
    };
    for (index, Event { at, what }) in events.into_iter().enumerate() {
        (judge.index, judge.at) = (index, at);
        judge.take(what);
    }
    judge.end();
    judge.broken
}

struct Judge<'a> {
    world: &'a World,
    payments: Vec<Payment>,
    requests: Vec<Request>,
    broken: Vec<String>,
    /// What each run was for.
    ran_for: BTreeMap<usize, usize>,
    crashes: usize,
    /// The event in which a server died last.
    crashed: usize,
    index: usize,
    at: Duration,
}

/// How a payment stands, as it was written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stand {
    #[default]
    Free,
    Claimed,
    /// Whether its buyer has left, or its server has died.
    Settling {
        abandoned: bool,
    },
    Parked,
    Settled {
        delivery: Delivery,
        /// Whether nobody is left to say how its delivery ended.
        cut_off: bool,
    },
    Unresolved,
}

impl Stand {
    /// Whether a challenge would make the buyer pay for it a second time.
    const fn is_known(self) -> bool {
        matches!(
            self,
            Self::Settling { .. } | Self::Parked | Self::Settled { .. } | Self::Unresolved
        )
    }
}

#[derive(Default)]
struct Payment {
    stand: Stand,
    /// Who has written that down.
    server: usize,
    /// The event that it stands so since.
    since: usize,
    /// The event in which they have last said that they attend to it.
    attended: usize,
    /// When it was settled, later by as much as its answer has been on its way: that does not count.
    settled_at: Duration,
    /// When somebody has last been heard of who gives its answer.
    heard_at: Duration,
    /// The request that has claimed it, and the one whose settlement began last.
    claimed_by: Option<usize>,
    claimed_until: Duration,
    ran_since_claim: bool,
    /// The event in which it was claimed last.
    claimed_at: usize,
    begun_by: Option<usize>,
    /// What was owed when it was claimed, that should have gone before.
    owed_before: Vec<usize>,
    /// The last request whose answer it has paid for, if there is one.
    ran_for: Option<usize>,
    charge: Option<String>,
    charged_since_claim: bool,
    /// What was asked for was never written down, because of a crash.
    forgotten: bool,
    /// A buyer has been told that it did not go through, whatever the ledger has heard.
    told_off: bool,
    aborted: usize,
    claims: usize,
    runs: usize,
    paid_runs: usize,
    reruns: usize,
    /// The runs of which somebody has seen something.
    seen: BTreeSet<usize>,
    unconfirmed: bool,
    /// Its answer was handed over once: whatever becomes of it later, nothing is owed.
    delivered: bool,
}

impl Payment {
    /// Whoever gives its answer is heard of.
    fn hear(&mut self, at: Duration) {
        let is_running = matches!(
            self.stand,
            Stand::Settled {
                delivery: Delivery::Running,
                ..
            }
        );
        if is_running {
            self.settled_at += at.saturating_sub(self.heard_at);
            self.heard_at = at;
        }
    }
}

#[derive(Default)]
struct Request {
    sent: usize,
    sent_at: Duration,
    stood: Stand,
    owed: bool,
    /// The payment that it is answered for once more.
    reruns: Option<usize>,
    head: Option<Head>,
    end: Option<End>,
}

const UNCONFIRMED: &str = "settlement_unconfirmed";
const OWED: Duration = Duration::from_secs(600);
const REMEMBERED: Duration = Duration::from_secs(900);
const MOST_ABORTED: usize = 3;
const MOST_RERUNS: usize = 3;

impl Judge<'_> {
    fn breaks(&mut self, what: impl std::fmt::Display) {
        let line = format!("event {}: {what}", self.index);
        self.broken.push(line);
    }

    fn asking(&self, request: usize) -> &Asking {
        &self.world.requests[request]
    }

    fn take(&mut self, what: What) {
        match what {
            What::Step(_) | What::Peace => {}
            What::Sent { request } => {
                let payment = self.asking(request).payment;
                self.requests[request] = Request {
                    sent: self.index,
                    sent_at: self.at,
                    stood: self.payments[payment].stand,
                    owed: !self.owed_before(payment, None).is_empty(),
                    reruns: None,
                    head: None,
                    end: None,
                };
            }
            What::Written {
                server,
                payment,
                verb,
            } => {
                self.written(payment, verb);
                self.payments[payment].server = server;
            }
            What::Attends { server, payment } => {
                // Nobody listens to whoever has lost it.
                let (payment, at) = (&mut self.payments[payment], self.at);
                if payment.server == server {
                    payment.attended = self.index;
                    payment.hear(at);
                }
            }
            What::Asked { payment } => {
                let stand = self.payments[payment].stand;
                // Whoever has stalled may ask once more in vain, but never for what is free.
                let may = matches!(stand, Stand::Settling { .. })
                    || self.world.stalls() && stand.is_known();
                if !may {
                    self.breaks(format_args!(
                        "payment {payment} is settled, and is {stand:?}"
                    ));
                }
            }
            What::Charged {
                payment,
                transaction,
            } => self.charged(payment, transaction),
            What::Runs { request, run, paid } => self.runs(request, run, paid),
            What::Head { request, head } => self.head(request, head),
            What::Data { request, goods } => {
                if let Some(run) = goods {
                    let head = self.requests[request].head.clone();
                    let head = head.map(|head| Head {
                        goods: Some(run),
                        ..head
                    });
                    match head {
                        Some(head) => self.goods(request, run, &head),
                        None => self.breaks("a body without a head"),
                    }
                }
            }
            What::Over { request, end } => self.requests[request].end = Some(end),
            What::Crashed { server } => {
                self.crashes += 1;
                self.crashed = self.index;
                let theirs = |payment: &&mut Payment| payment.server == server;
                for payment in self.payments.iter_mut().filter(theirs) {
                    match &mut payment.stand {
                        Stand::Settling { abandoned } => *abandoned = true,
                        Stand::Settled { cut_off, delivery } => {
                            *cut_off = true;
                            payment.forgotten |= *delivery == Delivery::Running;
                        }
                        _ => {}
                    }
                }
            }
        }
    }

    /// What is owed to the buyer of a payment for the same, and goes before it; if a request is given, only what is
    /// certainly for the same request.
    fn owed_before(&self, payment: usize, request: Option<usize>) -> Vec<usize> {
        let signed = &self.world.payments[payment];
        let order = request.map(|request| self.asking(request).order);
        let owed = |(number, other): &(usize, &Payment)| {
            let older = &self.world.payments[*number];
            let (Some(claimed_by), ran_for) = (other.claimed_by, other.ran_for) else {
                return false;
            };
            *number != payment
                && !other.delivered
                && (older.buyer, older.spot) == (signed.buyer, signed.spot)
                && order
                    .is_none_or(|order| self.asking(ran_for.unwrap_or(claimed_by)).order == order)
                && match other.stand {
                    Stand::Parked | Stand::Settling { abandoned: true } => true,
                    // The ledger may not have heard that they left. It hears nothing more of it then.
                    Stand::Settling { abandoned: false } => {
                        self.requests[claimed_by].end == Some(End::HungUp)
                    }
                    Stand::Settled {
                        delivery: Delivery::Undelivered,
                        ..
                    }
                    | Stand::Settled {
                        delivery: Delivery::Running,
                        cut_off: true,
                    } => self.at < other.settled_at + OWED,
                    _ => false,
                }
        };
        let all = self.payments.iter().enumerate();
        all.filter(owed).map(|(number, _)| number).collect()
    }

    fn written(&mut self, payment: usize, verb: Verb) {
        let stand = self.payments[payment].stand;
        let expired = self.at >= self.payments[payment].settled_at + REMEMBERED;
        let fits = match (&verb, stand) {
            (Verb::Claim { .. }, Stand::Free) => true,
            (Verb::Claim { .. }, Stand::Claimed) => self.at >= self.payments[payment].claimed_until,
            (Verb::Claim { .. }, Stand::Settled { .. }) => expired,
            (Verb::Begin { .. }, Stand::Claimed) => true,
            (Verb::Abandon, _) => true,
            (
                Verb::Commit { .. },
                Stand::Settling { .. } | Stand::Parked | Stand::Settled { .. },
            ) => true,
            (Verb::Park | Verb::GiveUp, Stand::Settling { .. } | Stand::Parked) => true,
            (Verb::Release(_), Stand::Claimed | Stand::Settling { .. }) => true,
            (Verb::Due, Stand::Settling { .. } | Stand::Parked) => true,
            (Verb::Rerun { .. } | Verb::Deliver(_), Stand::Settled { .. }) => true,
            _ => false,
        };
        if !fits {
            self.breaks(format_args!(
                "payment {payment} is {stand:?}, and then {verb:?}"
            ));
        }
        if let Verb::Claim { request, until } = verb {
            let mut owed = self.owed_before(payment, Some(request));
            // What somebody was attending to when the request came, it has passed by. So it has if they have said so since
            // then: they can die right after that, and nobody can know it for as long as their word lasts.
            let sent = self.requests[request].sent;
            owed.retain(|older| {
                let Payment {
                    since, attended, ..
                } = self.payments[*older];
                since < sent && attended < sent
            });
            let index = self.index;
            let payment = &mut self.payments[payment];
            payment.owed_before = owed;
            payment.claimed_by = Some(request);
            payment.claimed_until = until;
            payment.ran_since_claim = false;
            payment.claimed_at = index;
            payment.charged_since_claim = false;
            payment.told_off = false;
            payment.delivered = false;
            payment.claims += 1;
        }
        if let Verb::Rerun {
            request: Some(request),
        } = verb
        {
            self.requests[request].reruns = Some(payment);
        }
        if let (Verb::Release(_), true) = (&verb, self.payments[payment].charged_since_claim) {
            self.breaks(format_args!(
                "payment {payment} was charged, and is given back"
            ));
        }
        let since = self.index;
        let (at, payment) = (self.at, &mut self.payments[payment]);
        payment.since = since;
        payment.stand = match verb {
            Verb::Claim { .. } => Stand::Claimed,
            Verb::Begin { request } => {
                payment.begun_by = request;
                Stand::Settling { abandoned: false }
            }
            Verb::Abandon => match payment.stand {
                Stand::Settling { .. } => Stand::Settling { abandoned: true },
                other => other,
            },
            Verb::Due => {
                payment.begun_by = None;
                Stand::Settling { abandoned: true }
            }
            Verb::Commit { delivery } => {
                (payment.settled_at, payment.heard_at) = (at, at);
                payment.unconfirmed |= payment.charge.is_none();
                let abandoned = payment.stand == Stand::Settling { abandoned: true };
                let delivery = if abandoned {
                    Delivery::Undelivered
                } else {
                    delivery
                };
                Stand::Settled {
                    delivery,
                    cut_off: false,
                }
            }
            Verb::Park => Stand::Parked,
            Verb::Release(release) => {
                payment.aborted += usize::from(release == Release::Aborted);
                Stand::Free
            }
            Verb::GiveUp => Stand::Unresolved,
            Verb::Rerun { .. } => {
                payment.heard_at = at;
                payment.reruns += 1;
                Stand::Settled {
                    delivery: Delivery::Running,
                    cut_off: false,
                }
            }
            Verb::Deliver(delivery) => {
                payment.hear(at);
                payment.delivered |= delivery == Delivery::Delivered;
                let delivery = if payment.delivered {
                    Delivery::Delivered
                } else {
                    delivery
                };
                Stand::Settled {
                    delivery,
                    cut_off: false,
                }
            }
        };
        // Whoever waits for that hears of it.
        for request in 0..self.requests.len() {
            if self.requests[request].head.is_none() {
                let payment = self.asking(request).payment;
                self.requests[request].owed |= !self.owed_before(payment, None).is_empty();
            }
        }
    }

    fn charged(&mut self, payment: usize, transaction: String) {
        if self.payments[payment].charge.is_some() {
            self.breaks(format_args!("payment {payment} is charged twice"));
        }
        if matches!(self.payments[payment].stand, Stand::Free | Stand::Claimed) {
            self.breaks(format_args!("payment {payment} is charged, and is free"));
        }
        if let Some(request) = self.payments[payment].claimed_by
            && !self.world.payments[payment].spot.before
            && !self.asking(request).dish.is_goods()
        {
            self.breaks(format_args!("payment {payment} is charged for an error"));
        }
        if self.payments[payment].told_off {
            self.breaks(format_args!(
                "payment {payment} is charged, and its buyer was told that it was not"
            ));
        }
        let owed = self.payments[payment].owed_before.clone();
        if !owed.is_empty() {
            self.breaks(format_args!(
                "payment {payment} is charged, though {owed:?} was owed when it was claimed"
            ));
        }
        let payment = &mut self.payments[payment];
        payment.charge = Some(transaction);
        payment.charged_since_claim = true;
    }

    fn charge_of(&self, transaction: &str) -> Option<usize> {
        self.payments
            .iter()
            .position(|payment| payment.charge.as_deref() == Some(transaction))
    }

    fn runs(&mut self, request: usize, run: usize, paid: Option<String>) {
        let payment = self.asking(request).payment;
        let charge = paid
            .as_deref()
            .and_then(|transaction| self.charge_of(transaction));
        // Where it is only believed that money has moved, the receipt does not say which.
        let paid_for = charge.or(self.requests[request].reruns);
        self.ran_for.insert(run, paid_for.unwrap_or(payment));
        match paid.as_deref() {
            None => {
                let payment = &mut self.payments[payment];
                payment.runs += 1;
                payment.ran_since_claim = true;
                if payment.runs > payment.claims {
                    self.breaks("a handler runs without a claim");
                }
            }
            Some(_) => {
                if charge.is_none() && !self.world.terms.believes {
                    self.breaks("a handler is told of a charge that never was");
                }
                let paid = paid_for.unwrap_or(payment);
                let most = MOST_RERUNS + usize::from(self.world.payments[paid].spot.before);
                let is_goods = self.asking(request).dish.is_goods();
                let paid_for = &mut self.payments[paid];
                paid_for.paid_runs += 1;
                // An order that comes to nothing does not take the place of the one before.
                if is_goods {
                    paid_for.ran_for = Some(request);
                }
                if paid_for.paid_runs > most {
                    self.breaks(format_args!("too many runs for payment {paid}"));
                }
            }
        }
        if self.world.payments[payment].spot.before && paid.is_none() {
            self.breaks("a handler runs before the money has moved");
        }
    }

    fn head(&mut self, request: usize, head: Head) {
        let payment = self.asking(request).payment;
        let is_sold = head.status.is_success() || head.status.is_redirection();
        match head.goods {
            Some(run) => self.goods(request, run, &head),
            None if is_sold => self.breaks(format_args!("request {request} is served nothing")),
            None => {}
        }
        let Payment {
            stand,
            since,
            begun_by,
            settled_at,
            ..
        } = self.payments[payment];
        let is_forgotten =
            matches!(stand, Stand::Settled { .. }) && self.at >= settled_at + REMEMBERED;
        let is_own = begun_by == Some(request);
        let is_old = since < self.requests[request].sent || is_own;
        let is_told_to_pay = head.status == StatusCode::PAYMENT_REQUIRED;
        let has_moved = self.payments[payment].charge.is_some();
        if is_told_to_pay && is_own && head.unsettled.is_some() && !has_moved {
            self.payments[payment].told_off = true;
        } else if is_told_to_pay && stand.is_known() && is_old && !is_forgotten {
            self.breaks(format_args!(
                "request {request} is told to pay, and its payment {payment} is {stand:?}"
            ));
        }
        self.requests[request].head = Some(head);
    }

    /// Somebody sees something of the goods.
    fn goods(&mut self, request: usize, run: usize, head: &Head) {
        let asking = self.asking(request);
        let (own, spelling, order) = (asking.payment, asking.spelling, asking.order);
        if !(head.status.is_success() || head.status.is_redirection()) {
            self.breaks(format_args!("the goods leave with status {}", head.status));
        }
        if head.unsettled.as_deref() == Some(UNCONFIRMED) {
            if !self.world.terms.believes {
                self.breaks(format_args!("request {request} is believed"));
            }
            return;
        }
        if let Some(reason) = &head.unsettled {
            self.breaks(format_args!(
                "the goods leave with the receipt of a failure: {reason}"
            ));
        }
        let paid = head
            .transaction
            .as_deref()
            .and_then(|transaction| self.charge_of(transaction));
        let Some(paid) = paid else {
            return self.breaks(format_args!(
                "request {request} sees goods that nobody has paid for"
            ));
        };
        if self.ran_for.get(&run) != Some(&paid) {
            self.breaks(format_args!(
                "request {request} sees goods that something else was paid for"
            ));
        }
        let (signed, older) = (&self.world.payments[own], &self.world.payments[paid]);
        if (signed.buyer, signed.spot) != (older.buyer, older.spot) {
            self.breaks(format_args!(
                "request {request} gets what somebody else has paid for"
            ));
        }
        if spelling == Spelling::Forged {
            self.breaks(format_args!(
                "request {request} is served for a forged payment"
            ));
        }
        let claimed_by = self.payments[paid].claimed_by;
        if claimed_by != Some(request)
            && let Some(first) = claimed_by
        {
            let first = self.asking(first);
            let has_reference = spelling.has_reference() && first.spelling.has_reference();
            // What the body of the first request was is known only if its handler has given an answer.
            let answer = self.requests[claimed_by.unwrap_or_default()].head.as_ref();
            let is_answered = !older.spot.before
                || answer.is_some_and(|head| head.goods.is_some())
                    && !self.payments[paid].forgotten;
            // A handler that has read nothing does not care, and the last one counts.
            let last = self.payments[paid].ran_for;
            let reads = first.dish.reads && last.is_none_or(|last| self.asking(last).dish.reads);
            let is_other = is_answered && reads && older.spot.post && first.order != order;
            if paid == own && !has_reference {
                self.breaks(format_args!(
                    "request {request} gets an answer without the reference"
                ));
            }
            if is_other {
                self.breaks(format_args!(
                    "request {request} gets the answer to another request"
                ));
            }
        }
        let payment = &mut self.payments[paid];
        payment.seen.insert(run);
        let runs = payment.seen.len();
        let most = match (older.spot.post, older.spot.before) {
            (true, false) => 1,
            _ => 1 + MOST_RERUNS,
        };
        if runs > most {
            self.breaks(format_args!("payment {paid} has bought {runs} answers"));
        }
    }

    fn end(&mut self) {
        self.index += 1;
        let charges = self
            .payments
            .iter()
            .filter(|payment| payment.charge.is_some())
            .count();
        if charges != self.world.charges_on_chain() {
            self.breaks(format_args!(
                "{charges} payments were charged, and money has moved {} times",
                self.world.charges_on_chain()
            ));
        }
        for ending in self.world.endings() {
            if let Some(Standing::InFlight | Standing::Parked(_)) = ending.standing {
                self.breaks(format_args!(
                    "payment {} ends as {:?}",
                    ending.payment, ending.standing
                ));
            }
        }
        for number in 0..self.payments.len() {
            self.end_of_payment(number);
        }
        let mut believed = BTreeMap::<usize, usize>::new();
        for (payment, signed) in self.payments.iter().zip(&self.world.payments) {
            *believed.entry(signed.buyer).or_default() += usize::from(payment.unconfirmed);
        }
        for (buyer, times) in believed {
            // A server that dies forgets whom it has believed.
            if times > 1 + self.crashes {
                self.breaks(format_args!("buyer {buyer} is believed {times} times"));
            }
        }
        for number in 0..self.requests.len() {
            if self.asking(number).in_peace {
                self.in_peace(number);
            }
        }
    }

    fn end_of_payment(&mut self, number: usize) {
        let payment = &self.payments[number];
        let (stand, charged, aborted) = (payment.stand, payment.charge.is_some(), payment.aborted);
        if aborted > MOST_ABORTED {
            self.breaks(format_args!(
                "{aborted} runs for payment {number} ended without an answer"
            ));
        }
        match stand {
            Stand::Settled { .. } if !charged && !self.world.terms.believes => {
                self.breaks(format_args!(
                    "payment {number} is settled, and was never charged"
                ));
            }
            Stand::Unresolved if charged && self.world.terms.witness => {
                self.breaks(format_args!(
                    "payment {number} is unresolved, and the chain knows of it"
                ));
            }
            Stand::Settling { .. } | Stand::Parked => {
                self.breaks(format_args!("payment {number} ends as {stand:?}"));
            }
            _ => {}
        }
    }

    /// Whether a client hung up before the ledger could say that the payment is claimed. Only the lease ends that.
    fn is_cut_off(&self, payment: &Payment) -> bool {
        let claimed_by = payment.claimed_by.map(|request| self.requests[request].end);
        self.world.terms.slow_ledger
            && !payment.ran_since_claim
            && claimed_by == Some(Some(End::HungUp))
    }

    /// When nothing goes wrong any more, everybody gets what is theirs.
    fn in_peace(&mut self, number: usize) {
        let asking = self.asking(number);
        let request = &self.requests[number];
        let (stood, owed) = (request.stood, request.owed);
        let own = asking.payment;
        let Some(head) = request.head.clone() else {
            let end = request.end;
            return self.breaks(format_args!("request {number} gets no answer: {end:?}"));
        };
        let payment = &self.payments[own];
        let signed = &self.world.payments[own];
        let claimed = payment.claimed_by.map(|first| self.asking(first));
        let in_time = request.sent_at.as_secs() + 66 <= signed.valid_before;
        let served = head.goods.is_some();
        let is_believed = head.unsettled.as_deref() == Some(UNCONFIRMED);
        let is_theirs = served && (is_believed || head.transaction == payment.charge);
        // What changes things is made once more only if it was never made, and for the same order.
        let may_rerun = !signed.spot.post
            || signed.spot.before
                && payment.ran_for.is_none()
                && claimed.is_some_and(|first| first.order == asking.order);
        let may_buy = in_time && payment.aborted < MOST_ABORTED && !owed && !self.world.cancelled();
        let broken = match stood {
            // Everybody has been answered by now, so nobody is at work on it. A ledger that has not heard so is told again
            // while this request waits, unless a forgery is in its way: it conflicts with that. A ledger that claims and says
            // that it has not is told nothing.
            Stand::Claimed
                if payment.claimed_at > self.crashed
                    && request.sent_at < payment.claimed_until
                    && !self.is_cut_off(payment)
                    && !self.world.loses_answers() =>
            {
                let is_forged = claimed.is_some_and(|first| first.spelling == Spelling::Forged);
                let may_wait = self.world.has_outages() && (is_theirs || !may_buy || is_forged);
                (!may_wait).then_some("brings a payment that was never given back")
            }
            Stand::Free if may_buy => (!is_theirs).then_some("brings a payment that is free"),
            Stand::Settled {
                delivery: Delivery::Undelivered,
                ..
            } if may_rerun
                && request.sent_at < payment.settled_at + REMEMBERED
                && payment.charge.is_some()
                && payment.reruns < MOST_RERUNS
                && claimed.is_some_and(|first| first.spelling.has_reference()) =>
            {
                (!is_theirs).then_some("was paid for and never delivered")
            }
            _ => None,
        };
        if let Some(broken) = broken {
            self.breaks(format_args!("request {number} {broken}, and gets {head:?}"));
        }
    }
}

impl World {
    fn stalls(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| matches!(step, Step::Stall { .. }))
    }

    fn has_outages(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| matches!(step, Step::Outage { .. }))
    }

    /// Whether the ledger says that it has not done what it has done.
    fn loses_answers(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| matches!(step, Step::Outage { done: true, .. }))
    }

    /// Whether a buyer has cancelled a payment, so that it is used up and nobody has to serve it.
    fn cancelled(&self) -> bool {
        use x402_tower::local::Fault;
        self.steps
            .iter()
            .any(|step| matches!(step, Step::OnSettle(Trouble::Fault(Fault::CancelFirst))))
    }
}
