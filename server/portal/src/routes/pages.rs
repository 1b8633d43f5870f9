//! A template as a response.

use crate::error::Error;
use askama::Template;
use axum::response::{Html, IntoResponse, Response};

/// Renders its template.
pub struct Page<T>(pub T);

impl<T: Template> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        match self.0.render() {
            Ok(html) => Html(html).into_response(),
            Err(error) => Error::Internal(error.into()).into_response(),
        }
    }
}
