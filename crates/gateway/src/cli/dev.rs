//! `doorward dev`: the whole job on this machine, with nothing to set up.
//!
//! Starts two development identity providers, two sample MCP servers and the gateway in front of them, in one process
//! and on the loopback interface only. The gateway runs from a real configuration, which can be printed and is written
//! into the data folder.

mod data;
mod plan;
mod report;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use devkit::idp_saml::SpCertificates;
use devkit::loopback::{self, Running};
use devkit::{idp_oidc, idp_saml, sample_upstream};
use saml::idp::Signing;
use saml::{EntityId, SigningCertificate};
use tokio::net::TcpListener;

use crate::app::{self, App};
use crate::cli::dev::data::DataDir;
use crate::cli::dev::plan::{OIDC_CLIENT_ID, Plan};
use crate::cli::logging::{self, LogFormat};
use crate::cli::{EXIT_CONFIG, EXIT_USAGE, serve};
use crate::clock::Clock;
use crate::config::Config;
use crate::random::Random;

/// Arguments of `doorward dev`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The port of the gateway; the four helpers take the next ones, or free ones. 0: only free ones.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The address to listen on; only a loopback address is accepted.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    address: IpAddr,
    /// Keep the data in this folder; without it a temporary folder is used and removed at the end.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print what was started as one JSON object.
    #[arg(long)]
    json: bool,
    /// Print the configuration and stop.
    #[arg(long)]
    print_config: bool,
}

/// What runs beside the gateway. Stops when dropped.
struct Helpers {
    _running: [Running; 4],
}

/// The five ports, open before anything is configured.
struct Ports {
    gateway: TcpListener,
    saml: TcpListener,
    oidc: TcpListener,
    crm: TcpListener,
    deploy: TcpListener,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if !args.address.is_loopback() {
        let error = loopback::StartError::NotLoopback(SocketAddr::new(args.address, args.port));
        eprintln!("doorward: {error} [{}]", error.code());
        return Ok(ExitCode::from(EXIT_USAGE));
    }
    if args.print_config {
        print!("{}", Plan::example(SocketAddr::new(args.address, args.port)).yaml());
        return Ok(ExitCode::SUCCESS);
    }
    logging::start(LogFormat::Text, "warn");
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?.block_on(dev(args))
}

async fn dev(args: &Args) -> anyhow::Result<ExitCode> {
    let stop = serve::stop_signal()?;
    let data = DataDir::open(args.data.as_deref(), Random)?;
    let ports = Ports::open(SocketAddr::new(args.address, args.port)).await?;
    let plan = ports.plan(&data)?;
    let config = match Config::from_yaml(&plan.yaml(), data.path()) {
        Ok(config) => config,
        Err(problems) => {
            for problem in &problems {
                eprintln!("{problem}");
            }
            return Ok(ExitCode::from(EXIT_CONFIG));
        }
    };
    data.keep_config(&plan.yaml())?;
    let Ports { gateway, saml, oidc, crm, deploy } = ports;
    let sp_certificates = SpCertificates::default();
    let helpers = start_helpers(&plan, Arc::clone(&sp_certificates), saml, oidc, crm, deploy)?;
    let app = App::start(config, Clock::System).await?;
    let certificates = app.keys.saml_sp_keys().into_iter().filter_map(|key| key.certificate_der().map(SigningCertificate::from_der));
    sp_certificates.get_or_init(|| certificates.filter_map(|certificate| certificate.ok().flatten()).collect());
    let report = report::Report::new(&plan, &data);
    if args.json {
        println!("{}", report.json());
    } else {
        println!("{}", report.text());
    }
    tokio::select! {
        served = app::serve(app, gateway, stop) => served?,
        () = second_signal()? => eprintln!("doorward: stopped at once"),
    }
    drop(helpers);
    eprintln!("doorward: stopped");
    Ok(ExitCode::SUCCESS)
}

impl Ports {
    /// Opens the gateway's port, and for the others the next ones or, where one is taken, a free one.
    async fn open(first: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self {
            gateway: loopback::bind(first).await?,
            saml: near(first, 1).await?,
            oidc: near(first, 2).await?,
            crm: near(first, 3).await?,
            deploy: near(first, 4).await?,
        })
    }

    fn plan(&self, data: &DataDir) -> anyhow::Result<Plan> {
        let secret = Random.token()?;
        Ok(Plan {
            gateway: loopback::url(&self.gateway)?,
            saml: loopback::url(&self.saml)?,
            oidc: loopback::url(&self.oidc)?,
            crm: loopback::url(&self.crm)?,
            deploy: loopback::url(&self.deploy)?,
            oidc_secret: secret.expose().clone(),
            data_dir: data.path().to_owned(),
        })
    }
}

/// Ready at the second signal: whoever presses Ctrl-C twice does not want to wait for open streams.
fn second_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let first = serve::stop_signal()?;
    Ok(async move {
        first.await;
        match serve::stop_signal() {
            Ok(second) => second.await,
            Err(_) => std::future::pending().await,
        }
    })
}

/// The port `offset` after the first one, or a free one.
async fn near(first: SocketAddr, offset: u16) -> anyhow::Result<TcpListener> {
    let wanted = if first.port() == 0 { None } else { first.port().checked_add(offset) };
    if let Some(port) = wanted
        && let Ok(listener) = loopback::bind(SocketAddr::new(first.ip(), port)).await
    {
        return Ok(listener);
    }
    loopback::bind(SocketAddr::new(first.ip(), 0)).await.map_err(anyhow::Error::new)
}

/// Starts the identity providers before the gateway, which reads their metadata when it starts.
fn start_helpers(
    plan: &Plan,
    sp_certificates: SpCertificates,
    saml: TcpListener,
    oidc: TcpListener,
    crm: TcpListener,
    deploy: TcpListener,
) -> anyhow::Result<Helpers> {
    let clock: devkit::Clock = Arc::new(|| Clock::System.now());
    let saml_settings = idp_saml::Settings {
        clock: Arc::clone(&clock),
        sp_entity_id: EntityId::parse(&plan.sp_entity_id()).context("the gateway's SAML name")?,
        acs_urls: vec![plan.acs_url()?],
        slo_url: plan.slo_url()?,
        sp_certificates,
        signing: Signing::Assertion,
    };
    let oidc_settings = idp_oidc::Settings {
        clock,
        client_id: OIDC_CLIENT_ID.to_owned(),
        client_secret: plan.oidc_secret.clone(),
        redirect_uris: vec![plan.oidc_callback()],
        post_logout_redirect_uris: vec![plan.logout_done(), plan.gateway.to_string(), plan.public_url().to_owned()],
        backchannel_logout_uri: Some(plan.backchannel_logout_uri()?),
        groups_in_id_token: true,
    };
    let running = [
        idp_saml::start(saml, saml_settings)?,
        idp_oidc::start(oidc, oidc_settings)?,
        sample_upstream::start(crm, sample_upstream::Kind::Crm)?,
        sample_upstream::start(deploy, sample_upstream::Kind::Deploy)?,
    ];
    Ok(Helpers { _running: running })
}

#[cfg(test)]
mod tests;
