//! What is tried.

use std::fmt;
use std::time::Duration;

use http::Method;
use proptest::prelude::*;
use x402_tower::local::Fault;

/// A shop, and what happens in it.
#[derive(Clone, Debug)]
pub struct Plan {
    pub terms: Terms,
    pub steps: Vec<Step>,
}

/// How the shop is set up.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Whether each thing that is written down takes a while, so that other things happen between.
    pub slow_ledger: bool,
    /// Whether somebody looks at the chain.
    pub witness: bool,
    /// Whether it is served on the mere belief that the money has moved.
    pub believes: bool,
    /// Whether the facilitator settles only what it has just verified.
    pub verifies_first: bool,
    /// Whether a settlement that nobody waits for any more reaches the chain all the same, later.
    pub stragglers: bool,
    /// How many bytes of an answer are kept.
    pub keeps: usize,
    /// Whether there are two servers, which take turns with the requests.
    pub replicas: bool,
    /// Whether buyers sign anew when there is peace, before they send again what they have signed.
    pub signs_anew: bool,
}

/// Something that happens. Payments and requests are named by their number, modulo how many there are by then.
#[derive(Clone, Debug)]
pub enum Step {
    /// A buyer signs a payment, and sends it.
    Buy {
        buyer: u8,
        spot: Spot,
        order: bool,
        spelling: Spelling,
        dish: Dish,
    },
    /// A buyer signs a payment for the same as another one, and sends it.
    BuyAgain { payment: u8, dish: Dish },
    /// A payment is sent again.
    Send {
        payment: u8,
        spelling: Spelling,
        other_order: bool,
        dish: Dish,
    },
    /// A payment is sent so many times, and each time its client hangs up after so many polls.
    Bother { payment: u8, times: u8, polls: u8 },
    /// A request goes on for so many polls, alone.
    Poll { request: u8, times: u8 },
    /// Tasks go on, without any request.
    Tasks,
    /// A client hangs up.
    HangUp { request: u8 },
    /// Everything goes on until it waits for time to pass.
    Go,
    /// Time passes, second for second.
    Wait(u16),
    /// Time passes, and whoever should go on with this request does not: its server is overloaded.
    Stall { request: u8, seconds: u16 },
    /// The next verification goes wrong.
    OnVerify(Trouble),
    /// The next settlement goes wrong.
    OnSettle(Trouble),
    /// Settlements that were lost on the way arrive.
    Arrive,
    /// The ledger fails so many verbs, having done them or not, and says so or panics.
    Outage { verbs: u8, done: bool, panics: bool },
    /// The server dies, and another one starts.
    Crash,
    /// The server dies as soon as so many more things are about to be, or were, written down.
    CrashAfter(u8),
}

/// What is bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    pub before: bool,
    pub post: bool,
}

impl Spot {
    pub const fn path(self) -> &'static str {
        if self.before { "/before" } else { "/after" }
    }

    pub const fn method(self) -> Method {
        if self.post { Method::POST } else { Method::GET }
    }
}

/// How a payment is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As it was signed.
    Exact,
    /// As it was signed, in other words.
    Respelled,
    /// Without the reference of the challenge.
    WithoutReference,
    /// With a made-up reference.
    OtherReference,
    /// In version 1, which has no reference.
    V1,
    /// With another signature.
    Forged,
}

impl Spelling {
    pub const fn has_reference(self) -> bool {
        matches!(self, Self::Exact | Self::Respelled | Self::Forged)
    }
}

/// What a handler does with a request.
#[derive(Clone, Copy, Debug)]
pub struct Dish {
    /// How often it has to be polled first.
    pub polls: u8,
    /// How many seconds it takes.
    pub seconds: u8,
    /// Whether it reads the body of the request.
    pub reads: bool,
    pub course: Course,
}

/// How a handler answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// A small body of known length.
    Small,
    /// A body of unknown length, in pieces.
    Stream,
    /// A body that is too large to be kept.
    Large,
    /// A body that breaks off.
    Broken,
    /// Goods without a body.
    Redirect,
    /// An error, which is free.
    Error,
    /// No answer.
    Fails,
    /// No answer.
    Panics,
}

impl Dish {
    /// One that is there at once.
    pub const PLAIN: Self = Self {
        polls: 0,
        seconds: 0,
        reads: true,
        course: Course::Small,
    };

    /// One that takes for ever.
    pub const SLOW: Self = Self {
        polls: u8::MAX,
        ..Self::PLAIN
    };

    /// Whether it is worth its price, if it comes to its end.
    pub const fn is_goods(self) -> bool {
        !matches!(self.course, Course::Error | Course::Fails | Course::Panics)
    }
}

/// What goes wrong at the facilitator.
#[derive(Clone, Debug)]
pub enum Trouble {
    Fault(Fault),
    /// The call is lost on the way, and arrives after all when nobody waits for it any more.
    Late,
}

pub fn plans() -> impl Strategy<Value = Plan> {
    (terms(), prop::collection::vec(step(), 1..28)).prop_map(|(terms, steps)| Plan { terms, steps })
}

