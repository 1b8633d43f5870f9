//! What a distributor sends of a kernel: streamed to disk, then read.

use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::registering::LIST_BYTES;
use crate::storage;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest as _, Multipart, Request};
use axum::http::header;
use kernel_source::{Description, Error as SourceError, Found, KernelsOfRepository, Limits};
use std::sync::Arc;
use store::kernel_parts::Lists;

/// Files in one form: a kernel has some ten packages.
const FILES: usize = 32;
/// What a body is called that has no name.
const NAMELESS: &str = "upload";

/// Everything of one request.
pub struct Sent {
    files: Vec<(String, storage::Received)>,
    /// What came along.
    pub lists: Lists,
}

/// What was found in it.
pub enum Received {
    /// One kernel, added up from all files.
    One(Box<Description>),
    /// Those of a repository, or of an archive with several.
    Several(Kernels),
}

/// Kernels, made one by one.
pub enum Kernels {
    /// Of an archive.
    List(std::vec::IntoIter<Description>),
    /// Of a repository's metadata.
    Repository(Box<KernelsOfRepository>),
}

impl Iterator for Kernels {
    type Item = Result<Description>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Kernels::List(list) => list.next().map(Ok),
            Kernels::Repository(kernels) => Some(kernels.next()?.map_err(in_words)),
        }
    }
}

impl Sent {
    /// Takes a whole body, or the files and lists of a form (`file`, `severities`, `stablelist`).
    ///
    /// # Errors
    /// 400 when the body breaks off or has other fields, 413 beyond the limits.
    pub async fn receive(app: &Arc<App>, request: Request) -> Result<Sent> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let is_form = content_type
            .and_then(|value| value.to_str().ok())
            .is_some_and(|text| text.starts_with("multipart/form-data"));
        if is_form {
            let form = Multipart::from_request(request, app).await;
            let form = form.map_err(|error| Error::bad_request(error.body_text()))?;
            return receive_form(app, form).await;
        }
        let body = request.into_body().into_data_stream();
        let received = app
            .storage
            .receive(body, app.config.max_kernel_bytes)
            .await?;
        Ok(Sent {
            files: vec![(NAMELESS.to_owned(), received)],
            lists: Lists::default(),
        })
    }

    /// Begins with nothing, for a form that is read elsewhere.
    #[must_use]
    pub fn nothing() -> Sent {
        Sent {
            files: Vec::new(),
            lists: Lists::default(),
        }
    }

    /// No file was sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Takes a field of a form. One without content is passed over: browsers send such.
    ///
    /// # Errors
    /// As [`Sent::receive`].
    pub async fn take(&mut self, app: &App, field: Field<'_>) -> Result<()> {
        match field.name().unwrap_or_default() {
            "file" => {
                if self.files.len() >= FILES {
                    return Err(Error::bad_request(format!(
                        "A form may have at most {FILES} files."
                    )));
                }
                let name = base_name(field.file_name().unwrap_or(NAMELESS));
                let received = app
                    .storage
                    .receive(field, app.config.max_kernel_bytes)
                    .await?;
                if received.size > 0 {
                    self.files.push((name, received));
                }
            }
            "severities" => self.lists.severities = list(field).await?,
            "stablelist" => self.lists.stablelist = list(field).await?,
            other => {
                return Err(Error::bad_request(format!(
                    "The form has a field `{other}`. There are `file` (several times), \
                     `severities` and `stablelist`; the rest goes into the query."
                )));
            }
        }
        Ok(())
    }

    /// Reads all files.
    ///
    /// # Errors
    /// 422 for a file that tells of no kernel, 409 for files that contradict each other.
    pub async fn read(self, app: &App) -> Result<Received> {
        let limits = Limits {
            symvers: app.config.max_symvers_bytes,
            symvers_content: app.config.limits.symvers,
            ..Limits::default()
        };
        tokio::task::spawn_blocking(move || read(&self.files, &limits))
            .await
            .map_err(anyhow::Error::from)?
    }
}

