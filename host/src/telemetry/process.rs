//! The process's own metrics, under the names that Prometheus's clients give them; read from /proc at a scrape.

use std::fmt;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use rustix::param::{clock_ticks_per_second, page_size};

/// Reads them.
#[derive(Debug)]
pub(super) struct Process {
    start: f64,
}

impl Process {
    /// For a process that has just begun.
    pub(super) fn started_now() -> Process {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Process { start: now.as_secs_f64() }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let mut gauge = |name: &str, help: &str, value: f64| {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
        };
        gauge("process_start_time_seconds", "When the process began, since the Unix epoch", self.start)?;
        if let Ok(fds) = fs::read_dir("/proc/self/fd") {
            // One of them is the folder itself.
            let open = fds.count().saturating_sub(1);
            gauge("process_open_fds", "Open file descriptors", open as f64)?;
        }
        if let Some(most) = fs::read_to_string("/proc/self/limits").ok().as_deref().and_then(max_fds) {
            gauge("process_max_fds", "Most file descriptors that may be open", most)?;
        }
        let stat = fs::read_to_string("/proc/self/stat").ok();
        let Some(stat) = stat.as_deref().and_then(Stat::parse) else { return Ok(()) };
        gauge("process_threads", "Threads", stat.threads as f64)?;
        gauge("process_virtual_memory_bytes", "Virtual memory", stat.virtual_bytes as f64)?;
        let resident = stat.resident_pages * page_size() as u64;
        gauge("process_resident_memory_bytes", "Resident memory", resident as f64)?;
        let cpu = ConstCounter::new(stat.cpu_ticks as f64 / clock_ticks_per_second() as f64);
        let help = "Processor time, the system's for this process included";
        cpu.encode(encoder.encode_descriptor("process_cpu_seconds", help, None, cpu.metric_type())?)
    }
}

/// What is read from `/proc/self/stat`; see proc_pid_stat(5) for its fields.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    threads: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Stat> {
        // The name, the second field, may hold anything, so the rest is counted from its end; the first there is
        // the third of all.
        let fields = text.rsplit_once(')')?.1.split_whitespace().collect::<Vec<_>>();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Stat {
            cpu_ticks: field(14)? + field(15)?,
            threads: field(20)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

fn max_fds(limits: &str) -> Option<f64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_counted_behind_a_name_with_anything_in_it() {
        let text = "7 (a) b (c)) S 1 7 7 0 -1 4194560 100 0 0 0 250 30 0 0 20 0 9 0 12345 8192000 640 184467";
        let stat = Stat { cpu_ticks: 280, threads: 9, virtual_bytes: 8_192_000, resident_pages: 640 };
        assert_eq!(Stat::parse(text), Some(stat));
        assert_eq!(Stat::parse("7 (edgewit) S"), None);
        let limits =
            "Max processes             7 7 processes\nMax open files            1024   4096   files\n";
        assert_eq!(max_fds(limits), Some(1024.0));
    }
}
