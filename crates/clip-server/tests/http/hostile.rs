//! What strangers, their pages and their files try.

use std::io::Write;

use crate::support::{Answer, Sandbox, all_samples, is_closed};

#[test]
fn no_path_leads_to_a_file() {
    let server = all_samples().serve(|_| {});
    for target in [
        "/etc/passwd",
        "/../../../../etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/assets/..%2f..%2f..%2fCargo.toml",
        "/assets/../../../../etc/passwd",
        "/api/v1/photos/..%2f..%2fetc%2fpasswd/file",
        "/api/v1/photos/%2fetc%2fpasswd/file",
        "/api/v1/photos//file",
        "/api/v1/photos/1/../../../etc/passwd",
        "/api/v1/photos/1%00/file",
        "/api/v1/photos/-1/file",
        "/api/v1/photos/0x1/file",
        "/api/v1/photos/18446744073709551615/file",
        "/api/v1/photos/99999999999999999999/file",
        "/api/v1/photos/999/thumbnail",
        "/api/v1/photos/999",
        "/api/v1/files?path=/etc/passwd",
        "/%",
        "/\u{7f}",
    ] {
        let answer = server.get(target);
        assert!([400, 404].contains(&answer.status), "{target}: {answer:?}");
        assert!(!answer.text().contains("root:"), "{target}");
    }
}

/// Whoever may write into a folder of photos must not be able to have other files of the machine sent.
#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_a_photo_leads_nowhere() {
    use std::fs;
    use std::os::unix::fs::symlink;

    let sandbox = Sandbox::new();
    let photo = sandbox.put("cat.jpg");
    sandbox.put("lawn.jpg");
    sandbox.update();
    let (secret, private) = (sandbox.path().join("secret.txt"), sandbox.path().join("private.jpg"));
    fs::write(&secret, "the secret").unwrap();
    fs::copy(crate::support::samples().join("rocket.jpg"), &private).unwrap();
    let server = sandbox.serve(|_| {});
    let id = server.id("cat.jpg");
    let (file, thumbnail) = (format!("/api/v1/photos/{id}/file"), format!("/api/v1/photos/{id}/thumbnail?size=960"));
    server.get(&file).expect(200);
    let zip = format!("{{\"ids\":[{id}],\"as\":\"zip\"}}");
    for target in [&secret, &private] {
        fs::remove_file(&photo).unwrap();
        symlink(target, &photo).unwrap();
        for answer in
            [server.get(&file), server.get(&thumbnail), server.get(&format!("/api/v1/search?like={id}&crop=0,0,1,1"))]
        {
            assert!([400, 410].contains(&answer.status), "{answer:?}");
            assert!(!answer.text().contains("secret"), "{answer:?}");
        }
        let sent = server.post_json("/api/v1/export", "", &zip).expect(200);
        assert!(sent.body.len() < 100, "an empty archive: {sent:?}");
    }
    // A photo that was edited since is shown, and what is no photo any more is not.
    fs::remove_file(&photo).unwrap();
    fs::copy(crate::support::samples().join("rocket.jpg"), &photo).unwrap();
    server.get(&thumbnail).expect(200);
    assert_eq!(server.get(&file).expect(200).body, fs::read(&private).unwrap());
    fs::write(&photo, "the secret").unwrap();
    server.get(&file).expect(410);
}

#[test]
fn a_query_opens_no_file() {
    let server = all_samples().serve(|_| {});
    let sample = crate::support::samples().join("cat.jpg");
    for query in [
        format!("{}", sample.display()),
        "file:/dev/zero".into(),
        "./x.jpg".into(),
        "~/x.jpg".into(),
        "dog+-file:/etc/passwd".into(),
    ] {
        let answer = server.get(&format!("/api/v1/search?q={query}")).expect(400);
        assert_eq!(answer.problem(), "query", "{query}");
        assert!(!answer.text().contains("No such file"), "whether there is one is not told: {}", answer.text());
    }
    // As text, it is what it says.
    server.get("/api/v1/search?q=/etc/passwd&literal=1").expect(200);
}

