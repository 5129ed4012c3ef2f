//! Who needs a token, and what it opens.

use clip_server::{Server, ServerError, Settings, Token};

use crate::support::{Running, all_samples};

const TOKEN: &str = "correct-horse-battery";

fn serve() -> Running {
    all_samples().serve(|settings| settings.token = Some(Token::new(TOKEN).unwrap()))
}

#[test]
fn others_can_reach_the_server_only_with_a_token() {
    let mut settings = Settings::new(|| clip_search::language::Date::constant(2026, 1, 1));
    settings.listen = "0.0.0.0:0".parse().unwrap();
    let library = std::sync::Arc::new(all_samples().library());
    assert!(matches!(Server::bind(library.clone(), settings.clone()), Err(ServerError::NoToken { .. })));
    settings.token = Some(Token::new(TOKEN).unwrap());
    Server::bind(library, settings).unwrap();
}

#[test]
fn without_the_token_nothing_is_answered() {
    let server = serve();
    for target in [
        "/api/v1/search",
        "/api/v1/status",
        "/api/v1/photos/1/file",
        "/openapi.json",
        "/api/v1/events",
        "/none",
        "/?q=a/../login",
    ] {
        let answer = server.get(target);
        if target.starts_with("/?") {
            assert_eq!((answer.status, answer.header("location")), (303, Some("/login")));
        } else {
            assert_eq!(answer.expect(401).problem(), "unauthorized", "{target}");
        }
    }
    for guess in ["", "x", "correct-horse-batterx", "correct-horse-batter", "correct-horse-battery-"] {
        let header = format!("Authorization: Bearer {guess}\r\n");
        server.request("GET", "/api/v1/search", &header, b"").expect(401);
        server.request("GET", "/api/v1/search", &format!("Cookie: clip-search-session={guess}\r\n"), b"").expect(401);
    }
    // The paths that are open lead nowhere else.
    for target in ["/login/../api/v1/search", "/assets/../api/v1/search", "/login%2f..%2fapi/v1/search", "//login"] {
        assert!([401, 404].contains(&server.get(target).status), "{target}");
    }
}

#[test]
fn the_token_opens_everything() {
    let server = serve();
    let header = format!("Authorization: Bearer {TOKEN}\r\n");
    let answer = server.request("GET", "/api/v1/search?q=a+photo+of+a+cat", &header, b"").expect(200).json();
    assert!(answer["results"][0]["path"].as_str().unwrap().ends_with("cat.jpg"));
    server.request("GET", "/", &header, b"").expect(200);
}

#[test]
fn a_browser_logs_in_with_a_form() {
    let server = serve();
    assert!(server.get("/login").expect(200).text().contains("<form"));
    server.get("/assets/style.css").expect(200);
    let origin = format!("Content-Type: application/x-www-form-urlencoded\r\nOrigin: http://{}\r\n", server.address);
    let wrong = server.request("POST", "/login", &origin, b"token=correct-horse-batterx").expect(403);
    assert!(wrong.header("set-cookie").is_none());
    let right = server.request("POST", "/login", &origin, format!("token={TOKEN}").as_bytes()).expect(303);
    assert_eq!(right.header("location"), Some("/"));
    let cookie = right.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains(TOKEN), "{cookie}");
    let session = cookie.split(';').next().unwrap();
    server.request("GET", "/", &format!("Cookie: other=1; {session}\r\n"), b"").expect(200);
    server.request("GET", "/api/v1/search", &format!("Cookie: {session}\r\n"), b"").expect(200);
    // A page of a stranger cannot log anybody in.
    let stranger = "Content-Type: application/x-www-form-urlencoded\r\nOrigin: http://evil.example\r\n";
    server.request("POST", "/login", stranger, format!("token={TOKEN}").as_bytes()).expect(403);
}
