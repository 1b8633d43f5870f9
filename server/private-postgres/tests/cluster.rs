//! Real clusters by the system's PostgreSQL: kept data, crashes, orphans, refusals, long paths.
//!
//! Needs the server programs: `apt-get install postgresql`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use private_postgres::{Cluster, Durability, Error, Settings, running_url};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tempfile::TempDir;

/// Tells the copy of this program that [`Server`] starts where its folder is.
const SERVE: &str = "PRIVATE_POSTGRES_TEST_SERVE";

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    // As root the cluster runs as another user, who has to pass.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
    folder
}

fn settings(data_dir: &Path) -> Settings {
    Settings {
        durability: Durability::Throwaway,
        ..Settings::new(data_dir)
    }
}

fn ask(url: &str, sql: &str) -> String {
    let output = Command::new("psql")
        .args(["-XAtqc", sql, url])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{sql}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn kill(pid: u32) {
    kill_process(
        Pid::from_raw(pid.try_into().unwrap()).unwrap(),
        Signal::KILL,
    )
    .unwrap();
}

fn is_running(pid: u32) -> bool {
    test_kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap()).is_ok()
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Another process that keeps a cluster until it is killed.
struct Server {
    process: Child,
    postmaster: u32,
}

impl Server {
    fn start(data_dir: &Path) -> Server {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["serve_for_other_tests", "--exact", "--nocapture"])
            .env(SERVE, data_dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let postmaster = output
            .lines()
            .find_map(|line| line.unwrap().split_once("postmaster=")?.1.parse().ok())
            .expect("the server says its postmaster's id");
        Server {
            process,
            postmaster,
        }
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// The shell that would end the cluster in the server's place.
    fn kill_watchdog(&self) {
        let wanted = format!("postgres-watchdog\0{}\0", self.postmaster);
        let watchdog = fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let command_line = fs::read_to_string(entry.path().join("cmdline")).ok()?;
            command_line.contains(&wanted).then_some(pid)
        });
        kill(watchdog.expect("a watchdog runs"));
    }
}

/// Not a test of its own: what [`Server`] runs.
#[test]
fn serve_for_other_tests() {
    let Some(data_dir) = std::env::var_os(SERVE) else {
        return;
    };
    let cluster = Cluster::start(&settings(&PathBuf::from(data_dir))).unwrap();
    println!("\npostmaster={}", cluster.pid());
    std::thread::sleep(Duration::from_secs(300));
}

#[test]
fn keeps_data_from_start_to_start() {
    let folder = folder();
    let settings = Settings::new(folder.path().join("data"));
    let mut cluster = Cluster::start(&settings).unwrap();
    assert!(cluster.is_alive());
    cluster.create_database("portal \"1\"").unwrap();
    cluster.create_database("portal \"1\"").unwrap();
    let url = cluster.url("portal \"1\"");
    assert_eq!(
        ask(
            &url,
            "CREATE TABLE kept AS SELECT 'ü' AS text; SELECT text FROM kept"
        ),
        "ü"
    );
    assert_eq!(ask(&url, "SHOW listen_addresses"), "");
    assert_eq!(ask(&url, "SHOW fsync"), "on");
    assert_eq!(ask(&url, "SHOW data_checksums"), "on");
    assert_eq!(ask(&url, "SELECT current_user"), "kmp_portal");
    assert_eq!(
        ask(
            &url,
            "SELECT datcollate FROM pg_database WHERE datname = current_database()"
        ),
        "C.UTF-8"
    );
    let pid = cluster.pid();
    cluster.stop().unwrap();
    cluster.stop().unwrap();
    assert!(!cluster.is_alive());
    assert!(!is_running(pid));

    let cluster = Cluster::start(&settings).unwrap();
    assert_eq!(
        ask(&cluster.url("portal \"1\""), "SELECT text FROM kept"),
        "ü"
    );
    let pid = cluster.pid();
    drop(cluster);
    assert!(!is_running(pid));
    let log = fs::read_to_string(folder.path().join("data/postgres.log")).unwrap();
    assert!(!log.contains("not properly shut down"), "{log}");
}

