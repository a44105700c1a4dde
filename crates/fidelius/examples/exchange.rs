//! One record from a HIP to a HIU, with everything that travels between them.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use fidelius::{Error, KeyPair, Nonce, PublicKey, Session, Tolerances};

/// What each side sends: ABDM's `keyMaterial`.
struct KeyMaterial {
    public_key: String,
    nonce: String,
}

fn main() -> Result<(), Error> {
    let (hiu, hiu_nonce) = (KeyPair::generate()?, Nonce::generate()?);
    let request = KeyMaterial { public_key: hiu.public().to_raw_base64(), nonce: hiu_nonce.to_base64() };
    println!("HIU asks:\n  key     {}\n  nonce   {}", request.public_key, request.nonce);

    let (page, content) = share(&request, r#"{"resourceType":"Bundle","type":"document"}"#)?;
    println!("HIP sends:\n  key     {}\n  nonce   {}\n  content {content}", page.public_key, page.nonce);

    let session = agree(&hiu, &hiu_nonce, &page)?;
    let opened = session.open_base64(&content, &Tolerances::default())?;
    println!("HIU reads, forgiving {:?}:", opened.used);
    println!("  {}", opened.into_text()?);
    Ok(())
}

/// The HIP's side: a fresh key pair and nonce for this one content.
fn share(request: &KeyMaterial, record: &str) -> Result<(KeyMaterial, String), Error> {
    let (own, nonce) = (KeyPair::generate()?, Nonce::generate()?);
    let content = agree(&own, &nonce, request)?.seal_base64(record.as_bytes())?;
    Ok((KeyMaterial { public_key: own.public().to_x509_base64(), nonce: nonce.to_base64() }, content))
}

fn agree(own: &KeyPair, own_nonce: &Nonce, peer: &KeyMaterial) -> Result<Session, Error> {
    let tolerances = Tolerances::default();
    let peer_key = PublicKey::parse(&peer.public_key, &tolerances)?.value;
    let peer_nonce = Nonce::parse_with(&peer.nonce, &tolerances)?.value;
    Session::agree(own.private(), &peer_key, own_nonce, &peer_nonce)
}
