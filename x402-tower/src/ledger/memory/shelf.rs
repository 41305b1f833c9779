use std::collections::VecDeque;
use std::sync::Mutex;

use super::entry::Half;
use crate::lock::lock;
use crate::spread::SpreadMap;

/// Which answers are kept, in the order in which they came, so that the oldest can go when there are too many bytes.
///
/// It says the same as the entries, because it is told within their locks. Only what it has just said to be gone may still be
/// with its entry, until somebody has that lock.
#[derive(Debug)]
pub(super) struct Shelf {
    most_bytes: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    places: SpreadMap<Half, Place>,
    /// The oldest first, and among them some that are not taken any more.
    order: VecDeque<(u64, Half)>,
    next: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Place {
    number: u64,
    bytes: usize,
}

impl Shelf {
    pub(super) fn new(most_bytes: usize) -> Self {
        Self {
            most_bytes,
            kept: Mutex::default(),
        }
    }

    /// The answer to a payment took so many bytes, and takes so many now. Says whose have to go for it.
    pub(super) fn change(&self, of: Half, was: Option<usize>, is: Option<usize>) -> Vec<Half> {
        match is {
            // The same answer keeps its place.
            _ if is == was => Vec::new(),
            Some(bytes) => self.put(of, bytes),
            None => {
                lock(&self.kept).take(of);
                Vec::new()
            }
        }
    }

    fn put(&self, of: Half, bytes: usize) -> Vec<Half> {
        let mut kept = lock(&self.kept);
        kept.put(of, bytes);
        let mut gone = Vec::new();
        while kept.bytes > self.most_bytes
            && let Some((number, oldest)) = kept.order.pop_front()
        {
            if kept.is_taken(number, oldest) {
                kept.take(oldest);
                gone.push(oldest);
            }
        }
        gone
    }

    /// How many answers are here, and how many bytes.
    #[cfg(test)]
    pub(super) fn is_full_of(&self) -> (usize, usize) {
        let kept = lock(&self.kept);
        (kept.places.len(), kept.bytes)
    }

    /// Whether an answer to this payment is here.
    pub(super) fn has(&self, of: Half) -> bool {
        lock(&self.kept).places.contains_key(&of)
    }
}

impl Kept {
    fn put(&mut self, of: Half, bytes: usize) {
        let number = self.next;
        self.next += 1;
        self.bytes += bytes;
        self.order.push_back((number, of));
        if let Some(before) = self.places.insert(of, Place { number, bytes }) {
            self.bytes -= before.bytes;
        }
        // Rarely: as many have to come again until the next time.
        if self.order.len() > self.places.len() * 2 + SOME {
            let mut order = std::mem::take(&mut self.order);
            order.retain(|(number, of)| self.is_taken(*number, *of));
            self.order = order;
        }
    }

    fn take(&mut self, of: Half) {
        if let Some(place) = self.places.remove(&of) {
            self.bytes -= place.bytes;
        }
    }

    fn is_taken(&self, number: u64, of: Half) -> bool {
        let place = self.places.get(&of);
        place.is_some_and(|place| place.number == number)
    }
}

/// So many old places do not matter.
const SOME: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::memory::entry::half;
    use crate::scheme::Key;

    fn payment(number: u8) -> Half {
        half(&Key::from_bytes([number; 32]))
    }

    #[test]
    fn each_answer_counts_once_and_as_long_as_it_is_here() {
        let shelf = Shelf::new(1000);
        let [one, other] = [1, 2].map(payment);
        assert!(shelf.change(one, None, Some(600)).is_empty());
        assert!(shelf.change(one, Some(600), Some(600)).is_empty());
        assert!(shelf.change(one, Some(600), Some(700)).is_empty());
        assert!(shelf.change(other, None, Some(300)).is_empty());
        assert!(shelf.change(one, Some(700), None).is_empty());
        assert!(shelf.change(one, None, Some(700)).is_empty());
        assert_eq!(shelf.change(one, Some(700), Some(800)), [other]);
        assert!(shelf.has(one) && !shelf.has(other));
        assert_eq!(shelf.change(other, None, Some(1001)), [one, other]);
        let kept = lock(&shelf.kept);
        assert_eq!((kept.bytes, kept.places.len(), kept.order.len()), (0, 0, 0));
    }

    #[test]
    fn old_places_are_few() {
        let shelf = Shelf::new(1000);
        shelf.change(payment(0), None, Some(1));
        for number in 1..=200 {
            for bytes in [1, 2] {
                shelf.change(payment(number), None, Some(bytes));
            }
            shelf.change(payment(number), Some(2), None);
            assert!(lock(&shelf.kept).order.len() <= 2 * 2 + SOME);
        }
        assert_eq!(lock(&shelf.kept).bytes, 1);
        // Many go at once.
        for bytes in [Some(1), None] {
            for number in 1..=200 {
                shelf.change(payment(number), Some(1).filter(|_| bytes.is_none()), bytes);
            }
        }
        shelf.change(payment(1), None, Some(1));
        assert!(lock(&shelf.kept).order.len() <= 2 * 2 + SOME);
    }

    #[test]
    fn what_keeps_its_place_is_as_old_as_it_is() {
        let shelf = Shelf::new(300);
        let [one, other, third, fourth] = [1, 2, 3, 4].map(payment);
        for of in [one, other, third] {
            shelf.change(of, None, Some(100));
        }
        shelf.change(one, Some(100), Some(100));
        assert_eq!(shelf.change(fourth, None, Some(100)), [one]);
    }
}
