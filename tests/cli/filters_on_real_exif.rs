//! Every condition, on what cameras really write: the set of photos that meet it is compared with a table of facts that were
//! read with another program (real_exif/README.md).

use std::collections::BTreeSet;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, RgbImage};

use crate::support::Sandbox;

/// A photo of the library: the name by which the tests know it, its file, its size as stored, the EXIF block, and what a
/// program for photos wrote besides.
struct Given {
    name: &'static str,
    file: &'static str,
    size: (u32, u32),
    exif: &'static [u8],
    other: Other,
}

enum Other {
    Nothing,
    Xmp(&'static str),
    Iptc(&'static [(u8, &'static [u8])]),
}

/// As Lightroom writes it: short properties are attributes.
const LIGHTROOM: &str = r#"<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 7.0-c000 1.000000, 0000/00/00-00:00:00        ">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
   xmp:CreatorTool="Adobe Photoshop Lightroom Classic 11.2 (Macintosh)"
   xmp:Rating="5"
   dc:format="image/jpeg">
   <dc:title>
    <rdf:Alt>
     <rdf:li xml:lang="x-default">Ein Baum</rdf:li>
    </rdf:Alt>
   </dc:title>
   <dc:subject>
    <rdf:Bag>
     <rdf:li>Schnee &amp; Eis</rdf:li>
     <rdf:li>Adygea</rdf:li>
    </rdf:Bag>
   </dc:subject>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"#;

/// As Exiv2 writes it, and with it digiKam and darktable.
const EXIV2: &str = r#"<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2"> <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:digiKam="http://www.digikam.org/ns/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmp:Rating="3"> <digiKam:TagsList> <rdf:Seq> <rdf:li>Orte/Florenz</rdf:li>
 </rdf:Seq> </digiKam:TagsList> <dc:subject> <rdf:Bag> <rdf:li>Florenz</rdf:li> <rdf:li>Santa Maria del Fiore</rdf:li>
 </rdf:Bag> </dc:subject> </rdf:Description> </rdf:RDF> </x:xmpmeta><?xpacket end="w"?>"#;

/// As older programs write it: keywords and a caption, in Latin-1.
const IPTC: &[(u8, &[u8])] = &[(25, b"Leguan"), (25, b"\xdcbersee"), (120, b"Gr\xfcner Leguan")];

const fn photo(name: &'static str, file: &'static str, size: (u32, u32), exif: &'static [u8]) -> Given {
    Given { name, file, size, exif, other: Other::Nothing }
}

macro_rules! block {
    ($name:literal) => {
        include_bytes!(concat!("real_exif/", $name, ".exif"))
    };
}

const PHOTOS: &[Given] = &[
    Given { other: Other::Iptc(IPTC), ..photo("40d", "canon/IMG_0040.jpg", (60, 40), block!("canon-eos-40d")) },
    photo("g9", "canon/IMG_0009.JPG", (64, 48), block!("canon-g9")),
    Given {
        other: Other::Xmp(include_str!("real_exif/canon-sx60.xmp")),
        ..photo("sx60", "canon/IMG_0060.jpg", (64, 48), block!("canon-sx60"))
    },
    photo("e500", "DSCF0500.jpg", (48, 48), block!("fujifilm-e500")),
    photo("iphone", "phone/IMG_1001.JPG", (80, 60), block!("iphone-6")),
    photo("jolla", "phone/20140921_160056.jpg", (60, 80), block!("jolla")),
    photo("cx7530", "kodak/100_0001.jpg", (64, 48), block!("kodak-cx7530")),
    photo("dc240", "kodak/DCP_0240.jpg", (64, 48), block!("kodak-dc240")),
    photo("d70", "nikon/DSC_0070.jpg", (60, 40), block!("nikon-d70")),
    Given { other: Other::Xmp(EXIV2), ..photo("d70s", "nikon/DSC_0071.jpg", (40, 60), block!("nikon-d70s")) },
    photo("p6000-a", "nikon/DSCN0010.jpg", (64, 48), block!("nikon-p6000-a")),
    photo("p6000-b", "nikon/DSCN0042.jpg", (64, 48), block!("nikon-p6000-b")),
    photo("nokia", "phone/nokia.jpg", (80, 34), block!("nokia-8-3")),
    photo("c960", "P1010001.jpeg", (64, 48), block!("olympus-c960")),
    photo("fz30", "P1000030.jpg", (64, 48), block!("panasonic-fz30")),
    Given { other: Other::Xmp(LIGHTROOM), ..photo("a7", "sony/DSC00007.jpg", (60, 40), block!("sony-a7-iii")) },
    photo("d700", "sony/MVC_0700.jpg", (67, 51), block!("sony-d700")),
    photo("plain", "plain.png", (50, 50), b""),
];

/// A segment of a JPEG file.
fn segment(marker: u8, content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    [&[0xff, marker][..], &(content.len() as u16 + 2).to_be_bytes(), &content].concat()
}

