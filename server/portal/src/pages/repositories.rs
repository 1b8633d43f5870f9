//! `/repos` and `/repos/{product}`: what can be had here, and how to use it.

use super::{Choice, ClientCommands, Link, Moment, Shell};
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "repositories.html")]
pub struct RepositoriesPage {
    pub shell: Shell,
    pub products: Vec<ProductCard>,
}

/// A product in the list.
#[derive(Clone, Debug)]
pub struct ProductCard {
    pub href: String,
    pub name: String,
    /// `zypper · x86_64, aarch64`.
    pub what: String,
    /// `12 packages in stable`, one a channel.
    pub channels: Vec<String>,
}

#[derive(Clone, Debug, Template)]
#[template(path = "product.html")]
pub struct ProductPage {
    pub shell: Shell,
    /// For people.
    pub product: String,
    /// How packages come into the channels, a sentence.
    pub rules: String,
    /// In groups of four, see [`super::fingerprint`].
    pub fingerprint: String,
    pub key_href: String,
    /// The default channel first.
    pub channels: Vec<ChannelView>,
    /// Lines that add the service to zypper.
    pub service: Vec<String>,
    pub vendors: Vec<VendorView>,
    pub mirrors: Vec<MirrorRow>,
    pub support: SupportView,
    /// Latest first.
    pub withdrawn: Vec<WithdrawnRow>,
}

/// One channel of a product.
#[derive(Clone, Debug)]
pub struct ChannelView {
    pub name: String,
    pub is_default: bool,
    /// `x86_64, aarch64 · 12 packages`.
    pub what: String,
    /// When it last changed; `None` before the first publication.
    pub updated: Option<Moment>,
    /// First the tool of the product's family.
    pub commands: Vec<ClientCommands>,
    /// Lines that fetch the script, show it and run it.
    pub script: Vec<String>,
    /// The same for machines that nobody watches.
    pub unattended: Vec<String>,
    /// Files for installers.
    pub files: Vec<Link>,
}

/// A vendor's own repositories.
#[derive(Clone, Debug)]
pub struct VendorView {
    pub name: String,
    /// `.repo` files by channel.
    pub files: Vec<Link>,
    pub service: String,
}

/// A server with copies.
#[derive(Clone, Debug)]
pub struct MirrorRow {
    pub url: String,
    pub country: Option<String>,
    /// It has the current generation of every repository of this product.
    pub is_fresh: bool,
    /// `3 of 4 repositories are current`.
    pub state: String,
}

/// What the distributor says of support.
#[derive(Clone, Debug, Default)]
pub struct SupportView {
    /// First that of all vendors that are not named; empty: nothing is said.
    pub rows: Vec<SupportRow>,
    /// Where the form goes; `None`: the viewer has no say.
    pub action: Option<String>,
    /// Levels to choose from, by word and sentence.
    pub levels: Vec<Choice>,
    /// Vendors to choose from.
    pub vendors: Vec<Choice>,
}

/// What is said of some packages.
#[derive(Clone, Debug)]
pub struct SupportRow {
    /// `ACME`, or `All other vendors`.
    pub who: String,
    pub level: String,
    /// The licence that users agree to; empty: none.
    pub eula: String,
}

/// A package that was taken back.
#[derive(Clone, Debug)]
pub struct WithdrawnRow {
    pub href: String,
    pub location: String,
    /// Taken out of this channel only.
    pub channel: Option<String>,
    pub reason: String,
    pub at: Moment,
}
