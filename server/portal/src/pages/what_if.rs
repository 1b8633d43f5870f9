//! `/check`: would it load? A form, and its answer below.
//!
//! It sends `multipart/form-data` to `POST /check` with the fields `csrf`, `product`, `kernel`,
//! `symbols`, `file`, in this order, so that a server that reads the body as a stream knows the
//! others before the file begins.

use super::{Choice, KernelStatus, Listing, Reason, Shell, Verdict};
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "what_if.html")]
pub struct WhatIfPage {
    pub shell: Shell,
    /// First "" for all of them.
    pub products: Vec<Choice>,
    /// As it was sent; empty: every kernel.
    pub kernel: String,
    /// Lines as they were sent.
    pub symbols: String,
    /// Largest file: `64 MiB`.
    pub limit: String,
    /// The same from a script.
    pub curl: Vec<String>,
    /// Why there is no answer, and how to mend it.
    pub error: Option<String>,
    pub answer: Option<WhatIfAnswer>,
}

/// What would become of it.
#[derive(Clone, Debug)]
pub struct WhatIfAnswer {
    /// Of the file, or `symbols`.
    pub name: String,
    /// `Loads on 3 of 5 kernels`.
    pub summary: String,
    /// Newest registration first.
    pub rows: Vec<WhatIfRow>,
    /// `12 kernels` that are not shown.
    pub left_out: Option<String>,
}

/// One kernel.
#[derive(Clone, Debug)]
pub struct WhatIfRow {
    pub kernel_href: String,
    /// `uname -r`.
    pub release: String,
    /// Product, flavor and architecture.
    pub line: String,
    pub status: KernelStatus,
    pub verdict: Verdict,
    pub modules: Listing<WhatIfModule>,
}

/// One module on it.
#[derive(Clone, Debug)]
pub struct WhatIfModule {
    pub name: String,
    pub verdict: Verdict,
    /// `57 of 58 symbols`.
    pub needed: String,
    pub reasons: Listing<Reason>,
}

impl WhatIfRow {
    /// Whether there is anything to say beyond the verdict.
    pub fn has_reasons(&self) -> bool {
        self.modules
            .items
            .iter()
            .any(|module| !module.reasons.is_empty())
    }
}
