//! One error for every handler, by HTTP meaning. The API answers `application/problem+json`
//! (RFC 9457); pages show the same words, see `routes::show_problems_as_pages`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

/// What went wrong, for the one who asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Problem(Box<Problem>),
    /// Our fault. Logged here, never shown.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

/// A problem as clients see it.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// Stable name of the kind of problem; its page says more.
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub title: &'static str,
    #[serde(serialize_with = "status_number")]
    pub status: StatusCode,
    /// What was found, where, and how to mend it.
    pub detail: String,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

fn status_number<S: serde::Serializer>(status: &StatusCode, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_u16(status.as_u16())
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.title, self.detail)
    }
}

impl Problem {
    fn new(
        kind: &'static str,
        title: &'static str,
        status: StatusCode,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            title,
            status,
            detail: detail.into(),
            more: Map::new(),
        }
    }

    /// Adds a member to the JSON object.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).unwrap_or(Value::Null);
        self.more.insert(name.to_owned(), value);
        self
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        /// `disk_full` in PostgreSQL's table of error codes.
        const DISK_FULL: &str = "53100";
        let code = error.as_database_error().and_then(|it| it.code());
        match code.as_deref() {
            Some(DISK_FULL) => {
                tracing::error!(%error, "the database's disk is full");
                Self::disk_full()
            }
            _ => Self::Internal(error.into()),
        }
    }
}

/// What every handler gives.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Constructors: one per kind of problem, in the order of their status.
impl Error {
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Problem::new(
            "/help/problems#bad-request",
            "The request cannot be understood",
            StatusCode::BAD_REQUEST,
            detail,
        )
        .into()
    }

    pub fn unauthenticated(detail: impl Into<String>) -> Self {
        Problem::new(
            "/help/problems#unauthenticated",
            "A valid token is needed",
            StatusCode::UNAUTHORIZED,
            detail,
        )
        .into()
    }

    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::forbidden_problem(detail).into()
    }

    #[must_use]
    pub fn forbidden_problem(detail: impl Into<String>) -> Problem {
        Problem::new(
            "/help/problems#forbidden",
            "Not yours to do",
            StatusCode::FORBIDDEN,
            detail,
        )
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Problem::new(
            "/help/problems#not-found",
            "There is no such thing here",
            StatusCode::NOT_FOUND,
            detail,
        )
        .into()
    }

    pub fn method_not_allowed(detail: impl Into<String>) -> Self {
        Problem::new(
            "/help/problems#method-not-allowed",
            "This cannot be done with it",
            StatusCode::METHOD_NOT_ALLOWED,
            detail,
        )
        .into()
    }

    #[must_use]
    pub fn conflict_problem(detail: impl Into<String>) -> Problem {
        Problem::new(
            "/help/problems#conflict",
            "It contradicts what is already there",
            StatusCode::CONFLICT,
            detail,
        )
    }

    pub fn too_large(detail: impl Into<String>) -> Self {
        Problem::new(
            "/help/problems#too-large",
            "The upload is too large",
            StatusCode::PAYLOAD_TOO_LARGE,
            detail,
        )
        .into()
    }

    #[must_use]
    pub fn rejected_problem(detail: impl Into<String>) -> Problem {
        Problem::new(
            "/help/problems#rejected",
            "The package was rejected",
            StatusCode::UNPROCESSABLE_ENTITY,
            detail,
        )
    }

    pub fn unprocessable(detail: impl Into<String>) -> Self {
        Problem::new(
            "/help/problems#unprocessable",
            "The content cannot be used",
            StatusCode::UNPROCESSABLE_ENTITY,
            detail,
        )
        .into()
    }

    /// `wait`: seconds until the next try.
    pub fn too_many_requests(wait: u64, detail: impl Into<String>) -> Self {
        Problem::new(
            "/help/problems#too-many-requests",
            "Too many tries",
            StatusCode::TOO_MANY_REQUESTS,
            detail,
        )
        .with("retry_after", wait)
        .into()
    }

    /// `wait`: seconds until the next try.
    pub fn busy(wait: u64, detail: impl Into<String>) -> Self {
        Problem::new(
            "/help/problems#busy",
            "The portal has too much to do",
            StatusCode::SERVICE_UNAVAILABLE,
            detail,
        )
        .with("retry_after", wait)
        .into()
    }

    /// For one who wanted something kept; the caller logs which disk it is.
    pub fn disk_full() -> Self {
        Self::out_of_space(
            "The portal's disk is full. Nothing was kept; the operator has been told by the log. \
             Try again later.",
        )
    }

    fn out_of_space(detail: impl Into<String>) -> Self {
        Problem::new(
            "/help/problems#out-of-space",
            "The portal cannot store it now",
            StatusCode::INSUFFICIENT_STORAGE,
            detail,
        )
        .into()
    }
}

