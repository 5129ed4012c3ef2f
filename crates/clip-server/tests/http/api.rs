//! What the paths answer.

use std::collections::BTreeSet;
use std::io::{Read, Write};

use clip_search::json::JsonHit;
use clip_search::{Limits, Query, decode_bytes};
use serde_json::{Value, json};

use crate::support::{Sandbox, all_samples, samples};

fn ids(answer: &Value) -> Vec<u64> {
    answer["results"].as_array().unwrap().iter().map(|hit| hit["id"].as_u64().unwrap()).collect()
}

fn names(answer: &Value) -> Vec<String> {
    let name = |hit: &Value| hit["path"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    answer["results"].as_array().unwrap().iter().map(name).collect()
}

/// A value after it was written and read: numbers of 32 bits have fewer digits then.
fn as_sent(value: &impl serde::Serialize) -> Value {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

#[test]
fn results_are_those_of_the_library() {
    let server = all_samples().serve(|_| {});
    let answer = server.json("/api/v1/search?q=a+photo+of+a+cat&limit=3");
    let hits = all_samples().library().search(&Query::text("a photo of a cat").limit(3)).unwrap();
    let expected: Vec<Value> = hits.iter().map(|hit| as_sent(&JsonHit::from(hit))).collect();
    assert_eq!(answer["results"], json!(expected));
    assert_eq!((&answer["offset"], &answer["limit"], &answer["total"]), (&json!(0), &json!(3), &json!(12)));
    assert_eq!((&answer["next_offset"], &answer["matches"]), (&json!(3), &json!(true)));
    let part = json!({"kind": "text", "text": "a photo of a cat", "label": "a photo of a cat", "without": ""});
    assert_eq!(answer["query"], json!({"text": "a photo of a cat", "understood": [part]}));
    assert!(answer["generation"].as_u64().is_some() && answer["milliseconds"].as_f64().is_some());
}

#[test]
fn pages_together_are_everything_once() {
    let server = all_samples().serve(|_| {});
    for query in [
        "q=",
        "q=a+dog",
        "q=width:%3E1",
        "q=a+dog&sort=path",
        "q=width:%3E1&sort=size",
        "q=&sort=oldest",
        "q=&collapse=1",
        "q=a+dog&diverse=1",
        "q=a+dog&diverse=1&collapse=1",
    ] {
        let whole = ids(&server.json(&format!("/api/v1/search?{query}&limit=1000")));
        let mut paged = Vec::new();
        let mut offset = 0;
        loop {
            let page = server.json(&format!("/api/v1/search?{query}&limit=5&offset={offset}"));
            assert!(ids(&page).len() <= 5);
            paged.extend(ids(&page));
            match page["next_offset"].as_u64() {
                Some(next) => offset = next,
                None => break,
            }
        }
        assert_eq!(paged, whole, "{query}");
        assert_eq!(paged.iter().collect::<BTreeSet<_>>().len(), paged.len(), "{query}");
        let beyond = server.json(&format!("/api/v1/search?{query}&offset=100000000"));
        assert_eq!((ids(&beyond), &beyond["next_offset"]), (Vec::new(), &Value::Null), "{query}");
    }
    let far = format!("/api/v1/search?q=a+dog&offset={}", u64::MAX);
    assert!(ids(&server.json(&far)).is_empty());
    server.get("/api/v1/search?offset=99999999999999999999999").expect(400);
}

#[test]
fn conditions_list_the_newest_first() {
    let server = all_samples().serve(|_| {});
    let dated = server.json("/api/v1/search?q=has:date");
    assert_eq!(dated["total"], 2);
    let newest = names(&server.json("/api/v1/search"));
    assert_eq!(newest.len(), 12);
    assert_eq!(newest[..2], names(&dated)[..]);
    let oldest = names(&server.json("/api/v1/search?q=has:date&sort=oldest"));
    assert_eq!(oldest.into_iter().rev().collect::<Vec<_>>(), names(&dated));
    let largest = server.json("/api/v1/search?sort=size&limit=1");
    let hits = all_samples().library().search(
        &Query::any(vec![clip_search::Alternative {
            terms: vec![],
            filter: clip_search::Filter::Any(vec![clip_search::Filter::Number {
                field: clip_search::NumberField::Size,
                from: std::ops::Bound::Unbounded,
                to: std::ops::Bound::Unbounded,
            }]),
        }])
        .order(clip_search::Order::Largest)
        .limit(1),
    );
    assert_eq!(ids(&largest), [hits.unwrap()[0].id]);
}

#[test]
fn a_folder_of_a_query_is_inside_what_is_indexed() {
    let server = all_samples().serve(|_| {});
    assert_eq!(server.json("/api/v1/search?q=under:.")["total"], 12);
    let folder = all_samples().photos();
    assert_eq!(server.json(&format!("/api/v1/search?q=under:{}", folder.display()))["total"], 12);
    assert_eq!(server.json("/api/v1/search?q=under:2019")["total"], 0);
}

#[test]
fn what_is_wrong_with_a_query_is_said_with_the_place() {
    let server = all_samples().serve(|_| {});
    let answer = server.get("/api/v1/search?q=dog+%7C").expect(400);
    assert_eq!((answer.problem(), &answer.json()["position"]), ("query".into(), &json!(4)));
    assert_eq!(server.get("/api/v1/search?q=dog+%7C&literal=true").expect(200).json()["offset"], 0);
    assert_eq!(server.get("/api/v1/search?q=@pets").expect(400).problem(), "query");
    assert_eq!(server.get("/api/v1/search?limit=1001").expect(400).problem(), "bad-request");
    assert_eq!(server.get("/api/v1/search?q=like:999").expect(404).problem(), "no-photo");
    let long = "a".repeat(20_000);
    server.get(&format!("/api/v1/search?q={long}")).expect(200);
}

#[test]
fn saved_searches_are_known() {
    let sandbox = crate::support::Sandbox::new();
    sandbox.put("cat.jpg");
    sandbox.update();
    let mut searches = sandbox.library().saved_searches().unwrap();
    let today = clip_search::language::Date::constant(2026, 1, 1);
    searches.save("pets", "dog | cat", &sandbox.path(), today).unwrap();
    let server = sandbox.serve(|_| {});
    assert_eq!(names(&server.json("/api/v1/search?q=@pets")), ["cat.jpg"]);
    // It may be saved anew while the index stays as it is.
    searches.save("pets", "width:<1", &sandbox.path(), today).unwrap();
    assert_eq!(names(&server.json("/api/v1/search?q=@pets")), Vec::<String>::new());
}

#[test]
fn photos_are_found_by_others() {
    let server = all_samples().serve(|_| {});
    let cat = server.id("cat.jpg");
    let like = server.json(&format!("/api/v1/search?like={cat}&limit=2"));
    assert_eq!(ids(&like)[0], cat);
    assert_eq!(ids(&server.json(&format!("/api/v1/search?q=like:{cat}&limit=2"))), ids(&like));
    // A part of it is embedded anew.
    let part = server.json(&format!("/api/v1/search?like={cat}&crop=0.1,0.1,0.8,0.8&limit=3"));
    assert!(names(&part).contains(&"cat.jpg".to_owned()), "{part}");
    let both = server.json(&format!("/api/v1/search?like={cat}&q=width:%3C1"));
    assert!(ids(&both).is_empty());
    server.get(&format!("/api/v1/search?like={cat}&crop=0.5,0,1,1")).expect(400);
    assert_eq!(server.get("/api/v1/search?like=999&crop=0,0,1,1").expect(404).problem(), "no-photo");
}

#[test]
fn photos_are_found_by_a_picture_that_is_sent() {
    let server = all_samples().serve(|_| {});
    let picture = std::fs::read(samples().join("rocket.jpg")).unwrap();
    let answer = server.request("POST", "/api/v1/search?limit=2", "", &picture).expect(200).json();
    assert_eq!(names(&answer)[0], "rocket.jpg");
    let token = answer["picture"].as_str().unwrap();
    let next = server.json(&format!("/api/v1/search?picture={token}&limit=2&offset=2"));
    let all = server.json(&format!("/api/v1/search?picture={token}&limit=4"));
    assert_eq!([ids(&answer), ids(&next)].concat(), ids(&all));
    let part = server.json(&format!("/api/v1/search?picture={token}&crop=0,0,1,0.99&limit=1"));
    assert_eq!(names(&part), ["rocket.jpg"]);
    let filtered = server.json(&format!("/api/v1/search?picture={token}&q=-name:rocket"));
    assert!(!names(&filtered).contains(&"rocket.jpg".to_owned()));
    assert_eq!(server.get("/api/v1/search?picture=unknown").expect(410).problem(), "picture-gone");
    assert_eq!(server.request("POST", "/api/v1/search", "", b"no picture").expect(422).problem(), "picture");
    assert_eq!(server.request("POST", "/api/v1/search?like=1", "", &picture).expect(400).problem(), "bad-request");
    assert_eq!(server.request("POST", "/api/v1/search", "", b"").expect(400).problem(), "bad-request");
}

#[test]
fn a_photo_has_details_a_thumbnail_and_a_file() {
    let server = all_samples().serve(|_| {});
    let id = server.id("located-0.jpg");
    let details = server.json(&format!("/api/v1/photos/{id}"));
    assert_eq!(
        (&details["id"], &details["name"], &details["kind"]),
        (&json!(id), &json!("located-0.jpg"), &json!("photo"))
    );
    assert_eq!(details["folder"], json!(all_samples().photos()));
    assert!(details["camera"].as_str().unwrap().contains("COOLPIX P6000"), "{details}");
    assert!((details["gps"][0].as_f64().unwrap() - 43.467).abs() < 0.01, "{details}");
    assert!(details.get("missing").is_none() && details["size"].as_u64().unwrap() > 1000);

    for size in [120, 240, 480] {
        let thumbnail = server.get(&format!("/api/v1/photos/{id}/thumbnail?size={size}")).expect(200);
        assert_eq!(thumbnail.header("content-type"), Some("image/jpeg"));
        let image = decode_bytes(&thumbnail.body, &Limits::default()).unwrap().image;
        assert!(image.height() == size || image.height() < size && size > 400, "{size}: {}", image.height());
        let tag = thumbnail.header("etag").unwrap();
        let again = format!("If-None-Match: {tag}\r\n");
        let again = server.request("GET", &format!("/api/v1/photos/{id}/thumbnail?size={size}"), &again, b"");
        assert_eq!((again.status, again.body.len()), (304, 0));
        assert!(thumbnail.header("cache-control").unwrap().starts_with("private"));
    }
    server.get(&format!("/api/v1/photos/{id}/thumbnail?size=241")).expect(400);

    let file = server.get(&format!("/api/v1/photos/{id}/file")).expect(200);
    let expected = std::fs::read(all_samples().photos().join("located-0.jpg")).unwrap();
    assert!(file.body == expected);
    assert_eq!(file.header("content-type"), Some("image/jpeg"));
    assert_eq!(file.header("content-disposition"), Some("inline; filename=\"located-0.jpg\""));
    let saved = server.get(&format!("/api/v1/photos/{id}/file?download=1")).expect(200);
    assert!(saved.header("content-disposition").unwrap().starts_with("attachment"));
    let mut stream = server.connect();
    write!(stream, "HEAD /api/v1/photos/{id}/file HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut head = String::new();
    stream.read_to_string(&mut head).unwrap();
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn parts_of_a_file_are_sent() {
    let server = all_samples().serve(|_| {});
    let target = format!("/api/v1/photos/{}/file", server.id("cat.jpg"));
    let whole = server.get(&target).expect(200);
    let (length, tag) = (whole.body.len(), whole.header("etag").unwrap().to_owned());
    let part = |headers: &str| server.request("GET", &target, headers, b"");
    let some = part("Range: bytes=10-19\r\n").expect(206);
    assert_eq!(some.body, whole.body[10..20]);
    assert_eq!(some.header("content-range"), Some(format!("bytes 10-19/{length}").as_str()));
    assert_eq!(part("Range: bytes=-7\r\n").expect(206).body, whole.body[length - 7..]);
    let none = part(&format!("Range: bytes={length}-\r\n")).expect(416);
    assert_eq!(none.header("content-range"), Some(format!("bytes */{length}").as_str()));
    assert_eq!(none.problem(), "range");
    assert_eq!(part("Range: bytes=0-1,5-6\r\n").expect(200).body.len(), length);
    assert_eq!(part(&format!("Range: bytes=0-1\r\nIf-Range: {tag}\r\n")).expect(206).body.len(), 2);
    assert_eq!(part("Range: bytes=0-1\r\nIf-Range: \"other\"\r\n").expect(200).body.len(), length);
    assert_eq!(part(&format!("If-None-Match: {tag}\r\n")).status, 304);
}

#[test]
fn thumbnails_are_kept_for_the_user_alone() {
    let sandbox = crate::support::Sandbox::new();
    let path = sandbox.put("cat.jpg");
    sandbox.update();
    let server = sandbox.serve(|_| {});
    let target = format!("/api/v1/photos/{}/thumbnail", server.id("cat.jpg"));
    let thumbnail = server.get(&target).expect(200);
    let mut kept = Vec::new();
    for folder in std::fs::read_dir(sandbox.path().join("cache/thumbnails")).unwrap() {
        kept.extend(std::fs::read_dir(folder.unwrap().path()).unwrap().map(|file| file.unwrap().path()));
    }
    assert_eq!(kept.len(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(kept[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    // It is there even without the photo.
    std::fs::remove_file(&path).unwrap();
    assert_eq!(server.get(&target).expect(200).body, thumbnail.body);
    // Another photo in its place has another thumbnail, which is not kept as that of the first.
    std::fs::remove_file(&kept[0]).unwrap();
    std::fs::copy(samples().join("rocket.jpg"), &path).unwrap();
    assert_ne!(server.get(&target).expect(200).body, thumbnail.body);
    assert!(!kept[0].exists());
}

#[test]
fn days_and_places_are_those_of_the_results() {
    let server = all_samples().serve(|_| {});
    let days = server.json("/api/v1/timeline");
    let days = days["days"].as_array().unwrap();
    let listed = server.json("/api/v1/search?sort=date&limit=1000");
    assert_eq!(days.iter().map(|day| day["photos"].as_u64().unwrap()).sum::<u64>(), 12);
    assert_eq!((&days.last().unwrap()["day"], &days.last().unwrap()["photos"]), (&Value::Null, &json!(10)));
    for day in days {
        let first = &listed["results"][day["offset"].as_u64().unwrap() as usize];
        assert_eq!(first.get("taken_at").is_some(), !day["day"].is_null());
    }
    assert!(days[0]["day"].as_str().unwrap().starts_with("2008-10-"), "{days:?}");
    let of_cats = server.json("/api/v1/timeline?q=a+photo+of+a+cat");
    assert!(!of_cats["days"].as_array().unwrap().is_empty());

    let places = server.json("/api/v1/places");
    let places = places["places"].as_array().unwrap();
    assert_eq!(places.iter().map(|place| place["photos"].as_u64().unwrap()).sum::<u64>(), 2);
    assert!((places[0]["lat"].as_f64().unwrap() - 43.46).abs() < 0.05 && places[0]["name"].is_string(), "{places:?}");
    assert_eq!(server.json("/api/v1/places?q=-has:gps")["places"], json!([]));
}

#[test]
fn where_places_are_not_told_nothing_tells_them() {
    let server = all_samples().serve(|settings| settings.places = false);
    let id = server.id("located-0.jpg");
    let details = server.json(&format!("/api/v1/photos/{id}"));
    assert!(details.get("gps").is_none() && details.get("place").is_none() && details["camera"].is_string());
    let all = server.get("/api/v1/search").expect(200).text();
    assert!(!all.contains("gps"), "{all}");
    assert_eq!(server.json("/api/v1/places")["places"], json!([]));
    assert_eq!(server.json("/api/v1/status")["places"], false);
    for query in ["near:43.4,11.8,50", "has:gps", "-has:place", "dog+place:italy", "(a+%7C+place:italy)"] {
        assert_eq!(server.get(&format!("/api/v1/search?q={query}")).expect(403).problem(), "places", "{query}");
        server.get(&format!("/api/v1/timeline?q={query}")).expect(403);
    }
    // The file has it inside; the thumbnail has not.
    assert_eq!(server.get(&format!("/api/v1/photos/{id}/file")).expect(403).problem(), "places");
    let zip = server.post_json("/api/v1/export", "", &format!("{{\"ids\":[{id}],\"as\":\"zip\"}}"));
    assert_eq!(zip.expect(403).problem(), "places");
    let thumbnail = server.get(&format!("/api/v1/photos/{id}/thumbnail?size=1920")).expect(200);
    assert!(!thumbnail.body.windows(4).any(|bytes| bytes == b"Exif"));
}

#[test]
fn several_photos_are_exported() {
    let server = all_samples().serve(|_| {});
    let (cat, coffee) = (server.id("cat.jpg"), server.id("coffee.jpg"));
    let body = format!("{{\"ids\":[{cat},{coffee},999],\"as\":\"paths\"}}");
    let paths = server.post_json("/api/v1/export", "", &body).expect(200).text();
    let folder = all_samples().photos();
    assert_eq!(paths, format!("{0}/cat.jpg\n{0}/coffee.jpg\n", folder.display()));
    let form = format!("ids={cat}%2C{coffee}&as=zip");
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let zip = server.request("POST", "/api/v1/export", kind, form.as_bytes()).expect(200);
    assert_eq!(zip.header("content-type"), Some("application/zip"));
    for name in ["cat.jpg", "coffee.jpg"] {
        let file = std::fs::read(folder.join(name)).unwrap();
        assert!(zip.body.windows(file.len()).any(|bytes| bytes == file), "{name} is stored as it is");
    }
    assert!(zip.body.windows(4).any(|bytes| bytes == b"PK\x05\x06"), "it is complete");
    for wrong in
        ["{\"ids\":[],\"as\":\"zip\"}", "{\"ids\":[1],\"as\":\"html\"}", "[]", "{\"ids\":[\"../x\"],\"as\":\"zip\"}"]
    {
        assert_eq!(server.post_json("/api/v1/export", "", wrong).expect(400).problem(), "bad-request", "{wrong}");
    }
    server.request("POST", "/api/v1/export", "Content-Type: text/plain\r\n", body.as_bytes()).expect(415);
    server.post_json("/api/v1/export", "", "{\"ids\":[999],\"as\":\"zip\"}").expect(404);
    // None at a time is no page to go on from.
    assert_eq!(server.json("/api/v1/search?q=cat&limit=0")["next_offset"], serde_json::Value::Null);
}

#[test]
fn the_status_tells_of_index_and_server() {
    let server = all_samples().serve(|settings| settings.read_only = true);
    let status = server.json("/api/v1/status");
    assert_eq!(
        (&status["photos"], &status["has_index"], &status["model"]),
        (&json!(12), &json!(true), &json!("pocket"))
    );
    assert_eq!(
        (&status["read_only"], &status["can_add_folders"], &status["places"]),
        (&json!(true), &json!(false), &json!(true))
    );
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_api_is_described() {
    let server = all_samples().serve(|_| {});
    let description = server.json("/openapi.json");
    assert!(description["openapi"].as_str().unwrap().starts_with("3."));
    // Every member of an answer is in its schema.
    let id = server.id("located-0.jpg");
    for (schema, found) in [
        ("JsonPhoto", server.json(&format!("/api/v1/photos/{id}"))),
        ("JsonHit", server.json("/api/v1/search")["results"][0].clone()),
        ("JsonAnswer", server.json("/api/v1/search")),
        ("ServerStatus", server.json("/api/v1/status")),
        ("Problem", server.get("/api/v1/search?q=dog+%7C").json()),
    ] {
        let text = resolved(&description, &description["components"]["schemas"][schema]);
        for member in found.as_object().unwrap().keys() {
            assert!(text.contains(&format!("\"{member}\":")), "{schema} has no {member}: {text}");
        }
    }
}

/// A schema as text, with those that it is composed of.
fn resolved(description: &Value, schema: &Value) -> String {
    let text = schema.to_string();
    let inner: Vec<String> = text
        .match_indices("\"#/components/schemas/")
        .map(|(at, sign)| text[at + sign.len()..].split('"').next().unwrap().to_owned())
        .filter(|name| schema["allOf"].to_string().contains(&format!("schemas/{name}\"")))
        .map(|name| resolved(description, &description["components"]["schemas"][name.as_str()]))
        .collect();
    text + &inner.concat()
}

#[test]
fn a_change_of_the_index_is_taken_up() {
    let sandbox = crate::support::Sandbox::new();
    sandbox.put("cat.jpg");
    sandbox.update();
    let server = sandbox.serve(|_| {});
    let before = server.json("/api/v1/search?q=a+photo+of+a+rocket");
    assert_eq!(before["total"], 1);
    sandbox.put("rocket.jpg");
    sandbox.update();
    crate::support::eventually("the new photo is found", || {
        names(&server.json("/api/v1/search?q=a+photo+of+a+rocket"))[0] == "rocket.jpg"
    });
    assert_eq!(server.json("/api/v1/search")["total"], 2);
}

/// A video of two scenes, where there is an ffmpeg.
#[test]
fn a_video_is_shown_and_played_at_the_moment_that_was_found() {
    use std::sync::atomic::AtomicBool;

    use clip_search::{Ffmpeg, IndexOptions, Silent, UpdateOptions, VideoOptions};

    let folders = std::env::var_os("PATH").unwrap_or_default();
    let Some(program) = Ffmpeg::find(std::env::split_paths(&folders)) else { return };
    let sandbox = Sandbox::new();
    let (cat, rocket) = (samples().join("cat.jpg"), samples().join("rocket.jpg"));
    let clip = sandbox.photos().join("clip.mp4");
    let mut ffmpeg = std::process::Command::new(&program);
    for scene in [&cat, &rocket] {
        ffmpeg.args(["-loop", "1", "-t", "3", "-i"]).arg(scene);
    }
    let scale = "scale=320:240,setsar=1,format=yuv420p";
    let filter = format!("[0]{scale}[a];[1]{scale}[b];[a][b]concat=n=2");
    ffmpeg.args(["-v", "error", "-filter_complex", &filter, "-r", "10"]).arg(&clip);
    assert!(ffmpeg.status().unwrap().success());
    let videos = Some(VideoOptions::new(Ffmpeg::open(&program).unwrap()));
    let indexing = IndexOptions { videos, ..IndexOptions::default() };
    let options = UpdateOptions { indexing: indexing.clone(), ..UpdateOptions::default() };
    sandbox.library().update(&[sandbox.photos()], &options, &Silent, &AtomicBool::new(false)).unwrap();

    let server = sandbox.serve(|settings| settings.indexing = indexing);
    let found = server.json("/api/v1/search?q=a+rocket");
    let hit = &found["results"][0];
    assert_eq!((found["results"].as_array().unwrap().len(), &hit["kind"]), (1, &json!("video")), "{found}");
    let time = hit["time"].as_f64().unwrap();
    assert!((3.0..6.0).contains(&time), "{found}");
    let id = hit["id"].as_u64().unwrap();
    let thumbnail = |at: u64| {
        let answer = server.get(&format!("/api/v1/photos/{id}/thumbnail?size=240&at={at}")).expect(200);
        clip_search::image::load_from_memory(&answer.body).unwrap().to_rgb8()
    };
    let (first, second) = (thumbnail(0), thumbnail(hit["position"].as_u64().unwrap()));
    assert_eq!((first.dimensions(), second.dimensions()), ((320, 240), (320, 240)));
    let like = |picture: &clip_search::image::RgbImage, photo: &std::path::Path| {
        let photo = clip_search::image::open(photo)
            .unwrap()
            .resize_exact(320, 240, clip_search::image::imageops::FilterType::Triangle)
            .to_rgb8();
        let difference: u64 = picture.iter().zip(photo.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        difference / (320 * 240 * 3)
    };
    assert!(
        like(&first, &cat) < 12 && like(&second, &rocket) < 12,
        "{} {}",
        like(&first, &cat),
        like(&second, &rocket)
    );
    assert!(like(&first, &rocket) > 25);
    server.get(&format!("/api/v1/photos/{id}/thumbnail?at=999999999")).expect(422);
    let part = server.request("GET", &format!("/api/v1/photos/{id}/file"), "Range: bytes=0-99\r\n", b"").expect(206);
    assert_eq!((part.header("content-type"), part.body.len()), (Some("video/mp4"), 100));
    // Listed once, whatever it has of moments.
    assert_eq!(server.json("/api/v1/search?q=is:video")["total"], 1);
}
