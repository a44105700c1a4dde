//! Bills.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::base::{Decimal, FromText, Text, or_text, read_by};
use super::concept::Concept;

read_by!(read_text_or_object: Charge);
read_by!(read_object: LineItem);

/// One line of a bill. Amounts are in the bill's currency and for the whole
/// line, but for `rate` and `mrp`, which are for one unit.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(extend("required" = ["item", "rate"]))]
pub struct LineItem {
    /// What is charged for: a service, a medicine.
    #[serde(alias = "description", alias = "product")]
    pub item: Concept,
    /// Kind of charge: a code of NRCeS's billing codes (`00` to `08`, `99`) or
    /// its name (`Consultation`, `Pharmacy`, `Medicines` ...).
    pub charge_type: Concept,
    /// How many; 1 if absent.
    pub quantity: Option<Decimal>,
    /// What is counted: `strip`, `visit`.
    pub unit: Text,
    /// Price of one unit before discount and tax.
    pub rate: Option<Decimal>,
    /// Maximum retail price of one unit.
    pub mrp: Option<Decimal>,
    /// Discount.
    pub discount: Option<Charge>,
    /// Central GST.
    pub cgst: Option<Charge>,
    /// State GST.
    pub sgst: Option<Charge>,
    /// Integrated GST.
    pub igst: Option<Charge>,
    /// Another surcharge.
    pub surcharge: Option<Charge>,
    /// When the service was given; the bill's date if absent.
    pub date: Text,
    /// HSN code of a medicine or device.
    pub hsn: Text,
    /// Batch of a medicine.
    #[serde(alias = "batchNumber")]
    pub batch: Text,
    /// Day on which the batch expires.
    #[serde(alias = "expiry")]
    pub expiration_date: Text,
    /// Who made a medicine.
    pub manufacturer: Text,
    /// Form of a medicine.
    pub form: Concept,
    /// Whether this line is a medicine; told from `hsn` and `batch` if absent.
    pub medicine: Option<bool>,
}

/// An amount, or a percentage of the line; as text or number, the amount.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(transform = or_text)]
pub struct Charge {
    /// The amount.
    pub amount: Option<Decimal>,
    /// Per cent of the line after discount.
    pub percent: Option<Decimal>,
    /// What was written where a number belongs.
    #[serde(skip_deserializing)]
    #[schemars(skip)]
    pub unreadable: Text,
}

impl FromText for Charge {
    fn from_text(text: &str) -> Self {
        match Decimal::parse(text) {
            Some(amount) => Self { amount: Some(amount), ..Self::default() },
            None => Self { unreadable: text.into(), ..Self::default() },
        }
    }
}
