//! A counter's QR code, which patients scan to share their profile: as a picture, as a drawing, and as a poster for
//! the wall.
//!
//! The code is the address of a page of ABDM's with the facility's HIP id and the counter (ABDM V3, scan and share);
//! sandbox and production have a page each.

mod letters;
mod poster;

use std::fmt::Write as _;
use std::str::FromStr;

use domain::facility::{Counter, Facility};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use qrcode::{Color, EcLevel, QrCode};

/// Modules of white around a code (ISO/IEC 18004).
const QUIET: usize = 4;
/// Pixels of a module in a picture: large enough to be printed by whoever has no use for the drawing.
const PIXELS: usize = 16;
/// What needs no escape in a query (RFC 3986, unreserved).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// The longest counter that ABDM takes in a code.
const LONGEST_COUNTER: usize = 20;
/// The counter of a facility that has none.
const ONLY_COUNTER: &str = "1";

/// How a code is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A picture.
    Png,
    /// A drawing, sharp at any size.
    Svg,
    /// A poster for the wall, A4: a page for each counter.
    Pdf,
}

impl Format {
    /// Its MIME type.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Svg => "image/svg+xml",
            Self::Pdf => "application/pdf",
        }
    }
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "png" => Ok(Self::Png),
            "svg" => Ok(Self::Svg),
            "pdf" => Ok(Self::Pdf),
            _ => Err("must be png, svg or pdf"),
        }
    }
}

/// Why there is no code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QrError {
    /// ABDM takes no such counter.
    #[error("a counter is 1 to 20 letters and digits, and not the facility's id, HIP id or name")]
    Counter,
    /// It could not be drawn.
    #[error("the code could not be drawn: {0}")]
    Draw(String),
}

fn undrawn(error: impl std::fmt::Display) -> QrError {
    QrError::Draw(error.to_string())
}

/// The counters to draw a code for: the one asked for, else all that the facility has.
pub fn counters(facility: &Facility, asked: Option<&str>) -> Result<Vec<Counter>, QrError> {
    let named = |id: &str| {
        let known = facility.counters.iter().find(|counter| counter.id == id).cloned();
        known.unwrap_or_else(|| Counter { id: id.to_owned(), name: None })
    };
    let counters = match asked {
        Some(id) => vec![named(id)],
        None if facility.counters.is_empty() => vec![named(ONLY_COUNTER)],
        None => facility.counters.clone(),
    };
    if counters.iter().all(|counter| is_counter(facility, &counter.id)) {
        Ok(counters)
    } else {
        Err(QrError::Counter)
    }
}

fn is_counter(facility: &Facility, id: &str) -> bool {
    let taken = [facility.id.as_str(), facility.hip_id.as_str(), &facility.name];
    (1..=LONGEST_COUNTER).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && !taken.contains(&id)
}

/// What the code of a counter holds; `page` is ABDM's, `share.qr_url` of the configuration.
#[must_use]
pub fn content(page: &str, facility: &Facility, counter: &Counter) -> String {
    let escaped = |text| utf8_percent_encode(text, ESCAPED);
    format!("{page}?hip-id={}&counter-id={}", escaped(facility.hip_id.as_str()), escaped(&counter.id))
}

/// Draws the codes of counters. A picture and a drawing are of the first, a poster has a page for each.
pub fn draw(
    page: &str,
    facility: &Facility,
    counters: &[Counter],
    format: Format,
) -> Result<Vec<u8>, QrError> {
    let codes = counters.iter().map(|counter| Code::new(content(page, facility, counter)));
    let codes = codes.collect::<Result<Vec<_>, _>>()?;
    let first = codes.first().ok_or(QrError::Counter)?;
    match format {
        Format::Png => first.png(),
        Format::Svg => Ok(first.svg().into_bytes()),
        Format::Pdf => poster::print(facility, &counters.iter().zip(&codes).collect::<Vec<_>>()),
    }
}

/// A code, as black and white modules without the white around it.
struct Code {
    content: String,
    width: usize,
    modules: Vec<bool>,
}

impl Code {
    fn new(content: String) -> Result<Self, QrError> {
        // Posters get scratched: a fifth of the code may be lost.
        let code = QrCode::with_error_correction_level(&content, EcLevel::Q).map_err(undrawn)?;
        let (width, modules) = (code.width(), code.to_colors());
        Ok(Self { content, width, modules: modules.into_iter().map(|one| one == Color::Dark).collect() })
    }

    /// Runs of black modules: column, row and length of each.
    fn runs(&self) -> Vec<(usize, usize, usize)> {
        let mut runs = Vec::new();
        for (y, row) in self.modules.chunks(self.width).enumerate() {
            let mut x = 0;
            for run in row.chunk_by(|one, next| one == next) {
                if run.first() == Some(&true) {
                    runs.push((x, y, run.len()));
                }
                x += run.len();
            }
        }
        runs
    }

    fn svg(&self) -> String {
        let size = self.width + 2 * QUIET;
        let mut path = String::new();
        for (x, y, length) in self.runs() {
            // Writing to a string can't fail.
            let _ = write!(path, "M{} {}h{length}v1h-{length}z", x + QUIET, y + QUIET);
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {size} {size}\" shape-rendering=\"crispEdges\">\
             <path fill=\"#fff\" d=\"M0 0h{size}v{size}H0z\"/><path d=\"{path}\"/></svg>\n"
        )
    }

    fn png(&self) -> Result<Vec<u8>, QrError> {
        let size = (self.width + 2 * QUIET) * PIXELS;
        let dark = |x: usize, y: usize| {
            let place = |at: usize| (at / PIXELS).checked_sub(QUIET).filter(|at| *at < self.width);
            let at = place(x).zip(place(y)).map(|(x, y)| y * self.width + x);
            at.and_then(|at| self.modules.get(at)).is_some_and(|dark| *dark)
        };
        let mut bits = Vec::with_capacity(size * size.div_ceil(8));
        for y in 0..size {
            for byte in 0..size.div_ceil(8) {
                let bit = |bit: usize| u8::from(!dark(byte * 8 + bit, y)) << (7 - bit);
                bits.push((0..8).map(bit).sum());
            }
        }
        let side = u32::try_from(size).map_err(undrawn)?;
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, side, side);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        encoder.add_itxt_chunk("Description".to_owned(), self.content.clone()).map_err(undrawn)?;
        let mut writer = encoder.write_header().map_err(undrawn)?;
        writer.write_image_data(&bits).map_err(undrawn)?;
        writer.finish().map_err(undrawn)?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests;
