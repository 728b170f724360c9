//! From a configuration to a controller that serves.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use wavegate_common::view::Role;
use wavegate_proto::agent::AgentServer;
use wavegate_proto::operator::OperatorServer;
use wavegate_proto::{Caller, Peer};

use super::address::{names, reachable};
use super::bootstrap::{ADMIN, Files};
use super::error::RunError;
use crate::artifact::Shelf;
use crate::assess;
use crate::audit::Entry;
use crate::clock;
use crate::config::{CertificateLives, Config};
use crate::driver::{self, DriverHandle, DriverSettings};
use crate::grpc::{Api, Parts, Refusals, Service};
use crate::incident::{self, Desk};
use crate::ingest::Pace;
use crate::signal::{self, Board};
use crate::store::{Lock, LockState, Store, StoreThreads, StoredOperator};
use crate::trust::{Accepting, Authority, Incoming, Lives, ServerIdentity, http2, server_config};

/// How often it is looked whether the server's certificate is due for renewal.
const RENEWAL: Duration = Duration::from_secs(3_600);
/// How long open calls may take to end once the controller is told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Runs a controller until `shutdown` is ready.
///
/// # Errors
/// If it cannot start, or breaks off.
pub async fn run(
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    let mut running = start(config).await?;
    running.greet();
    // Whoever started it may wait for this word; if nobody does, nothing happens.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    // Owned by its future, so that stopping does not wait for this handle to go.
    let driver = running.driver.clone();
    let ended = async move { driver.ended().await };
    tokio::select! {
        () = shutdown => running.stop().await,
        // Without its driver a controller looks alive and does nothing: better to end, and to be
        // started anew by whoever watches over it.
        () = ended => Err(RunError::Serve("the driver has ended by a fault".to_owned())),
        ended = &mut running.serving => {
            let why = ended.map_or_else(|error| error.to_string(), |served| match served {
                Ok(()) => "it ended by itself".to_owned(),
                Err(error) => error,
            });
            Err(RunError::Serve(why))
        }
    }
}

/// A controller that serves.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// The context file of the first admin.
    pub context: PathBuf,
    /// It was started in this directory for the first time.
    pub fresh: bool,
    files: Files,
    driver: DriverHandle,
    serving: tokio::task::JoinHandle<Result<(), String>>,
    stop: oneshot::Sender<()>,
    /// Tasks beside the driver; none of them holds anything that must be written.
    beside: Vec<tokio::task::JoinHandle<()>>,
    thread: JoinHandle<()>,
    store_threads: StoreThreads,
    _lock: Option<Lock>,
}

/// Starts a controller.
///
/// # Errors
/// If the configuration is wrong, the directory or the port cannot be used, or what is stored
/// cannot be read.
pub async fn start(config: Config) -> Result<Running, RunError> {
    config.check(std::path::Path::new("configuration"))?;
    let now = clock::now();
    let files = Files::open(&config.data_dir)?;
    // The port comes first: a second start by mistake must touch nothing else.
    let listener = listen(config.listen).await?;
    let address = listener
        .local_addr()
        .map_err(|source| RunError::Listen { address: config.listen, source })?;
    let lock = lock(&files)?;
    let (store, store_threads) = Store::open(&files.dir, now)?;
    let authority = Authority::open_or_create(&files.pki(), now)?;
    let CertificateLives { host, operator, server } = config.certificates;
    let authority = Arc::new(authority.with_lives(Lives { host, operator, server }));
    let fresh = files.admin(&authority, now)?;
    if fresh {
        record_admin(&store).await?;
    }
    let identity = ServerIdentity::issue(&authority, names(&config), now)?;
    let tls = server_config(&authority, Arc::clone(&identity))?;
    let desk = Arc::new(Desk::open(&config.alerts)?);
    let board = Arc::new(Board::open(&config.signals)?);
    let settings = DriverSettings {
        policy: Arc::new(config.policy.clone()),
        every: Duration::from_millis(config.drive_every.0),
        checkpoint: Duration::from_millis(config.checkpoint_every.0),
        addressees: desk.addressees().into(),
    };
    let (driver, thread) = driver::start(store.clone(), settings).await?;
    let pace = Pace {
        heartbeat_every: config.heartbeat_every,
        reconnect_window: config.reconnect_window,
        resend_every: config.resend_every,
        baseline_every: config.baseline_every,
    };
    let every = Duration::from_millis(config.assess_every.0);
    let assessing = assess::start(driver.clone(), Arc::clone(&board), assess::Settings { every });
    let shelf = Shelf::open(&files.dir)?;
    let telling = incident::start(&desk, driver.clone(), files.dir.clone(), lock.is_some());
    let asking = signal::start(&board, &driver);
    let authority_of_api = Arc::clone(&authority);
    let parts =
        Parts { driver: driver.clone(), shelf, authority: authority_of_api, pace, desk, board };
    let api = Api::new(parts);
    let incoming = Incoming::new(listener, tls, accepting(api.refusals()));
    let (stop, stopped) = oneshot::channel();
    let serving = tokio::spawn(serve(api, incoming, stopped));
    let renewing = tokio::spawn(renew(identity, authority));
    files.announce(&reachable(address))?;
    Ok(Running {
        address,
        context: files.context(),
        fresh,
        files,
        driver,
        serving,
        stop,
        beside: vec![renewing, assessing, telling, asking],
        thread,
        store_threads,
        _lock: lock,
    })
}

