//! Clients that take their time, and many of them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use clip_server::Bounds;

use crate::support::{Answer, Sandbox, all_samples, eventually, is_closed, read_until};

/// Far shorter than what a test may take.
const SHORT: Duration = Duration::from_millis(400);

fn short() -> Bounds {
    Bounds { head: SHORT, stall: SHORT, ..Bounds::default() }
}

#[test]
fn a_head_that_does_not_come_to_an_end_is_cut_off() {
    let server = all_samples().serve(|settings| settings.bounds = short());
    let mut stream = server.connect();
    stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let mut is_cut_off = false;
    // A header every now and then, as slow as it can be.
    for _ in 0..200 {
        std::thread::sleep(Duration::from_millis(50));
        if stream.write_all(b"X: y\r\n").is_err() {
            is_cut_off = true;
            break;
        }
    }
    assert!(is_cut_off);
    // One that sends nothing at all.
    assert!(is_closed(&mut server.connect()));
    // One that has had an answer, and asks for nothing else.
    let mut stream = server.connect();
    stream.write_all(b"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(Answer::read(&mut stream).unwrap().status, 200);
    assert!(is_closed(&mut stream));
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let server = all_samples().serve(|settings| settings.bounds = short());
    let mut stream = server.connect();
    stream.write_all(b"POST /api/v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nsome").unwrap();
    assert_eq!(Answer::read(&mut stream).unwrap().expect(408).problem(), "too-slow");
    // One that comes byte by byte has its time as well.
    let slow = all_samples().serve(|settings| settings.bounds = Bounds { body: SHORT, ..Bounds::default() });
    let mut stream = slow.connect();
    stream.write_all(b"POST /api/v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n").unwrap();
    let mut reader = stream.try_clone().unwrap();
    let answer = std::thread::spawn(move || Answer::read(&mut reader).unwrap().status);
    while !answer.is_finished() {
        std::thread::sleep(Duration::from_millis(20));
        let _ = stream.write_all(b"x");
    }
    assert_eq!(answer.join().unwrap(), 408);
}

#[test]
fn a_client_that_takes_nothing_is_cut_off() {
    let sandbox = Sandbox::new();
    let path = sandbox.put("cat.jpg");
    sandbox.update();
    let server = sandbox.serve(|settings| settings.bounds = short());
    let id = server.id("cat.jpg");
    let length = 256 << 20;
    std::fs::File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
    let mut stream = server.connect();
    write!(stream, "GET /api/v1/photos/{id}/file HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let head = read_until(&mut stream, b"\r\n\r\n").unwrap();
    assert!(head.contains(&format!("content-length: {length}")), "{head}");
    std::thread::sleep(8 * SHORT);
    let mut received = 0;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(read) => received += read as u64,
        }
    }
    assert!(received < length, "everything was still there");
}

#[test]
fn a_thousand_connections_hurt_nobody() {
    let server = all_samples().serve(|_| {});
    // Some wait without a word, some in the middle of one.
    let mut open: Vec<TcpStream> = Vec::new();
    for number in 0..1000 {
        let Ok(mut stream) = TcpStream::connect(server.address) else { break };
        if number % 2 == 0 {
            stream.write_all(b"GET /api/v1/sea").unwrap();
        }
        open.push(stream);
    }
    assert_eq!(open.len(), 1000, "this machine lets a process open too few files for this test");
    for _ in 0..5 {
        let answer = server.json("/api/v1/search?q=a+photo+of+a+cat&limit=1");
        assert!(answer["results"][0]["path"].as_str().unwrap().ends_with("cat.jpg"));
    }
    // Those that were cut short go on where they were.
    let mut last = open.swap_remove(998);
    last.write_all(b"rch?limit=1 HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(Answer::read(&mut last).unwrap().status, 200);
}

#[test]
fn too_many_connections_cost_those_that_wait_longest() {
    let server = all_samples().serve(|settings| settings.bounds.connections = 8);
    let mut idle: Vec<TcpStream> = (0..8).map(|_| server.connect()).collect();
    // It is in before the next one comes.
    for stream in &mut idle {
        stream.write_all(b"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        assert_eq!(Answer::read(stream).unwrap().status, 200);
    }
    for _ in 0..20 {
        server.get("/api/v1/status").expect(200);
    }
    assert!(is_closed(&mut idle[0]), "the first has waited longest");
}

#[test]
fn too_many_searches_are_told_to_come_again() {
    let server = all_samples().serve(|settings| settings.bounds.waiting_searches = 0);
    let answer = server.get("/api/v1/search?q=a+dog").expect(503);
    assert_eq!((answer.problem().as_str(), answer.header("retry-after")), ("busy", Some("1")));
    let server = all_samples().serve(|settings| {
        settings.bounds.waiting_thumbnails = 0;
        settings.thumbnails = None;
    });
    let id = server.id("cat.jpg");
    server.get(&format!("/api/v1/photos/{id}/thumbnail")).expect(503);
    server.get("/api/v1/search?q=a+dog").expect(200);
    let server = all_samples().serve(|settings| settings.bounds.streams = 0);
    server.get("/api/v1/events").expect(503);
    let server = all_samples().serve(|settings| settings.bounds.pictures_bytes = 1024);
    server.request("POST", "/api/v1/search", "", &[0; 2000]).expect(503);
}

#[test]
fn many_searches_at_a_time_have_their_answers() {
    let server = all_samples().serve(|_| {});
    let queries = ["a+cat", "a+dog", "coffee", "", "width:%3E1", "a+rocket", "-lawn", "name:cat"];
    std::thread::scope(|scope| {
        for client in 0..100 {
            let server = &server;
            scope.spawn(move || {
                for number in 0..5 {
                    let query = queries[(client + number) % queries.len()];
                    let answer = server.json(&format!("/api/v1/search?q={query}&limit={}", 1 + client % 3));
                    assert!(!answer["results"].as_array().unwrap().is_empty(), "{query}");
                }
            });
        }
    });
}

#[test]
fn a_stream_of_events_that_nobody_reads_makes_room() {
    let server = all_samples().serve(|settings| settings.bounds.streams = 1);
    let mut stream = server.connect();
    stream.write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    read_until(&mut stream, b"\r\n\r\n").unwrap();
    server.get("/api/v1/events").expect(503);
    drop(stream);
    eventually("another client can listen", || {
        let mut stream = server.connect();
        stream.write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        read_until(&mut stream, b"\r\n\r\n").unwrap().contains(" 200 ")
    });
}