impl Given {
    fn write(&self, folder: &Path, shade: u8) {
        let format = if self.exif.is_empty() { ImageFormat::Png } else { ImageFormat::Jpeg };
        let mut drawn = Cursor::new(Vec::new());
        let (width, height) = self.size;
        RgbImage::from_pixel(width, height, [shade, 90, 120].into()).write_to(&mut drawn, format).unwrap();
        let mut bytes = drawn.into_inner();
        let mut segments = Vec::new();
        if !self.exif.is_empty() {
            segments.extend(segment(0xe1, &[b"Exif\0\0", self.exif]));
        }
        match self.other {
            Other::Nothing => {}
            Other::Xmp(packet) => {
                segments.extend(segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", packet.as_bytes()]));
            }
            Other::Iptc(fields) => {
                let field = |&(number, value): &(u8, &[u8])| {
                    [&[0x1c, 2, number][..], &(value.len() as u16).to_be_bytes(), value].concat()
                };
                let records: Vec<u8> = fields.iter().flat_map(field).collect();
                let length = (records.len() as u32).to_be_bytes();
                segments.extend(segment(0xed, &[b"Photoshop 3.0\0", b"8BIM\x04\x04\0\0", &length, &records]));
            }
        }
        bytes.splice(2..2, segments);
        let path = folder.join(self.file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn library() -> Sandbox {
    let sandbox = Sandbox::new();
    for (number, given) in PHOTOS.iter().enumerate() {
        given.write(&sandbox.photos(), number as u8 * 10);
    }
    assert_eq!(sandbox.update(0)["indexed"], PHOTOS.len());
    sandbox
}

/// The names of the photos that a query finds.
fn found(sandbox: &Sandbox, query: &str) -> BTreeSet<&'static str> {
    let run = sandbox.run(&["query", query, "--json", "--all"]);
    assert_eq!(run.stderr, "", "{query}");
    let names: BTreeSet<&str> = run
        .json_lines()
        .iter()
        .map(|hit| {
            let path = hit["path"].as_str().unwrap();
            PHOTOS.iter().find(|given| path.ends_with(given.file)).unwrap().name
        })
        .collect();
    assert_eq!(run.status, Some(i32::from(names.is_empty())), "{query}: {run:?}");
    names
}

/// Queries, and the names of the photos that meet them.
const QUERIES: &[(&str, &str)] = &[
    // Cameras and lenses.
    ("camera:nikon", "d70 d70s p6000-a p6000-b"),
    ("camera:NIKON,canon", "d70 d70s p6000-a p6000-b 40d g9 sx60"),
    ("camera:\"nikon d70\"", "d70 d70s"),
    ("camera:d70", "d70 d70s d700"),
    ("camera:kodak", "cx7530 dc240"),
    ("camera:jolla", "jolla"),
    ("camera:\"nokia 8.3\"", "nokia"),
    ("camera:ilce-7m3", "a7"),
    ("has:camera", "40d g9 sx60 e500 iphone jolla cx7530 dc240 d70 d70s p6000-a p6000-b nokia c960 fz30 a7 d700"),
    ("-has:camera", "plain"),
    ("camera:canon -camera:powershot", "40d"),
    ("lens:iphone", "iphone"),
    ("lens:18.0-70.0", "d70s"),
    ("lens:\"28-75mm F2.8\"", "a7"),
    ("has:lens", "iphone d70s a7"),
    ("has:lens -lens:iphone", "d70s a7"),
    // Files.
    ("ext:png", "plain"),
    ("ext:jpeg,png", "c960 plain"),
    ("ext:.JPG -path:phone -path:nikon -path:canon", "e500 cx7530 dc240 fz30 a7 d700"),
    ("name:img", "40d g9 sx60 iphone"),
    ("name:0001", "cx7530 c960"),
    ("name:20140921", "jolla"),
    ("path:sony", "a7 d700"),
    ("path:phone -name:img", "jolla nokia"),
    ("-path:phone -path:nikon -path:canon -path:sony -path:kodak", "e500 c960 fz30 plain"),
    ("size:>20kB", "d70s"),
    ("size:5kB..20kB", "sx60 fz30"),
    ("size:<800", "plain"),
    ("size:>=5kB -size:>20kB", "sx60 fz30"),
    // Sizes and shapes, upright.
    ("width:48", "sx60 e500"),
    ("width:<50", "sx60 e500 d70s"),
    ("width:66..80", "iphone nokia d700"),
    ("height:>=60", "sx60 iphone jolla d70s"),
    ("height:..39", "nokia"),
    ("is:portrait", "sx60 jolla d70s"),
    ("is:square", "e500 plain"),
    ("is:landscape -height:48", "40d iphone d70 nokia a7 d700"),
    ("is:photo -is:landscape", "sx60 jolla d70s e500 plain"),
    ("kind:video", ""),
    ("-kind:photo", ""),
    // Exposure.
    ("iso:100", "40d e500 nokia fz30 a7"),
    ("iso:>=800", "sx60 d70s"),
    ("iso:>800", "d70s"),
    ("iso:<80", "iphone p6000-a p6000-b"),
    ("iso:125..320", "jolla d70 c960 d700"),
    ("iso:80,1000", "g9 d70s"),
    ("-iso:>0", "cx7530 dc240 plain"),
    ("focal:4.15", "iphone"),
    ("focal:5.6mm", "c960"),
    ("focal:<=4.7", "e500 iphone jolla nokia"),
    ("focal:<4.7", "iphone jolla nokia"),
    ("focal:14..24", "cx7530 dc240 p6000-a p6000-b fz30"),
    ("focal:>=100", "40d d70"),
    ("-focal:>0", "d700 plain"),
    ("focal:50..60 iso:<800", "a7"),
    ("exposure:1/30", "dc240 fz30"),
    ("exposure:1/60", "sx60 d70s"),
    ("exposure:<1/1000", "g9 nokia a7"),
    ("exposure:>=1/30", "dc240 jolla fz30"),
    ("shutter:1/100..1/80", "e500 p6000-b"),
    ("-exposure:>0", "plain"),
    ("aperture:4", "dc240 a7"),
    ("f:2.2", "iphone nokia"),
    ("aperture:<2.4", "iphone nokia d700"),
    ("aperture:>=f/8", "d70 d70s c960"),
    ("ev:1", "sx60"),
    ("ev:>0", "sx60 iphone"),
    ("ev:<0", "d70"),
    ("flash:on", "40d dc240 fz30"),
    ("flash:off year:<2001", "c960 d700"),
    ("has:burst,motion", ""),
    // Dates, by the clock of the place.
    ("year:2008", "40d g9 d70 p6000-a p6000-b fz30"),
    ("year:<2001", "dc240 c960 d700"),
    ("year:2014..2015", "sx60 iphone jolla"),
    ("year:>2015", "nokia a7"),
    ("month:may", "40d g9 dc240"),
    ("month:nov..feb", "sx60 d70s c960 a7 d700"),
    ("month:8,10 -year:2008", "e500 cx7530 nokia"),
    ("on:2008-10-22", "p6000-a p6000-b"),
    ("on:2008-05", "40d g9"),
    ("on:1998..1999", "dc240 d700"),
    ("on:2022-08-14", "nokia"),
    ("after:2014", "sx60 iphone nokia a7"),
    ("after:2015-02-09 before:2022-02-19", "iphone"),
    ("before:2000-11-07", "dc240 d700"),
    ("-has:date", "plain"),
    ("-after:1999 has:date", "dc240 d700"),
    // Places.
    ("near:43.47,11.88,5", "p6000-a p6000-b"),
    ("near:43.47,11.88,100", "p6000-a p6000-b d70s"),
    ("near:43.4674483,11.8851267,0.01", "p6000-a"),
    ("near:-0.3713,36.0564,1", "cx7530"),
    ("near:0.3713,36.0564,50", ""),
    ("near:40.447,-3.7247,1km", "iphone"),
    ("near:40.447,3.7247,100", ""),
    ("near:60.1467,24.9068,1", "nokia"),
    ("near:44.0711,40.0139,1", "a7"),
    ("has:gps", "iphone cx7530 d70s p6000-a p6000-b nokia a7"),
    ("has:gps -near:43.47,11.88,100", "iphone cx7530 nokia a7"),
    ("camera:nikon -has:gps", "d70"),
    // What people said.
    ("title:berlin", "g9"),
    ("title:\"sobre berlin\"", "g9"),
    ("title:gruner", "40d"),
    ("title:baum", "a7"),
    ("title:camera", ""),
    ("has:title", "40d g9 a7"),
    ("tag:leguan", "40d"),
    ("tag:ubersee", "40d"),
    ("tag:florenz,adygea", "d70s a7"),
    ("tag:\"schnee & eis\"", "a7"),
    ("tag:amp", ""),
    ("has:tag -tag:florenz", "40d a7"),
    ("rating:5", "a7"),
    ("rating:>=3", "d70s a7"),
    ("rating:3..4", "d70s"),
    ("rating:<5", "d70s"),
    ("has:rating", "d70s a7"),
    ("-has:rating camera:canon", "40d g9 sx60"),
    // Several at once.
    ("camera:canon iso:<=100 | has:rating", "40d g9 d70s a7"),
    ("(camera:nikon | camera:canon) -year:2008", "d70s sx60"),
    ("-(camera:nikon | camera:canon) year:2008", "fz30"),
];

#[test]
fn every_condition_finds_the_photos_that_meet_it() {
    let sandbox = library();
    let mut wrong = Vec::new();
    for &(query, expected) in QUERIES {
        let expected: BTreeSet<&str> = expected.split_whitespace().collect();
        let found = found(&sandbox, query);
        if found != expected {
            wrong.push(format!("{query}: found {found:?}, expected {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let canon = sandbox.photos().join("canon");
    let names = |names: &[&'static str]| names.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(found(&sandbox, &format!("under:{}", canon.display())), names(&["40d", "g9", "sx60"]));
    assert_eq!(found(&sandbox, &format!("iso:>=800 -under:{}", canon.display())), names(&["d70s"]));
}
