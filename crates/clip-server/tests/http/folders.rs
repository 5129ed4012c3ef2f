//! Folders that are added through the server.

use std::io::Write;

use serde_json::{Value, json};

use crate::support::{Sandbox, eventually, read_until};

fn body(sandbox: &Sandbox) -> String {
    json!({ "path": sandbox.photos() }).to_string()
}

#[test]
fn a_folder_is_indexed_while_others_watch() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg");
    sandbox.put("coffee.jpg");
    let server = sandbox.serve(|_| {});
    let mut events = server.connect();
    write!(events, "GET /api/v1/events HTTP/1.1\r\nHost: {}\r\n\r\n", server.address).unwrap();
    let head = read_until(&mut events, b"\r\n\r\n").unwrap().to_lowercase();
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    let own = format!("Origin: http://{}\r\n", server.address);
    server.post_json("/api/v1/folders", &own, &body(&sandbox)).expect(202);
    let told = read_until(&mut events, b"event: done").unwrap();
    assert!(told.contains("event: progress") && told.contains("\"stage\":\"reading\""), "{told}");
    let done = read_until(&mut events, b"\n\n").unwrap();
    let done: Value = serde_json::from_str(done.split_once("data: ").unwrap().1.trim()).unwrap();
    assert_eq!(done["report"]["indexed"], 2, "{done}");
    assert!(told.contains("event: index"), "{told}");
    let answer = server.json("/api/v1/search?q=a+photo+of+a+cat");
    assert!(answer["results"][0]["path"].as_str().unwrap().ends_with("cat.jpg"));
    assert_eq!(server.json("/api/v1/status")["photos"], 2);
    // Another one, later.
    sandbox.put("rocket.jpg");
    eventually("the first is done", || server.post_json("/api/v1/folders", "", &body(&sandbox)).status == 202);
    eventually("the photo is found", || server.json("/api/v1/status")["photos"] == 3);
}

#[test]
fn only_this_machine_itself_adds_folders() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg");
    let server = sandbox.serve(|_| {});
    for headers in [
        "Origin: http://evil.example\r\n",
        "X-Forwarded-For: 192.0.2.1\r\n",
        "Forwarded: for=192.0.2.1\r\n",
        "Via: 1.1 proxy\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
    ] {
        server.post_json("/api/v1/folders", headers, &body(&sandbox)).expect(403);
    }
    // What a form of a stranger could send without being asked.
    let simple = "Content-Type: text/plain\r\n";
    server.request("POST", "/api/v1/folders", simple, body(&sandbox).as_bytes()).expect(415);
    let proxied = server.request("GET", "/api/v1/status", "X-Forwarded-For: 192.0.2.1\r\n", b"").json();
    assert_eq!(proxied["can_add_folders"], false);
    assert!(!sandbox.index().exists());
    let read_only = sandbox.serve(|settings| settings.read_only = true);
    read_only.post_json("/api/v1/folders", "", &body(&sandbox)).expect(403);
}

#[test]
fn what_is_no_folder_is_refused() {
    let sandbox = Sandbox::new();
    let file = sandbox.put("cat.jpg");
    let server = sandbox.serve(|_| {});
    for path in [json!("photos"), json!(""), json!("/nowhere/at/all"), json!(file), json!(3), json!("/\0")] {
        server.post_json("/api/v1/folders", "", &json!({ "path": path }).to_string()).expect(400);
    }
    assert!(!sandbox.index().exists());
}
