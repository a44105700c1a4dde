//! Invoice: a bill with its charges, the medicines they are for, and GST.

use std::borrow::Cow;

use super::doc::{Doc, Ref};
use super::money::Paise;
use super::people::identifier;
use super::sections::{Kind, Made, Sections};
use super::values::{Systems, coding, unit};
use crate::fhir::{Map, Node};
use crate::input::{Charge, Concept, Decimal, Invoice, LineItem};
use crate::narrative::Row;
use crate::pointer::Place;
use crate::systems::{BILLING, PRICE};

const INVOICE: Kind = Kind::uncoded("Invoice", "Invoice");
const STATUSES: [&str; 5] = ["draft", "issued", "balanced", "cancelled", "entered-in-error"];

/// NRCeS's billing codes.
const CHARGES: [(&str, &str); 10] = [
    ("00", "Consultation"),
    ("01", "Pharmacy"),
    ("02", "IPD"),
    ("03", "OPD"),
    ("04", "Pathology"),
    ("05", "Medicines"),
    ("06", "Nursing Charges"),
    ("07", "Handling Charges"),
    ("08", "Delivery Charges"),
    ("99", "Others"),
];

/// A bill.
pub(super) fn invoice<'a>(doc: &mut Doc<'a>, input: &'a Invoice) -> Sections<'a> {
    super::people::encounter(doc, &[]);
    if !input.documents.is_empty() {
        doc.error(
            &Place::ROOT.key("documents"),
            "input.too-many",
            "An invoice holds no documents; send them as a HealthDocumentRecord.",
        );
    }
    let made = bill(doc, input);
    let mut sections = Sections::default();
    sections.push_typed(INVOICE, vec![made]);
    sections
}

fn bill<'a>(doc: &mut Doc<'a>, input: &'a Invoice) -> Made<'a> {
    let at = Place::ROOT.key("lineItems");
    let currency = currency(doc, input);
    let mut lines = Vec::with_capacity(input.line_items.len());
    for (i, item) in input.line_items.iter().enumerate() {
        lines.push(line(doc, item, (currency, i), &at.index(i)));
    }
    if lines.is_empty() {
        doc.missing(&at, "What is charged for");
    }
    let mut draft = doc.open("Invoice", "Invoice");
    match input.invoice_number.get() {
        Some(number) => draft.put("identifier", vec![Map::with_capacity(1).with("value", number)]),
        None => doc.missing(&Place::ROOT.key("invoiceNumber"), "The bill's number"),
    }
    draft.put(
        "status",
        doc.code(&input.invoice_status, &STATUSES, "issued", &Place::ROOT.key("invoiceStatus")),
    );
    let types = ["00", "01", "02", "03", "99"];
    draft.put("type", billing(doc, &input.kind, (&types, "99"), &Place::ROOT.key("type")));
    draft.put("subject", doc.patient.to());
    draft.put("recipient", doc.patient.to());
    let date = doc.date_time(&input.date, &Place::ROOT.key("date"));
    let date = date.unwrap_or_else(|| doc.date.as_str().to_owned());
    draft.put("date", date);
    draft.put_some("issuer", doc.organisation.as_ref().map(Ref::named));
    let totals =
        lines.iter().fold((Paise::ZERO, Paise::ZERO), |(net, gross), l| (net + l.net, gross + l.gross));
    let net = total(doc, (input.total_net.as_ref(), "totalNet"), totals.0);
    let gross = total(doc, (input.total_gross.as_ref(), "totalGross"), totals.1);
    let mut rows = Vec::with_capacity(lines.len());
    let mut items: Vec<Node<'a>> = Vec::with_capacity(lines.len());
    for line in lines {
        items.push(line.item.into());
        rows.push(line.row);
    }
    draft.put("lineItem", items);
    draft.put("totalNet", net.money(currency));
    draft.put("totalGross", gross.money(currency));
    draft.put_some("paymentTerms", input.payment_terms.get());
    draft.note(&[input.note.get().map(Cow::Borrowed)]);
    let mut row = Row::new(
        input.invoice_number.get().map_or(Cow::Borrowed("Invoice"), |n| format!("Invoice {n}").into()),
    )
    .with("Total before tax", Some(net.words(currency)))
    .with("Total", Some(gross.words(currency)))
    .with("Terms", input.payment_terms.get())
    .with("Note", input.note.get());
    row.children = rows;
    row.children_are = "Item";
    Made { reference: doc.add(draft, &row, &Place::ROOT), row }
}

fn currency<'a>(doc: &mut Doc<'a>, input: &'a Invoice) -> &'a str {
    let currency = input.currency.get().unwrap_or("INR");
    if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
        doc.error(&Place::ROOT.key("currency"), "input.code", "Use an ISO 4217 code such as INR.");
    }
    currency
}

