//! A form that asks for the token, so that a browser can show the page.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::body;
use crate::guard::COOKIE;
use crate::problem::Problem;
use crate::state::App;

/// Who gives a wrong token waits so long for the answer.
const PENANCE: Duration = Duration::from_millis(500);
/// A form has one field.
const MOST_BYTES: u64 = 16 << 10;
/// How long a browser stays logged in, in seconds.
const A_MONTH: u32 = 30 * 86_400;

fn page(message: &str) -> Html<String> {
    Html(format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Photos</title>\n<link rel=\"stylesheet\" href=\"/assets/style.css\">\n<main class=\"login\">\n<h1>Photos</h1>\n\
         <form method=\"post\" action=\"/login\">\n<p>{message}</p>\n\
         <label>Token <input type=\"password\" name=\"token\" autocomplete=\"current-password\" required autofocus></label>\n\
         <button>Open</button>\n</form>\n</main>\n</html>\n"
    ))
}

pub(crate) async fn form(State(app): State<Arc<App>>) -> Response {
    match app.settings.token {
        Some(_) => page("This server asks for a token.").into_response(),
        None => Redirect::to("/").into_response(),
    }
}

#[derive(Deserialize)]
struct Fields {
    token: String,
}

pub(crate) async fn enter(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let Some(token) = &app.settings.token else { return Ok(Redirect::to("/").into_response()) };
    let bytes = body::read(&headers, body, MOST_BYTES, &app.settings.bounds).await?;
    let Fields { token: given } = super::form(&bytes)?;
    if !token.is(given.trim()) {
        tokio::time::sleep(PENANCE).await;
        return Ok((StatusCode::FORBIDDEN, page("This is not the token. Try again.")).into_response());
    }
    // A proxy in front of the server may have encrypted the line.
    let is_encrypted = headers.get("x-forwarded-proto").is_some_and(|scheme| scheme.as_bytes() == b"https");
    let secure = if is_encrypted { "; Secure" } else { "" };
    let session = token.session();
    let cookie = format!("{COOKIE}={session}; Path=/; Max-Age={A_MONTH}; HttpOnly; SameSite=Strict{secure}");
    let cookie = HeaderValue::from_str(&cookie).map_err(Problem::internal)?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}
