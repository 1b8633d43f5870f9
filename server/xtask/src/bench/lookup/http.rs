//! Look-ups over HTTP beside the index alone: the built program with its own database, in which
//! published packages have 100,000 patterns, and machines of 150 devices that ask it.
//!
//! Whoever makes the load takes part of the same cores, and so does everything else on the machine. What
//! is compared is therefore the processor time of the server's process for a look-up, all that the
//! system does for it included, and that of the index alone for the same machines, by turns.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use private_postgres::running_url;

use super::load;
use crate::bench::{Goal, Row};
use crate::demo::portal::Portal;
use crate::{sh, test};

/// Devices of a machine.
const DEVICES: usize = 150;
/// Each is measured so often, by turns; the best counts.
const ROUNDS: usize = 3;
const TIME: Duration = Duration::from_secs(4);
/// Before anything is counted.
const WARMING: Duration = Duration::from_secs(1);
/// For the portal to know its packages.
const PATIENCE: Duration = Duration::from_secs(60);
const LISTEN: &str = "127.0.0.1:18764";
/// Of what the index alone does on the same cores.
const SHARE: f64 = 0.6;
/// Of the 99th percentile at half of the load, milliseconds.
const P99: f64 = 5.0;

/// Packages, each with as many of the patterns in `patterns` as every other.
const LOAD: [&str; 7] = [
    "CREATE TEMP TABLE given (number serial, pattern text)",
    "\\copy given (pattern) from 'patterns' with (format csv, delimiter E'\\x01', quote E'\\x02')",
    "INSERT INTO packages (id, vendor_id, sha256, size, file_name, state, created_at, name, version,
         release, arch, location, summary)
     SELECT gen_random_uuid(), v.id, decode(lpad(to_hex(n), 64, '0'), 'hex'), 1, 'bench', 'published',
            now(), 'driver-' || n, '1', '1', 'x86_64', 'driver-' || n || '.rpm', 'A driver'
     FROM vendors v, generate_series(1, 100) AS n",
    "INSERT INTO placements (package_id, product_id, channel)
     SELECT k.id, p.id, 'stable' FROM packages k, products p",
    "INSERT INTO repositories (product_id, channel, arch)
     SELECT id, 'stable', 'x86_64' FROM products ON CONFLICT DO NOTHING",
    "INSERT INTO repository_packages (repository_id, package_id, added)
     SELECT r.id, k.id, 1 FROM packages k, repositories r",
    "INSERT INTO aliases (package_id, module, pattern)
     SELECT k.id, '', g.pattern FROM given g
     JOIN packages k ON k.name = 'driver-' || (1 + g.number / 1000) ON CONFLICT DO NOTHING",
];

/// Measures; `alone` tells the processor time of the index alone for a machine, in microseconds.
pub fn measure(project: &Path, folder: &Path, alone: impl Fn() -> Result<f64>) -> Result<Vec<Row>> {
    let mut build = test::cargo(project);
    sh::run_loud(build.args(["build", "--release", "--package", "kmp-portal"]))?;
    let program = test::target_folder(project)?.join("release/kmp-portal");
    // PostgreSQL never runs as root, and its user has to reach the folder.
    let data = tempfile_folder()?;
    let mut portal = Portal::start(&program, LISTEN, &data)?;
    fill(&portal, folder)?;
    portal.stop()?;
    let mut portal = Portal::start(&program, LISTEN, &data)?;
    let requests = requests(&folder.join("machines"))?;
    wait_until_known(&portal, &folder.join("machines"))?;
    load::all_it_takes(LISTEN, &requests, WARMING)?;
    let (mut index, mut server) = (f64::INFINITY, f64::INFINITY);
    let mut most: f64 = 0.0;
    for _ in 0..ROUNDS {
        index = index.min(alone()?);
        let before = portal.processor_time()?;
        let load = load::all_it_takes(LISTEN, &requests, TIME)?;
        let used = portal.processor_time()? - before;
        server = server.min(used.as_secs_f64() * 1e6 / load.answers as f64);
        most = most.max(load.per_second);
    }
    let halves = (0..ROUNDS).map(|_| load::paced(LISTEN, &requests, TIME, most / 2.0));
    let halves = halves.collect::<Result<Vec<_>>>()?;
    let half = halves.into_iter().min_by_key(|load| load.p99);
    let half = half.context("nothing was measured")?;
    portal.stop()?;
    fs::remove_dir_all(&data)?;
    let p99 = half.p99.as_secs_f64() * 1e3;
    Ok(vec![
        Row {
            what: "machines a second of one processor: HTTP, index alone".to_owned(),
            ours: format!("{:.0}/s", 1e6 / server),
            peer: format!("{:.0}/s", 1e6 / index),
            ratio: index / server,
            goal: Some(Goal::AtLeast(SHARE)),
        },
        Row {
            what: format!(
                "  99 % of answers at {:.0}/s, half of {most:.0}/s",
                half.per_second
            ),
            ours: format!("{p99:.2} ms"),
            peer: format!("{P99} ms"),
            ratio: p99 / P99,
            goal: Some(Goal::AtMost(1.0)),
        },
    ])
}

/// Below the system's folder for such, which everybody can reach.
fn tempfile_folder() -> Result<std::path::PathBuf> {
    let folder = std::env::temp_dir().join(format!("kmp-portal-bench-{}", std::process::id()));
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

fn fill(portal: &Portal, folder: &Path) -> Result<()> {
    let product = [
        "product", "add", "bench", "--family", "suse", "--arch", "x86_64",
    ];
    portal.admin(&product)?;
    let vendor = [
        "vendor",
        "add",
        "acme",
        "--display-name",
        "Acme",
        "--email",
        "a@b.example",
    ];
    portal.admin(&vendor)?;
    let url = running_url(portal.data(), "kmp_portal").context("the database does not run")?;
    let mut psql = sh::command("psql");
    psql.current_dir(folder);
    psql.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]);
    for command in LOAD {
        psql.args(["--command", command]);
    }
    sh::output(psql.arg(url))?;
    Ok(())
}

fn question(aliases: &[&str]) -> String {
    let question = serde_json::json!({
        "product": "bench", "arch": "x86_64", "modaliases": aliases,
    });
    question.to_string()
}

fn requests(machines: &Path) -> Result<Vec<Vec<u8>>> {
    let aliases = fs::read_to_string(machines)?;
    let aliases: Vec<&str> = aliases.lines().collect();
    let machines = aliases.chunks_exact(DEVICES);
    Ok(machines
        .map(|machine| load::request("/api/v1/lookup", &question(machine)))
        .collect())
}

fn wait_until_known(portal: &Portal, machines: &Path) -> Result<()> {
    let begun = std::time::Instant::now();
    let aliases = fs::read_to_string(machines)?;
    let aliases: Vec<&str> = aliases.lines().take(DEVICES).collect();
    let body = serde_json::from_str(&question(&aliases))?;
    while begun.elapsed() < PATIENCE {
        let answer = portal.api.post_json("/api/v1/lookup", &body)?;
        if answer.success()?["packages"] != serde_json::json!([]) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    bail!("the portal does not know its packages")
}