/// Every kind of problem with what it means and what to do, for `/help/problems`.
pub const KINDS: &[(&str, u16, &str)] = &[
    (
        "bad-request",
        400,
        "A parameter or the body has a form that is not understood; the detail names it.",
    ),
    (
        "unauthenticated",
        401,
        "Send `Authorization: Bearer TOKEN` with a token that has not expired. The operator of the portal makes tokens with `kmp-portal admin token create`.",
    ),
    (
        "forbidden",
        403,
        "The token or account is valid, but this belongs to someone else or needs another role.",
    ),
    (
        "not-found",
        404,
        "No product, channel, kernel, package or page of this name; the detail lists the names there are.",
    ),
    (
        "method-not-allowed",
        405,
        "The address exists, but takes another HTTP method; the header `Allow` lists those it takes.",
    ),
    (
        "conflict",
        409,
        "A package of this name, version and release exists with other content. What was published is never replaced: raise the release and upload again.",
    ),
    (
        "too-large",
        413,
        "The upload exceeds the limit of this portal.",
    ),
    (
        "rejected",
        422,
        "The package was read and refused. `findings` says what is wrong with it, where, and how to mend it.",
    ),
    (
        "unprocessable",
        422,
        "The file is not what this address takes; the detail says what was found.",
    ),
    (
        "too-many-requests",
        429,
        "Somebody at your address tried too often. The header `Retry-After` says how many seconds to wait.",
    ),
    (
        "internal",
        500,
        "Our fault. Nothing of the request was kept. The request id finds it in the log.",
    ),
    (
        "busy",
        503,
        "Others ask the same of the portal just now. The header `Retry-After` says how many seconds to wait.",
    ),
    (
        "out-of-space",
        507,
        "The portal's disk, or its database's, is full. Nothing of what was sent was kept; try again later.",
    ),
];

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let problem = match self {
            Self::Problem(problem) => *problem,
            Self::Internal(error) => {
                tracing::error!(error = format!("{error:#}"), "request failed");
                Problem::new(
                    "/help/problems#internal",
                    "The portal failed",
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "The fault is ours and was logged. Try again; if it stays, give the operator \
                     the request id.",
                )
            }
        };
        let mut response = (problem.status, Json(&problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if problem.status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"kmp-portal\""),
            );
        }
        if let Some(wait) = problem.more.get("retry_after").and_then(Value::as_u64) {
            headers.insert(header::RETRY_AFTER, wait.into());
        }
        response.extensions_mut().insert(problem);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_explained() {
        let problems = [
            Error::bad_request("x"),
            Error::unauthenticated("x"),
            Error::forbidden("x"),
            Error::not_found("x"),
            Error::method_not_allowed("x"),
            Error::conflict_problem("x").into(),
            Error::too_large("x"),
            Error::rejected_problem("x").into(),
            Error::unprocessable("x"),
            Error::too_many_requests(5, "x"),
            Error::busy(5, "x"),
            Error::disk_full(),
            Error::Internal(anyhow::anyhow!("secret")),
        ];
        let count = problems.len();
        for error in problems {
            let response = error.into_response();
            let problem = response.extensions().get::<Problem>().unwrap().clone();
            let name = problem.kind.rsplit('#').next().unwrap();
            let explained = KINDS.iter().find(|(n, _, _)| *n == name).expect(name);
            assert_eq!(explained.1, problem.status.as_u16());
            assert!(!problem.detail.contains("secret"), "causes stay inside");
        }
        assert_eq!(count, KINDS.len());
    }
}
