//! What is said of photos outside their files: in sidecars, in their names, and by where they were taken.

use std::fs;

use crate::support::Sandbox;

/// A sidecar as darktable and digiKam write it, with these attributes and elements.
fn sidecar(attributes: &str, elements: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" {attributes}>{elements}</rdf:Description>
</rdf:RDF></x:xmpmeta>"#
    )
}

fn found(sandbox: &Sandbox, query: &str) -> Vec<String> {
    // Nothing found is a status of its own.
    let run = sandbox.run(&["query", "--json", "--all", "--", query]);
    let mut names: Vec<String> = run
        .json_lines()
        .iter()
        .map(|line| line["path"].as_str().unwrap().rsplit('/').next().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn sidecars_names_and_positions_are_found() {
    let sandbox = Sandbox::new();
    sandbox.put("cat.jpg", "cat.jpg");
    sandbox.put("coffee.jpg", "IMG_20190604_153000.jpg");
    let people =
        "<Iptc4xmpExt:PersonInImage><rdf:Bag><rdf:li>Anna Müller</rdf:li></rdf:Bag></Iptc4xmpExt:PersonInImage>";
    let beside = sandbox.photos().join("cat.jpg.xmp");
    fs::write(&beside, sidecar(r#"xmp:Rating="4" xmp:Label="Red""#, people)).unwrap();
    // Fiesole, above Florence.
    let position = r#"exif:GPSLatitude="43,48.4N" exif:GPSLongitude="11,17.6E""#;
    fs::write(sandbox.photos().join("IMG_20190604_153000.xmp"), sidecar(position, "")).unwrap();
    assert_eq!(sandbox.update(0)["indexed"], 2);

    for query in ["person:anna", "label:red", "rating:4", "has:person"] {
        assert_eq!(found(&sandbox, query), ["cat.jpg"], "{query}");
    }
    for query in ["year:2019", "on:2019-06-04", "place:florence", "place:italy", "near:43.8,11.3,5"] {
        assert_eq!(found(&sandbox, query), ["IMG_20190604_153000.jpg"], "{query}");
    }

    // Nothing is encoded again when a sidecar changes, comes or goes.
    fs::write(&beside, sidecar(r#"xmp:Rating="2""#, "")).unwrap();
    let changed = sandbox.update(0);
    assert_eq!((&changed["indexed"], &changed["details_read"]), (&0.into(), &1.into()), "{changed}");
    assert_eq!(found(&sandbox, "rating:2"), ["cat.jpg"]);
    assert_eq!(found(&sandbox, "person:anna"), [""; 0]);
    fs::remove_file(&beside).unwrap();
    assert_eq!(sandbox.update(0)["details_read"], 1);
    assert_eq!(found(&sandbox, "has:rating"), [""; 0]);
    // Nothing to tell.
    assert_eq!(sandbox.update(0)["details_read"].as_u64().unwrap_or(0), 0);
}
