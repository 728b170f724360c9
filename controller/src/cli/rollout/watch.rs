//! Follows a rollout by the controller's stored state. A controller that goes away is waited for,
//! never for ever; nothing that a host does can hang this.

use std::error::Error as _;
use std::io::IsTerminal as _;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use wavegate_common::view::RolloutView;
use wavegate_common::{Millis, PauseReason, RollbackRule, RolloutPhase, Timestamp};
use wavegate_proto::operator::WatchStream;
use wavegate_proto::operator::ask::WatchRollout;

use super::status;
use crate::cli::client::{exit_of as exit_of_refusal, refusal};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::{Format, print};
use crate::cli::render::live::Live;
use crate::cli::render::paint::Paint;
use crate::cli::render::{rollout as text, time};
use crate::cli::session::Session;

/// A stream that says nothing for so long is dead: the controller gives a sign of life oftener.
const SILENCE: Duration = Duration::from_secs(20);
/// How long a controller may be away if nobody gave a limit.
const AWAY: Duration = Duration::from_secs(300);
const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_MOST: Duration = Duration::from_secs(5);

/// How a watch of this rollout ends, if this is an end: over, or paused until a person decides.
#[must_use]
pub fn exit_of(view: &RolloutView) -> Option<Exit> {
    match &view.standing.phase_detail {
        RolloutPhase::Succeeded => Some(Exit::Ok),
        RolloutPhase::Aborted { .. } => Some(Exit::Ended),
        // On its way to its end.
        RolloutPhase::Paused { resume_to, .. } if resume_to.is_over() => None,
        // It goes back by itself.
        RolloutPhase::Paused { reason: PauseReason::Gate { .. }, .. }
            if view.spec.rollback == RollbackRule::OnGateFailure =>
        {
            None
        }
        RolloutPhase::Paused { .. } => Some(Exit::Paused),
        RolloutPhase::Draft
        | RolloutPhase::Canary
        | RolloutPhase::Rolling { .. }
        | RolloutPhase::Baking { .. }
        | RolloutPhase::RollingBack => None,
    }
}

/// What somebody who watches sees.
struct Screen<'a> {
    session: &'a Session,
    live: Option<Live>,
    last: Option<RolloutView>,
}

/// Watches until the rollout is over or paused.
pub(super) async fn run(rollout: &str, session: &Session) -> Result<Exit, Failure> {
    let begun = Instant::now();
    let limit = session.timeout.map(|limit| Duration::from_millis(limit.0));
    let mut screen = Screen::new(session);
    let mut away_since: Option<(Instant, Timestamp)> = None;
    let mut pause = RETRY_FIRST;
    loop {
        let left = limit.map(|limit| limit.saturating_sub(begun.elapsed()));
        // A connection that fails at once would win against a limit that is over.
        if left.is_some_and(|left| left.is_zero()) {
            return screen.give_up(rollout, away_since, limit);
        }
        let followed = follow(rollout, session, &mut screen);
        let result = match left {
            Some(left) => timeout(left, followed).await.unwrap_or(Ok(Followed::OutOfTime)),
            None => followed.await,
        };
        let problem = match result {
            Ok(Followed::End(view, exit)) => {
                screen.finish(&view)?;
                return Ok(exit);
            }
            Ok(Followed::OutOfTime) => return screen.give_up(rollout, away_since, limit),
            Ok(Followed::Broken { answered, problem }) => {
                if answered {
                    (away_since, pause) = (None, RETRY_FIRST);
                }
                problem
            }
            Err(failure) => return Err(screen.fail(failure)),
        };
        let first = away_since.is_none();
        let (since, at) = *away_since.get_or_insert_with(|| (Instant::now(), time::now()));
        screen.away(at, &problem, first);
        if limit.is_none() && since.elapsed() > AWAY {
            return screen.give_up(rollout, away_since, Some(AWAY));
        }
        sleep(pause.min(left.unwrap_or(RETRY_MOST))).await;
        pause = (pause * 2).min(RETRY_MOST);
    }
}

/// How one connection ended.
enum Followed {
    End(Box<RolloutView>, Exit),
    /// Worth another try.
    Broken {
        answered: bool,
        problem: String,
    },
    OutOfTime,
}

async fn follow(
    rollout: &str,
    session: &Session,
    screen: &mut Screen<'_>,
) -> Result<Followed, Failure> {
    let broken = |problem: String| Followed::Broken { answered: false, problem };
    let mut client = match session.client().await {
        Ok(client) => client,
        Err(failure) if failure.exit() == Exit::Unreachable => {
            return Ok(broken(failure.to_string()));
        }
        Err(failure) => return Err(failure),
    };
    let ask = WatchRollout { rollout: rollout.to_owned() };
    let mut stream = match timeout(SILENCE, client.calls.watch_rollout(&ask)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(status)) if exit_of_refusal(&status) == Exit::Unreachable => {
            return Ok(broken(status.message().to_owned()));
        }
        Ok(Err(status)) => {
            let what = format!("cannot watch rollout {rollout}");
            return Err(refusal(&client.controller, what, &status));
        }
        Err(_) => return Ok(broken("it does not answer".to_owned())),
    };
    read(&mut stream, screen).await
}

