//! `/login`: name and password, sent to `POST /login` with the fields `csrf`, `next`, `name`,
//! `password`.

use super::Shell;
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "login.html")]
pub struct LoginPage {
    pub shell: Shell,
    /// What was typed before, after a failed attempt.
    pub name: String,
    /// Path to go on to; the route checks that it is one of ours.
    pub next: String,
    /// Why it failed; never tells whether name or password was wrong.
    pub error: Option<String>,
}