fn terms() -> impl Strategy<Value = Terms> {
    (
        any::<[bool; 7]>(),
        prop::sample::select(vec![0, 200, 64 << 10]),
    )
        .prop_map(
            |(
                [
                    slow_ledger,
                    witness,
                    believes,
                    verifies_first,
                    stragglers,
                    replicas,
                    signs_anew,
                ],
                keeps,
            )| Terms {
                slow_ledger,
                witness,
                believes,
                verifies_first,
                stragglers,
                keeps,
                replicas,
                signs_anew,
            },
        )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..2u8, spot(), any::<bool>(), spelling(), dish())
            .prop_map(|(buyer, spot, order, spelling, dish)| Step::Buy { buyer, spot, order, spelling, dish }),
        3 => (any::<u8>(), dish()).prop_map(|(payment, dish)| Step::BuyAgain { payment, dish }),
        5 => (any::<u8>(), spelling(), prop::bool::weighted(0.2), dish())
            .prop_map(|(payment, spelling, other_order, dish)| Step::Send { payment, spelling, other_order, dish }),
        1 => (any::<u8>(), 1..6u8, 1..16u8)
            .prop_map(|(payment, times, polls)| Step::Bother { payment, times, polls }),
        6 => (any::<u8>(), 1..24u8).prop_map(|(request, times)| Step::Poll { request, times }),
        1 => Just(Step::Tasks),
        4 => any::<u8>().prop_map(|request| Step::HangUp { request }),
        5 => Just(Step::Go),
        4 => prop_oneof![8 => 1..8u16, 3 => 8..50u16, 2 => 100..180u16, 1 => 600..700u16].prop_map(Step::Wait),
        1 => (any::<u8>(), 120..200u16).prop_map(|(request, seconds)| Step::Stall { request, seconds }),
        2 => verify_trouble().prop_map(Step::OnVerify),
        6 => settle_trouble().prop_map(Step::OnSettle),
        1 => Just(Step::Arrive),
        1 => (1..4u8, any::<bool>(), any::<bool>())
            .prop_map(|(verbs, done, panics)| Step::Outage { verbs, done, panics }),
        1 => Just(Step::Crash),
        2 => (1..16u8).prop_map(Step::CrashAfter),
    ]
}

fn spot() -> impl Strategy<Value = Spot> {
    any::<[bool; 2]>().prop_map(|[before, post]| Spot { before, post })
}

fn spelling() -> impl Strategy<Value = Spelling> {
    prop_oneof![
        8 => Just(Spelling::Exact),
        2 => Just(Spelling::Respelled),
        1 => Just(Spelling::WithoutReference),
        1 => Just(Spelling::OtherReference),
        2 => Just(Spelling::V1),
        1 => Just(Spelling::Forged),
    ]
}

fn dish() -> impl Strategy<Value = Dish> {
    let course = prop_oneof![
        4 => Just(Course::Small),
        2 => Just(Course::Stream),
        1 => Just(Course::Large),
        1 => Just(Course::Broken),
        1 => Just(Course::Redirect),
        1 => Just(Course::Error),
        1 => Just(Course::Fails),
        1 => Just(Course::Panics),
    ];
    (
        0..3u8,
        prop_oneof![6 => Just(0u8), 1 => 1..40u8],
        any::<bool>(),
        course,
    )
        .prop_map(|(polls, seconds, reads, course)| Dish {
            polls,
            seconds,
            reads,
            course,
        })
}

fn verify_trouble() -> impl Strategy<Value = Trouble> {
    const REFUSED: &[&str] = &[
        "invalid_exact_evm_insufficient_balance",
        "insufficient_funds",
    ];
    prop_oneof![
        Just(Fault::Delay(Duration::from_secs(3))),
        Just(Fault::Delay(Duration::from_secs(15))),
        prop::sample::select(REFUSED).prop_map(|reason: &str| Fault::Refuse(reason.to_owned())),
        Just(Fault::LoseAnswer),
        Just(Fault::LoseRequest),
        Just(Fault::Unreachable),
        Just(Fault::Garbage),
        Just(Fault::Html),
        Just(Fault::Hang),
    ]
    .prop_map(Trouble::Fault)
}

fn settle_trouble() -> impl Strategy<Value = Trouble> {
    const REFUSED: &[&str] = &[
        "invalid_exact_evm_insufficient_balance",
        "invalid_exact_evm_transaction_simulation_failed",
        "invalid_exact_evm_payload_authorization_valid_before",
        "invalid_exact_evm_nonce_already_used",
        "invalid_exact_evm_transaction_failed",
        "unexpected_settle_error",
        "settlement_pending",
    ];
    let fault = prop_oneof![
        Just(Fault::Delay(Duration::from_secs(3))),
        Just(Fault::Delay(Duration::from_secs(45))),
        prop::sample::select(REFUSED).prop_map(|reason: &str| Fault::Refuse(reason.to_owned())),
        Just(Fault::LoseAnswer),
        Just(Fault::LoseRequest),
        Just(Fault::Unreachable),
        Just(Fault::FailAfterBroadcast),
        (1..12u32).prop_map(Fault::Pending),
        Just(Fault::Revert),
        Just(Fault::CancelFirst),
        Just(Fault::WrongNetwork),
        Just(Fault::Garbage),
        Just(Fault::Html),
        Just(Fault::Hang),
    ];
    prop_oneof![5 => fault.prop_map(Trouble::Fault), 1 => Just(Trouble::Late)]
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the plan: {:?}", self.terms)?;
        for (number, step) in self.steps.iter().enumerate() {
            writeln!(f, "{number:>4}. {step:?}")?;
        }
        Ok(())
    }
}
