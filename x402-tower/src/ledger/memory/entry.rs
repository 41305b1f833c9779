use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::Digest;
use crate::ledger::{Claim, Delivery, Found, Identity, Parked, Settled, Standing, Unresolved};
use crate::scheme::Key;

/// Half of a digest: 128 bits are plenty to tell payments apart, and a million entries are a lot of digests.
pub(super) type Half = [u8; 16];

pub(super) fn half(key: &Key) -> Half {
    first_half(key.as_bytes())
}

fn first_half(bytes: &[u8; 32]) -> Half {
    let mut half = [0; 16];
    half.copy_from_slice(&bytes[..16]);
    half
}

fn half_of(digest: &Digest) -> Half {
    first_half(digest.as_bytes())
}

/// One payment. The first half of its key is what it is filed under.
#[derive(Debug)]
pub(super) struct Entry {
    rest_of_key: Half,
    proof: Half,
    pub(super) request: Half,
    /// Zero if there is none: no real one is, and it is never compared then.
    reference: u128,
    pub(super) fence: u64,
    usable_until: Duration,
    pub(super) aborted: u8,
    pub(super) reruns: u8,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    /// Remembered for its aborted runs only.
    Released,
    Claimed {
        until: Duration,
    },
    /// With what it becomes if its lease ends, and whether nobody waits for it.
    Settling {
        until: Duration,
        parked: Arc<Parked>,
        abandoned: bool,
    },
    Parked(Arc<Parked>),
    Settled {
        details: Arc<Settled>,
        running_until: Duration,
    },
    Unresolved(Arc<Unresolved>),
}

impl Entry {
    pub(super) fn new(claim: &Claim, fence: u64, until: Duration) -> Self {
        let mut rest_of_key = [0; 16];
        rest_of_key.copy_from_slice(&claim.identity.key.as_bytes()[16..]);
        let mut entry = Self {
            rest_of_key,
            proof: [0; 16],
            request: [0; 16],
            reference: 0,
            fence,
            usable_until: Duration::ZERO,
            aborted: 0,
            reruns: 0,
            state: State::Released,
        };
        entry.claim(claim, fence, until);
        entry
    }

    pub(super) fn claim(&mut self, claim: &Claim, fence: u64, until: Duration) {
        self.proof = half_of(&claim.identity.proof);
        self.request = half_of(&claim.identity.request);
        self.reference = claim
            .identity
            .reference
            .map_or(0, |reference| reference.value());
        self.fence = fence;
        self.usable_until = claim.usable_until;
        self.state = State::Claimed { until };
    }

    pub(super) fn key(&self, half: Half) -> Key {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&half);
        bytes[16..].copy_from_slice(&self.rest_of_key);
        Key::from_bytes(bytes)
    }

    /// What is known of this payment, compared with the one asked for; nothing if it is free to claim.
    pub(super) fn found(&self, identity: &Identity, now: Duration) -> Option<Found> {
        let standing = match &self.state {
            State::Released => return None,
            State::Claimed { until } if *until <= now => return None,
            State::Settled { details, .. } if details.keep_until <= now => return None,
            State::Unresolved(unresolved) if unresolved.keep_until <= now => return None,
            State::Claimed { .. } | State::Settling { .. } => Standing::InFlight,
            State::Parked(parked) => Standing::Parked(Arc::clone(parked)),
            State::Settled {
                details,
                running_until,
            } => match details.delivery {
                // An answer that is already kept need not be waited for.
                Delivery::Running if *running_until > now && details.answer.is_none() => {
                    Standing::InFlight
                }
                Delivery::Running | Delivery::Delivered | Delivery::Undelivered => {
                    Standing::Settled(Arc::clone(details))
                }
            },
            State::Unresolved(unresolved) => Standing::Unresolved(Arc::clone(unresolved)),
        };
        let reference = identity.reference.map_or(0, |reference| reference.value());
        Some(Found::new(
            self.proof == half_of(&identity.proof),
            self.request == half_of(&identity.request),
            reference != 0 && self.reference == reference,
            standing,
        ))
    }

    /// Whether its buyer has a right to something that was not delivered.
    pub(super) fn is_owed(&self, now: Duration) -> bool {
        match &self.state {
            State::Settling { abandoned, .. } => *abandoned,
            State::Parked(_) => true,
            State::Settled {
                details,
                running_until,
            } => {
                now < details.owed_until
                    && match details.delivery {
                        Delivery::Undelivered => true,
                        Delivery::Running => *running_until <= now,
                        Delivery::Delivered => false,
                    }
            }
            State::Released | State::Claimed { .. } | State::Unresolved(_) => false,
        }
    }

    pub(super) fn is_claimed(&self, now: Duration) -> bool {
        matches!(self.state, State::Claimed { until } if now < until)
    }

    /// Whether nothing about it has to be remembered any more.
    pub(super) fn is_expired(&self, now: Duration) -> bool {
        match &self.state {
            State::Released => self.aborted == 0 || self.usable_until <= now,
            State::Claimed { until } => {
                *until <= now && (self.aborted == 0 || self.usable_until <= now)
            }
            State::Settling { .. } | State::Parked(_) => false,
            State::Settled { details, .. } => details.keep_until <= now,
            State::Unresolved(unresolved) => unresolved.keep_until <= now,
        }
    }

    /// What has to be given back when it expires.
    pub(super) fn refund(&self) -> Option<Arc<Settled>> {
        match &self.state {
            State::Settled { details, .. } if details.delivery != Delivery::Delivered => {
                Some(Arc::clone(details))
            }
            _ => None,
        }
    }

    /// Parks a settlement whose lease has ended; says whether it has.
    pub(super) fn park_if_lapsed(&mut self, now: Duration) -> bool {
        match &self.state {
            State::Settling { until, parked, .. } if *until <= now => {
                self.state = State::Parked(Arc::clone(parked));
                true
            }
            _ => false,
        }
    }

    /// Takes it off the list of what is parked.
    pub(super) fn unpark(&self, half: Half, list: &mut BTreeSet<(Duration, Half)>) {
        if let State::Parked(parked) = &self.state {
            list.remove(&(parked.next_attempt, half));
            list.remove(&(Duration::ZERO, half));
        }
    }

    pub(super) fn drop_answer(&mut self) {
        if let State::Settled { details, .. } = &mut self.state {
            Arc::make_mut(details).answer = None;
        }
    }
}
