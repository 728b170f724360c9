//! The last question, and the point of no return.

use wavegate_common::command::PERMIT_LIFE;
use wavegate_common::{BootMethod, Denied, Millis, PermitAnswer, PermitDecision, PermitRequest};

use super::activate::later;
use super::history::Order;
use super::io::Effect;
use super::record::Record;
use super::sabotage::{self, Guard};
use super::state::{Leaving, Machine, Phase, Question, Work};

impl Machine {
    /// Asks for the permit if it is time to and nothing on this host speaks against it.
    pub(super) fn ask(&mut self, out: &mut Vec<Effect>) {
        let now = self.now.boottime;
        let Work::Leaving(Leaving { order, phase: Phase::Asking { question, .. }, .. }) =
            &self.work
        else {
            return;
        };
        let due = match *question {
            Question::Next { at } => now >= at,
            Question::Open { asked, .. } => now > later(asked, PERMIT_LIFE),
        };
        if !due || self.guard(order.target()).is_err() {
            return;
        }
        let command = order.command;
        let nonce = self.nonces.next();
        self.set_question(Question::Open { nonce, asked: now });
        let boot_id = self.boot.boot_id;
        out.push(Effect::AskPermit(PermitRequest { host: self.host, command, nonce, boot_id }));
    }

    fn set_question(&mut self, next: Question) {
        if let Work::Leaving(Leaving { phase: Phase::Asking { question, .. }, .. }) = &mut self.work
        {
            *question = next;
        }
    }

    pub(super) fn permit(&mut self, answer: &PermitAnswer, out: &mut Vec<Effect>) {
        let now = self.now.boottime;
        let Work::Leaving(leaving) = &self.work else {
            out.push(Effect::Log("a permit came that nothing asked for; ignored".to_owned()));
            return;
        };
        let Phase::Asking { method, question: Question::Open { nonce, asked } } = leaving.phase
        else {
            out.push(Effect::Log("a permit came to no open question; ignored".to_owned()));
            return;
        };
        if answer.nonce != nonce && sabotage::on(Guard::PermitNonce) {
            out.push(Effect::Log("a permit came to another question; ignored".to_owned()));
            return;
        }
        if !self.is_addressee(answer, &leaving.order) {
            out.push(Effect::Log("a permit came that is for something else; ignored".to_owned()));
            return;
        }
        match &answer.decision {
            PermitDecision::Granted { valid_for } => {
                let age = Millis(now.0.saturating_sub(asked.0));
                if age > (*valid_for).min(PERMIT_LIFE) && sabotage::on(Guard::PermitExpiry) {
                    out.push(Effect::Log(format!("a permit came after {age}: too late")));
                    self.ask_later();
                    return;
                }
                self.granted(method, out);
            }
            PermitDecision::Denied(why) => self.denied(why, out),
        }
    }

    fn is_addressee(&self, answer: &PermitAnswer, order: &Order) -> bool {
        let ours = (self.host, self.boot.boot_id, order.command);
        (answer.host, answer.boot_id, answer.command) == ours
            || !sabotage::on(Guard::PermitIdentity)
    }

    fn ask_later(&mut self) {
        let at = later(self.now.boottime, self.config.permit_retry);
        self.set_question(Question::Next { at });
    }

    fn denied(&mut self, why: &Denied, out: &mut Vec<Effect>) {
        match why {
            Denied::UnknownCommand => self.abort("the controller knows no such order", out),
            Denied::OtherBoot => self.abort("the order is for another boot", out),
            Denied::Paused | Denied::NotNow(_) | Denied::AlreadyGranted => self.ask_later(),
        }
    }

    /// Everything is looked at once more, then there is no way back: the ledger says so first.
    fn granted(&mut self, method: BootMethod, out: &mut Vec<Effect>) {
        let Work::Leaving(leaving) = &self.work else { return };
        if let Err(reason) = self.last_look(leaving) {
            self.abort(&reason, out);
            return;
        }
        let order = leaving.order.clone();
        let begun = Record::SwitchBegun {
            command: order.command,
            boot_id: self.boot.boot_id,
            method,
            boottime: self.now.boottime,
            at: self.now.wall,
        };
        if sabotage::on(Guard::LedgerBeforeAct) {
            self.append(begun, out);
        }
        let kernel = order.target().clone();
        out.push(Effect::Switch { command: order.command, method, kernel });
        self.work = Work::Switching(order);
    }

    fn last_look(&self, leaving: &Leaving) -> Result<(), String> {
        let order = &leaving.order;
        self.legal(leaving.generation, &leaving.precondition)
            .map_err(|refusal| refusal.reason().to_owned())?;
        leaving.in_time(self.now.boottime)?;
        if self.history.has_switched(order.command) {
            return Err("a switch was begun for this order before".to_owned());
        }
        self.guard(order.target())
    }
}
