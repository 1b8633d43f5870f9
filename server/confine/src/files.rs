//! Landlock: from now on no file can be opened, made or run, no TCP port used, and nobody outside
//! signalled. What is open stays open.

use crate::Hold;
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetStatus, Scope,
};

/// The newest version of the kernel's interface whose rights are known here (Linux 6.12).
const KNOWN: ABI = ABI::V6;

/// Forbids all of it to the calling thread and those it will start.
pub(crate) fn none() -> Hold {
    let restricted = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(KNOWN)))
        .and_then(|rules| rules.scope(Scope::from_all(KNOWN)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self);
    match restricted.map(|status| status.ruleset) {
        Ok(RulesetStatus::FullyEnforced) => Hold::Full,
        Ok(RulesetStatus::PartiallyEnforced) => Hold::Partial,
        Ok(RulesetStatus::NotEnforced) => Hold::Missing("the kernel does not offer it".to_owned()),
        Err(error) => Hold::Missing(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::net::TcpListener;
    use std::process::Command;
    use std::thread;

    #[test]
    fn nothing_is_opened_or_run_any_more() {
        // A restriction is the thread's own, so the other tests go on.
        let confined = thread::spawn(|| {
            let open = File::open("/etc/passwd").unwrap();
            let hold = none();
            if let Hold::Missing(why) = hold {
                assert!(!why.is_empty());
                return;
            }
            open.metadata().unwrap();
            let denied = |result: std::io::Result<()>| {
                assert_eq!(
                    result.unwrap_err().kind(),
                    std::io::ErrorKind::PermissionDenied
                );
            };
            denied(File::open("/etc/passwd").map(drop));
            denied(File::create("/tmp/confine-must-not-be").map(drop));
            denied(Command::new("/bin/true").status().map(drop));
            if hold == Hold::Full {
                denied(TcpListener::bind("127.0.0.1:0").map(drop));
            }
        });
        confined.join().unwrap();
    }
}