#[test]
fn a_name_of_a_stranger_leads_nowhere() {
    let server = all_samples().serve(|settings| settings.hosts = vec!["photos.example".into()]);
    let port = server.address.port();
    let with =
        |host: &str| server.raw(format!("GET /api/v1/search HTTP/1.1\r\n{host}Connection: close\r\n\r\n").as_bytes());
    for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "evil.example:80"] {
        assert_eq!(with(&format!("Host: {host}\r\n")).expect(421).problem(), "host", "{host}");
    }
    for host in [
        format!("localhost:{port}"),
        format!("127.0.0.1:{port}"),
        format!("[::1]:{port}"),
        "photos.example".into(),
        "PHOTOS.example:443".into(),
    ] {
        with(&format!("Host: {host}\r\n")).expect(200);
    }
    with("").expect(400);
    with("Host: localhost\r\nHost: evil.example\r\n").expect(400);
    with("Host: evil.example@localhost\r\n").expect(400);
    let absolute =
        server.raw(b"GET http://evil.example/api/v1/search HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    absolute.expect(400);
}

#[test]
fn pages_of_strangers_are_not_answered() {
    let server = all_samples().serve(|_| {});
    let id = server.id("cat.jpg");
    let file = format!("/api/v1/photos/{id}/file");
    for headers in [
        "Origin: http://evil.example\r\n",
        "Origin: null\r\n",
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n",
        "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\n",
    ] {
        assert_eq!(server.request("GET", &file, headers, b"").expect(403).problem(), "forbidden");
        server.request("POST", "/api/v1/search", headers, b"x").expect(403);
        server.request("OPTIONS", "/api/v1/search", headers, b"").expect(403);
    }
    let own = format!("Origin: http://{}\r\nSec-Fetch-Site: same-origin\r\n", server.address);
    let answer = server.request("GET", &file, &own, b"").expect(200);
    assert!(answer.header("access-control-allow-origin").is_none());
    assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"));
}

#[test]
fn every_answer_has_the_headers_that_protect() {
    let server = all_samples().serve(|_| {});
    let id = server.id("cat.jpg");
    let targets =
        ["/", "/assets/style.css", "/api/v1/search", "/none", "/openapi.json", "/api/v1/status"].map(str::to_owned);
    let of_photo = ["", "/file", "/thumbnail"].map(|end| format!("/api/v1/photos/{id}{end}"));
    for target in targets.iter().chain(&of_photo) {
        let answer = server.get(target);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{target}");
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"), "{target}");
        assert!(answer.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"), "{target}");
        let is_page = target == "/";
        assert_eq!(answer.header("content-type").unwrap().contains("html"), is_page, "{target}");
        assert_eq!(answer.header("content-security-policy").unwrap().contains("sandbox"), !is_page, "{target}");
    }
}

#[cfg(unix)]
#[test]
fn what_has_taken_a_photos_place_is_not_served() {
    let sandbox = Sandbox::new();
    let path = sandbox.put("cat.jpg");
    sandbox.update();
    let server = sandbox.serve(|settings| settings.thumbnails = None);
    let id = server.id("cat.jpg");
    let pipe = || {
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
    };
    let folder = || std::fs::create_dir(&path).unwrap();
    let link = |to: &'static str| {
        let path = path.clone();
        move || std::os::unix::fs::symlink(to, &path).unwrap()
    };
    let attempts: [(&str, &dyn Fn()); 4] = [
        ("a pipe", &pipe),
        ("a folder", &folder),
        ("a device", &link("/dev/zero")),
        ("a link to itself", &link("cat.jpg")),
    ];
    for (what, make) in attempts {
        let _ = std::fs::remove_file(&path);
        make();
        for target in ["file", "thumbnail"] {
            let answer = server.get(&format!("/api/v1/photos/{id}/{target}"));
            assert_eq!((answer.status, answer.problem().as_str()), (410, "file"), "{what}, {target}");
            assert!(!answer.text().contains(sandbox.path().to_str().unwrap()), "{}", answer.text());
        }
        let crop = server.get(&format!("/api/v1/search?like={id}&crop=0,0,1,0.9"));
        assert_eq!(crop.expect(410).problem(), "file", "{what}");
        let zip = server.post_json("/api/v1/export", "", &format!("{{\"ids\":[{id}],\"as\":\"zip\"}}")).expect(200);
        assert!(zip.body.len() < 200, "it is left out of archives");
        // The photo is still found, and the server is as it was.
        assert_eq!(server.json("/api/v1/search?q=a+cat")["results"][0]["id"], id);
        if path.is_dir() {
            std::fs::remove_dir(&path).unwrap();
        }
    }
    let _ = std::fs::remove_file(&path);
    assert_eq!(server.get(&format!("/api/v1/photos/{id}/file")).expect(404).problem(), "file");
    assert_eq!(server.json(&format!("/api/v1/photos/{id}"))["missing"], true);
}

