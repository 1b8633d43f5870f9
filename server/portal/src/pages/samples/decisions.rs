//! Pages of what distributors decide: waivers and the audit trail.

use super::*;

pub fn waivers() -> WaiversPage {
    let link = Link {
        href: "/packages/0193a1b2-77aa-7c01-9f5e-2b1f4e9c0d11".into(),
        label: "acme-nic-kmp-default-2.14_k6.4.0_150600.21-1.x86_64.rpm".into(),
    };
    let row = |id, state, revoked: Option<&str>| WaiverRow {
        id,
        check: "module-license".into(),
        scope: "all builds of acme-nic-kmp-default of acme in sle15-sp6".into(),
        reason: "Agreed with support until the licence is settled.".into(),
        granted_by: "dora".into(),
        granted: moment("2026-11-23T19:52:31Z", "23 Nov 2026, 19:52 UTC"),
        until: moment("2026-12-31", "31 Dec 2026"),
        state,
        revoked: revoked.map(str::to_owned),
        packages: vec![link.clone()],
        revoke: (state == WaiverState::Active).then(|| RevokeForm {
            action: format!("/waivers/{id}/revoke"),
        }),
    };
    WaiversPage {
        shell: shell(Nav::Waivers),
        rows: vec![
            row(3, WaiverState::Active, None),
            row(2, WaiverState::Expired, None),
            row(1, WaiverState::Revoked, Some("Revoked by dora: settled")),
        ],
        overdue: vec![(link, "waiver 2".into())],
    }
}

pub fn audit() -> AuditPage {
    AuditPage {
        shell: shell(Nav::Audit),
        actions: Choice::list(
            [("", "All actions"), ("waiver.granted", "waiver.granted")],
            "",
        ),
        rows: vec![AuditRow {
            at: moment("2026-11-23T19:52:31Z", "23 Nov 2026, 19:52 UTC"),
            actor: "dora (distributor)".into(),
            action: "waiver.granted".into(),
            subject: "waiver 3".into(),
            vendor: Some("acme".into()),
            detail: "module-license for all packages of acme until 31 Dec 2026: agreed".into(),
        }],
        paging: Paging::new("/audit", &[("action", "")], 1, 50, 1),
    }
}
