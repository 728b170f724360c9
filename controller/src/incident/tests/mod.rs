//! What begins, changes and ends; what is due; what is said.

mod life;
mod outbox;
mod words;
