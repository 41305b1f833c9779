use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, whether somebody has panicked meanwhile or not: what is behind our locks is changed by assignments that no panic
/// can tear.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
