//! Attachments: that they are as long as they say and, in strict mode, what
//! they say.

use super::json::Json;
use super::path::Path;
use super::walk::Walk;

/// How base64 of a file of a type begins.
const BEGINNINGS: &[(&str, &str)] = &[
    ("application/pdf", "JVBERi"),
    ("image/jpeg", "/9j/"),
    ("image/jpg", "/9j/"),
    ("image/png", "iVBORw0KGgo"),
];

/// Checks an Attachment, or a Binary, which has the same two fields.
pub(crate) fn check(walk: &mut Walk<'_>, value: Json<'_>, path: &Path<'_>) {
    let Some(data) = value.text("data") else { return };
    if let Some(size) = value.field("size").and_then(Json::as_u64)
        && size != decoded(data)
    {
        let what = format!("must be the length of `data` once decoded, {} bytes", decoded(data));
        walk.error(&path.key("size"), "attachment-size", what);
    }
    if walk.strict {
        content(walk, value, data, path);
    }
}

/// An app that is told PDF and given something else shows nothing.
pub(crate) fn content(walk: &mut Walk<'_>, value: Json<'_>, data: &str, path: &Path<'_>) {
    let Some(kind) = value.text("contentType") else { return };
    let Some((_, beginning)) = BEGINNINGS.iter().find(|(of, _)| of.eq_ignore_ascii_case(kind)) else {
        return;
    };
    if !data.trim_start().starts_with(beginning) {
        let what = "is not of the type that `contentType` says: apps will not show it";
        walk.warning(&path.key("data"), "content-type", what);
    }
}

/// The length of base64 once decoded.
fn decoded(data: &str) -> u64 {
    let (letters, padding) = data.bytes().fold((0_u64, 0_u64), |(letters, padding), b| match b {
        b'=' => (letters + 1, padding + 1),
        b if b.is_ascii_whitespace() => (letters, padding),
        _ => (letters + 1, padding),
    });
    (letters / 4 * 3).saturating_sub(padding)
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn base64_tells_its_length() {
        for (data, length) in [("", 0), ("QQ==", 1), ("QUI=", 2), ("QUJD", 3), ("QUJD\nQUI=", 5), ("=", 0)] {
            assert_eq!(decoded(data), length, "{data}");
        }
    }
}
