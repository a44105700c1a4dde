//! The token desk of an ABHA address.

use domain::token_desk::{Token, TokenDesk};
use store::on_both_databases;

use crate::world::{START, World, address, at, facility_id, other_facility, problem};

on_both_databases! {
    async fn a_desk_comes_back_as_it_was_stored(database: TestDatabase) {
        let world = World::new(database).await;
        let asha = address("asha.rao@sbx");
        let token = Token { jwt: "a.b.c".into(), with_number: true, expires_at: at("2026-07-15T10:00:00Z") };
        let empty = TokenDesk::default();
        let asked = empty.clone().ask("call-1".into(), at(START));
        let blocked = asked.clone().give_up(Some(problem("ABDM-1027")), Some(at("2026-01-16T10:00:00Z")));
        let served = blocked.clone().receive(token);
        let mut tx = world.store.begin().await.unwrap();
        assert_eq!(tx.token_desk(&facility_id(), &asha).await.unwrap(), empty, "nothing is known yet");
        for desk in [asked, blocked, served.clone(), served.drop_token(), empty] {
            tx.put_token_desk(&facility_id(), &asha, &desk).await.unwrap();
            assert_eq!(tx.token_desk(&facility_id(), &asha).await.unwrap(), desk);
        }
    }

    async fn each_address_has_one_desk_at_each_facility(database: TestDatabase) {
        let world = World::new(database).await;
        let desk = TokenDesk::default().ask("call-1".into(), at(START));
        let mut tx = world.store.begin().await.unwrap();
        tx.put_token_desk(&facility_id(), &address("Asha.Rao@sbx"), &desk).await.unwrap();
        assert_eq!(tx.token_desk(&facility_id(), &address("asha.rao@sbx")).await.unwrap(), desk);
        for (facility, address) in
            [(facility_id(), address("asha.rao@abdm")), (other_facility(), address("asha.rao@sbx"))]
        {
            assert_eq!(tx.token_desk(&facility, &address).await.unwrap(), TokenDesk::default());
        }
    }
}
