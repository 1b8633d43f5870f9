//! What a visitor sees: one struct per page, filled by the routes and drawn by its template.
//!
//! A page holds ready-to-show values; times, sizes and counts are already words. Nothing here
//! asks the database, the clock or the request. Templates live in `templates/`, one file per
//! page, and know loops and conditions only. All values are escaped by askama.

mod audit;
mod badges;
mod channels;
mod checks;
mod commands;
mod diff;
mod error;
mod fold;
mod front;
mod gate;
mod hardware;
mod impact_bar;
mod kernel;
mod kernel_related;
mod kernels;
mod keys;
mod kmp;
mod login;
mod mail_kernel_breaks;
mod matrix;
mod package;
mod packages;
mod paging;
mod problems;
mod reason;
mod register_kernel;
mod repositories;
#[cfg(test)]
pub(crate) mod samples;
mod shell;
mod sources;
mod status;
mod symbol;
mod upload;
mod values;
mod waivers;
mod what_if;

pub use audit::{AuditPage, AuditRow};
pub use badges::{KernelStatus, PackageState, Severity, SourceState, Verdict, WaiverState};
pub use channels::{AskedPromotion, ChannelsView, PlacementRow};
pub use checks::{CheckRow, ChecksPage};
pub use commands::{ClientCommands, RepositoryBox};
pub use diff::{DiffCount, DiffPage, DiffRow, DiffRuling};
pub use error::ErrorPage;
pub use fold::fold;
pub use front::{Figure, FrontPage, UpcomingKernel};
pub use gate::{GatePage, GateReport, GateRule};
pub use hardware::{DemandRow, DevicePage, DeviceRow, DriverRow, HardwarePage, InKernelRow};
pub use impact_bar::{ImpactBar, Segment};
pub use kernel::{
    AccessRow, BrokenPackage, EmbargoView, Impact, KernelPage, KernelPart, PackageRef, TopSymbol,
    VendorBreaks,
};
pub use kernel_related::{AcknowledgeForm, AcknowledgedBy, ChangeKernelForm, KernelRelated};
pub use kernels::{KernelFilters, KernelRow, KernelsPage};
pub use keys::{KeysPage, PublishedKey};
pub use kmp::{KmpBuild, KmpPage};
pub use login::LoginPage;
pub use mail_kernel_breaks::{BrokenModule, BrokenPackageInMail, KernelBreaksMail};
pub use matrix::{MatrixCell, MatrixColumn, MatrixFilters, MatrixPage, MatrixRow};
pub use package::{
    FindingGroup, FindingRow, ModuleReasons, ModuleView, PackagePage, Publication, RestlessSymbol,
    RiskView, SignatureView, StateChange, SymbolRow, VerdictRow, group_findings,
};
pub use packages::{PackageFilters, PackageRow, PackagesPage, VerdictTally};
pub use paging::{Paging, encode, query_string};
pub use problems::{ProblemRow, ProblemsPage};
pub use reason::{Reason, Weight};
pub use register_kernel::RegisterKernelPage;
pub use repositories::{
    ChannelView, MirrorRow, ProductCard, ProductPage, RepositoriesPage, SupportRow, SupportView,
    VendorView, WithdrawnRow,
};
pub use shell::{Flash, Nav, Shell, SignedIn, Tone};
pub use sources::{
    RegisterSource, SourceKernel, SourcePackage, SourcePage, SourceRow, SourcesPage,
};
pub use status::{GivenUpRow, RepositoryRow, RolledBack, StatusPage};
pub use symbol::{
    FoundSymbol, SymbolLine, SymbolPage, SymbolRun, SymbolUse, SymbolsPage, TimeBlock,
};
pub use upload::UploadPage;
pub use values::{Choice, Fact, Link, Listing, Moment, bytes, counted, fingerprint, thousands};
pub use waivers::{RevokeForm, WaiveForm, WaiverRow, WaiversPage};
pub use what_if::{WhatIfAnswer, WhatIfModule, WhatIfPage, WhatIfRow};

#[cfg(test)]
mod tests {
    use super::*;

    /// The pages' policy allows neither scripts nor styles but our style sheet.
    #[test]
    fn pages_obey_the_content_security_policy() {
        for (name, html) in samples::all_pages() {
            for forbidden in [
                "<script",
                "<style",
                " style=\"",
                " onclick=",
                " onload=",
                "javascript:",
            ] {
                assert!(!html.contains(forbidden), "{name} has {forbidden}");
            }
            for reference in html.split(" src=\"").skip(1) {
                assert!(reference.starts_with('/'), "{name} loads from elsewhere");
            }
        }
    }

    #[test]
    fn pages_have_one_heading_and_the_landmarks() {
        for (name, html) in samples::all_pages() {
            for wanted in ["<h1", "<main", "<title>", "<header", "<nav", "<footer"] {
                let count = html.matches(wanted).count();
                assert!(
                    count == 1 || (wanted == "<nav" && count > 1),
                    "{name} has {count} of {wanted}"
                );
            }
            assert!(html.starts_with("<!doctype html>"), "{name}");
            assert!(html.contains("lang=\"en\""), "{name}");
        }
    }

    #[test]
    fn ids_are_unique_and_references_lead_somewhere() {
        for (name, html) in samples::all_pages() {
            let ids = attributes(&html, "id");
            for (at, id) in ids.iter().enumerate() {
                assert!(!ids[..at].contains(id), "{name} has the id {id} twice");
            }
            let fragments = attributes(&html, "href")
                .into_iter()
                .filter_map(|it| it.strip_prefix('#'));
            let labels = attributes(&html, "aria-labelledby");
            let described = attributes(&html, "aria-describedby");
            let targets = described.into_iter().flat_map(str::split_whitespace);
            let fields = attributes(&html, "for");
            for target in fragments.chain(labels).chain(targets).chain(fields) {
                assert!(
                    ids.contains(&target),
                    "{name} refers to {target}, which is not there"
                );
            }
        }
    }

    #[test]
    fn forms_that_change_something_carry_the_token() {
        for (name, html) in samples::all_pages() {
            for form in html
                .split("<form")
                .skip(1)
                .filter(|it| it.contains("method=\"post\""))
            {
                let form = form.split("</form>").next().unwrap_or_default();
                assert!(
                    form.contains("name=\"csrf\" value=\"c5rf-t0ken\""),
                    "{name}: {form}"
                );
            }
        }
    }

    fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
        html.split(&format!(" {name}=\""))
            .skip(1)
            .filter_map(|it| it.split('"').next())
            .collect()
    }
}
