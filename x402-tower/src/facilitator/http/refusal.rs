//! A server of HTTP/2 that does not answer, for tests.

use std::io::{Read as _, Result, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What becomes of requests that have come as a whole.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refusal {
    /// They were not begun, as it says.
    Reset,
    /// None that are on their way were begun, as it says.
    GoAway,
    /// It says nothing.
    HangUp,
}

/// The beginnings of frames: those without content are whole.
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
const ACKNOWLEDGED: [u8; 9] = [0, 0, 0, 4, 1, 0, 0, 0, 0];
const RESET: [u8; 5] = [0, 0, 4, 3, 0];
const REFUSED_STREAM: [u8; 4] = [0, 0, 0, 7];
/// Nothing was begun, and nothing is wrong.
const GO_AWAY: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Where it listens, and how many requests it has been sent.
pub(super) fn refusing(refusal: Refusal) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let asked = Arc::clone(&counted);
            thread::spawn(move || refuse(stream.unwrap(), refusal, &asked));
        }
    });
    (address, asked)
}

fn refuse(mut stream: TcpStream, refusal: Refusal, asked: &AtomicUsize) -> Result<()> {
    stream.read_exact(&mut [0; 24])?;
    stream.write_all(&SETTINGS)?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head)?;
        let [a, b, c, kind, flags, id @ ..] = head;
        let mut content = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        stream.read_exact(&mut content)?;
        if kind == 1 {
            asked.fetch_add(1, Ordering::SeqCst);
        }
        match (kind, flags & 1, refusal) {
            (4, 0, _) => stream.write_all(&ACKNOWLEDGED)?,
            // The request is whole.
            (0 | 1, 1, Refusal::Reset) => {
                stream.write_all(&[&RESET[..], &id, &REFUSED_STREAM].concat())?;
            }
            (0 | 1, 1, Refusal::GoAway) => stream.write_all(&GO_AWAY)?,
            (0 | 1, 1, Refusal::HangUp) => return Ok(()),
            _ => {}
        }
    }
}
