//! A laboratory's own codes in messages: counted until somebody has said what they stand for, coded from then on.

use serde_json::json;
use store::on_both_databases;

use super::messages::{again, cbc};
use super::{Hospital, observation};
use crate::world::id;

on_both_databases! {
    async fn a_laboratorys_codes_are_counted_and_coded_once_they_stand_for_something(database: TestDatabase) {
        let hospital = Hospital::on(database).await;
        hospital.accepted(&cbc()).await;
        hospital.accepted(&cbc()).await;
        let mut tx = hospital.world.tx().await;
        let unmapped = tx.unmapped_codes(Some(&id()), None, 50).await.unwrap();
        let tlc = unmapped.iter().find(|code| code.local.code == "TLC").unwrap();
        assert_eq!((tlc.count, tlc.label.as_deref()), (1, Some("Total leucocyte count")), "the message came once");
        drop(tx);

        let body = json!({"system": "loinc", "code": "6690-2", "display": "Leukocytes [#/volume] in Blood"});
        assert_eq!(hospital.put("/code-map/TLC", &body).await, 201);
        let later = again(&cbc(), "CBC0002", "20260120150000+0530").replace("||7.8|", "||7.9|");
        let answer = hospital.accepted(&later).await;
        let document = hospital.document(&answer["records"][0]).await;
        let code = &observation(&document, "Total leucocyte count")["code"]["coding"][0];
        assert_eq!((&code["system"], &code["code"]), (&json!("http://loinc.org"), &json!("6690-2")));
        let mut tx = hospital.world.tx().await;
        let unmapped = tx.unmapped_codes(Some(&id()), None, 50).await.unwrap();
        assert!(unmapped.iter().all(|code| code.local.code != "TLC"));
    }
}
