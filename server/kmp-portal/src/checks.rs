//! `kmp-portal checks`: the same list as the page /help/checks.

/// Prints every check with what it looks at and how to mend what it finds.
pub fn print(json: bool) {
    if json {
        let checks: Vec<_> = inspect::CHECKS
            .iter()
            .map(|c| {
                serde_json::json!({
                    "id": c.id,
                    "severity": c.severity,
                    "waivable": c.waivable,
                    "title": c.title,
                    "help": c.help,
                })
            })
            .collect();
        println!("{}", serde_json::Value::from(checks));
        return;
    }
    for check in inspect::CHECKS {
        let severity = format!("{:?}", check.severity).to_lowercase();
        println!("{:<32} {severity:<8} {}", check.id, check.title);
        println!("{:<41} {}", "", check.help);
    }
}