/// A total as sent, else as added up; one that differs is told.
fn total(doc: &mut Doc<'_>, (sent, key): (Option<&Decimal>, &'static str), added: Paise) -> Paise {
    let Some(sent) = sent.map(Paise::of) else { return added };
    if !sent.is_about(added) {
        doc.warn(
            &Place::ROOT.key(key),
            "input.total",
            "The total differs from the sum of the lines by more than a rupee; one of them is wrong.",
        );
    }
    sent
}

/// A billing code or its name as a concept of one code.
fn billing<'a>(
    doc: &mut Doc<'a>,
    input: &'a Concept,
    (allowed, default): (&[&str], &'static str),
    place: &Place<'_>,
) -> Map<'a> {
    let asked = input.code.get().or_else(|| input.words());
    let find = |asked: &str| {
        CHARGES
            .iter()
            .find(|(code, name)| *code == asked || name.eq_ignore_ascii_case(asked))
            .filter(|(code, _)| allowed.contains(code))
    };
    let known = asked.and_then(find);
    if known.is_none() && asked.is_some() {
        let names: Vec<String> = CHARGES
            .iter()
            .filter(|(code, _)| allowed.contains(code))
            .map(|(code, name)| format!("{code} {name}"))
            .collect();
        doc.error(place, "input.code", format!("Use one of {}.", names.join(", ")));
    }
    let fallback = CHARGES.iter().find(|(code, _)| *code == default);
    let (code, name) = known.or(fallback).copied().unwrap_or(("99", "Others"));
    Map::with_capacity(2)
        .with("coding", vec![coding(BILLING, code, name)])
        .with_some("text", input.text.get())
}

/// One line with what it adds to the totals.
struct Line<'a> {
    item: Map<'a>,
    row: Row<'a>,
    net: Paise,
    gross: Paise,
}

fn line<'a>(
    doc: &mut Doc<'a>,
    input: &'a LineItem,
    (currency, index): (&'a str, usize),
    place: &Place<'_>,
) -> Line<'a> {
    let charge = charge_item(doc, input, place);
    let count = input.quantity.as_ref().map_or(1.0, Decimal::as_f64);
    if input.rate.is_none() {
        doc.missing(&place.key("rate"), "The price of one unit");
    }
    let base = input.rate.as_ref().map_or(Paise::ZERO, |rate| Paise::times(rate, count));
    let mut parts = Components { list: Vec::new(), currency };
    if let Some(mrp) = &input.mrp {
        parts.push("informational", ("00", "MRP"), (Paise::times(mrp, count), None));
    }
    parts.push("base", ("01", "Rate"), (base, None));
    let discount = amount(doc, input.discount.as_ref(), base, &place.key("discount"));
    if let Some((value, percent)) = discount {
        parts.push("discount", ("02", "Discount"), (value, percent));
    }
    let after = base - discount.map_or(Paise::ZERO, |(value, _)| value);
    let surcharge = amount(doc, input.surcharge.as_ref(), after, &place.key("surcharge"));
    let surcharge = surcharge.filter(|(value, _)| *value != Paise::ZERO);
    if let Some((value, percent)) = surcharge {
        parts.push_other("surcharge", ("SURCHARGE", "Surcharge"), (value, percent));
    }
    let net = after + surcharge.map_or(Paise::ZERO, |(value, _)| value);
    let mut gross = net;
    for (tax, key, code) in [(&input.cgst, "cgst", ("03", "CGST")), (&input.sgst, "sgst", ("04", "SGST"))] {
        if let Some((value, percent)) = amount(doc, tax.as_ref(), net, &place.key(key)) {
            gross = gross + value;
            parts.push("tax", code, (value, percent));
        }
    }
    if let Some((value, percent)) = amount(doc, input.igst.as_ref(), net, &place.key("igst")) {
        gross = gross + value;
        parts.push_other("tax", ("IGST", "Integrated GST"), (value, percent));
    }
    let item = Map::with_capacity(3)
        .with("sequence", index as u64 + 1)
        .with("chargeItemReference", charge.to())
        .with("priceComponent", parts.list);
    let row = row(input, (base, discount, net, gross), currency);
    Line { item, row, net, gross }
}

fn row<'a>(
    input: &'a LineItem,
    (base, discount, net, gross): (Paise, Option<(Paise, Option<f64>)>, Paise, Paise),
    currency: &str,
) -> Row<'a> {
    let count = input.quantity.as_ref().map(|q| match input.unit.get() {
        Some(unit) => format!("{q} {unit}"),
        None => q.to_string(),
    });
    let tax = gross - net;
    Row::new(input.item.words().unwrap_or("Charge"))
        .with("Batch", input.batch.get())
        .with("Quantity", count)
        .with("Rate", input.rate.as_ref().map(|r| Paise::of(r).words(currency)))
        .with("Amount", Some(base.words(currency)))
        .with("Discount", discount.map(|(value, _)| value.words(currency)))
        .with("GST", (tax != Paise::ZERO).then(|| tax.words(currency)))
        .with("Total", Some(gross.words(currency)))
}

