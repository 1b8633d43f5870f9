//! How fast the whole service is: the built program with its private PostgreSQL, asked over HTTP.
//! `cargo xtask bench kabi` runs it.
//!
//! ```text
//! service_speed --program FILE --modules DIR --old SYMVERS --new SYMVERS --folder DIR [--packages N]
//! ```
//!
//! Prints a line `NAME VALUE` for each figure; times in milliseconds from first to last, as the one
//! who waits sees them. The database is filled by the store's own functions; everything that is
//! measured the server does.

#[path = "../../../kabi/examples/index_speed/made_up.rs"]
mod made_up;
#[path = "../../../kabi/examples/index_speed/real.rs"]
mod real;

mod checks;
mod kernels;
mod packages;
mod seed;
mod server;

use anyhow::Context as _;
use made_up::Random;
use server::Server;
use std::path::PathBuf;

/// What the command line says.
#[derive(Default)]
struct Options {
    program: PathBuf,
    modules: PathBuf,
    old: PathBuf,
    new: PathBuf,
    folder: PathBuf,
    packages: u32,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // What the HTTP client wants, though nothing here is encrypted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = Options::parse()?;
    let data = tempfile::tempdir_in(&options.folder).context("the folder of the benchmark")?;
    let modules = real::modules(&options.modules);
    let old = real::kernel(&options.old, seed::SYMBOLS);
    let new = real::kernel(&options.new, seed::SYMBOLS);
    let mut server = Server::start(&options.program, data.path()).await?;
    let seeded = seed::fill(&server, &modules, &old, options.packages).await?;
    kernels::measure(
        &mut server,
        &old,
        &new,
        options.packages,
        &mut Random::new(5),
    )
    .await?;
    packages::measure(&server, &modules, &seeded).await?;
    checks::measure(&server, &options.modules).await?;
    server.stop().await
}

impl Options {
    fn parse() -> anyhow::Result<Options> {
        let mut options = Options {
            packages: 10_000,
            ..Options::default()
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let value = words
                .next()
                .with_context(|| format!("{word} needs a value"))?;
            match word.as_str() {
                "--program" => options.program = value.into(),
                "--modules" => options.modules = value.into(),
                "--old" => options.old = value.into(),
                "--new" => options.new = value.into(),
                "--folder" => options.folder = value.into(),
                "--packages" => options.packages = value.parse()?,
                _ => anyhow::bail!("{word} is no option"),
            }
        }
        Ok(options)
    }
}

/// Prints a figure.
fn say(name: &str, value: f64) {
    println!("{name} {value:.3}");
}

/// Prints the middle of several measurements, and the least.
fn say_times(name: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    say(name, times[times.len() / 2]);
    say(&format!("{name}/least"), times[0]);
}
