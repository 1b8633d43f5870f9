//! The status page with everything that can be on it.

use super::*;

pub fn status() -> StatusPage {
    let at = || moment("2026-11-23T19:52:39Z", "23 Nov 2026, 19:52 UTC");
    let row = |name: &str| RepositoryRow {
        name: name.into(),
        generation: Some(412),
        packages: 37,
        published: Some(at()),
        compression: "gzip".into(),
        fault: None,
        fault_since: None,
        is_view: false,
        rolled_back: None,
        earlier: Choice::list([("411", "411, 36 packages")], ""),
        action: format!("/status/repositories/{name}"),
    };
    StatusPage {
        shell: shell(Nav::Status),
        repositories: vec![
            row("sle15-sp6/stable/x86_64"),
            RepositoryRow {
                fault: Some("writing /data/repositories/3/413: No space left on device".into()),
                fault_since: Some(at()),
                ..row("sle15-sp6/stable/aarch64")
            },
            RepositoryRow {
                rolled_back: Some(RolledBack {
                    number: 410,
                    reason: "acme-nic hangs at boot".into(),
                    by: "dora".into(),
                }),
                ..row("sle15-sp6/testing/x86_64")
            },
            RepositoryRow {
                generation: None,
                published: None,
                earlier: Vec::new(),
                ..row("leap/stable/x86_64")
            },
        ],
        faulty: 1,
        open_jobs: 2,
        given_up: vec![GivenUpRow {
            id: 7,
            kind: "send mail".into(),
            subject: "{\"mail_id\":8}".into(),
            attempts: 12,
            at: at(),
            error: "the server says 550".into(),
            retry: "/status/jobs/7/retry".into(),
        }],
    }
}
