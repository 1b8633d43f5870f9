//! The portal's HTTP interface, as any program would use it.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use ureq::{Agent, Body, SendBody, http};

/// Longer than any `wait=` we ask for.
const PATIENCE: Duration = Duration::from_secs(120);

/// A client of one portal.
pub struct Api {
    base: String,
    agent: Agent,
}

/// Status and body of an answer, whatever the status.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.text)
            .with_context(|| format!("not JSON ({}): {:.300}", self.status, self.text))
    }

    /// The JSON body of a success; anything else is an error that quotes it.
    pub fn success(&self) -> Result<Value> {
        anyhow::ensure!(
            (200..300).contains(&self.status),
            "answered {}: {}",
            self.status,
            self.detail()
        );
        self.json()
    }

    /// What a problem says to people.
    pub fn detail(&self) -> String {
        let problem = self.json().unwrap_or_default();
        problem["detail"]
            .as_str()
            .map_or_else(|| format!("{:.300}", self.text), String::from)
    }
}

impl Api {
    pub fn new(base: &str) -> Api {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .proxy(None)
            .build();
        Api {
            base: base.into(),
            agent: config.into(),
        }
    }

    /// `http://host:port`, without a slash at its end.
    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn get(&self, path: &str, token: Option<&str>) -> Result<Answer> {
        self.send(self.request("GET", path, token).body(SendBody::none())?)
    }

    pub fn post_json(&self, path: &str, body: &Value) -> Result<Answer> {
        let request = self
            .request("POST", path, None)
            .header("content-type", "application/json");
        self.send(request.body(body.to_string())?)
    }

    /// Sends a file as it lies on the disk.
    pub fn send_file(&self, method: &str, path: &str, token: &str, file: &Path) -> Result<Answer> {
        let bytes = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
        let length = bytes.metadata()?.len();
        let request = self
            .request(method, path, Some(token))
            .header("content-length", length);
        self.send(request.body(SendBody::from_owned_reader(bytes))?)
    }

    fn request(&self, method: &str, path: &str, token: Option<&str>) -> http::request::Builder {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        match token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    fn send(&self, request: http::Request<impl ureq::AsSendBody>) -> Result<Answer> {
        let what = format!("{} {}", request.method(), request.uri());
        let answer: http::Response<Body> = self
            .agent
            .run(request)
            .with_context(|| format!("{what} got no answer"))?;
        let status = answer.status().as_u16();
        let text = answer
            .into_body()
            .read_to_string()
            .with_context(|| format!("{what} broke off"))?;
        Ok(Answer { status, text })
    }
}

/// A word in the query of an address, or in its path.
pub fn escape(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    for byte in word.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_escaped_for_addresses() {
        assert_eq!(escape("6.12.117+deb12-amd64"), "6.12.117%2Bdeb12-amd64");
        assert_eq!(escape("a b&c/d"), "a%20b%26c%2Fd");
    }

    #[test]
    fn a_problem_is_quoted() {
        let problem = |text: &str| Answer {
            status: 422,
            text: text.into(),
        };
        let error = problem(r#"{"title":"t","detail":"no signature"}"#)
            .success()
            .unwrap_err();
        assert_eq!(error.to_string(), "answered 422: no signature");
        assert_eq!(problem("<html>").detail(), "<html>");
    }
}
