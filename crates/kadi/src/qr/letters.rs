//! Text in any of India's scripts: each stretch of it in a font that has its letters, shaped as its script asks.
//!
//! The fonts are in the binary: a server has none, and a name must come out the same everywhere. What none of them has
//! is written in Latin letters.

use any_ascii::any_ascii_char;
use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::{Face, UnicodeBuffer};

use super::{QrError, undrawn};

macro_rules! fonts {
    ($($name:literal),+ $(,)?) => { &[$(include_bytes!(concat!("../../fonts/", $name, ".ttf"))),+] };
}

const PLAIN: &[u8] = include_bytes!("../../fonts/NotoSans-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../../fonts/NotoSans-Bold.ttf");
const SCRIPTS: &[&[u8]] = fonts![
    "NotoSansDevanagari-Regular",
    "NotoSansBengali-Regular",
    "NotoSansTamil-Regular",
    "NotoSansTelugu-Regular",
    "NotoSansKannada-Regular",
    "NotoSansMalayalam-Regular",
    "NotoSansGujarati-Regular",
    "NotoSansGurmukhi-Regular",
    "NotoSansOriya-Regular",
    "NotoSansArabic-Regular",
    "NotoSansOlChiki-Regular",
    "NotoSansMeeteiMayek-Regular",
];

/// The fonts, ready to use.
pub struct Letters {
    fonts: Vec<(Face<'static>, Font)>,
}

/// Letters of one font.
pub struct Stretch {
    /// The letters.
    pub text: String,
    /// Their font.
    pub font: Font,
    /// What is drawn for them.
    pub glyphs: Vec<KrillaGlyph>,
    /// How far they reach, in ems.
    pub width: f32,
}

impl Letters {
    /// Latin letters plain or bold, and all other scripts.
    pub fn new(bold: bool) -> Result<Self, QrError> {
        let fonts = std::iter::once(if bold { BOLD } else { PLAIN }).chain(SCRIPTS.iter().copied());
        let fonts = fonts.map(|data| {
            let (face, font) = (Face::from_slice(data, 0), Font::new(data.into(), 0));
            face.zip(font).ok_or_else(|| undrawn("a font in the binary cannot be read"))
        });
        Ok(Self { fonts: fonts.collect::<Result<_, _>>()? })
    }

    /// A line of text, shaped.
    pub fn shape(&self, line: &str) -> Vec<Stretch> {
        let mut stretches: Vec<(usize, String)> = Vec::new();
        for ch in line.chars() {
            let last = stretches.last().map(|(font, _)| *font);
            let (font, text) = match self.font_of(ch, last) {
                Some(font) => (font, ch.to_string()),
                None => (0, any_ascii_char(ch).to_owned()),
            };
            match stretches.last_mut().filter(|(last, _)| *last == font) {
                Some((_, stretch)) => stretch.push_str(&text),
                None => stretches.push((font, text)),
            }
        }
        let shaped = stretches.into_iter().filter_map(|(font, text)| {
            let (face, font) = self.fonts.get(font)?;
            Some(shape(face, font.clone(), text))
        });
        shaped.collect()
    }

    /// The font for a letter: the one before it, if that has it, so that signs stay with the letters they belong to.
    fn font_of(&self, ch: char, last: Option<usize>) -> Option<usize> {
        let has =
            |font: &usize| self.fonts.get(*font).is_some_and(|(face, _)| face.glyph_index(ch).is_some());
        // Latin letters are in the first font even where another has them too.
        let last = last.filter(|last| *last == 0 || !ch.is_ascii_alphanumeric());
        last.filter(has).or_else(|| (0..self.fonts.len()).find(has))
    }
}

/// How far a shaped line reaches, in ems.
pub fn width(line: &[Stretch]) -> f32 {
    line.iter().map(|stretch| stretch.width).sum()
}

fn shape(face: &Face<'_>, font: Font, text: String) -> Stretch {
    let mut buffer = UnicodeBuffer::new();
    buffer.push_str(&text);
    buffer.guess_segment_properties();
    let shaped = rustybuzz::shape(face, &[], buffer);
    let em = f32::from(i16::try_from(face.units_per_em()).unwrap_or(1000));
    let in_ems = |units: i32| f32::from(i16::try_from(units).unwrap_or_default()) / em;
    let starts: Vec<_> =
        shaped.glyph_infos().iter().map(|info| usize::try_from(info.cluster).unwrap_or_default()).collect();
    let end =
        |start: usize| starts.iter().copied().filter(|other| *other > start).min().unwrap_or(text.len());
    let glyphs: Vec<_> = shaped
        .glyph_infos()
        .iter()
        .zip(shaped.glyph_positions())
        .zip(&starts)
        .map(|((info, place), start)| {
            let id = GlyphId::new(info.glyph_id);
            let (along, right) = (in_ems(place.x_advance), in_ems(place.x_offset));
            KrillaGlyph::new(id, along, right, in_ems(place.y_offset), 0.0, *start..end(*start), None)
        })
        .collect();
    let width = shaped.glyph_positions().iter().map(|place| in_ems(place.x_advance)).sum();
    Stretch { text, font, glyphs, width }
}
