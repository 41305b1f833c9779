use std::sync::Arc;
use std::time::Duration;

use super::agenda::Agenda;
use super::sellers::Seller;
use super::settled::{Remembered, Seconds};
use crate::Digest;
use crate::ledger::{
    BodyDigest, Claim, Found, Identity, KeptAnswer, Parked, Reference, Standing, Unresolved,
};
use crate::scheme::Key;

/// Half of a digest: 128 bits are plenty to tell payments apart, and a million entries are a lot of digests. In two words,
/// which want no more room before them than smaller things do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Half([u64; 2]);

impl Half {
    pub(super) const NONE: Self = Self([0; 2]);

    const fn new(value: u128) -> Self {
        Self([(value >> 64) as u64, value as u64])
    }

    const fn value(self) -> u128 {
        let [high, low] = self.0;
        (high as u128) << 64 | low as u128
    }

    /// One of so many places, as likely as any other.
    pub(super) const fn place_of(self, many: usize) -> usize {
        self.0[1] as usize % many
    }
}

pub(super) fn half(key: &Key) -> Half {
    halves(key.as_bytes())[0]
}

pub(super) fn half_of(digest: &Digest) -> Half {
    halves(digest.as_bytes())[0]
}

fn half_of_reference(reference: Option<Reference>) -> Half {
    Half::new(reference.map_or(0, Reference::value))
}

fn halves(bytes: &[u8; 32]) -> [Half; 2] {
    let (halves, _) = bytes.as_chunks::<16>();
    [0, 1].map(|i| Half::new(halves.get(i).copied().map_or(0, u128::from_be_bytes)))
}

/// One payment. The first half of its key is what it is filed under.
#[derive(Debug)]
pub(super) struct Entry {
    proof: Half,
    request: Half,
    /// Zero if there is none: no real one is, and it is never compared then.
    reference: Half,
    pub(super) fence: u64,
    pub(super) usable_until: Seconds,
    pub(super) reruns: u8,
    /// Whose it is, from the beginning of its settlement on.
    pub(super) seller: Seller,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    /// Free again, and about to be forgotten.
    Released,
    Claimed {
        until: Duration,
    },
    /// With what it becomes if its lease ends, and until when somebody is known to attend to it.
    Settling {
        until: Seconds,
        open: Open,
        attended: Seconds,
    },
    Parked(Open),
    Settled(Remembered),
    Unresolved(Arc<Unresolved>),
}

/// A payment that may have moved money.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) parked: Arc<Parked>,
    /// The second half, which nobody else remembers.
    rest_of_key: Half,
}

impl Open {
    pub(super) fn new(key: &Key, parked: &Arc<Parked>) -> Self {
        let [_, rest] = halves(key.as_bytes());
        Self {
            parked: Arc::clone(parked),
            rest_of_key: rest,
        }
    }

    pub(super) fn drop_answer(&mut self) {
        if self.parked.answer.is_some() {
            let mut parked = Parked::clone(&self.parked);
            parked.answer = None;
            self.parked = Arc::new(parked);
        }
    }

    pub(super) fn key(&self, half: Half) -> Key {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&half.value().to_be_bytes());
        bytes[16..].copy_from_slice(&self.rest_of_key.value().to_be_bytes());
        Key::from_bytes(bytes)
    }
}

/// Until when somebody attends to what nobody waits for any more.
pub(super) const ABANDONED: Seconds = Seconds::BEGINNING;

impl Entry {
    pub(super) fn new(claim: &Claim, fence: u64, until: Duration) -> Self {
        Self {
            proof: half_of(&claim.identity.proof),
            request: half_of(&claim.identity.request),
            reference: half_of_reference(claim.identity.reference),
            fence,
            usable_until: Seconds::after(claim.usable_until),
            reruns: 0,
            seller: Seller::default(),
            state: State::Claimed { until },
        }
    }

    /// Who asks for what.
    pub(super) const fn request(&self) -> Half {
        self.request
    }

