//! Asks the running cluster through `psql`, for the little that must be done before a pool connects.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::owner::Owner;
use crate::programs::Programs;
use crate::{Error, url};

/// `psql` quotes the name for us; `\gexec` runs the line that the query gives, or nothing.
const CREATE: &str = "SELECT format('CREATE DATABASE %I', :'name')
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \\gexec\n";

/// Makes the database `name` unless it is there.
pub(crate) fn create_database(
    programs: &Programs,
    owner: &Owner,
    socket: &Path,
    name: &str,
) -> Result<(), Error> {
    let program = programs.path("psql");
    let attempt = || {
        let mut command = owner.command(&program);
        command.args([
            "--no-psqlrc",
            "--quiet",
            "--no-password",
            "--set=ON_ERROR_STOP=1",
        ]);
        command
            .arg(format!("--set=name={name}"))
            .arg(url::url(socket, "postgres"));
        run(command, &program, CREATE)
    };
    // Two at the same time: the slower fails, and then sees that it is there.
    attempt().or_else(|_| attempt())
}

fn run(mut command: Command, program: &Path, script: &str) -> Result<(), Error> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(Error::io("run", program))?;
    let mut input = child.stdin.take().expect("stdin was asked to be a pipe");
    let written = input.write_all(script.as_bytes());
    drop(input);
    let output = child
        .wait_with_output()
        .map_err(Error::io("run", program))?;
    if output.status.success() {
        return written.map_err(Error::io("write to", program));
    }
    Err(Error::Failed {
        program: program.to_owned(),
        status: output.status.to_string(),
        output: crate::log::last_lines(&String::from_utf8_lossy(&output.stderr)),
    })
}
