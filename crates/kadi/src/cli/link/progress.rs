//! How far a backfill is: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use crate::backfill::Look;
use crate::cli::output;

/// Elsewhere than on a terminal a line is written when so much time has passed, or a twentieth more is done.
const LINE_EVERY: Duration = Duration::from_secs(30);
/// After so long without a change something is wrong.
const TOO_STILL: Duration = Duration::from_mins(2);

/// Shows looks.
pub struct Progress {
    bar: Option<ProgressBar>,
    begun: std::time::Duration,
    told: Option<(Duration, u64)>,
    warned: bool,
}

impl Progress {
    /// At this time of the clock.
    pub fn begin(now: Duration) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            let style = ProgressStyle::with_template("linked {wide_bar} {pos}/{len} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self { bar, begun: now, told: None, warned: false }
    }

    /// Shows one look at this time of the clock.
    pub fn show(&mut self, look: &Look, now: Duration) {
        let done = look.progress.linked + look.progress.failed;
        if let Some(bar) = &self.bar {
            bar.set_length(look.progress.visits);
            bar.set_position(done);
            bar.set_message(rest(look));
        } else if self.is_due(done, look.progress.visits, now) {
            self.told = Some((now, done));
            output::problem(format_args!("{} of {} visits; {}", done, look.progress.visits, rest(look)));
        }
        if look.still > TOO_STILL && look.progress.patients > 0 && !self.warned {
            self.warned = true;
            let text = "nothing has moved for two minutes: does `kadi serve` run, does ABDM answer, and does \
                        `kadi bridge status` find the bridge's address right?";
            match &self.bar {
                Some(bar) => bar.suspend(|| output::problem(text)),
                None => output::problem(text),
            }
        }
        self.warned &= look.still > TOO_STILL;
    }

    fn is_due(&self, done: u64, visits: u64, now: Duration) -> bool {
        self.told.is_none_or(|(at, before)| {
            now.saturating_sub(at) >= LINE_EVERY || done.saturating_sub(before) > visits / 20
        })
    }

    /// Takes the bar away; gives how long it took.
    pub fn end(self, now: Duration) -> Duration {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        now.saturating_sub(self.begun)
    }
}

fn rest(look: &Look) -> String {
    let estimate = match look.remaining {
        Some(Duration::ZERO) => "done but for what waits".to_owned(),
        Some(remaining) => format!("about {} left", HumanDuration(remaining)),
        None => "no estimate yet".to_owned(),
    };
    let counts = [(look.progress.failed, "refused"), (look.progress.later, "wait for later")];
    let counts =
        counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    std::iter::once(estimate).chain(counts).collect::<Vec<_>>().join("; ")
}
