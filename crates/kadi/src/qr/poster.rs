//! The poster for the wall, A4: whose counter it is, the code, and what to do with it.

use domain::facility::{Counter, Facility};
use krilla::Document;
use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::Metadata;
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};
use krilla::surface::Surface;

use super::letters::{Letters, Stretch, width};
use super::{Code, QUIET, QrError, undrawn};

/// A4, in points.
const PAGE: (f32, f32) = (595.28, 841.89);
/// What text keeps from the edges.
const MARGIN: f32 = 48.0;
/// The side of the code, its white included.
const CODE: f32 = 370.0;
/// From one line to the next, in ems.
const LINE: f32 = 1.3;
const INK: (u8, u8, u8) = (0x1d, 0x24, 0x21);
const ACCENT: (u8, u8, u8) = (0x0b, 0x6b, 0x5c);
const QUIET_INK: (u8, u8, u8) = (0x5c, 0x67, 0x62);
const STEPS: [(&str, &str); 3] = [
    ("1. Scan this code with your ABHA app.", "अपने आभा ऐप से यह कोड स्कैन करें।"),
    ("2. Check your details and tap Share.", "अपना विवरण जाँचें और साझा करें।"),
    ("3. Wait for your token number to be called.", "अपना टोकन नंबर पुकारे जाने की प्रतीक्षा करें।"),
];

/// Prints a page for each counter.
pub fn print(facility: &Facility, counters: &[(&Counter, &Code)]) -> Result<Vec<u8>, QrError> {
    let (plain, bold) = (Letters::new(false)?, Letters::new(true)?);
    let mut document = Document::new();
    for (counter, code) in counters {
        let settings = PageSettings::from_wh(PAGE.0, PAGE.1).ok_or_else(|| undrawn("no page"))?;
        let mut page = document.start_page_with(settings);
        Pen { surface: page.surface(), plain: &plain, bold: &bold, y: 0.0 }
            .poster(facility, counter, code)?;
        page.finish();
    }
    let title = format!("{}: scan and share", facility.name);
    document.set_metadata(Metadata::new().title(title).creator("Kadi".to_owned()));
    document.finish().map_err(|error| undrawn(format!("{error:?}")))
}

/// Draws from the top to the bottom.
struct Pen<'a> {
    surface: Surface<'a>,
    plain: &'a Letters,
    bold: &'a Letters,
    y: f32,
}

impl Pen<'_> {
    fn poster(mut self, facility: &Facility, counter: &Counter, code: &Code) -> Result<(), QrError> {
        self.colour(ACCENT);
        self.bar(Rect::from_xywh(0.0, 0.0, PAGE.0, 14.0))?;
        self.y = 52.0;
        self.colour(INK);
        let bold = self.bold;
        self.title(bold, &facility.name);
        self.colour(ACCENT);
        self.y += 6.0;
        self.centred(bold, "Register with your ABHA", 19.0);
        self.colour(QUIET_INK);
        self.centred(self.plain, "आभा से पंजीकरण के लिए स्कैन करें", 16.0);
        self.y += 10.0;
        self.code(code)?;
        self.colour(INK);
        self.centred(bold, &format!("Counter {}", counter.id), 26.0);
        if let Some(name) = counter.name.as_deref().filter(|name| *name != counter.id) {
            self.centred(self.plain, name, 18.0);
        }
        self.y += 10.0;
        for (english, hindi) in STEPS {
            self.colour(INK);
            self.centred(self.plain, english, 17.0);
            self.colour(QUIET_INK);
            self.centred(self.plain, hindi, 14.0);
            self.y += 4.0;
        }
        self.y = PAGE.1 - 34.0;
        self.colour(QUIET_INK);
        self.centred(self.plain, &code.content, 8.0);
        self.surface.finish();
        Ok(())
    }

    fn colour(&mut self, (red, green, blue): (u8, u8, u8)) {
        let paint = rgb::Color::new(red, green, blue).into();
        self.surface.set_fill(Some(Fill { paint, opacity: NormalizedF32::ONE, rule: FillRule::NonZero }));
    }

    fn bar(&mut self, rect: Option<Rect>) -> Result<(), QrError> {
        let mut path = PathBuilder::new();
        path.push_rect(rect.ok_or_else(|| undrawn("no bar"))?);
        self.surface.draw_path(&path.finish().ok_or_else(|| undrawn("no bar"))?);
        Ok(())
    }

    /// The code with its white, as one path: between rectangles side by side printers leave hairs.
    fn code(&mut self, code: &Code) -> Result<(), QrError> {
        let small = |number: usize| f32::from(u16::try_from(number).unwrap_or_default());
        let module = CODE / small(code.width + 2 * QUIET);
        let left = (PAGE.0 - CODE) / 2.0 + module * small(QUIET);
        let top = self.y + module * small(QUIET);
        self.colour((0, 0, 0));
        let mut path = PathBuilder::new();
        for (x, y, length) in code.runs() {
            let (x, y) = (left + module * small(x), top + module * small(y));
            let rect = Rect::from_xywh(x, y, module * small(length), module + 0.05);
            path.push_rect(rect.ok_or_else(|| undrawn("no module"))?);
        }
        self.surface.draw_path(&path.finish().ok_or_else(|| undrawn("no code"))?);
        self.y += CODE;
        Ok(())
    }

    /// As large as three lines allow.
    fn title(&mut self, letters: &Letters, text: &str) {
        let (size, lines) = [32.0, 26.0, 21.0, 17.0]
            .into_iter()
            .map(|size| (size, wrapped(letters, text, (PAGE.0 - 2.0 * MARGIN) / size)))
            .find(|(size, lines)| lines.len() <= 2 || (*size < 27.0 && lines.len() <= 3))
            .unwrap_or_else(|| (13.0, wrapped(letters, text, (PAGE.0 - 2.0 * MARGIN) / 13.0)));
        for line in lines.iter().take(4) {
            self.line(line, size);
        }
    }

    fn centred(&mut self, letters: &Letters, text: &str, size: f32) {
        for line in wrapped(letters, text, (PAGE.0 - 2.0 * MARGIN) / size).iter().take(2) {
            self.line(line, size);
        }
    }

    fn line(&mut self, line: &[Stretch], size: f32) {
        self.y += size * LINE;
        let mut x = (PAGE.0 - width(line) * size) / 2.0;
        for stretch in line {
            let (start, font) = (Point::from_xy(x, self.y - size * 0.3), stretch.font.clone());
            self.surface.draw_glyphs(start, &stretch.glyphs, font, &stretch.text, size, false);
            x += stretch.width * size;
        }
    }
}

/// Breaks a text into lines of at most so many ems, between words where it can.
fn wrapped(letters: &Letters, text: &str, most: f32) -> Vec<Vec<Stretch>> {
    let fits = |line: &str| width(&letters.shape(line)) <= most;
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { continue };
        let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if fits(&longer) || line.is_empty() {
            *line = longer;
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.iter().map(|line| letters.shape(line)).collect()
}
