//! What has to be done every few minutes: keys that are due are rotated, what is over is forgotten, and refusals that were
//! too many to be recorded one by one are summed.
//!
//! A round that fails is logged and tried again at the next one: keys sign for weeks after they are due, and old rows do no
//! harm, since every check looks at their times. The tasks end with the application.

use std::sync::Weak;
use std::time::Duration;

use crate::app::{App, SharedApp};

const INTERVAL: Duration = Duration::from_mins(5);
const SUM_INTERVAL: Duration = Duration::from_mins(1);
/// Batches of one round, so that a round ends even while rows keep coming.
const BATCHES: usize = 100;

/// Starts the tasks.
pub fn spawn(app: &SharedApp) {
    tokio::spawn(run(std::sync::Arc::downgrade(app)));
    tokio::spawn(sum_refusals(std::sync::Arc::downgrade(app)));
}

async fn sum_refusals(app: Weak<App>) {
    loop {
        tokio::time::sleep(SUM_INTERVAL).await;
        let Some(app) = app.upgrade() else { return };
        app.audit.sum_refusals().await;
    }
}

async fn run(app: Weak<App>) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let Some(app) = app.upgrade() else { return };
        round(&app).await;
    }
}

async fn round(app: &App) {
    if let Err(error) = app.keys.maintain(app.clock.now()).await {
        tracing::error!(code = error.code(), %error, "the keys cannot be rotated");
    }
    for _ in 0..BATCHES {
        match app.store.prune(app.clock.now()).await {
            Ok(pruned) if pruned.more => {}
            Ok(_) => return,
            Err(error) => {
                tracing::error!(code = error.code(), %error, "what is over cannot be forgotten");
                return;
            }
        }
    }
}
