//! Load on an HTTP server: requests that are ready to be sent, over connections that stay open.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// Connections at the same time.
const CONNECTIONS: usize = 8;

/// What came of some seconds of load.
pub struct Load {
    pub answers: usize,
    pub per_second: f64,
    /// What one request in a hundred took longer than.
    pub p99: Duration,
}

/// As many requests as the server answers.
pub fn all_it_takes(address: &str, requests: &[Vec<u8>], time: Duration) -> Result<Load> {
    run(address, requests, time, None)
}

/// So many requests a second, each at its time, whatever became of those before it. A late answer
/// counts from the time when it should have been asked for.
pub fn paced(address: &str, requests: &[Vec<u8>], time: Duration, rate: f64) -> Result<Load> {
    run(address, requests, time, Some(rate))
}

/// One `POST` of a JSON body.
pub fn request(path: &str, body: &str) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

fn run(address: &str, requests: &[Vec<u8>], time: Duration, rate: Option<f64>) -> Result<Load> {
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    let took: Result<Vec<Vec<Duration>>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..CONNECTIONS)
            .map(|_| scope.spawn(|| work(address, requests, &next, begun, time, rate)))
            .collect();
        let done = workers
            .into_iter()
            .map(|it| it.join().expect("no panic in it"));
        done.collect()
    });
    let mut took: Vec<Duration> = took?.concat();
    took.sort_unstable();
    ensure!(!took.is_empty(), "{address} answered nothing");
    Ok(Load {
        answers: took.len(),
        per_second: took.len() as f64 / begun.elapsed().as_secs_f64(),
        p99: took[took.len() * 99 / 100],
    })
}

/// Takes request after request until the time is over; how long each took.
fn work(
    address: &str,
    requests: &[Vec<u8>],
    next: &AtomicUsize,
    begun: Instant,
    time: Duration,
    rate: Option<f64>,
) -> Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(address).context(address.to_owned())?;
    stream.set_nodelay(true)?;
    let mut answers = BufReader::with_capacity(1 << 16, stream.try_clone()?);
    let mut took = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let due = match rate {
            Some(rate) => begun + Duration::from_secs_f64(number as f64 / rate),
            None => Instant::now(),
        };
        if due.duration_since(begun) >= time {
            return Ok(took);
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
        stream.write_all(&requests[number % requests.len()])?;
        read_answer(&mut answers)?;
        took.push(due.elapsed());
    }
}

fn read_answer(answers: &mut BufReader<TcpStream>) -> Result<()> {
    let mut line = String::new();
    answers.read_line(&mut line)?;
    ensure!(
        line.starts_with("HTTP/1.1 200 "),
        "the server answers {line}"
    );
    let mut length = 0;
    loop {
        line.clear();
        answers.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    answers.read_exact(&mut body)?;
    Ok(())
}
