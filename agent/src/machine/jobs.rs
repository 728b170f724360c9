//! Work that the shell was told to do and has not answered for.
//!
//! Answers carry no order. The shell works strictly in order, so the oldest open job of a kind
//! is the one an answer belongs to; an answer for an order that was given up meanwhile is
//! recognised by the order it was begun for.

use std::collections::VecDeque;

use wavegate_common::CommandId;

/// A kind of work that ends with `Input::Done`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Job {
    Stage,
    Drain,
    Undrain,
    Arm,
    Disarm,
    Confirm,
}

/// Open jobs, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Jobs(VecDeque<(Job, CommandId)>);

impl Jobs {
    pub(super) fn begin(&mut self, job: Job, command: CommandId) {
        self.0.push_back((job, command));
    }

    /// The order that the oldest open job of this kind was begun for. Whatever was begun before
    /// it will not be answered for any more.
    pub(super) fn end(&mut self, job: Job) -> Option<CommandId> {
        let position = self.0.iter().position(|(open, _)| *open == job)?;
        self.0.drain(..=position).next_back().map(|(_, command)| command)
    }

    /// Forgets every open job and says which they were.
    pub(super) fn take(&mut self) -> impl Iterator<Item = (Job, CommandId)> + use<> {
        std::mem::take(&mut self.0).into_iter()
    }
}
