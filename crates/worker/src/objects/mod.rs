//! Durable Objects: each reads its record, lets a pure state machine of the product decide, and carries out the effects.

mod run_progress;
