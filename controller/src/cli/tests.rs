//! Commands against a real controller in this process, on a port of its own.

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::context::Context;
use super::exit::Exit;
use super::root::run;
use super::session::runtime;
use crate::config::Config;

/// A controller on a thread of its own, for as long as this lives.
struct TestController {
    dir: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl TestController {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: dir.path().join("data"),
            listen: "127.0.0.1:0".parse().unwrap(),
            ..Config::default()
        };
        let (stop, stopped) = oneshot::channel();
        let (ready, wait) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            runtime().unwrap().block_on(async move {
                let running = crate::server::start(config).await.unwrap();
                ready.send(()).unwrap();
                let _ = stopped.await;
                running.stop().await.unwrap();
            });
        });
        wait.recv().unwrap();
        Self { dir, stop: Some(stop), thread: Some(thread) }
    }

    fn context(&self) -> PathBuf {
        self.dir.path().join("data/admin.yaml")
    }

    /// A command in the admin's name.
    fn admin(&self, words: &str) -> Exit {
        self.by(&self.context(), words)
    }

    fn by(&self, context: &std::path::Path, words: &str) -> Exit {
        let words = words.split_whitespace().map(|word| word.replace('_', " "));
        let context = context.display().to_string();
        run(["wavegate".to_owned(), "--context".to_owned(), context].into_iter().chain(words))
    }

    fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for TestController {
    fn drop(&mut self) {
        self.stop();
    }
}

#[test]
fn a_fresh_controller_answers() {
    let controller = TestController::start();
    for words in [
        "host list",
        "host list -l role=web -o json",
        "kernel list -o yaml",
        "rollout list -o wide",
        "token list",
        "audit list",
        "audit verify",
    ] {
        assert_eq!(controller.admin(words), Exit::Ok, "{words}");
    }
}

#[test]
fn each_refusal_has_its_exit_status() {
    let controller = TestController::start();
    let spec = controller.dir.path().join("june.yaml");
    std::fs::write(&spec, "name: june\nrelease: nothing\nselector: '*'\n").unwrap();
    let add = "kernel add june --kernel 6.1.0-56-amd64 --package linux-image --reason test";
    for (words, exit) in [
        ("host show nobody", Exit::Usage),
        ("host why nobody", Exit::Usage),
        ("host hold nobody --reason test", Exit::Usage),
        ("rollout status nothing", Exit::Usage),
        ("rollout status nothing --watch", Exit::Usage),
        ("rollout why nothing", Exit::Usage),
        ("rollout pause nothing --reason test", Exit::Usage),
        ("token revoke nothing --reason test", Exit::Usage),
        (add, Exit::Ok),
        // A new kernel under an old name is a new chance.
        (&add.replace("6.1.0-56", "6.1.0-57"), Exit::Ok),
        (&format!("rollout plan -f {}", spec.display()), Exit::Usage),
        ("rollout plan -f /nowhere.yaml", Exit::Usage),
        ("kernel add a --kernel 6.1 --artifact /nowhere.deb --reason test", Exit::Usage),
    ] {
        assert_eq!(controller.admin(words), exit, "{words}");
    }
}

#[test]
fn an_artifact_is_uploaded_once() {
    let controller = TestController::start();
    let file = controller.dir.path().join("linux.deb");
    std::fs::write(&file, vec![7u8; 3 << 20]).unwrap();
    let add = |name: &str| {
        format!("kernel add {name} --kernel 6.1.{name} --artifact {} --reason test", file.display())
    };
    assert_eq!(controller.admin(&add("1")), Exit::Ok);
    assert_eq!(controller.admin(&add("2")), Exit::Ok);
    let stored: Vec<_> =
        std::fs::read_dir(controller.dir.path().join("data/artifacts")).unwrap().collect();
    assert_eq!(stored.len(), 1, "{stored:?}");
}

/// The secret of a token, as a person would get it.
fn token(controller: &TestController, role: &str) -> String {
    use wavegate_common::Millis;
    use wavegate_common::view::TokenBinding;
    use wavegate_proto::operator::ask::CreateToken;
    let context = Context::load(&controller.context()).unwrap();
    runtime().unwrap().block_on(async {
        let limit = Duration::from_secs(10);
        let mut client = super::client::Client::connect(&context, limit).await.unwrap();
        let binding =
            TokenBinding::Operator { name: "ada".to_owned(), role: role.parse().unwrap() };
        let reason = super::client::reason("test").unwrap();
        let ask = CreateToken { binding, life: Millis::hours(1), reason };
        client.calls.create_token(&ask).await.unwrap().secret
    })
}

#[test]
fn a_viewer_may_look_and_not_touch() {
    let controller = TestController::start();
    let home = controller.dir.path().join("ada");
    let file = controller.dir.path().join("token");
    std::fs::write(&file, token(&controller, "viewer")).unwrap();
    let address = Context::load(&controller.context()).unwrap().controller;
    let enroll = format!(
        "operator enroll --controller {address} --ca-file {} --token-file {} --dir {}",
        controller.dir.path().join("data/ca.pem").display(),
        file.display(),
        home.display()
    );
    assert_eq!(controller.admin(&enroll), Exit::Ok);
    let ada = home.join("context.yaml");
    assert_eq!(controller.by(&ada, "host list"), Exit::Ok);
    let add = "kernel add june --kernel 6.1 --package linux-image --reason test";
    assert_eq!(controller.by(&ada, add), Exit::Denied);
    assert_eq!(controller.by(&ada, "token create --host a --reason test"), Exit::Denied);
    // A context that is there is not overwritten, and the token is used up.
    assert_eq!(controller.admin(&enroll), Exit::Conflict);
    let again = enroll.replace(&home.display().to_string(), &format!("{}2", home.display()));
    assert_eq!(controller.admin(&again), Exit::Denied);
}

#[test]
fn nothing_hangs_when_the_controller_is_away() {
    let mut controller = TestController::start();
    assert_eq!(controller.admin("host list"), Exit::Ok);
    controller.stop();
    let begun = Instant::now();
    assert_eq!(controller.admin("host list --timeout 5s"), Exit::Unreachable);
    assert_eq!(controller.admin("rollout status r1 --timeout 5s"), Exit::Unreachable);
    let watch = "rollout status r1 --watch --timeout 1s";
    assert_eq!(controller.admin(watch), Exit::Unreachable);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[test]
fn bad_configuration_is_refused_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("controller.yaml");
    std::fs::write(&file, "heartbeat_every: 1s\nlisten_on: 1\n").unwrap();
    let check = ["wavegate", "controller", "check-config", file.to_str().unwrap()];
    assert_eq!(run(check), Exit::Usage);
    std::fs::write(&file, "heartbeat_every: 1s\n").unwrap();
    assert_eq!(run(check), Exit::Ok);
}

#[test]
fn a_backup_can_be_made_while_it_runs() {
    let controller = TestController::start();
    let (from, to) = (controller.dir.path().join("data"), controller.dir.path().join("copy"));
    let backup = format!("controller backup --data-dir {} --to {}", from.display(), to.display());
    assert_eq!(controller.admin(&backup), Exit::Ok);
    assert!(to.join("wavegate.db").exists());
    assert_eq!(controller.admin(&backup), Exit::Failed);
}