#[test]
fn nobody_else_can_enter() {
    let folder = folder();
    let cluster = Cluster::start(&settings(folder.path())).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.path().join("cluster")), 0o700);
    assert_eq!(mode(cluster.socket_dir()), 0o700);
    assert_eq!(mode(&cluster.socket_dir().join(".s.PGSQL.5432")), 0o700);
    let rules = fs::read_to_string(folder.path().join("cluster/pg_hba.conf")).unwrap();
    let hosts = rules.lines().filter(|line| line.starts_with("host"));
    assert!(
        hosts.clone().count() > 0 && hosts.clone().all(|line| line.ends_with("reject")),
        "{rules}"
    );
}

#[test]
fn extra_settings_count_but_cannot_open_it() {
    let folder = folder();
    let extra = [
        ("work_mem", "7MB"),
        ("listen_addresses", "*"),
        ("fsync", "on"),
    ];
    let extra = extra
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    let cluster = Cluster::start(&Settings {
        extra,
        ..settings(folder.path())
    })
    .unwrap();
    let url = cluster.url("postgres");
    assert_eq!(ask(&url, "SHOW work_mem"), "7MB");
    assert_eq!(ask(&url, "SHOW fsync"), "on");
    assert_eq!(ask(&url, "SHOW listen_addresses"), "");
}

#[test]
fn a_wrong_setting_is_told_in_postgresqls_words() {
    let folder = folder();
    let extra = vec![("no_such_setting".to_owned(), "1".to_owned())];
    let error = Cluster::start(&Settings {
        extra,
        ..settings(folder.path())
    })
    .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("unrecognized configuration parameter"),
        "{error}"
    );
    // And the folder is free again.
    Cluster::start(&settings(folder.path())).unwrap();
}

#[test]
fn recovers_after_the_postmaster_was_killed() {
    let folder = folder();
    let mut cluster = Cluster::start(&settings(folder.path())).unwrap();
    ask(
        &cluster.url("postgres"),
        "CREATE TABLE kept AS SELECT 1 AS number",
    );
    kill(cluster.pid());
    wait_for("the end is noticed", || !cluster.is_alive());
    // Its children are still ending, and postmaster.pid is stale.
    assert!(folder.path().join("cluster/postmaster.pid").exists());
    drop(cluster);

    let cluster = Cluster::start(&settings(folder.path())).unwrap();
    assert_eq!(
        ask(&cluster.url("postgres"), "SELECT number FROM kept"),
        "1"
    );
    let log = fs::read_to_string(folder.path().join("postgres.log")).unwrap();
    assert!(log.contains("was not properly shut down"), "{log}");
}

#[test]
fn ends_with_its_server_even_by_kill_9() {
    let folder = folder();
    let mut server = Server::start(folder.path());
    server.kill();
    wait_for("the watchdog ends the postmaster", || {
        !is_running(server.postmaster)
    });
    Cluster::start(&settings(folder.path())).unwrap();
}

#[test]
fn an_orphan_is_ended_and_started_anew() {
    let folder = folder();
    let mut server = Server::start(folder.path());
    let url = running_url(folder.path(), "postgres").expect("it runs");
    ask(&url, "CREATE TABLE kept AS SELECT 1 AS number");
    server.kill_watchdog();
    server.kill();
    assert!(is_running(server.postmaster), "the orphan lives on");
    assert_eq!(
        running_url(folder.path(), "postgres"),
        None,
        "an orphan is nobody's"
    );

    let cluster = Cluster::start(&settings(folder.path())).unwrap();
    assert_ne!(cluster.pid(), server.postmaster);
    // Ended already, but listed until it is reaped.
    wait_for("the orphan is gone", || !is_running(server.postmaster));
    assert_eq!(
        ask(&cluster.url("postgres"), "SELECT number FROM kept"),
        "1"
    );
    let log = fs::read_to_string(folder.path().join("postgres.log")).unwrap();
    assert!(!log.contains("was not properly shut down"), "{log}");
}

