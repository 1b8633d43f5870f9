//! `kmp-portal admin package …`, `… promotion …`, `… product promotion …`, `… mirror …` and
//! `… vendor-key retire`.

use super::Office;
use clap::Subcommand;
use portal::admin::PromotionSpec;
use portal::placing::Entry;
use serde_json::Value;
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
        Package::Withdraw { id, reason } => office.withdraw(*id, reason).await,
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

pub async fn rules(office: &Office, rules: &Rules) -> anyhow::Result<Value> {
    let entry = rules.entry.clone().map(|channel| Entry {
        entry_channel: (channel != ANY).then_some(channel),
        two_person: rules.two_person.unwrap_or(false),
    });
    office.promotion_rules(&rules.name, entry.as_ref()).await
}
