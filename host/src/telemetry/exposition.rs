//! The text of `/metrics`: OpenMetrics, or the older format of Prometheus for whoever does not ask for that.

use std::fmt::Write;

/// A format of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposition {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus's text format 0.0.4.
    Prometheus,
}

impl Exposition {
    /// What a client with this `Accept` header gets.
    pub fn accepted(accept: &str) -> Exposition {
        let mut types = accept.split(',').filter_map(|range| range.split(';').next());
        match types.any(|media| media.trim().eq_ignore_ascii_case("application/openmetrics-text")) {
            true => Exposition::OpenMetrics,
            false => Exposition::Prometheus,
        }
    }

    /// The media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Exposition::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Exposition::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// OpenMetrics as Prometheus's text: there a family has the name of its samples, and the types are fewer.
pub(super) fn prometheus(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    // The type comes after the description, and says what the family is called.
    let mut help = None;
    for line in openmetrics.lines() {
        if let Some(described) = line.strip_prefix("# HELP ") {
            help = described.split_once(' ');
        } else if let Some((name, kind)) =
            line.strip_prefix("# TYPE ").and_then(|typed| typed.split_once(' '))
        {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                other => ("", other),
            };
            if let Some((_, help)) = help.take() {
                let _ = writeln!(text, "# HELP {name}{suffix} {help}");
            }
            let _ = writeln!(text, "# TYPE {name}{suffix} {kind}");
        } else if !line.starts_with('#') {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_called_as_their_samples() {
        let openmetrics = "# HELP a_b Words.\n# TYPE a_b counter\na_b_total{x=\"1\"} 2\n\
            # HELP t_seconds Time.\n# TYPE t_seconds histogram\n# UNIT t_seconds seconds\nt_seconds_sum 1.0\n\
            # HELP v Build.\n# TYPE v info\nv_info{version=\"1\"} 1\n# HELP u Any.\n# TYPE u unknown\nu 1\n# EOF\n";
        let expected = "# HELP a_b_total Words.\n# TYPE a_b_total counter\na_b_total{x=\"1\"} 2\n\
            # HELP t_seconds Time.\n# TYPE t_seconds histogram\nt_seconds_sum 1.0\n\
            # HELP v_info Build.\n# TYPE v_info gauge\nv_info{version=\"1\"} 1\n# HELP u Any.\n# TYPE u untyped\nu 1\n";
        assert_eq!(prometheus(openmetrics), expected);
    }

    #[test]
    fn openmetrics_is_for_whoever_asks_for_it() {
        let check = |accept, expect| assert_eq!(Exposition::accepted(accept), expect, "{accept}");
        check("", Exposition::Prometheus);
        check("*/*", Exposition::Prometheus);
        check("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", Exposition::Prometheus);
        check("text/html, Application/OpenMetrics-Text;version=1.0.0;q=0.9", Exposition::OpenMetrics);
    }
}
