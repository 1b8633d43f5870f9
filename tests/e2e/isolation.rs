//! Packages made to take all memory or all time: each ends the process that looks at it and nothing
//! else, and gets an answer that says why.

use std::io::Write as _;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use testkit::{RpmBuilder, Value as Tag};
use xtask::kernels::Role;

use crate::harness::good;
use crate::harness::portal::Portal;
use crate::harness::process::{inspections_of, is_inspection, peak_memory};
use crate::harness::{driver, kernel, until};

/// On a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a server may take for all of these, in bytes; each package unpacks to more.
const SERVER_GROWTH: u64 = 48 << 20;

/// Bytes that pack to about a fiftieth, as an honest file may, and so stay within the limits. They
/// hold no runs, which bzip2 would unpack in no time.
fn filler(length: usize) -> Vec<u8> {
    const BLOCK: usize = 4096;
    const NOISE: usize = 64;
    let mut seed = 0x6b6d_7020_706f_7274_u64;
    let mut bytes = vec![0; length];
    for block in bytes.chunks_mut(BLOCK) {
        for (at, byte) in block.iter_mut().enumerate() {
            *byte = at as u8;
        }
        for byte in block.iter_mut().take(NOISE) {
            seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            *byte = seed.to_be_bytes()[0];
        }
    }
    bytes
}

fn package(name: &str) -> RpmBuilder {
    RpmBuilder::new(name, "1.0", "1", &kernel(Role::Base).arch)
}

/// Its one module has to be held in memory as a whole.
fn memory_eater() -> Vec<u8> {
    let path = format!(
        "/lib/modules/{}/updates/eater.ko",
        kernel(Role::Base).release
    );
    package("memory-eater")
        .file(&path, filler(100 << 20))
        .build()
}

/// Takes seconds to unpack, and little to send. Each repeat is one bzip2 stream.
fn time_eater(repeats: usize) -> Vec<u8> {
    const REPEATED: usize = 900_000;
    let piece = filler(REPEATED);
    let packed = pack(&piece);
    let content = piece.repeat(repeats);
    package("time-eater")
        .compressor("bzip2")
        .packed_by(move |archive| {
            let start = archive
                .windows(64)
                .position(|window| window == &piece[..64]);
            let (before, rest) = archive.split_at(start.unwrap());
            let (_, after) = rest.split_at(REPEATED * repeats);
            [pack(before), packed.repeat(repeats), pack(after)].concat()
        })
        .file("/usr/lib/firmware/time-eater", content)
        .build()
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut packer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// Zeros, of which zstd makes next to nothing.
fn bomb() -> Vec<u8> {
    package("bomb")
        .compressor("zstd")
        .file("/usr/lib/bomb", vec![0; 64 << 20])
        .build()
}

/// A header that promises a million files.
fn promises() -> Vec<u8> {
    const RPMTAG_BASENAMES: u32 = 1117;
    const STRINGS: u32 = 8;
    let names = Tag::Raw(STRINGS, 1 << 20, vec![0; 1 << 20]);
    package("promises")
        .header_tag(RPMTAG_BASENAMES, Some(names))
        .build()
}

/// The finding that refused a package, which must name these.
#[track_caller]
fn assert_refused(problem: &Value, check: &str, says: &str, setting: &str) {
    let findings = problem["findings"].as_array().unwrap();
    let finding = &findings[0];
    assert_eq!(finding["check"], check, "{problem}");
    assert_eq!(finding["severity"], "reject", "{problem}");
    let detail = finding["detail"].as_str().unwrap();
    assert!(detail.contains(says), "no `{says}` in {detail}");
    let help = finding["help"].as_str().unwrap();
    assert!(help.contains(setting), "no `{setting}` in {help}");
}

#[test]
fn a_package_that_takes_too_much_is_refused_and_nothing_else_happens() {
    let portal = Portal::with_base_kernel(&["--limit-memory", "64MiB", "--limit-time", "1s"]);
    let mut packages = good(Role::Base);
    portal.upload(packages.next().unwrap(), "").expect(201);
    let (server, before) = (portal.server.pid(), peak_memory(portal.server.pid()));
    let cases = [
        (
            memory_eater(),
            "more than 67108864 bytes of memory",
            "`limits.memory`",
        ),
        (
            time_eater(100),
            "more than 1 seconds of a processor",
            "`limits.time`",
        ),
        (bomb(), "for each packed byte", "`limits.payload-ratio`"),
        (promises(), "1048576 is more than", "`limits.files`"),
    ];
    thread::scope(|scope| {
        let eaters = scope.spawn(|| {
            for (bytes, says, setting) in cases {
                let problem = portal.put("a.rpm", "", "beta", bytes).problem(422);
                assert_refused(&problem, "over-limit", says, setting);
            }
        });
        // Meanwhile the others are served.
        for package in packages {
            portal.upload(package, "").expect(201);
        }
        eaters.join().unwrap();
    });
    portal.finish();
    assert_eq!(portal.server.pid(), server);
    assert_eq!(inspections_of(server).len(), 0, "nothing is left behind");
    let growth = peak_memory(server).saturating_sub(before);
    assert!(growth < SERVER_GROWTH, "the server grew by {growth} bytes");
    assert_eq!(portal.json("/api/v1/packages?state=rejected")["total"], 4);
    let metrics = portal.get("/metrics").text();
    for outcome in ["ok", "rejected", "killed-memory", "killed-time"] {
        let series = format!("kmp_portal_inspection_seconds_count{{outcome=\"{outcome}\"}}");
        assert!(metrics.contains(&series), "no {series} in {metrics}");
    }
}

/// Uploads a package that takes seconds to read, and waits until somebody reads it.
fn begin_long_inspection(portal: &Portal) -> (String, Pid) {
    let reply = portal.put("slow.rpm", "wait=0", "beta", time_eater(60));
    let id = reply.expect(202).json()["id"].as_str().unwrap().to_owned();
    let reader = until("it is being read", PATIENCE, || {
        inspections_of(portal.server.pid())
            .first()
            .map(|process| process.pid)
    });
    (id, reader)
}

/// It was read to its end: what is amiss is that nobody signed it.
fn assert_read(portal: &Portal, id: &str) {
    let answer = until("it is decided", PATIENCE, || {
        let answer = portal.json(&format!("/api/v1/packages/{id}"));
        (answer["state"] == "rejected").then_some(answer)
    });
    let findings = answer["findings"].as_array().unwrap();
    assert!(
        findings
            .iter()
            .any(|finding| finding["check"] == "signature"),
        "{answer}"
    );
    portal.finish();
}

#[test]
fn an_inspection_that_somebody_kills_is_made_again() {
    let portal = Portal::with_base_kernel(&[]);
    let (id, reader) = begin_long_inspection(&portal);
    kill_process(reader, Signal::KILL).unwrap();
    assert_read(&portal, &id);
    let metrics = portal.get("/metrics").text();
    assert!(metrics.contains("outcome=\"interrupted\""), "{metrics}");
}

#[test]
fn an_inspection_ends_with_its_server() {
    let mut portal = Portal::with_base_kernel(&[]);
    let (id, reader) = begin_long_inspection(&portal);
    portal.server.kill();
    until("the inspection has ended, too", PATIENCE, || {
        (!is_inspection(reader)).then_some(())
    });
    portal.server.begin();
    assert_read(&portal, &id);
    portal
        .upload(driver("acme-core", Role::Base), "")
        .expect(201);
}
