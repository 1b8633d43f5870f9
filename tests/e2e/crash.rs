//! SIGKILL in the middle of an upload, of inspection and of publishing: what was acknowledged is
//! never lost, and whoever looks at the repository finds it whole.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use xtask::demo::story::file_name;
use xtask::kernels::Role;

use crate::harness::http::Ask;
use crate::harness::made::{Made, Maker};
use crate::harness::portal::{PRODUCT, Portal};
use crate::harness::repository::{Repository, Trouble, now};
use crate::harness::{Ending, driver, kernel, until};

/// A package whose upload was answered with a success.
struct Acknowledged {
    id: String,
    location: String,
    sha256: String,
}

impl Acknowledged {
    fn new(reply: &crate::harness::http::Reply, made: &Made) -> Acknowledged {
        Acknowledged {
            id: reply.json()["id"].as_str().unwrap().into(),
            location: made.file_name.clone(),
            sha256: hex::encode(Sha256::digest(&made.bytes)),
        }
    }
}

#[test]
fn a_kill_in_the_middle_of_an_upload_leaves_nothing() {
    let mut portal = Portal::with_base_kernel(&[]);
    let package = driver("acme-core", Role::Base);
    let bytes = fs::read(&package.path).unwrap();
    let mut connection = TcpStream::connect(("127.0.0.1", portal.server.port())).unwrap();
    write!(
        connection,
        "PUT /api/v1/packages/{} HTTP/1.1\r\nHost: portal\r\nAuthorization: Bearer {}\r\n\
         Content-Length: {}\r\n\r\n",
        file_name(package),
        portal.token("acme"),
        bytes.len()
    )
    .unwrap();
    connection.write_all(&bytes[..bytes.len() / 2]).unwrap();
    until("half of it is on the disk", Duration::from_secs(20), || {
        let files = portal.server.files_in("incoming");
        files
            .iter()
            .any(|file| fs::metadata(file).is_ok_and(|m| m.len() > 0))
            .then_some(())
    });
    portal.server.kill();
    drop(connection);
    portal.server.begin();
    assert_eq!(portal.server.files_in("incoming").len(), 0);
    assert_eq!(portal.server.files_in("packages").len(), 0);
    assert_eq!(portal.json("/api/v1/packages")["total"], 0);
    let answer = portal.upload(package, "").expect(201).json();
    assert_eq!(answer["state"], "published");
}

#[test]
fn a_kill_right_after_the_answer_loses_nothing() {
    let mut portal = Portal::with_base_kernel(&[]);
    let maker = Maker::join(&portal);
    let mut acknowledged = Vec::new();
    for round in 0..4 {
        // Several, so that some are being inspected and others wait.
        for number in 0..4 {
            let made = maker.make(round * 10 + number);
            let reply = upload(&portal.url(""), &maker, &made).send();
            assert!([201, 202].contains(&reply.status), "{reply:?}");
            acknowledged.push(Acknowledged::new(&reply, &made));
        }
        thread::sleep(Duration::from_millis(40 * round as u64));
        portal.server.kill();
        portal.server.begin();
        assert_eq!(portal.server.files_in("incoming").len(), 0);
    }
    assert_nothing_is_lost(&portal, &acknowledged);
}

/// An upload that is answered at once.
fn upload(base: &str, maker: &Maker, made: &Made) -> Ask {
    let path = format!(
        "/api/v1/packages/{}?product={PRODUCT}&wait=0",
        made.file_name
    );
    let ask = Ask::new("PUT", format!("{base}{path}")).token(&maker.token);
    ask.body(made.bytes.clone())
}

fn repository(portal: &Portal) -> Repository {
    let key = portal.get("/keys/repository.asc").expect(200).text();
    let path = format!("/repos/{PRODUCT}/stable/{}/", kernel(Role::Base).arch);
    Repository::at(&portal.url(&path), &key)
}

