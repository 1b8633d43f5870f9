//! A door before the portal, such as a load balancer is to its clients: while the portal is away,
//! whoever asks is held and asked for again; everything else passes as it is.
//!
//! A client that met a portal that was just killed would see a refused or broken connection, which
//! says nothing of what is published. Here it sees a late answer instead, so that every refresh that
//! fails fails by what the portal said. The door is strict about what it makes up for: an answer may
//! break off while the [`Lobby`] was told that the portal is away, and at no other time; statuses and
//! whole bodies are never held back.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Between two tries while the portal is away.
const AGAIN: Duration = Duration::from_millis(20);

/// Where all doors of one portal lead.
pub struct Lobby {
    port: u16,
    /// Odd while the portal is away.
    turns: AtomicU64,
    held: AtomicUsize,
    troubles: Mutex<Vec<String>>,
}

impl Lobby {
    /// Before the portal on this port.
    pub fn before(port: u16) -> Arc<Lobby> {
        Arc::new(Lobby {
            port,
            turns: AtomicU64::new(0),
            held: AtomicUsize::new(0),
            troubles: Mutex::default(),
        })
    }

    /// Runs something during which the portal may be away.
    pub fn without_portal(&self, work: impl FnOnce()) {
        self.turns.fetch_add(1, Ordering::SeqCst);
        work();
        self.turns.fetch_add(1, Ordering::SeqCst);
    }

    /// How often an answer came late because the portal was away.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Broken connections while the portal was there, and answers that blame the portal (5xx).
    pub fn troubles(&self) -> Vec<String> {
        self.troubles.lock().unwrap().clone()
    }

    /// An answer to a request that may be asked again.
    fn ask(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            let begun = self.turns.load(Ordering::SeqCst);
            match answer(self.port, request) {
                Ok(answer) => return Ok(answer),
                Err(_) if begun % 2 == 1 || self.turns.load(Ordering::SeqCst) != begun => {
                    self.held.fetch_add(1, Ordering::Relaxed);
                    thread::sleep(AGAIN);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn note(&self, trouble: String) {
        self.troubles.lock().unwrap().push(trouble);
    }
}

/// One client's door. It stays open until the tests end.
pub struct Door {
    /// `http://host:port`, without a slash at its end.
    pub base: String,
    visitor: Arc<AtomicU32>,
}

impl Door {
    pub fn open(lobby: &Arc<Lobby>) -> Door {
        static VISITORS: AtomicU32 = AtomicU32::new(0);
        const EACH: u32 = 1 << 16;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let first = VISITORS.fetch_add(EACH, Ordering::Relaxed);
        let visitor = Arc::new(AtomicU32::new(first));
        let (lobby, address) = (Arc::clone(lobby), Arc::clone(&visitor));
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (lobby, address) = (Arc::clone(&lobby), Arc::clone(&address));
                // A client that hangs up harms nobody.
                thread::spawn(move || attend(connection, &lobby, &address));
            }
        });
        Door { base, visitor }
    }

    /// From now on it is another machine that comes, one that the portal has not seen before.
    pub fn next_visitor(&self) {
        self.visitor.fetch_add(1, Ordering::Relaxed);
    }
}

/// One request a connection, which every client takes.
fn attend(mut connection: TcpStream, lobby: &Lobby, visitor: &AtomicU32) -> io::Result<()> {
    const NETWORK: u32 = 0x0a00_0000;
    let address = Ipv4Addr::from_bits(NETWORK + visitor.load(Ordering::Relaxed));
    let mut lines = BufReader::new(connection.try_clone()?).lines();
    let Some(first) = lines.next().transpose()? else {
        return Ok(());
    };
    let mut request = format!("{first}\r\n");
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if !line.to_ascii_lowercase().starts_with("connection:") {
            request.push_str(&format!("{line}\r\n"));
        }
    }
    request.push_str(&format!(
        "X-Forwarded-For: {address}\r\nConnection: close\r\n\r\n"
    ));
    match lobby.ask(request.as_bytes()) {
        Ok(answer) => {
            let status = answer.get(9..12).unwrap_or_default();
            if status.starts_with(b"5") {
                lobby.note(format!(
                    "{first} is answered {}",
                    String::from_utf8_lossy(&answer)
                ));
            }
            connection.write_all(&answer)
        }
        Err(error) => {
            lobby.note(format!("{first}: {error}"));
            connection.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        }
    }
}

/// A whole answer of the portal, head and body.
fn answer(port: u16, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.write_all(request)?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer)?;
    match is_whole(&answer, request.starts_with(b"HEAD ")) {
        true => Ok(answer),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Whether the body is as long as the head says.
fn is_whole(answer: &[u8], is_head: bool) -> bool {
    const END: &[u8] = b"\r\n\r\n";
    let Some(end) = answer.windows(END.len()).position(|it| it == END) else {
        return false;
    };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let has_none = is_head || head.starts_with("http/1.1 304") || head.starts_with("http/1.1 204");
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length = length.and_then(|it| it.trim().parse::<usize>().ok());
    has_none || length == Some(answer.len() - end - END.len())
}

#[test]
fn an_answer_that_breaks_off_is_noticed() {
    let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab";
    assert!(is_whole(whole, false));
    assert!(!is_whole(&whole[..whole.len() - 1], false));
    assert!(!is_whole(&whole[..30], false));
    assert!(!is_whole(b"", true));
    assert!(is_whole(b"HTTP/1.1 304 Not Modified\r\n\r\n", false));
}