#[test]
fn a_second_start_is_refused_and_can_use_the_first() {
    let folder = folder();
    let mut server = Server::start(folder.path());
    let error = Cluster::start(&settings(folder.path())).unwrap_err();
    assert!(matches!(error, Error::InUse { .. }), "{error}");
    assert!(
        error.to_string().contains(&server.process.id().to_string()),
        "{error}"
    );
    let url = running_url(folder.path(), "postgres").expect("it runs");
    assert_eq!(ask(&url, "SELECT 1"), "1");
    server.kill();
}

#[test]
fn nothing_runs_where_nothing_was_started() {
    let folder = folder();
    assert_eq!(running_url(folder.path(), "postgres"), None);
    assert_eq!(running_url(&folder.path().join("absent"), "postgres"), None);
}

#[test]
fn a_long_path_gets_a_short_socket() {
    let folder = folder();
    let data_dir = folder.path().join("x".repeat(60)).join("y".repeat(60));
    let cluster = Cluster::start(&settings(&data_dir)).unwrap();
    assert!(!cluster.socket_dir().starts_with(&data_dir));
    assert_eq!(ask(&cluster.url("postgres"), "SELECT 1"), "1");
    let socket = cluster.socket_dir().to_owned();
    drop(cluster);
    assert!(!socket.exists());
}

#[test]
fn half_a_cluster_is_thrown_away() {
    let folder = folder();
    let unfinished = folder.path().join("cluster.new-4711");
    fs::create_dir(&unfinished).unwrap();
    fs::write(unfinished.join("PG_VERSION"), "15\n").unwrap();
    let cluster = Cluster::start(&settings(folder.path())).unwrap();
    assert!(!unfinished.exists());
    assert_eq!(ask(&cluster.url("postgres"), "SELECT 1"), "1");
}

#[test]
fn a_foreign_folder_is_left_alone() {
    let folder = folder();
    fs::create_dir(folder.path().join("cluster")).unwrap();
    fs::write(folder.path().join("cluster/diary.txt"), "dear diary").unwrap();
    let error = Cluster::start(&settings(folder.path())).unwrap_err();
    assert!(error.to_string().contains("cluster/PG_VERSION"), "{error}");
    assert!(folder.path().join("cluster/diary.txt").exists());

    fs::write(folder.path().join("cluster/PG_VERSION"), "12\n").unwrap();
    let error = Cluster::start(&settings(folder.path())).unwrap_err();
    assert!(
        error.to_string().contains("made by PostgreSQL 12"),
        "{error}"
    );
}

#[test]
fn a_blocked_parent_is_named() {
    if !rustix::process::geteuid().is_root() {
        return; // Nobody to become, nothing to block.
    }
    let folder = folder();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let error = Cluster::start(&settings(&folder.path().join("data"))).unwrap_err();
    assert!(
        matches!(&error, Error::Unreachable { blocked, .. } if blocked == folder.path()),
        "{error}"
    );
    // The data folder itself is ours to open.
    Cluster::start(&settings(folder.path())).unwrap();
}

#[test]
fn a_throwaway_leaves_nothing() {
    let mut cluster = Cluster::throwaway().unwrap();
    let other = Cluster::throwaway().unwrap();
    assert_ne!(cluster.url("postgres"), other.url("postgres"));
    assert_eq!(ask(&other.url("postgres"), "SHOW fsync"), "off");
    let folder = cluster.socket_dir().parent().unwrap().to_owned();
    assert!(folder.exists());
    cluster.stop().unwrap();
    assert!(!folder.exists());
}
