//! The page.

use crate::support::{Sandbox, all_samples};

#[test]
fn the_page_shows_results_without_a_script() {
    let server = all_samples().serve(|_| {});
    let cat = server.id("cat.jpg");
    let page = server.get("/?q=a+photo+of+a+cat").expect(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text().contains(&format!("/api/v1/photos/{cat}/thumbnail")));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(server.get("/").expect(200).text().contains("/thumbnail"));
}

#[test]
fn what_is_wrong_with_a_query_is_on_the_page() {
    let server = all_samples().serve(|_| {});
    let page = server.get("/?q=%3Cscript%3Ealert(1)%3C/script%3E+%7C").expect(400);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let text = page.text();
    assert!(text.contains("expected something after |") && !text.contains("<script>alert"), "{text}");
    server.get("/?offset=x").expect(400);
}

#[test]
fn the_files_of_the_page_are_cached() {
    let server = all_samples().serve(|_| {});
    let style = server.get("/assets/style.css?v=1").expect(200);
    assert_eq!(style.header("content-type"), Some("text/css; charset=utf-8"));
    assert!(style.header("cache-control").unwrap().contains("immutable"));
    let again = format!("If-None-Match: {}\r\n", style.header("etag").unwrap());
    assert_eq!(server.request("GET", "/assets/style.css", &again, b"").status, 304);
    for missing in ["/assets/", "/assets/none.js", "/assets/../mod.rs", "/assets/%2e%2e%2fmod.rs", "/favicon.ico"] {
        server.get(missing).expect(404);
    }
}

#[test]
fn without_an_index_the_page_says_how_to_begin() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(|_| {});
    server.get("/").expect(200);
    server.get("/?q=dog").expect(200);
    let status = server.json("/api/v1/status");
    assert_eq!(
        (&status["photos"], &status["has_index"], &status["can_add_folders"]),
        (&0.into(), &false.into(), &true.into())
    );
    for target in ["/api/v1/search", "/api/v1/search?q=dog", "/api/v1/timeline", "/api/v1/places", "/api/v1/photos/1"] {
        assert_eq!(server.get(target).expect(404).problem(), "no-index", "{target}");
    }
}