/// The price components of a line.
struct Components<'a> {
    list: Vec<Node<'a>>,
    currency: &'a str,
}

impl<'a> Components<'a> {
    /// One that NRCeS has a code for.
    fn push(
        &mut self,
        kind: &'static str,
        (code, name): (&'static str, &'static str),
        part: (Paise, Option<f64>),
    ) {
        self.put(kind, coding(PRICE, code, name), part);
    }

    /// One that it has none for.
    fn push_other(
        &mut self,
        kind: &'static str,
        (code, name): (&'static str, &'static str),
        part: (Paise, Option<f64>),
    ) {
        self.put(kind, coding("https://www.gst.gov.in", code, name), part);
    }

    fn put(&mut self, kind: &'static str, code: Map<'a>, (amount, percent): (Paise, Option<f64>)) {
        let mut map = Map::with_capacity(4).with("type", kind);
        map.put("code", Map::with_capacity(1).with("coding", vec![code]));
        // Four digits are more than any tax rate has, and fewer than binary fractions show.
        let factor = percent.map(|p| (p * 100.0).round() / 10_000.0);
        map.put_some("factor", factor.and_then(serde_json::Number::from_f64));
        map.put("amount", amount.money(self.currency));
        self.list.push(map.into());
    }
}

/// The amount of a charge: as sent, else the percentage of what it applies to.
fn amount(
    doc: &mut Doc<'_>,
    charge: Option<&Charge>,
    of: Paise,
    place: &Place<'_>,
) -> Option<(Paise, Option<f64>)> {
    let charge = charge?;
    if charge.unreadable.get().is_some() {
        doc.error(place, "input.number", "This is no amount; send a number, or {amount, percent}.");
    }
    let percent = charge.percent.as_ref().map(Decimal::as_f64);
    let value = match (&charge.amount, percent) {
        (Some(amount), _) => Paise::of(amount),
        (None, Some(percent)) => of.percent(percent),
        (None, None) => return None,
    };
    Some((value, percent))
}

fn charge_item<'a>(doc: &mut Doc<'a>, input: &'a LineItem, place: &Place<'_>) -> Ref {
    let is_medicine =
        input.medicine.unwrap_or_else(|| input.hsn.get().is_some() || input.batch.get().is_some());
    let medicine = is_medicine.then(|| medicine(doc, input, place));
    let mut draft = doc.open("ChargeItem", "ChargeItem");
    draft.put("status", "billed");
    let all = CHARGES.map(|(code, _)| code);
    let default = if is_medicine { "05" } else { "99" };
    draft.put("code", billing(doc, &input.charge_type, (&all, default), &place.key("chargeType")));
    draft.put("subject", doc.patient.to());
    draft.put_some("context", doc.encounter.as_ref().map(Ref::to));
    let when = doc.date_time(&input.date, &place.key("date"));
    draft.put_some("occurrenceDateTime", when);
    let mut quantity = Map::with_capacity(4);
    let count = input.quantity.as_ref().map_or_else(|| serde_json::Number::from(1), |q| q.number().clone());
    quantity.put("value", count);
    unit(&mut quantity, input.unit.get(), None);
    draft.put("quantity", quantity);
    let at = place.key("item");
    match medicine {
        Some(medicine) => draft.put("productReference", medicine.to()),
        None => draft.put_some(
            "productCodeableConcept",
            doc.needed(&input.item, Systems::Any, &at, "What is charged for"),
        ),
    }
    let row = Row::new(input.item.words().unwrap_or("Charge"))
        .with("Quantity", input.quantity.as_ref().map(Decimal::to_string));
    doc.add(draft, &row, place)
}

fn medicine<'a>(doc: &mut Doc<'a>, input: &'a LineItem, place: &Place<'_>) -> Ref {
    let mut draft = doc.open("Medication", "Medication");
    draft.put_one("identifier", input.hsn.get().map(|hsn| identifier("HSN", hsn, None)));
    let at = place.key("item");
    let code = doc.concept_of_one(&input.item, Systems::Any, &at);
    if code.is_none() {
        doc.missing(&at, "What is charged for");
    }
    draft.put_some("code", code);
    let maker = input.manufacturer.get().map(|m| Map::with_capacity(1).with("display", m));
    draft.put_some("manufacturer", maker);
    draft.put_some("form", doc.concept(&input.form, Systems::Any, &place.key("form")));
    let mut batch = Map::with_capacity(2);
    batch.put_some("lotNumber", input.batch.get());
    let expires = doc.date_time(&input.expiration_date, &place.key("expirationDate"));
    batch.put_some("expirationDate", expires);
    draft.put("batch", batch);
    let row = Row::new(input.item.words().unwrap_or("Medicine"))
        .with("HSN", input.hsn.get())
        .with("Batch", input.batch.get())
        .with("Manufacturer", input.manufacturer.get());
    doc.add(draft, &row, place)
}
