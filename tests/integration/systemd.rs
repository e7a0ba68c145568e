//! deploy/edge/edgewit.service: systemd takes it, and finds little to say about its security.

use edgewit_tests::root;
use edgewit_tests::tool::{adapt, deployed, output, tool};

/// Of 100; systemd calls up to 19 "OK" and from 20 "MEDIUM".
const EXPOSURE: &str = "--threshold=15";

#[test]
fn systemd_takes_the_units_and_calls_them_safe() {
    let Some(mut version) = tool("systemd-analyze", "systemd") else { return };
    let version = output(version.arg("--version"));
    let version = version.split(' ').nth(1).and_then(|number| number.parse::<u32>().ok()).expect("a version");
    let folder = tempfile::tempdir().expect("a folder");
    let [service, socket] = ["edgewit.service", "edgewit.socket"].map(|file| folder.path().join(file));
    // The type is of systemd 253; the unit says what to write for an older one.
    let older = "Type=notify\nExecReload=kill -HUP $MAINPID";
    let kind = if version < 253 { older } else { "Type=notify-reload" };
    // Any program that is there: what is checked is the unit.
    let changes = [("/usr/bin/edgewit", "/bin/true"), ("Type=notify-reload", kind)];
    adapt(&deployed("edge/edgewit.service"), &changes, &service);
    adapt(&deployed("edge/edgewit.socket"), &[], &socket);

    let mut verify = tool("systemd-analyze", "systemd").expect("it is there");
    verify
        .arg("verify")
        .args([&service, &socket])
        .env("SYSTEMD_UNIT_PATH", format!("{}:", folder.path().display()));
    let complaints = output(&mut verify);
    assert!(complaints.is_empty(), "{complaints}");

    let mut security = tool("systemd-analyze", "systemd").expect("it is there");
    println!(
        "{}",
        output(security.args(["security", "--offline=true", "--no-pager", EXPOSURE]).arg(&service))
    );
}

#[test]
fn the_unit_waits_as_long_as_a_stop_may_take() {
    let unit = deployed("edge/edgewit.service");
    let config = std::fs::read_to_string(root().join("deploy/edge/edgewit.toml")).expect("it can be read");
    let config: edgewit::config::Settings = toml::from_str(&config).expect("settings");
    let stop = unit.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")).expect("a time");
    let needed = config.server.readiness_delay_ms / 1000 + config.server.drain_seconds;
    assert!(stop.parse::<u64>().expect("seconds") > needed, "{stop} s, but a stop may take {needed} s");
}
