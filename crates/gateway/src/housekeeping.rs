//! What has to be done every few minutes: keys that are due are rotated, and what is over is forgotten.
//!
//! A round that fails is logged and tried again at the next one: keys sign for weeks after they are due, and old rows do no
//! harm, since every check looks at their times. The task ends with the application.

use std::sync::Weak;
use std::time::Duration;

use crate::app::{App, SharedApp};

const INTERVAL: Duration = Duration::from_mins(5);
/// Batches of one round, so that a round ends even while rows keep coming.
const BATCHES: usize = 100;

/// Starts the task.
pub fn spawn(app: &SharedApp) {
    tokio::spawn(run(std::sync::Arc::downgrade(app)));
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
