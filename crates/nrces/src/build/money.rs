//! Amounts in hundredths, so that sums of a bill come out even.

use std::ops::{Add, Sub};

use crate::fhir::Map;
use crate::input::Decimal;

/// Hundredths of the bill's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Paise(i64);

impl Paise {
    pub const ZERO: Self = Self(0);

    /// An amount as written, rounded to hundredths.
    pub fn of(amount: &Decimal) -> Self {
        Self::round(amount.as_f64())
    }

    /// The price of so many units.
    pub fn times(rate: &Decimal, count: f64) -> Self {
        Self::round(rate.as_f64() * count)
    }

    /// So many per cent of it.
    #[expect(clippy::cast_precision_loss, reason = "bills stay far below 2^53 hundredths")]
    pub fn percent(self, percent: f64) -> Self {
        Self::round(self.0 as f64 / 100.0 * percent / 100.0)
    }

    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates, and no bill comes near the bounds")]
    fn round(amount: f64) -> Self {
        Self((amount * 100.0).round() as i64)
    }

    /// Whether two amounts differ by rounding only: a rupee at most.
    pub fn is_about(self, other: Self) -> bool {
        self.0.abs_diff(other.0) <= 100
    }

    /// FHIR's `Money`.
    #[expect(clippy::cast_precision_loss, reason = "bills stay far below 2^53 hundredths")]
    pub fn money(self, currency: &str) -> Map<'_> {
        let whole = || serde_json::Number::from(self.0 / 100);
        let value =
            if self.0 % 100 == 0 { None } else { serde_json::Number::from_f64(self.0 as f64 / 100.0) };
        Map::with_capacity(2).with("value", value.unwrap_or_else(whole)).with("currency", currency)
    }

    /// `₹ 1234.50`.
    pub fn words(self, currency: &str) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let symbol = if currency == "INR" { "₹" } else { currency };
        let hundredths = self.0.unsigned_abs();
        format!("{symbol} {sign}{}.{:02}", hundredths / 100, hundredths % 100)
    }
}

impl Add for Paise {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Paise {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_add_up_without_binary_dust() {
        let tenth = Paise::of(&Decimal::parse("0.10").unwrap());
        let sum = (0..3).fold(Paise::ZERO, |sum, _| sum + tenth);
        assert_eq!(sum, Paise(30));
        assert_eq!(sum.words("INR"), "₹ 0.30");
    }

    #[test]
    fn a_percentage_is_rounded_to_a_hundredth() {
        assert_eq!(Paise(10_050).percent(6.0), Paise(603));
        assert_eq!(Paise(-5).words("USD"), "USD -0.05");
    }
}
