//! What happens next: a heap by time, and by order of entry where times are equal.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use wavegate_simfleet::Moment;

use super::step::Step;

/// Steps to come.
#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<(Moment, u64, u32)>>,
    /// Steps are large; the heap moves only their places.
    slots: Vec<Option<Step>>,
    free: Vec<u32>,
    entered: u64,
}

impl Queue {
    pub(super) fn push(&mut self, at: Moment, step: Step) {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.slots.push(None);
                u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
            }
        };
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = Some(step);
        }
        self.entered += 1;
        self.heap.push(Reverse((at, self.entered, slot)));
    }

    /// When the next step is due.
    pub(super) fn next_at(&self) -> Option<Moment> {
        self.heap.peek().map(|Reverse((at, _, _))| *at)
    }

    pub(super) fn pop(&mut self) -> Option<(Moment, Step)> {
        let Reverse((at, _, slot)) = self.heap.pop()?;
        let step = self.slots.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        Some((at, step))
    }
}
