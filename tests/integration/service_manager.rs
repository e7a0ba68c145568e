//! What a service manager such as systemd is told.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use edgewit_tests::command::edgewit;
use edgewit_tests::server::Server;

use crate::hand_over::sign;

/// The next message that is no sign of life.
fn next(manager: &UnixDatagram) -> String {
    loop {
        let message = any(manager);
        if message != "WATCHDOG=1" {
            return message;
        }
    }
}

fn any(manager: &UnixDatagram) -> String {
    let mut buffer = [0; 1024];
    let len = manager.recv(&mut buffer).expect("a message");
    String::from_utf8_lossy(&buffer[..len]).trim_end().to_owned()
}

#[test]
fn a_service_manager_is_told_of_start_life_reload_and_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let models = folder.path().join("models");
    sign(&models);
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    manager.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    let mut command = edgewit();
    command.args(["serve", "--listen", "127.0.0.1:0", "--models"]).arg(&models);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "100000");
    let mut server = Server::spawn(&mut command);

    assert_eq!(next(&manager), "READY=1");
    assert_eq!(server.client.get("/health/ready").status, 200);
    while any(&manager) != "WATCHDOG=1" {}
    server.signal("HUP");
    let reloading = next(&manager);
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(next(&manager), "READY=1");
    server.terminate();
    assert_eq!(next(&manager), "STOPPING=1");
    assert_eq!(server.wait().code(), Some(0));
}
