//! `kmp-portal admin …`: for scripts. Every command is idempotent.

mod channels;
mod decisions;
mod repositories;

use crate::admin_kernel::{self, Register};
use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use portal::admin::{Admin as Office, KernelSpec, ProductSpec};
use portal::config::{Config, Settings};
use serde_json::Value;
use std::io::Read as _;
use std::path::PathBuf;
use uuid::Uuid;

#[derive(Args)]
pub struct Admin {
    #[command(flatten)]
    pub settings: Settings,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Subcommand)]
enum Subject {
    /// What repositories are for
    #[command(subcommand)]
    Product(Product),
    /// Who ships drivers
    #[command(subcommand)]
    Vendor(Vendor),
    /// Keys that vendors sign packages with
    #[command(subcommand)]
    VendorKey(VendorKey),
    /// What checks reject and a distributor lets pass, for a time
    #[command(subcommand)]
    Waiver(decisions::Waiver),
    /// Promote packages to further channels, or take them back
    #[command(subcommand)]
    Package(channels::Package),
    /// What was asked for where two people promote
    #[command(subcommand)]
    Promotion(channels::Promotion),
    /// Servers that have a copy of the repositories
    #[command(subcommand)]
    Mirror(channels::Mirror),
    /// Secrets for the API
    #[command(subcommand)]
    Token(Token),
    /// People who sign in by browser
    #[command(subcommand)]
    User(User),
    /// Kernels: when they are released, and which vendors may know of them before
    #[command(subcommand)]
    Kernel(Kernel),
    /// What clients see: going back, packing, checking
    #[command(subcommand)]
    Repository(repositories::Repository),
    /// Work that was given up
    #[command(subcommand)]
    Job(repositories::Job),
    /// Print what is registered
    List { what: What },
}

#[derive(Subcommand)]
enum Product {
    /// Add a product, or arches, flavors and channels to it
    Add {
        name: String,
        #[arg(long)]
        display_name: Option<String>,
        /// How its packages are built: suse or redhat
        #[arg(long, value_parser = ["suse", "redhat"])]
        family: String,
        /// RPM architecture; may be repeated
        #[arg(long = "arch", required = true)]
        arches: Vec<String>,
        /// Kernel flavor; may be repeated; none: any
        #[arg(long = "flavor")]
        flavors: Vec<String>,
        /// Channel; may be repeated [default: stable and testing]
        #[arg(long = "channel")]
        channels: Vec<String>,
        /// Where uploads go that name no channel [default: the first channel]
        #[arg(long)]
        default_channel: Option<String>,
    },
    /// How packages come into its channels; without options, print it
    Promotion(channels::Rules),
    /// What its repositories say of support, in susedata; without options, print it
    Support(channels::Support),
    /// What it demands of packages beyond the conventions of its family
    #[command(subcommand)]
    Policy(decisions::Policy),
}

#[derive(Subcommand)]
enum Vendor {
    /// Add a vendor, or change its name for people and its address
    Add {
        name: String,
        #[arg(long)]
        display_name: Option<String>,
        /// Where breaks are announced
        #[arg(long)]
        email: String,
    },
    /// What is demanded of its packages: names, kit, signatures
    #[command(subcommand)]
    Policy(decisions::Policy),
}

#[derive(Subcommand)]
enum VendorKey {
    /// Register the public key of a file; `-` reads standard input
    Add { vendor: String, file: PathBuf },
    /// Let nothing in any more that it signs; what it signed stays
    Retire {
        vendor: String,
        fingerprint: String,
        /// Why; it stays in the audit trail
        #[arg(long)]
        reason: String,
    },
}

#[derive(Subcommand)]
enum Token {
    /// Make a token and print it: it is shown this once
    Create {
        #[arg(
            long,
            conflicts_with = "distributor",
            required_unless_present = "distributor"
        )]
        vendor: Option<String>,
        #[arg(long)]
        distributor: bool,
        /// What it is for, as lists show it
        #[arg(long)]
        label: Option<String>,
        /// Days until it ends [default: never]
        #[arg(long, value_name = "DAYS")]
        expires: Option<u16>,
    },
    /// End every token of this label, at once
    Revoke { label: String },
}

#[derive(Subcommand)]
enum User {
    /// Add a user or set the password; a password is made and printed unless one is given
    Add {
        name: String,
        #[arg(
            long,
            conflicts_with = "distributor",
            required_unless_present = "distributor"
        )]
        vendor: Option<String>,
        #[arg(long)]
        distributor: bool,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
}

#[derive(Subcommand)]
enum Kernel {
    /// Register a kernel, or add to one that is registered
    Register(Box<Register>),
    /// Print a kernel, and for which vendors it is
    Show { id: Uuid },
    /// Release a kernel now: everybody may know of it from here on
    Release { id: Uuid },
    /// Change its status or release date
    Set {
        id: Uuid,
        #[arg(long, value_parser = ["preview", "released", "retired"])]
        status: Option<String>,
        /// YYYY-MM-DD in the portal's time zone, an RFC 3339 moment, or none
        #[arg(long, value_name = "DATE")]
        release_date: Option<String>,
    },
    /// Name vendors that may know of it before it is released
    Audience {
        id: Uuid,
        /// Vendor to add, or `all`; may be repeated
        #[arg(long = "add", value_name = "VENDOR")]
        add: Vec<String>,
        /// Vendor to take away, or `all`; may be repeated
        #[arg(long = "remove", value_name = "VENDOR")]
        remove: Vec<String>,
    },
    /// Print which vendors were shown it while it was under embargo
    Accesses { id: Uuid },
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    Products,
    Vendors,
    VendorKeys,
    Tokens,
    Users,
    Kernels,
}