async fn read(stream: &mut WatchStream, screen: &mut Screen<'_>) -> Result<Followed, Failure> {
    let mut answered = false;
    loop {
        let problem = match timeout(SILENCE, stream.view()).await {
            Ok(Ok(Some(view))) => {
                answered = true;
                if let Some(exit) = exit_of(&view) {
                    return Ok(Followed::End(Box::new(view), exit));
                }
                screen.show(view)?;
                continue;
            }
            Ok(Ok(None)) => "the stream ended".to_owned(),
            // What the transport says of a broken connection tells nobody anything.
            Ok(Err(status)) if status.source().is_some() => "the connection broke".to_owned(),
            Ok(Err(status)) => status.message().to_owned(),
            Err(_) => "it has gone silent".to_owned(),
        };
        return Ok(Followed::Broken { answered, problem });
    }
}

impl<'a> Screen<'a> {
    fn new(session: &'a Session) -> Self {
        let output = &session.output;
        let live = output.terminal && output.is_text() && std::io::stderr().is_terminal();
        Self { session, live: live.then(Live::new), last: None }
    }

    fn show(&mut self, view: RolloutView) -> Result<(), Failure> {
        let output = &self.session.output;
        if let Some(live) = &mut self.live {
            live.show(&text::status(&view, time::now(), Paint(output.colour), false));
        } else if self.changed(&view) {
            match output.format {
                Format::Table | Format::Wide => {
                    print(&format!("{}\n", text::change_line(&view, time::now())))?;
                }
                // One document per change.
                Format::Json => {
                    let json = serde_json::to_string(&view).map_err(|error| {
                        Failure::new(Exit::Failed, "cannot write JSON").caused_by(&error)
                    })?;
                    print(&format!("{json}\n"))?;
                }
                Format::Yaml => {
                    print("---\n")?;
                    output.data(&view, String::new)?;
                }
            }
        }
        self.last = Some(view);
        Ok(())
    }

    /// Whether a line about this would say something new.
    fn changed(&self, view: &RolloutView) -> bool {
        self.last.as_ref().is_none_or(|last| {
            last.standing != view.standing || last.hosts != view.hosts || last.waves != view.waves
        })
    }

    /// The controller is away; in a pipe it is said once each time.
    fn away(&mut self, since: Timestamp, problem: &str, first: bool) {
        let line =
            format!("controller unreachable since {}, retrying ({problem})", time::clock(since));
        match &mut self.live {
            Some(live) => {
                let output = &self.session.output;
                let page = self
                    .last
                    .as_ref()
                    .map(|view| text::status(view, time::now(), Paint(output.colour), false));
                live.show(&format!("{}\n{line}\n", page.unwrap_or_default()));
            }
            None if first => self.session.output.say(line),
            None => {}
        }
    }

    fn finish(&mut self, view: &RolloutView) -> Result<(), Failure> {
        self.clear();
        if self.session.output.is_text() && self.session.output.terminal {
            return status::show(view, self.session);
        }
        self.show(view.clone())
    }

    fn clear(&mut self) {
        if let Some(mut live) = self.live.take() {
            live.clear();
        }
    }

    fn fail(&mut self, failure: Failure) -> Failure {
        self.clear();
        failure
    }

    fn give_up(
        &mut self,
        rollout: &str,
        away: Option<(Instant, Timestamp)>,
        limit: Option<Duration>,
    ) -> Result<Exit, Failure> {
        self.clear();
        let limit = limit.and_then(|limit| u64::try_from(limit.as_millis()).ok()).map(Millis);
        let limit = limit.map_or("the limit".to_owned(), time::span);
        let again = format!(
            "the rollout goes on by itself; `wavegate rollout status {rollout} --watch` watches again"
        );
        Err(match away {
            Some((_, at)) => Failure::new(
                Exit::Unreachable,
                format!("the controller has been unreachable since {}", time::absolute(at)),
            )
            .next(again),
            None => Failure::new(
                Exit::TimedOut,
                format!("rollout {rollout} is neither over nor paused after {limit}"),
            )
            .next(again),
        })
    }
}

#[cfg(test)]
mod tests {
    use wavegate_common::view::Standing;
    use wavegate_common::{AbortReason, Scope};

    use super::*;
    use crate::cli::render::samples;

    fn exit(phase: RolloutPhase) -> Option<Exit> {
        let mut view = samples::paused();
        view.standing = Standing::of(phase);
        exit_of(&view)
    }

    fn by(reason: &str) -> PauseReason {
        PauseReason::Operator { by: "ada".into(), reason: reason.into() }
    }

    #[test]
    fn a_watch_ends_with_the_right_status() {
        assert_eq!(exit(RolloutPhase::Succeeded), Some(Exit::Ok));
        assert_eq!(exit(RolloutPhase::Canary), None);
        assert_eq!(exit(RolloutPhase::Draft), None);
        assert_eq!(exit(RolloutPhase::RollingBack), None);
        let aborted = RolloutPhase::Aborted { reason: AbortReason::RolledBack };
        assert_eq!(exit(aborted.clone()), Some(Exit::Ended));
        let pause = |to: RolloutPhase| RolloutPhase::Paused {
            resume_to: Box::new(to),
            reason: by("lunch"),
        };
        assert_eq!(exit(pause(RolloutPhase::Canary)), Some(Exit::Paused));
        assert_eq!(exit(pause(aborted)), None);
    }

    #[test]
    fn a_rollout_that_goes_back_by_itself_is_watched_on() {
        let mut view = samples::paused();
        let reason = PauseReason::Gate { wave: 0, scope: Scope::Rollout, findings: Vec::new() };
        let phase = RolloutPhase::Paused { resume_to: Box::new(RolloutPhase::Canary), reason };
        view.standing = Standing::of(phase);
        assert_eq!(exit_of(&view), Some(Exit::Paused));
        view.spec.rollback = RollbackRule::OnGateFailure;
        assert_eq!(exit_of(&view), None);
    }
}
