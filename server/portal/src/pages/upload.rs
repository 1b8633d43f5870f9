//! `/upload`: the form for one package.
//!
//! It sends `multipart/form-data` to `POST /upload` with the fields `csrf`, `product`,
//! `channel`, `file`, in this order, so that a server that reads the body as a stream knows
//! the first three before the file begins.

use super::{Choice, Shell};
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "upload.html")]
pub struct UploadPage {
    pub shell: Shell,
    /// Display name of the vendor who uploads.
    pub vendor: String,
    /// First "" for "the one it was built for".
    pub products: Vec<Choice>,
    /// First "" for "the product's default".
    pub channels: Vec<Choice>,
    /// Largest file: `512 MiB`.
    pub limit: String,
    /// The same from a script: `curl -T …`; one whole command each, long ones are folded on
    /// show.
    pub curl: Vec<String>,
    /// Trouble with the form as a whole: a title and how to mend it.
    pub error: Option<String>,
    pub file_error: Option<String>,
    pub product_error: Option<String>,
    pub channel_error: Option<String>,
}

impl UploadPage {
    /// Whether anything is wrong: shows the summary on top and marks the title.
    pub fn has_errors(&self) -> bool {
        let errors = [
            &self.error,
            &self.file_error,
            &self.product_error,
            &self.channel_error,
        ];
        errors.iter().any(|it| it.is_some())
    }
}
