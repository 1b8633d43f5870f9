//! `/kernels/register`: the form for distributors.
//!
//! It sends `multipart/form-data` to `POST /kernels/register` with the fields `csrf`, `product`,
//! `status`, `release_date`, `release`, `file` (several), in this order, so that a server that reads
//! the body as a stream knows the others before the files begin.

use super::{Choice, Shell};
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "register_kernel.html")]
pub struct RegisterKernelPage {
    pub shell: Shell,
    pub products: Vec<Choice>,
    pub statuses: Vec<Choice>,
    /// As it was sent: `2026-12-23`.
    pub release_date: String,
    /// As it was sent; empty: the files tell it.
    pub release: String,
    /// Largest file: `1 GiB`.
    pub limit: String,
    /// The same from a script.
    pub curl: Vec<String>,
    /// Why nothing was registered, and how to mend it.
    pub error: Option<String>,
}