/// Runs one command.
pub fn run(admin: Admin, config: &Config) -> anyhow::Result<()> {
    let json = admin.json;
    let answer = crate::serve::runtime()?.block_on(async {
        let office = Office::open(config).await?;
        let answer = carry_out(&office, &admin.subject).await;
        office.close().await?;
        answer
    })?;
    print(&admin.subject, &answer, json);
    Ok(())
}

async fn carry_out(office: &Office, subject: &Subject) -> anyhow::Result<Value> {
    match subject {
        Subject::Product(Product::Add {
            name,
            display_name,
            family,
            arches,
            flavors,
            channels,
            default_channel,
        }) => {
            let spec = ProductSpec {
                name: name.clone(),
                display_name: display_name.clone(),
                family: family.clone(),
                arches: arches.clone(),
                flavors: flavors.clone(),
                channels: channels.clone(),
                default_channel: default_channel.clone(),
            };
            office.add_product(&spec).await
        }
        Subject::Vendor(Vendor::Add {
            name,
            display_name,
            email,
        }) => {
            office
                .add_vendor(name, display_name.as_deref(), email)
                .await
        }
        Subject::Product(Product::Policy(policy)) => decisions::of_product(office, policy).await,
        Subject::Vendor(Vendor::Policy(policy)) => decisions::of_vendor(office, policy).await,
        Subject::Waiver(waiver) => decisions::waiver(office, waiver).await,
        Subject::VendorKey(VendorKey::Add { vendor, file }) => {
            office.add_vendor_key(vendor, &read(file)?).await
        }
        Subject::VendorKey(VendorKey::Retire {
            vendor,
            fingerprint,
            reason,
        }) => office.retire_vendor_key(vendor, fingerprint, reason).await,
        Subject::Package(package) => channels::package(office, package).await,
        Subject::Promotion(promotion) => channels::promotion(office, promotion).await,
        Subject::Mirror(mirror) => channels::mirror(office, mirror).await,
        Subject::Product(Product::Promotion(rules)) => channels::rules(office, rules).await,
        Subject::Product(Product::Support(support)) => channels::support(office, support).await,
        Subject::Token(Token::Create {
            vendor,
            label,
            expires,
            ..
        }) => {
            office
                .create_token(vendor.as_deref(), label.as_deref(), *expires)
                .await
        }
        Subject::Token(Token::Revoke { label }) => office.revoke_tokens(label).await,
        Subject::User(User::Add {
            name,
            vendor,
            password_stdin,
            ..
        }) => {
            let password = match password_stdin {
                true => Some(read_password()?),
                false => None,
            };
            office.add_user(name, vendor.as_deref(), password).await
        }
        Subject::Kernel(kernel) => carry_out_on_kernel(office, kernel).await,
        Subject::Repository(command) => repositories::repository(office, command).await,
        Subject::Job(command) => repositories::job(office, command).await,
        Subject::List { what } => {
            let word = what.to_possible_value().map(|v| v.get_name().to_owned());
            office.list(&word.unwrap_or_default()).await
        }
    }
}

async fn carry_out_on_kernel(office: &Office, kernel: &Kernel) -> anyhow::Result<Value> {
    match kernel {
        Kernel::Register(register) => admin_kernel::carry_out(office, register).await,
        Kernel::Show { id } => office.set_kernel(*id, &KernelSpec::default()).await,
        Kernel::Release { id } => {
            let spec = KernelSpec {
                status: Some("released".to_owned()),
                ..Default::default()
            };
            office.set_kernel(*id, &spec).await
        }
        Kernel::Set {
            id,
            status,
            release_date,
        } => {
            let spec = KernelSpec {
                status: status.clone(),
                release_date: release_date.clone(),
                ..Default::default()
            };
            office.set_kernel(*id, &spec).await
        }
        Kernel::Audience { id, add, remove } => {
            let spec = KernelSpec {
                add_vendors: add.clone(),
                remove_vendors: remove.clone(),
                ..Default::default()
            };
            office.set_kernel(*id, &spec).await
        }
        Kernel::Accesses { id } => office.kernel_accesses(*id).await,
    }
}

fn read(file: &PathBuf) -> anyhow::Result<Vec<u8>> {
    if file.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    std::fs::read(file).with_context(|| format!("reading {}", file.display()))
}

fn read_password() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// Secrets come alone, so that `TOKEN=$(kmp-portal admin token create …)` works.
fn print(subject: &Subject, answer: &Value, json: bool) {
    if json {
        println!("{answer}");
        return;
    }
    match (subject, answer) {
        (Subject::Token(Token::Create { .. }), _) => println!("{}", text(&answer["token"])),
        (Subject::Product(Product::Policy(_)) | Subject::Vendor(Vendor::Policy(_)), _) => {
            decisions::print(answer);
        }
        (Subject::User(_), _) if answer["password"].is_string() => {
            println!("{}", text(&answer["password"]));
        }
        (Subject::Kernel(Kernel::Register(_)), _) => print_kernels(answer),
        (_, Value::Array(rows)) => rows.iter().for_each(print_row),
        _ => print_row(answer),
    }
}

/// One line a kernel; what was left out goes to the other channel.
fn print_kernels(answer: &Value) {
    let rows = |list: &Value| list.as_array().cloned().unwrap_or_default();
    rows(&answer["kernels"]).iter().for_each(print_row);
    for skipped in rows(&answer["skipped"]) {
        let (release, why) = (text(&skipped["release"]), text(&skipped["why"]));
        eprintln!("kmp-portal: left out: {release}: {why}");
    }
}

fn print_row(row: &Value) {
    let Value::Object(fields) = row else {
        println!("{}", text(row));
        return;
    };
    let line: Vec<String> = fields
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| format!("{name}={}", text(value)))
        .collect();
    println!("{}", line.join("  "));
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
