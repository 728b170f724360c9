//! Getting a kernel onto the host.

use wavegate_common::{Command, CommandId, FailStep, Release, TransactionStep};

use super::accept::Refusal;
use super::io::Effect;
use super::jobs::Job;
use super::record::Record;
use super::start::settled;
use super::state::{Machine, Work};

impl Machine {
    pub(super) fn stage(&mut self, command: &Command, release: &Release, out: &mut Vec<Effect>) {
        let replaces = matches!(self.work, Work::Staging { .. });
        let free = if replaces { Ok(()) } else { self.not_busy() };
        if let Err(refusal) = free.and_then(|()| self.may_act()) {
            self.refuse(command, &refusal, out);
            return;
        }
        self.see(command.generation, out);
        let begun = Record::StageBegun {
            command: command.id,
            rollout: command.rollout,
            release: release.clone(),
        };
        self.append(begun, out);
        self.begin_stage(command.id, release.clone(), out);
    }

    /// Does over what a restart of the agent cut short: getting it twice is getting it once.
    pub(super) fn stage_again(
        &mut self,
        command: CommandId,
        release: Release,
        out: &mut Vec<Effect>,
    ) {
        match self.may_act() {
            Ok(()) => self.begin_stage(command, release, out),
            Err(refusal) => {
                let step = TransactionStep::Aborted { reason: refusal.reason().to_owned() };
                self.work = settled(command, release.kernel, step);
            }
        }
    }

    fn begin_stage(&mut self, command: CommandId, release: Release, out: &mut Vec<Effect>) {
        self.begin(command, Effect::Stage(release.clone()), out);
        self.work = Work::Staging { command, release };
    }

    pub(super) fn staged(&mut self, result: Result<(), String>, out: &mut Vec<Effect>) {
        let ended = self.jobs.end(Job::Stage);
        let Work::Staging { command, release } = &self.work else { return };
        let (command, kernel) = (*command, release.kernel.clone());
        if ended != Some(command) {
            return;
        }
        let error = result.err();
        self.append(Record::StageEnded { command, error: error.clone() }, out);
        let step = match error {
            None => TransactionStep::Staged,
            Some(reason) => TransactionStep::Failed { step: FailStep::Stage, reason },
        };
        self.work = settled(command, kernel, step);
        out.push(Effect::Report);
    }

    /// Whether this agent does anything at all.
    pub(super) fn may_act(&self) -> Result<(), Refusal> {
        self.standstill().map_or(Ok(()), |why| Err(Refusal::NotHere(why)))
    }
}
