//! How a server comes to its end.

use std::io::Write;
use std::time::Duration;

use crate::support::{Answer, all_samples, is_closed, read_until, samples};

#[test]
fn what_is_under_way_is_finished() {
    let mut server = all_samples().serve(|settings| settings.bounds.farewell = Duration::from_secs(600));
    let picture = std::fs::read(samples().join("cat.jpg")).unwrap();
    let mut upload = server.connect();
    write!(
        upload,
        "POST /api/v1/search?limit=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
        picture.len()
    )
    .unwrap();
    upload.write_all(&picture[..1000]).unwrap();
    let mut events = server.connect();
    write!(events, "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    read_until(&mut events, b"\r\n\r\n").unwrap();
    let mut idle = server.connect();
    write!(idle, "GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(Answer::read(&mut idle).unwrap().status, 200);

    let address = server.address;
    server.stopper.stop();
    // Those that ask for nothing end at once, and nobody else comes in.
    assert!(is_closed(&mut idle) && is_closed(&mut events));
    crate::support::eventually("nobody listens", || std::net::TcpStream::connect(address).is_err());
    upload.write_all(&picture[1000..]).unwrap();
    let answer = Answer::read(&mut upload).unwrap().expect(200);
    assert!(answer.json()["results"][0]["path"].as_str().unwrap().ends_with("cat.jpg"));
    server.stop();
}

#[test]
fn what_takes_too_long_is_cut_off() {
    let mut server = all_samples().serve(|settings| settings.bounds.farewell = Duration::from_millis(300));
    let mut upload = server.connect();
    write!(upload, "POST /api/v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n").unwrap();
    // It is under way.
    std::thread::sleep(Duration::from_millis(200));
    server.stop();
    assert!(is_closed(&mut upload));
}
