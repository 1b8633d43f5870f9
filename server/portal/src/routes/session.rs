//! Signing in and out.

use crate::app::App;
use crate::auth::{self, Caller, SESSION_COOKIE, SESSION_LENGTH};
use crate::client::ClientAddress;
use crate::error::{Error, Result};
use crate::extract::Params;
use crate::pages::{LoginPage, Nav};
use crate::routes::pages::Page;
use crate::views::shell;
use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Next {
    next: String,
}

/// `GET /login`
pub async fn form(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(Next { next }): Params<Next>,
) -> Page<LoginPage> {
    login_page(&app, &caller, String::new(), &next, None)
}

fn login_page(
    app: &App,
    caller: &Caller,
    name: String,
    next: &str,
    error: Option<String>,
) -> Page<LoginPage> {
    Page(LoginPage {
        shell: shell(app, caller, Nav::Login),
        name,
        next: own_path(next),
        error,
    })
}

/// Only paths of ours: no way to send people elsewhere.
fn own_path(next: &str) -> String {
    let is_own = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && !next.contains(char::is_control);
    if is_own {
        next.to_owned()
    } else {
        "/".to_owned()
    }
}

#[derive(Deserialize)]
pub struct Credentials {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// `POST /login`
pub async fn login(
    State(app): State<Arc<App>>,
    caller: Caller,
    client: ClientAddress,
    jar: CookieJar,
    form: Result<Form<Credentials>, axum::extract::rejection::FormRejection>,
) -> Result<Response> {
    let Form(sent) = form.map_err(|e| Error::bad_request(e.body_text()))?;
    app.throttle.count(client, &sent.name).map_err(|wait| {
        let wait = wait.as_secs() + 1;
        Error::too_many_requests(
            wait,
            format!("Too many tries to sign in. Wait {wait} seconds, then try again."),
        )
    })?;
    let user = {
        let mut conn = app.pool.acquire().await?;
        store::accounts::user_by_name(&mut conn, &sent.name).await?
    };
    let stored = user.as_ref().map(|u| u.password_hash.clone());
    let password = sent.password;
    let is_right =
        tokio::task::spawn_blocking(move || auth::password_matches(&password, stored.as_deref()))
            .await
            .map_err(anyhow::Error::from)?;
    let Some(user) = user.filter(|_| is_right) else {
        let error = Some("Name or password is wrong.".to_owned());
        let page = login_page(&app, &caller, sent.name, &sent.next, error);
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    };
    let secret = auth::new_secret("");
    let csrf = auth::new_secret("");
    let now = app.now();
    let mut conn = app.pool.acquire().await?;
    store::accounts::delete_expired_sessions(&mut conn, now).await?;
    let hash = auth::secret_hash(&secret);
    store::accounts::insert_session(&mut conn, &hash, user.id, &csrf, now + SESSION_LENGTH).await?;
    let cookie = Cookie::build((SESSION_COOKIE, secret))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(app.config.secure_cookies)
        .max_age(SESSION_LENGTH);
    Ok((jar.add(cookie), Redirect::to(&own_path(&sent.next))).into_response())
}

#[derive(Deserialize)]
pub struct Logout {
    csrf: String,
}

/// `POST /logout`
pub async fn logout(
    State(app): State<Arc<App>>,
    caller: Caller,
    jar: CookieJar,
    form: Result<Form<Logout>, axum::extract::rejection::FormRejection>,
) -> Result<Response> {
    let Form(sent) = form.map_err(|e| Error::bad_request(e.body_text()))?;
    caller.check_csrf(&sent.csrf)?;
    if let Some(cookie) = jar.get(SESSION_COOKIE) {
        let mut conn = app.pool.acquire().await?;
        store::accounts::delete_session(&mut conn, &auth::secret_hash(cookie.value())).await?;
    }
    let gone = Cookie::build(SESSION_COOKIE).path("/");
    Ok((jar.remove(gone), Redirect::to("/")).into_response())
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn the_way_on_stays_here() {
        for (next, path) in [
            ("/upload", "/upload"),
            ("", "/"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/a\nb", "/"),
        ] {
            assert_eq!(own_path(next), path, "{next}");
        }
    }
}
