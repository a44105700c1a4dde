//! The journal: every exchange with ABDM, a call and its callback joined.

use abdm::id::FacilityId;
use domain::exchange::{Direction, ExchangeState};
use domain::problem::Problem;
use jiff::Timestamp;
use uuid::Uuid;

use crate::database::{Row, Tx, args};
use crate::error::Result;

/// An exchange with ABDM.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// Its id; sorts by time.
    pub id: Uuid,
    /// Whose.
    pub facility: FacilityId,
    /// Who began.
    pub direction: Direction,
    /// ABDM's path of the first message.
    pub path: String,
    /// `REQUEST-ID` of the first message, or of its last attempt.
    pub request_id: String,
    /// What it is about, as ids: nothing personal.
    pub subject: Option<String>,
    /// How far it is.
    pub state: ExchangeState,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When silence becomes worth a warning.
    pub overdue_at: Option<Timestamp>,
    /// What went wrong.
    pub error: Option<Problem>,
}

/// Which exchanges a list shows.
#[derive(Debug, Clone, Default)]
pub struct ExchangeFilter {
    /// Those of this facility; all, for an administrator, without one.
    pub facility: Option<FacilityId>,
    /// Those in this state.
    pub state: Option<ExchangeState>,
    /// Those in this direction.
    pub direction: Option<Direction>,
    /// Those whose path holds this text.
    pub path: Option<String>,
    /// Those about this subject.
    pub subject: Option<String>,
}

macro_rules! columns {
    () => {
        "id, facility_id, direction, path, request_id, subject, state, started_at, ended_at, overdue_at, error"
    };
}

impl Tx {
    /// Writes a new exchange.
    pub async fn open_exchange(&mut self, exchange: &Exchange) -> Result<()> {
        let error = self.seal_problem(exchange.error.as_ref())?;
        self.execute(
            "INSERT INTO exchange (id, facility_id, direction, path, request_id, subject, state, started_at, \
             ended_at, overdue_at, error) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
             ON CONFLICT (id) DO NOTHING",
            args![
                exchange.id.to_string(),
                exchange.facility.as_str(),
                exchange.direction.as_str(),
                &exchange.path,
                &exchange.request_id,
                exchange.subject.clone(),
                exchange.state.as_str(),
                exchange.started_at,
                exchange.ended_at,
                exchange.overdue_at,
                error
            ],
        )
        .await?;
        Ok(())
    }

    /// Moves an exchange that has not ended on to `state`; one that has ended stays as it is. Says whether it
    /// moved.
    pub async fn move_exchange(
        &mut self,
        id: Uuid,
        state: ExchangeState,
        overdue_at: Option<Timestamp>,
        error: Option<&Problem>,
    ) -> Result<bool> {
        let error = self.seal_problem(error)?;
        let ended_at = state.is_final().then(|| self.now());
        let moved = self
            .execute(
                "UPDATE exchange SET state = $2, overdue_at = $3, error = $4, ended_at = $5 \
                 WHERE id = $1 AND state NOT IN ('answered', 'refused')",
                args![id.to_string(), state.as_str(), overdue_at, error, ended_at],
            )
            .await?;
        Ok(moved > 0)
    }

    /// Notes an error on an exchange that goes on.
    pub async fn note_exchange_error(&mut self, id: Uuid, error: &Problem) -> Result<()> {
        let error = self.seal_problem(Some(error))?;
        self.execute("UPDATE exchange SET error = $2 WHERE id = $1", args![id.to_string(), error]).await?;
        Ok(())
    }

    /// Notes what an exchange is about.
    pub async fn set_exchange_subject(&mut self, id: Uuid, subject: &str) -> Result<()> {
        self.execute("UPDATE exchange SET subject = $2 WHERE id = $1", args![id.to_string(), subject])
            .await?;
        Ok(())
    }

    /// Opens an ended exchange again, because its message is run once more.
    pub async fn reopen_exchange(&mut self, id: Uuid, overdue_at: Timestamp) -> Result<()> {
        self.execute(
            "UPDATE exchange SET state = 'sent', overdue_at = $2, ended_at = NULL WHERE id = $1",
            args![id.to_string(), overdue_at],
        )
        .await?;
        Ok(())
    }

    /// The exchange with this id.
    pub async fn exchange(&mut self, id: Uuid) -> Result<Option<Exchange>> {
        let row = self
            .optional(concat!("SELECT ", columns!(), " FROM exchange WHERE id = $1"), args![id.to_string()])
            .await?;
        row.map(|row| self.read_exchange(&row)).transpose()
    }

    /// Up to `limit` exchanges, newest first, before the one with the id `after`.
    pub async fn exchanges(
        &mut self,
        filter: &ExchangeFilter,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<Exchange>> {
        // No id sorts after this one.
        let after = after.map_or_else(|| "g".to_owned(), |id| id.to_string());
        let rows = self
            .all(
                concat!(
                    "SELECT ",
                    columns!(),
                    " FROM exchange WHERE id < $1 AND ($2 = '' OR facility_id = $2) AND ($3 = '' OR state = $3) \
                     AND ($4 = '' OR direction = $4) AND ($5 = '' OR path {like} $5 ESCAPE '!') \
                     AND ($6 = '' OR subject = $6) ORDER BY id DESC LIMIT $7"
                ),
                args![
                    after,
                    filter.facility.as_ref().map_or("", FacilityId::as_str),
                    filter.state.map_or("", ExchangeState::as_str),
                    filter.direction.map_or("", Direction::as_str),
                    filter.path.as_deref().map_or_else(String::new, containing),
                    filter.subject.clone().unwrap_or_default(),
                    limit
                ],
            )
            .await?;
        rows.iter().map(|row| self.read_exchange(row)).collect()
    }

    /// Up to `limit` exchanges that should have been answered by now, or, begun before `sent_before`, have not even
    /// been accepted.
    pub async fn overdue_exchanges(&mut self, sent_before: Timestamp, limit: u32) -> Result<Vec<Exchange>> {
        let now = self.now();
        let rows = self
            .all(
                concat!(
                    "SELECT ",
                    columns!(),
                    " FROM exchange WHERE (state IN ('sent', 'waiting', 'overdue') AND overdue_at <= $1) \
                     OR (state = 'sent' AND overdue_at IS NULL AND started_at <= $2) \
                     ORDER BY started_at LIMIT $3"
                ),
                args![now, sent_before, limit],
            )
            .await?;
        rows.iter().map(|row| self.read_exchange(row)).collect()
    }

    fn read_exchange(&self, row: &Row) -> Result<Exchange> {
        Ok(Exchange {
            id: row.parse("id")?,
            facility: row.parse("facility_id")?,
            direction: row.parse("direction")?,
            path: row.text("path")?,
            request_id: row.text("request_id")?,
            subject: row.opt_text("subject")?,
            state: row.parse("state")?,
            started_at: row.time("started_at")?,
            ended_at: row.opt_time("ended_at")?,
            overdue_at: row.opt_time("overdue_at")?,
            error: self.open_problem(row.opt_bytes("error")?)?,
        })
    }
}

/// A pattern for texts that contain this one, in which `!` takes the meaning off what follows.
fn containing(text: &str) -> String {
    format!("%{}%", text.replace('!', "!!").replace('%', "!%").replace('_', "!_"))
}
