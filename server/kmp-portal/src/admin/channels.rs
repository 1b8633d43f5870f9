//! `kmp-portal admin package …`, `… promotion …`, `… product promotion …`, `… product support
//! …`, `… mirror …` and `… vendor-key retire`.

use super::{Office, read};
use anyhow::Context as _;
use clap::Subcommand;
use portal::admin::{Level, PromotionSpec};
use portal::placing::Entry;
use serde_json::Value;
use std::path::PathBuf;
use uuid::Uuid;

#[derive(Subcommand)]
pub enum Package {
    /// Put it into a further channel; where two people promote, ask for it
    Promote {
        id: Uuid,
        #[arg(long)]
        channel: String,
        /// [default: the one it is in]
        #[arg(long)]
        product: Option<String>,
        /// Show it from then on: YYYY-MM-DD in the portal's time zone, or an RFC 3339 moment
        #[arg(long, value_name = "DATE")]
        since: Option<String>,
        /// For the one who confirms it
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Take it back: repositories list it no more, its file stays
    Withdraw {
        id: Uuid,
        /// Out of this channel only; in another it stays
        #[arg(long)]
        channel: Option<String>,
        /// Whose channel it is [default: the product it is in]
        #[arg(long, requires = "channel")]
        product: Option<String>,
        /// Why; everybody sees it
        #[arg(long)]
        reason: String,
    },
}

#[derive(Subcommand)]
pub enum Promotion {
    /// Print what was asked for, newest first
    List {
        /// Only what nobody decided yet
        #[arg(long)]
        open: bool,
    },
    /// Confirm what another asked for
    Confirm { id: i64 },
    /// Refuse it
    Refuse {
        id: i64,
        #[arg(long)]
        reason: String,
    },
}

#[derive(Subcommand)]
pub enum Mirror {
    /// Add a server that has a copy of everything below /repos, or change it
    Add {
        url: String,
        /// Two letters, as in ISO 3166-1
        #[arg(long)]
        country: Option<String>,
        /// 1 to 100, more is better
        #[arg(long, default_value_t = 50)]
        preference: i32,
    },
    /// Print mirrors, and of how many repositories each has the current generation
    List,
    /// Send nobody there any more
    Remove { id: i64 },
}

/// How packages come into the channels of a product.
#[derive(clap::Args)]
pub struct Rules {
    name: String,
    /// Uploads enter this channel and no other; `any` lets them into all
    #[arg(long, value_name = "CHANNEL")]
    entry: Option<String>,
    /// A promotion is asked for by one and confirmed by another
    #[arg(long, value_name = "BOOL", requires = "entry")]
    two_person: Option<bool>,
}

/// What the repositories of a product say of support.
#[derive(clap::Args)]
pub struct Support {
    name: String,
    /// Say it of this vendor's packages [default: of all vendors that are not named]
    #[arg(long)]
    vendor: Option<String>,
    /// unsupported, acc, l1, l2 or l3
    #[arg(long, value_parser = level, conflicts_with = "off")]
    level: Option<Level>,
    /// File with the licence that users agree to before they install; `-` reads standard input, an
    /// empty one takes it away
    #[arg(long, value_name = "FILE", requires_all = ["vendor", "level"])]
    eula: Option<PathBuf>,
    /// Say nothing of it any more; without a vendor: write no susedata
    #[arg(long)]
    off: bool,
}

fn level(word: &str) -> Result<Level, String> {
    Level::of(word).ok_or_else(|| "there are unsupported, acc, l1, l2 and l3".to_owned())
}

/// Lets uploads into every channel.
const ANY: &str = "any";

pub async fn package(office: &Office, command: &Package) -> anyhow::Result<Value> {
    match command {
        Package::Promote {
            id,
            channel,
            product,
            since,
            note,
        } => {
            let spec = PromotionSpec {
                product: product.clone(),
                channel: channel.clone(),
                since: since.clone(),
                note: note.clone(),
            };
            office.promote(*id, &spec).await
        }
        Package::Withdraw {
            id,
            channel: Some(channel),
            product,
            reason,
        } => {
            office
                .take_out(*id, product.as_deref(), channel, reason)
                .await
        }
        Package::Withdraw { id, reason, .. } => office.withdraw(*id, reason).await,
    }
}

pub async fn promotion(office: &Office, command: &Promotion) -> anyhow::Result<Value> {
    match command {
        Promotion::List { open } => office.promotions(*open).await,
        Promotion::Confirm { id } => office.decide_promotion(*id, true, "").await,
        Promotion::Refuse { id, reason } => office.decide_promotion(*id, false, reason).await,
    }
}

pub async fn mirror(office: &Office, command: &Mirror) -> anyhow::Result<Value> {
    match command {
        Mirror::Add {
            url,
            country,
            preference,
        } => {
            office
                .add_mirror(url, country.as_deref(), *preference)
                .await
        }
        Mirror::List => office.list_mirrors().await,
        Mirror::Remove { id } => office.remove_mirror(*id).await,
    }
}

pub async fn support(office: &Office, support: &Support) -> anyhow::Result<Value> {
    if support.level.is_none() && !support.off {
        return office.support(&support.name).await;
    }
    let eula = support.eula.as_ref().map(read).transpose()?;
    let eula = eula.map(String::from_utf8).transpose();
    let eula = eula.context("the licence is not in UTF-8")?;
    let vendor = support.vendor.as_deref();
    office
        .set_support(&support.name, vendor, support.level, eula)
        .await
}

pub async fn rules(office: &Office, rules: &Rules) -> anyhow::Result<Value> {
    let entry = rules.entry.clone().map(|channel| Entry {
        entry_channel: (channel != ANY).then_some(channel),
        two_person: rules.two_person.unwrap_or(false),
    });
    office.promotion_rules(&rules.name, entry.as_ref()).await
}
