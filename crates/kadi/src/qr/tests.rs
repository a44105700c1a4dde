use domain::facility::Role;

use super::*;

const SANDBOX: &str = "https://phrsbx.abdm.gov.in/share-profile";

fn facility(name: &str, counters: &[(&str, Option<&str>)]) -> Facility {
    let counter =
        |(id, name): &(&str, Option<&str>)| Counter { id: (*id).to_owned(), name: name.map(str::to_owned) };
    Facility {
        id: "IN2810014366".parse().unwrap(),
        name: name.to_owned(),
        roles: vec![Role::Hip],
        hip_id: "IN2810014366_1".parse().unwrap(),
        hiu_id: "IN2810014366".parse().unwrap(),
        counters: counters.iter().map(counter).collect(),
    }
}

/// What an independent reader reads in a picture.
fn read(png: &[u8]) -> String {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let (width, height) = (usize::try_from(info.width).unwrap(), usize::try_from(info.height).unwrap());
    let at = |x: usize, y: usize| pixels[y * info.line_size + x];
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, at);
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1);
    grids[0].decode().unwrap().1
}

#[test]
fn a_reader_reads_what_abdm_expects_in_sandbox_and_production() {
    let here = facility("Sunrise Clinic", &[("OPD1", None)]);
    for page in [SANDBOX, "https://phr.abdm.gov.in/share-profile"] {
        let counters = counters(&here, None).unwrap();
        let png = draw(page, &here, &counters, Format::Png).unwrap();
        assert_eq!(read(&png), format!("{page}?hip-id=IN2810014366_1&counter-id=OPD1"));
    }
}

#[test]
fn a_drawing_has_the_modules_of_the_picture() {
    let here = facility("Sunrise Clinic", &[]);
    let counters = counters(&here, None).unwrap();
    assert_eq!(counters[0].id, "1", "a facility without counters has one");
    let svg = String::from_utf8(draw(SANDBOX, &here, &counters, Format::Svg).unwrap()).unwrap();
    let code = Code::new(content(SANDBOX, &here, &counters[0])).unwrap();
    let black: usize = code.runs().iter().map(|(_, _, length)| length).sum();
    assert_eq!(black, code.modules.iter().filter(|dark| **dark).count());
    assert_eq!(svg.matches('z').count(), code.runs().len() + 1);
    assert!(
        svg.starts_with("<svg xmlns=") && svg.contains(&format!("viewBox=\"0 0 {0} {0}\"", code.width + 8))
    );
}

#[test]
fn a_poster_has_a_page_for_each_counter_whatever_the_names_are_written_in() {
    let names = [
        "Sunrise Clinic",
        "सरकारी ज़िला अस्पताल, लखनऊ (District Hospital)",
        "அரசு பொது மருத்துவமனை",
        "ସରକାରୀ ହସ୍ପିଟାଲ",
        "سرکاری ہسپتال دہلی",
        "病院 🏥 \u{200d}\u{301}",
        &"A very long name of a hospital that does not end ".repeat(20),
        "",
    ];
    for name in names {
        let here = facility(name, &[("OPD1", Some("बाह्य रोगी")), ("DENTAL", Some("Dental"))]);
        let counters = counters(&here, None).unwrap();
        let pdf = draw(SANDBOX, &here, &counters, Format::Pdf).unwrap();
        assert!(pdf.starts_with(b"%PDF-"), "{name}");
        let one = draw(SANDBOX, &here, &counters[..1], Format::Pdf).unwrap();
        assert!(pdf.len() > one.len() + 1000, "{name}: a page for each");
        assert!(pdf.len() < 200_000, "{name}: only the letters that are used: {}", pdf.len());
    }
}

#[test]
fn letters_that_no_font_has_are_written_in_latin() {
    let letters = letters::Letters::new(false).unwrap();
    let text = |line: &str| letters.shape(line).into_iter().map(|one| one.text).collect::<Vec<_>>();
    assert_eq!(text("OPD दंत 1"), ["OPD ", "दंत ", "1"]);
    assert_eq!(text("病院"), ["BingYuan"]);
    for line in ["Clinic", "क्षेत्रीय", "மருத்துவமனை", "ہسپتال", "ᱚᱞ ᱪᱤᱠᱤ"]
    {
        let shaped = letters.shape(line);
        let missing = shaped.iter().flat_map(|one| &one.glyphs).filter(|glyph| glyph.glyph_id.to_u32() == 0);
        assert_eq!(missing.count(), 0, "{line}");
        assert!(letters::width(&shaped) > 0.5, "{line}");
    }
}

#[test]
fn a_counter_is_what_abdm_takes() {
    let here = facility("Sunrise", &[]);
    for good in ["1", "OPD1", "ABCDEFGHIJ1234567890"] {
        assert!(counters(&here, Some(good)).is_ok(), "{good}");
    }
    let bad =
        ["", "OPD 1", "दंत", "OPD-1", "ABCDEFGHIJ12345678901", "IN2810014366", "IN2810014366_1", "Sunrise"];
    for bad in bad {
        assert_eq!(counters(&here, Some(bad)), Err(QrError::Counter), "{bad}");
    }
}
