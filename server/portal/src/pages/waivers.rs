//! `/waivers`: what distributors let pass, for whom, until when.

use super::{Link, Moment, Shell, WaiverState};
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "waivers.html")]
pub struct WaiversPage {
    pub shell: Shell,
    /// Newest first.
    pub rows: Vec<WaiverRow>,
    /// Published packages whose waiver has ended, with its name: `waiver 12`.
    pub overdue: Vec<(Link, String)>,
}

/// One waiver.
#[derive(Clone, Debug)]
pub struct WaiverRow {
    pub id: i64,
    /// Id of the check; links to its help.
    pub check: String,
    /// `all builds of acme-net-kmp-default of acme in sle-15`.
    pub scope: String,
    pub reason: String,
    pub granted_by: String,
    pub granted: Moment,
    /// Last day on which it holds.
    pub until: Moment,
    pub state: WaiverState,
    /// When, by whom and why it was revoked, a sentence.
    pub revoked: Option<String>,
    /// Packages that came in by it.
    pub packages: Vec<Link>,
    /// For those who may revoke it.
    pub revoke: Option<RevokeForm>,
}

/// Where to send a revocation.
#[derive(Clone, Debug)]
pub struct RevokeForm {
    pub action: String,
}

/// Below a finding, for distributors: lets it pass from now on.
#[derive(Clone, Debug)]
pub struct WaiveForm {
    pub check: String,
    /// Short name of the vendor.
    pub vendor: String,
    pub package: String,
    /// `VERSION-RELEASE.ARCH`.
    pub build: String,
    /// Last day that may be named, `2027-11-23`.
    pub latest: String,
    /// Id of the package on whose page the form is.
    pub page: String,
}
