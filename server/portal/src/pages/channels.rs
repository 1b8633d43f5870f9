//! Where a package is shown, and what those who may can do about it: a part of its page.

use super::Choice;

/// The channels of a package.
#[derive(Clone, Debug, Default)]
pub struct ChannelsView {
    pub rows: Vec<PlacementRow>,
    /// What others were asked to confirm.
    pub asked: Vec<AskedPromotion>,
    /// Channels it may be promoted to, by product and name; empty: nothing to offer.
    pub targets: Vec<Choice>,
    /// Another has to confirm.
    pub needs_another: bool,
    /// Name of the time zone in which a day begins.
    pub zone: String,
    pub may_withdraw: bool,
    /// Channels it may be taken out of while it stays in others, by product and name.
    pub removable: Vec<Choice>,
}

impl ChannelsView {
    /// Nothing to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.asked.is_empty() && self.targets.is_empty()
    }
}

/// A channel the package is in.
#[derive(Clone, Debug)]
pub struct PlacementRow {
    /// `sle-15 / stable`.
    pub place: String,
    /// Whether clients see it, a sentence.
    pub state: String,
}

/// A promotion that waits for another's word.
#[derive(Clone, Debug)]
pub struct AskedPromotion {
    /// `To sle-15 / stable, asked for by kim on 2 Jan 2026.`
    pub what: String,
    pub note: String,
    /// Where the form goes; `None`: the viewer has no say.
    pub action: Option<String>,
    /// The viewer may confirm it, not only refuse.
    pub may_confirm: bool,
}
