//! What the tests stand on: the real program with its own database, and the real clients.
//!
//! Nothing here knows the inside of the portal: everything goes through its ports, its command line
//! and its data folder.

pub mod browser;
pub mod client;
pub mod disk;
pub mod door;
pub mod http;
pub mod leash;
pub mod made;
pub mod mirror;
pub mod module_key;
pub mod portal;
pub mod process;
pub mod repository;
pub mod server;
pub mod sink;

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use xtask::fixtures::manifest::{KernelEntry, Kind, Manifest, Package};
use xtask::kernels::Role;

/// The real modules, packages, kernels and keys.
pub fn fixtures() -> &'static Manifest {
    static FIXTURES: OnceLock<Manifest> = OnceLock::new();
    FIXTURES.get_or_init(|| Manifest::load(&given("KMP_PORTAL_FIXTURES")).unwrap())
}

/// A path that `cargo xtask test` hands to us.
pub fn given(variable: &str) -> PathBuf {
    match std::env::var_os(variable) {
        Some(path) => path.into(),
        None => panic!("{variable} is not set: run `cargo xtask test`"),
    }
}

pub fn kernel(role: Role) -> &'static KernelEntry {
    let kernel = fixtures().kernel(role);
    kernel.unwrap_or_else(|| panic!("there is no {role:?} kernel among the fixtures"))
}

/// The good packages built for a kernel, providers before those that need their symbols. None where
/// there is no such kernel, or nothing was built against it.
pub fn good(role: Role) -> impl Iterator<Item = &'static Package> {
    let kernel = fixtures().kernel(role).into_iter();
    kernel.flat_map(|kernel| fixtures().packages_for(&kernel.release, Kind::Good))
}

/// All good packages.
pub fn all_good() -> impl Iterator<Item = &'static Package> {
    let packages = fixtures().packages.iter();
    packages.filter(|package| package.kind == Kind::Good)
}

/// The good package of a driver: `acme-net`, `acme-core` or `beta-usb`.
pub fn driver(base: &str, role: Role) -> &'static Package {
    let mut packages = good(role);
    let prefix = format!("{base}-kmp-");
    let package = packages.find(|package| package.name.starts_with(&prefix));
    package.unwrap_or_else(|| panic!("there is no package of {base} for the {role:?} kernel"))
}

/// The package of a kind that only bad ones have.
pub fn bad(kind: Kind) -> &'static Package {
    let package = fixtures()
        .packages
        .iter()
        .find(|package| package.kind == kind);
    package.unwrap_or_else(|| panic!("there is no {kind:?} package among the fixtures"))
}

/// A folder that is removed in the end. Users other than ours can pass it, as PostgreSQL must.
pub fn scratch() -> TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    const EVERYBODY_MAY_PASS: u32 = 0o755;
    let mut builder = tempfile::Builder::new();
    builder
        .prefix("kmp-portal-e2e-")
        .permissions(std::fs::Permissions::from_mode(EVERYBODY_MAY_PASS));
    builder.tempdir().unwrap()
}

/// A loopback port that nobody listens on: below the range that outgoing connections take theirs
/// from, so that it stays free between a server's end and its next start.
pub fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const EACH: u16 = 100;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test programs that run at the same time begin at different places.
    let start = FIRST + EACH * u16::try_from(std::process::id() % 100).unwrap();
    loop {
        let port = start + NEXT.fetch_add(1, Ordering::Relaxed) % EACH;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Says that it is over when it is dropped: other threads must end, whatever happens in this one.
pub struct Ending<'a>(pub &'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs a program to its end; only one that cannot be started is a failure.
#[track_caller]
pub fn run(command: &mut Command) -> Output {
    xtask::sh::attempt(command).unwrap_or_else(|error| panic!("{error:#}: run `cargo xtask test`"))
}

/// Both outputs of a program that must succeed.
#[track_caller]
pub fn succeed(command: &mut Command) -> String {
    let output = run(command);
    let text = words(&output);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{text}",
        output.status
    );
    text
}

/// All that a program said.
pub fn words(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    text
}

/// Looks again and again until something is there.
#[track_caller]
pub fn until<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    const AGAIN: Duration = Duration::from_millis(20);
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {patience:?}");
        std::thread::sleep(AGAIN);
    }
}