#[test]
fn content_decides_what_a_file_is_called() {
    let sandbox = Sandbox::new();
    let path = sandbox.put("cat.jpg");
    sandbox.update();
    let server = sandbox.serve(|_| {});
    let target = format!("/api/v1/photos/{}/file", server.id("cat.jpg"));
    std::fs::write(&path, "GIF89a<!doctype html><script>alert(1)</script>").unwrap();
    assert_eq!(server.get(&target).expect(200).header("content-type"), Some("image/gif"));
    server.get(&target.replace("file", "thumbnail")).expect(422);
    // What is no photo any more is not sent at all.
    for content in
        ["<!doctype html><script>alert(1)</script>", "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", ""]
    {
        std::fs::write(&path, content).unwrap();
        let answer = server.get(&target).expect(410);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert!(!answer.text().contains("alert"), "{}", answer.text());
    }
}

#[test]
fn bodies_that_are_packed_or_too_large_are_refused() {
    let server = all_samples().serve(|settings| settings.bounds.picture_bytes = 1 << 20);
    for encoding in ["gzip", "br", "deflate", "identity, gzip"] {
        let headers = format!("Content-Encoding: {encoding}\r\n");
        server.request("POST", "/api/v1/search", &headers, b"\x1f\x8b\x08").expect(415);
        server.post_json("/api/v1/export", &headers, "{}").expect(415);
    }
    // It says so before it sends it.
    let huge = b"POST /api/v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n";
    assert_eq!(server.raw(huge).expect(413).problem(), "too-large");
    // It does not say so.
    let mut stream = server.connect();
    stream.write_all(b"POST /api/v1/search HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    let chunk = [b"10000\r\n".as_slice(), &vec![b'x'; 1 << 16], b"\r\n"].concat();
    for _ in 0..20 {
        // It may be refused before everything was sent.
        if stream.write_all(&chunk).is_err() {
            break;
        }
    }
    assert_eq!(Answer::read(&mut stream).map_or(413, |answer| answer.status), 413);
    server.post_json("/api/v1/export", "", &format!("{{\"ids\":[{}1]}}", "1,".repeat(600_000))).expect(413);
}

#[test]
fn a_picture_that_unpacks_to_too_much_is_refused() {
    // A PNG whose header says that it has 60,000 x 60,000 pixels.
    let mut header = Vec::new();
    header.extend(60_000u32.to_be_bytes());
    header.extend(60_000u32.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, content) in [(b"IHDR", &header[..]), (b"IDAT", b"\x78\x9c\x03\0\0\0\0\x01"), (b"IEND", b"")] {
        png.extend((content.len() as u32).to_be_bytes());
        let chunk = [&kind[..], content].concat();
        png.extend(&chunk);
        png.extend(crc32fast::hash(&chunk).to_be_bytes());
    }
    let server = all_samples().serve(|_| {});
    let answer = server.request("POST", "/api/v1/search", "", &png).expect(422);
    assert!(answer.text().contains("60000"), "{}", answer.text());
}

#[test]
fn what_is_no_http_costs_nothing() {
    let server = all_samples().serve(|_| {});
    let long = vec![b'a'; 10 << 20];
    let attempts: [&[u8]; 7] = [
        b"\0\0\0\0\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n",
    ];
    for attempt in attempts {
        let mut stream = server.connect();
        stream.write_all(attempt).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        match Answer::read(&mut stream) {
            Ok(answer) => assert_eq!(answer.status, 400, "{attempt:?}"),
            Err(error) => assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "{attempt:?}"),
        }
    }
    for beginning in ["GET / HTTP/1.1\r\nHost: localhost\r\nX: ", "GET /?q="] {
        let mut stream = server.connect();
        stream.write_all(beginning.as_bytes()).unwrap();
        // It is cut off long before the end.
        let _ = stream.write_all(&long);
        let answer = Answer::read(&mut stream);
        assert!(answer.map_or(431, |answer| answer.status) >= 400, "{beginning}");
    }
    let many = "A: b\r\n".repeat(10_000);
    let mut stream = server.connect();
    let _ = stream.write_all(format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n").as_bytes());
    assert!(Answer::read(&mut stream).map_or(431, |answer| answer.status) >= 400);
    assert!(is_closed(&mut stream));
    server.get("/api/v1/status").expect(200);
}

#[test]
fn methods_that_are_not_known_are_refused() {
    let server = all_samples().serve(|_| {});
    for method in ["DELETE", "PUT", "PATCH", "TRACE", "BREW"] {
        assert_eq!(server.request(method, "/api/v1/search", "", b"").status, 405, "{method}");
    }
    server.get("/api/v1/folders").expect(405);
}