impl Running {
    /// The way to the driver and the store, for tests.
    #[must_use]
    pub fn driver(&self) -> &DriverHandle {
        &self.driver
    }

    fn greet(&self) {
        eprintln!("wavegate controller: listening on {}", self.address);
        if self.fresh {
            let context = self.context.display();
            eprintln!(
                "first start: made a certificate authority and an admin's certificate\n\
                 what to do next:\n  \
                 export WAVEGATE_CONTEXT={context}\n  \
                 wavegate token create --host NAME --reason 'first host'\n\
                 then on that host, with the token in a file:\n  \
                 wavegate-agent enroll --controller {} --token-file FILE --ca-file {}",
                self.address,
                self.files.dir.join("ca.pem").display(),
            );
        }
    }

    /// Ends it in order: no new calls, what was decided is written, threads are joined.
    ///
    /// # Errors
    /// If the server broke off before.
    pub async fn stop(self) -> Result<(), RunError> {
        let Self { files, driver, mut serving, stop, beside, thread, store_threads, .. } = self;
        for task in beside {
            task.abort();
            let _ = task.await;
        }
        driver.stop().await;
        // The server may have ended by itself; then nobody listens here.
        let _ = stop.send(());
        let ended = tokio::time::timeout(GRACE, &mut serving).await;
        if ended.is_err() {
            // Streams of agents do not end by themselves; they come back to the next controller.
            serving.abort();
            let _ = serving.await;
        }
        drop(driver);
        let joined = tokio::task::spawn_blocking(move || {
            // A panic of the thread has been printed already.
            let _ = thread.join();
            store_threads.join();
        });
        let _ = tokio::time::timeout(GRACE, joined).await;
        // Nobody listens there any more.
        let _ = std::fs::remove_file(files.address());
        match ended {
            Ok(Ok(Err(error))) => Err(RunError::Serve(error)),
            _ => Ok(()),
        }
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => RunError::PortInUse { address },
        _ => RunError::Listen { address, source },
    })
}

fn lock(files: &Files) -> Result<Option<Lock>, RunError> {
    let failed = |source| RunError::DataDir { path: files.dir.clone(), source };
    match Lock::take(&files.dir).map_err(failed)? {
        LockState::Ours(lock) => Ok(Some(lock)),
        LockState::Taken => {
            tracing::warn!(
                data_dir = %files.dir.display(),
                "another controller runs on this data directory; both are safe, but each holds \
                 the streams of some hosts only"
            );
            Ok(None)
        }
    }
}

async fn record_admin(store: &Store) -> Result<(), RunError> {
    let now = clock::now();
    let operator = StoredOperator {
        name: ADMIN.to_owned(),
        role: Role::Admin,
        added_at: now,
        added_by: "controller".to_owned(),
    };
    let reason = "first start in this directory".to_owned();
    let entry = Entry::by_controller(now, "operator.enroll", ADMIN.to_owned(), reason);
    Ok(store.put_operator(operator, entry).await?)
}

/// Handshakes that fail are refusals too.
fn accepting(refusals: &Arc<Refusals>) -> Accepting {
    let refusals = Arc::clone(refusals);
    Accepting {
        refused: Arc::new(move |from, why| {
            let caller = Caller { peer: Peer::Nobody, addr: Some(from) };
            refusals.note(&caller, "connection.open", String::new(), why);
        }),
        ..Accepting::default()
    }
}

async fn serve(
    api: Arc<Api>,
    incoming: Incoming,
    stopped: oneshot::Receiver<()>,
) -> Result<(), String> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status("", tonic_health::ServingStatus::Serving).await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(wavegate_proto::DESCRIPTOR)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(|error| error.to_string())?;
    let served = http2()
        .add_service(AgentServer::service(Arc::clone(&api)))
        .add_service(OperatorServer::service(Arc::new(Service(api))))
        .add_service(health_service)
        .add_service(reflection)
        .serve_with_incoming_shutdown(incoming, async {
            // An end that was dropped means the same as one that was used.
            let _ = stopped.await;
        })
        .await;
    served.map_err(|error| wavegate_proto::tls::causes(&error))
}

async fn renew(identity: Arc<ServerIdentity>, authority: Arc<Authority>) {
    let mut hourly = tokio::time::interval(RENEWAL);
    loop {
        hourly.tick().await;
        match identity.renew_if_due(&authority, clock::now()) {
            Ok(true) => tracing::info!("the server's certificate was renewed"),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the server's certificate cannot be renewed"),
        }
    }
}