async fn receive_form(app: &Arc<App>, mut form: Multipart) -> Result<Sent> {
    let mut sent = Sent::nothing();
    while let Some(field) = form.next_field().await.map_err(broken_off)? {
        sent.take(app, field).await?;
    }
    match sent.is_empty() {
        true => Err(Error::bad_request("The form has no `file`.")),
        false => Ok(sent),
    }
}

/// The text of a list; `None` where it is empty.
async fn list(mut field: Field<'_>) -> Result<Option<String>> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(broken_off)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LIST_BYTES {
            break;
        }
    }
    let text = list_text(&bytes)?;
    Ok((!text.is_empty()).then_some(text))
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn broken_off(error: MultipartError) -> Error {
    Error::bad_request(format!("The form broke off: {}.", error.body_text()))
}

fn read(files: &[(String, storage::Received)], limits: &Limits) -> Result<Received> {
    let mut sum: Option<Description> = None;
    for (name, received) in files {
        let file = received.open().map_err(anyhow::Error::from)?;
        let found = kernel_source::read(file, name, limits).map_err(in_words)?;
        match found {
            Found::Kernels(mut kernels) if kernels.len() == 1 => {
                let kernel = kernels.remove(0);
                match &mut sum {
                    None => sum = Some(kernel),
                    Some(sum) => sum.add(kernel).map_err(|why| {
                        contradictions(format!("{name} contradicts the other files"), &why)
                    })?,
                }
            }
            _ if files.len() > 1 => {
                return Err(Error::unprocessable(format!(
                    "{name} tells of several kernels: send it alone."
                )));
            }
            Found::Kernels(kernels) => {
                return Ok(Received::Several(Kernels::List(kernels.into_iter())));
            }
            Found::Repository(kernels) => {
                return Ok(Received::Several(Kernels::Repository(Box::new(kernels))));
            }
        }
    }
    let sum = sum.ok_or_else(|| Error::bad_request("No file was sent."))?;
    Ok(Received::One(Box::new(sum)))
}

/// A source that cannot be read, by HTTP meaning.
#[must_use]
pub fn in_words(error: SourceError) -> Error {
    match error {
        SourceError::TooLarge { .. } => Error::too_large(format!("{error}.")),
        SourceError::Contradictions { place, source } => contradictions(
            format!("The files in {place} contradict each other"),
            &source,
        ),
        error => Error::unprocessable(format!(
            "{error}. A kernel is registered by its Module.symvers (plain, gz, xz, zst or bz2), by \
             packages of it, or by a repository's primary.xml."
        )),
    }
}

fn contradictions(what: String, why: &kernel_source::Contradictions) -> Error {
    let list: Vec<String> = why.list.iter().map(ToString::to_string).collect();
    let problem: Problem = Error::conflict_problem(format!(
        "{what} in {} places: {why}. Nothing was registered.",
        why.total
    ));
    problem
        .with("contradictions", list)
        .with("contradictions_total", why.total)
        .into()
}

/// Text of a list of symbols.
///
/// # Errors
/// 413 beyond [`LIST_BYTES`], 422 when it is no text.
pub fn list_text(bytes: &[u8]) -> Result<String> {
    if bytes.len() > LIST_BYTES {
        return Err(Error::too_large(format!(
            "A list of symbols may have at most {LIST_BYTES} bytes."
        )));
    }
    let text = std::str::from_utf8(bytes).ok();
    let is_text = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    match text.filter(|text| text.chars().all(is_text)) {
        Some(text) => Ok(text.to_owned()),
        None => Err(Error::unprocessable(
            "The list of symbols is not text: it has one pattern or symbol in a line.",
        )),
    }
}

/// Browsers may send a path.
fn base_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    last.chars().filter(|c| !c.is_control()).take(255).collect()
}
