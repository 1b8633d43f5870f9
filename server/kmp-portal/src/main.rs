//! `kmp-portal`: the one program of the driver portal. Each subcommand is a file.

mod admin;
mod admin_kernel;
mod check;
mod checks;
mod formats;
mod inspect;
mod lookup;
mod repo;
mod serve;
mod sources;

use clap::{Parser, Subcommand};
use portal::config::{Config, Settings};
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Exit code for trouble, as opposed to findings.
const TROUBLE: u8 = 2;

/// Receives signed Kernel Module Packages, judges them on every registered kernel, publishes
/// them for zypper and dnf, and tells vendors in time when a new kernel breaks them
#[derive(Parser)]
#[command(name = "kmp-portal", version, propagate_version = true)]
struct CommandLine {
    /// TOML file with settings; flags and environment win over it
    #[arg(long, global = true, env = "KMP_PORTAL_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Log lines as JSON, for log collectors
    #[arg(long, global = true, env = "KMP_PORTAL_LOG_JSON")]
    log_json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Open the portal: HTTP, jobs and, unless --database-url names one, a private PostgreSQL
    Serve {
        #[command(flatten)]
        settings: Settings,
    },
    /// Work on jobs only, beside a server on the same database and data folder
    Worker {
        #[command(flatten)]
        settings: Settings,
    },
    /// Products, vendors, keys, tokens and users, in the database of the same configuration
    Admin(Box<admin::Admin>),
    /// Say whether packages and modules will load on kernels, without a server
    Check(check::Check),
    /// List what is checked in an uploaded package
    Checks {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Look at packages and modules, without a server, as the portal looks at uploads
    Inspect(inspect::Inspect),
    Lookup(Box<lookup::Lookup>),
    /// Build and check repositories in folders, without a server
    #[command(subcommand)]
    Repo(repo::Repo),
}

fn main() -> ExitCode {
    // Started for each upload: it needs neither command line nor log, and not what they cost.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|first| first == portal::inspecting::SUBCOMMAND)
    {
        return portal::inspecting::child_main();
    }
    let line = CommandLine::parse();
    let is_command = !matches!(line.command, Command::Serve { .. } | Command::Worker { .. });
    start_log(line.log_json, is_command);
    match run(line) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("kmp-portal: {error:#}");
            ExitCode::from(TROUBLE)
        }
    }
}

/// What to exit with.
fn run(line: CommandLine) -> anyhow::Result<ExitCode> {
    let resolve = |settings: Settings| -> anyhow::Result<Config> {
        let settings = match &line.config {
            Some(path) => settings.or_file(path)?,
            None => settings,
        };
        Ok(Config::resolve(settings)?)
    };
    match line.command {
        Command::Serve { settings } => serve::serve(resolve(settings)?),
        Command::Worker { settings } => serve::work(resolve(settings)?),
        Command::Admin(admin) => {
            let config = resolve(admin.settings.clone())?;
            admin::run(*admin, &config)
        }
        Command::Check(check) => return check::run(&check),
        Command::Checks { json } => {
            checks::print(json);
            Ok(())
        }
        Command::Inspect(line) => return inspect::run(&line),
        Command::Lookup(line) => return lookup::run(&line),
        Command::Repo(repo) => return repo::run(&repo),
    }
    .map(|()| ExitCode::SUCCESS)
}

/// `RUST_LOG` chooses what is logged; a command line's own output must not drown in it.
fn start_log(json: bool, is_command: bool) {
    let default = if is_command { "warn" } else { "info,sqlx=warn" };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    if json {
        log.json().init();
    } else {
        log.init();
    }
}