    /// What is known of this payment, compared with the one asked for; nothing if it is free to claim.
    pub(super) fn found(&self, identity: &Identity, now: Duration) -> Option<Found> {
        let standing = match &self.state {
            State::Released => return None,
            State::Claimed { until } if *until <= now => return None,
            State::Settled(settled) if settled.is_over(now) => return None,
            State::Unresolved(unresolved) if unresolved.keep_until <= now => return None,
            State::Claimed { .. } | State::Settling { .. } => Standing::InFlight,
            State::Parked(open) => Standing::Parked(Arc::clone(&open.parked)),
            // An answer that is already kept need not be waited for.
            State::Settled(settled) if settled.is_attended(now) && settled.answer().is_none() => {
                Standing::InFlight
            }
            State::Settled(settled) => Standing::Settled(settled.settled()),
            State::Unresolved(unresolved) => Standing::Unresolved(Arc::clone(unresolved)),
        };
        let reference = half_of_reference(identity.reference);
        Some(Found::new(
            self.proof == half_of(&identity.proof),
            self.request == half_of(&identity.request),
            reference != Half::NONE && self.reference == reference,
            standing,
        ))
    }

    /// Whether its buyer has a right to something that was not delivered.
    pub(super) fn is_owed(&self, now: Duration) -> bool {
        match &self.state {
            State::Settling { attended, .. } => attended.is_over(now),
            State::Parked(_) => true,
            State::Settled(settled) => settled.is_owed(now),
            State::Released | State::Claimed { .. } | State::Unresolved(_) => false,
        }
    }

    /// The body of its request, if somebody settles it or gives its answer just now.
    pub(super) fn attended(&self, now: Duration) -> Option<BodyDigest> {
        match &self.state {
            State::Settling { open, .. } if !self.is_owed(now) => Some(open.parked.body),
            State::Settled(settled) if settled.may_be_owed() && settled.is_attended(now) => {
                Some(settled.body())
            }
            _ => None,
        }
    }

    /// Somebody still settles it, or gives its answer.
    pub(super) fn attend(&mut self, now: Duration) {
        match &mut self.state {
            State::Settling { attended, .. } if *attended != ABANDONED => {
                *attended = Seconds::attended_from(now);
            }
            State::Settled(settled) => settled.attend(now),
            _ => {}
        }
    }

    pub(super) fn is_claimed(&self, now: Duration) -> bool {
        matches!(self.state, State::Claimed { until } if now < until)
    }

    /// Whether nothing about it has to be remembered any more.
    pub(super) fn is_expired(&self, now: Duration) -> bool {
        match &self.state {
            State::Released => true,
            State::Claimed { until } => *until <= now,
            State::Settling { .. } | State::Parked(_) => false,
            State::Settled(settled) => settled.is_over(now),
            State::Unresolved(unresolved) => unresolved.keep_until <= now,
        }
    }

    /// What has to be given back when it expires. Its answer is of no use any more.
    pub(super) fn take_refund(&mut self) -> Option<Remembered> {
        match std::mem::replace(&mut self.state, State::Released) {
            State::Settled(mut settled) if settled.may_be_owed() => {
                settled.set_answer(None);
                Some(settled)
            }
            _ => None,
        }
    }

    /// Parks a settlement whose lease has ended, and puts it on the agenda.
    pub(super) fn park_if_lapsed(&mut self, half: Half, agenda: &mut Agenda, now: Duration) {
        if let State::Settling { until, open, .. } = &self.state
            && until.is_over(now)
        {
            self.state = State::Parked(open.clone());
            agenda.park(self.seller, Duration::ZERO, half);
        }
    }

    /// Takes it off the agenda if it is parked.
    pub(super) fn unpark(&self, half: Half, agenda: &mut Agenda) {
        if let State::Parked(open) = &self.state {
            agenda.unpark(self.seller, open.parked.next_attempt, half);
            agenda.unpark(self.seller, Duration::ZERO, half);
        }
    }

    /// How much room its answer takes, if one is kept.
    pub(super) fn answer_bytes(&self) -> Option<usize> {
        let answer = match &self.state {
            State::Settled(settled) => settled.answer(),
            State::Parked(open) | State::Settling { open, .. } => open.parked.answer.as_ref(),
            State::Released | State::Claimed { .. } | State::Unresolved(_) => None,
        };
        answer.map(KeptAnswer::bytes)
    }

    pub(super) fn drop_answer(&mut self) {
        match &mut self.state {
            State::Settled(settled) => settled.set_answer(None),
            State::Parked(open) | State::Settling { open, .. } => open.drop_answer(),
            State::Released | State::Claimed { .. } | State::Unresolved(_) => {}
        }
    }
}
