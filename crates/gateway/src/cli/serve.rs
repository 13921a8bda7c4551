//! `doorward serve`: the gateway, until a signal ends it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use super::logging::{self, LogFormat};
use super::{DEFAULT_CONFIG, EXIT_CONFIG};
use crate::app::{self, App};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::reload;

/// Arguments of `doorward serve`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration file.
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// How log lines look; DOORWARD_LOG filters them (error, warn, info, debug).
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    logging::start(args.log_format, "info");
    let config = match config::load(&args.config) {
        Ok(config) => config,
        Err(problems) => {
            for problem in &problems {
                eprintln!("{problem}");
            }
            eprintln!(
                "doorward: not started; `doorward config check` lists these problems too. Each code is explained in docs/errors/<code>.md."
            );
            return Ok(ExitCode::from(EXIT_CONFIG));
        }
    };
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?.block_on(serve(config))
}

async fn serve(config: Config) -> anyhow::Result<ExitCode> {
    let app = App::start(config, Clock::System).await?;
    let listener = app::listen(&app.config).await?;
    reload::spawn(&app).context("cannot wait for SIGHUP")?;
    app::serve(app, listener, stop_signal()?).await?;
    tracing::info!("doorward has stopped");
    Ok(ExitCode::SUCCESS)
}

/// Ready when the process is asked to stop: SIGTERM or SIGINT.
pub(super) fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
