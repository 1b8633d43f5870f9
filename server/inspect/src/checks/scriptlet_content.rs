//! Scriptlets do what the template does and nothing else: no network, no loading of modules.

use super::{Check, Context, Report, Scope, Severity};
use crate::Family;

pub static CHECK: Check = Check {
    id: "scriptlet-content",
    title: "A scriptlet does more than a kernel module package needs",
    severity: Severity::Warning,
    waivable: true,
    help: "Remove it. The distribution's scripts run depmod and rebuild the initrd when it is \
           needed; udev loads modules; packages never fetch anything while they are installed.",
    source: "policy; KMP manual",
    scope: Scope::All,
    run,
};

/// Fetch or send something.
const NETWORK: [&str; 8] = ["curl", "wget", "nc", "ncat", "ssh", "scp", "rsync", "ftp"];
/// Change what runs.
const LOADING: [&str; 3] = ["insmod", "modprobe", "rmmod"];
/// Done by the distribution's scripts.
const INDEXES: [&str; 3] = ["depmod", "mkinitrd", "dracut"];

fn run(cx: &Context<'_>, report: &mut Report<'_>) {
    for scriptlet in &cx.package.scriptlets {
        let place = format!("%{}", scriptlet.kind);
        for word in commands(&scriptlet.body) {
            if NETWORK.contains(&word) {
                report.found_at(&place, format!("it calls `{word}`, which reaches the network"));
            } else if LOADING.contains(&word) {
                report.found_at(&place, format!("it calls `{word}`, which changes what is loaded"));
            } else if INDEXES.contains(&word) && cx.policy.family == Family::Suse {
                let detail = format!("it calls `{word}`, which the distribution's scripts do");
                report.found_as(Severity::Note, Some(&place), detail);
            }
        }
    }
}

/// Words that could be commands, without their folder, each once; comments are left out.
fn commands(body: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let mut words: Vec<&str> = body
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(|line| line.split(|c| !is_word(c)))
        .map(|word| word.rsplit('/').next().unwrap_or(word))
        .collect();
    words.sort_unstable();
    words.dedup();
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_finds, assert_passes};

    fn body(text: &str) -> impl Fn(&mut kmp::Package) {
        move |package| package.scriptlets[1].body = text.to_owned()
    }

    #[test]
    fn commands_are_found() {
        let cases = [
            ("x=$(/usr/bin/curl -s http://a)", Severity::Warning, "it calls `curl`, which reaches the network"),
            ("modprobe acme || :", Severity::Warning, "it calls `modprobe`, which changes what is loaded"),
            ("/sbin/depmod -a", Severity::Note, "it calls `depmod`, which the distribution's scripts do"),
        ];
        for (text, severity, detail) in cases {
            assert_finds(&CHECK, body(text), severity, detail);
        }
    }

    #[test]
    fn other_words_pass() {
        assert_passes(&CHECK, body("# curl\necho done; regenerate-initrd-posttrans; rm -f modprobe.conf"));
    }
}
