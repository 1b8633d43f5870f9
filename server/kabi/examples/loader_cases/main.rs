//! What the judge says to the modules that are built for each of the loader's rules.
//! `cargo xtask loader-truth` runs it and compares with what real kernels say.
//!
//! ```text
//! loader_cases CASES.json
//! ```
//!
//! Prints a line for each case: kernel, case, verdict, `loads` or `refused`, and the codes of the
//! heaviest reasons, separated by commas; between the columns a tab.

mod judged;

fn main() {
    let file = std::env::args_os().nth(1).expect("loader_cases CASES.json");
    for case in judged::all(file.as_ref()) {
        let outcome = if case.module.verdict.loads() {
            "loads"
        } else {
            "refused"
        };
        let verdict = case.module.verdict.as_str();
        let codes = case.heaviest().join(",");
        println!(
            "{}\t{}\t{verdict}\t{outcome}\t{codes}",
            case.kernel, case.name
        );
    }
}
