//! Shows the document of a clinical record as a page:
//! `cargo run -p nrces --example render -- OPConsultation examples-data/op-consultation/typical.json > page.html`

use std::io::Write as _;

use nrces::{Context, HiType};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let hi_type: HiType = arguments.next().as_deref().unwrap_or("OPConsultation").parse()?;
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/examples-data/op-consultation/typical.json");
    let data = std::fs::read(arguments.next().as_deref().unwrap_or(default))?;
    let built = nrces::build_slice(hi_type, &data, &Context::default())
        .map_err(|issues| issues.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    std::io::stdout().lock().write_all(nrces::render_html(&built.value()).as_bytes())?;
    Ok(())
}