/// Every acknowledged package gets published, is listed, and has the bytes that were sent.
fn assert_nothing_is_lost(portal: &Portal, acknowledged: &[Acknowledged]) {
    for package in acknowledged {
        until(
            &format!("{} is published", package.location),
            Duration::from_secs(60),
            || {
                let answer = portal.json(&format!("/api/v1/packages/{}", package.id));
                assert_ne!(answer["state"], "rejected", "{answer}");
                (answer["state"] == "published").then_some(())
            },
        );
    }
    let repository = repository(portal);
    let listed = repository.look(now()).unwrap();
    for package in acknowledged {
        assert!(
            listed.contains(&package.location),
            "{} among {listed:?}",
            package.location
        );
        let bytes = repository.file(&package.location).unwrap();
        assert_eq!(
            hex::encode(Sha256::digest(bytes)),
            package.sha256,
            "{}",
            package.location
        );
    }
    portal.finish();
}

#[test]
fn the_repository_is_whole_whenever_somebody_looks() {
    const KILLS: u64 = 6;
    let mut portal = Portal::with_base_kernel(&[]);
    let maker = Maker::join(&portal);
    let first = maker.make(0);
    upload(&portal.url(""), &maker, &first).send();
    until(
        "the first generation is there",
        Duration::from_secs(30),
        || repository(&portal).look(now()).ok(),
    );
    let (repository, base) = (repository(&portal), portal.url(""));
    let (is_over, generations) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (acknowledged, seen) = thread::scope(|scope| {
        // Whatever happens here: the others must end, too.
        let end = Ending(&is_over);
        let uploader = scope.spawn(|| keep_uploading(&base, &maker, &is_over));
        let visitor = scope.spawn(|| keep_looking(&repository, &is_over, &generations));
        for kill in 0..KILLS {
            let before = generations.load(Ordering::Relaxed);
            until(
                "two more generations are seen",
                Duration::from_secs(60),
                || (generations.load(Ordering::Relaxed) >= before + 2).then_some(()),
            );
            // Anywhere between the beginning of one publication and the end of another.
            thread::sleep(Duration::from_millis(37 * kill));
            portal.server.kill();
            portal.server.begin();
        }
        thread::sleep(Duration::from_millis(500));
        drop(end);
        (uploader.join().unwrap(), visitor.join().unwrap())
    });
    println!("{} packages, {seen:?}", acknowledged.len());
    assert_eq!(seen.wrong, [""; 0], "in {} looks", seen.whole);
    assert!(!seen.down.is_empty(), "it was down in between: {seen:?}");
    assert_nothing_is_lost(&portal, &acknowledged);
    assert_eq!(portal.server.files_in("incoming").len(), 0);
}

/// Uploads one package after the other; one that got no answer is sent again.
fn keep_uploading(base: &str, maker: &Maker, is_over: &AtomicBool) -> Vec<Acknowledged> {
    const PAUSE: Duration = Duration::from_millis(60);
    let mut acknowledged = Vec::new();
    let mut made = maker.make(1);
    while !is_over.load(Ordering::Relaxed) {
        thread::sleep(PAUSE);
        // No answer: the portal is down, or died over it.
        let Ok(reply) = upload(base, maker, &made).try_send() else {
            continue;
        };
        assert!((200..300).contains(&reply.status), "{reply:?}");
        acknowledged.push(Acknowledged::new(&reply, &made));
        made = maker.make(1 + acknowledged.len());
    }
    acknowledged
}

/// What somebody saw who looked all the time.
#[derive(Debug, Default)]
struct Seen {
    whole: usize,
    /// How often nobody answered, by what was found instead.
    down: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

/// Counts how often there were more packages than at the look before.
fn keep_looking(repository: &Repository, is_over: &AtomicBool, generations: &AtomicUsize) -> Seen {
    let mut seen = Seen::default();
    let mut before = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        match repository.look(now()) {
            Ok(packages) => {
                seen.whole += 1;
                let is_new = packages.len() > before.len();
                generations.fetch_add(usize::from(is_new), Ordering::Relaxed);
                for lost in before.iter().filter(|name| !packages.contains(name)) {
                    seen.wrong.push(format!("{lost} is no longer listed"));
                }
                before = packages;
            }
            Err(Trouble::Down(why)) => {
                *seen.down.entry(why.to_string()).or_default() += 1;
                thread::sleep(Duration::from_millis(10));
            }
            Err(Trouble::Wrong(what)) => seen.wrong.push(what),
        }
    }
    seen
}
