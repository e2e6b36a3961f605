//! Who else can reach the node, and read what it is told.

use std::net::{SocketAddr, TcpListener};

use url::{Host, Url};

use super::{Finding, l1::host};
use crate::args::DoctorArgs;

/// Checks addresses and URLs.
pub(super) fn check(args: &DoctorArgs) -> Vec<Finding> {
    let mut findings = vec![port("rpc", args.rpc), reach("rpc", args.rpc)];
    if let Some(metrics) = args.metrics {
        findings.extend([port("metrics", metrics), reach("metrics", metrics)]);
    }
    let l1 = "whoever is on the way can withhold L1 from this node and learn its key: use https";
    findings.extend(args.l1.iter().chain(&args.beacon).map(|url| transport(url, l1)));
    let own = &args.role_signers;
    let signers = [&args.key.signer, &own.batcher_signer, &own.proposer_signer];
    let signer = "whoever is on the way can use the signer: use https, or a private network";
    findings.extend(signers.into_iter().flatten().map(|url| transport(url, signer)));
    findings
}

fn port(check: &'static str, addr: SocketAddr) -> Finding {
    match TcpListener::bind(addr) {
        Ok(_) => Finding::ok(check, format!("{addr} is free")),
        Err(error) => Finding::fail(
            check,
            format!("{addr}: {error}"),
            format!("stop what listens there, or name another address with --{check}"),
        ),
    }
}

fn reach(check: &'static str, addr: SocketAddr) -> Finding {
    if addr.ip().is_loopback() {
        return Finding::ok(check, "only this machine reaches it");
    }
    let remedy = match check {
        "rpc" => {
            "serve it to the world through a proxy with TLS and limits for each client, and bind \
             --rpc to 127.0.0.1"
        }
        _ => "numbers about your node are nobody's business: bind it to 127.0.0.1 or a private net",
    };
    Finding::warn(check, format!("{addr} is open to whoever reaches this machine"), remedy)
}

/// Whether somebody on the way can read and change what an endpoint says.
fn transport(url: &str, danger: &'static str) -> Finding {
    let parsed = match Url::parse(url) {
        Ok(parsed) => parsed,
        Err(error) => {
            // It is not shown: what cannot be read may have a secret anywhere.
            let text = format!("a URL cannot be read: {error}");
            return Finding::fail("url", text, "write it as https://HOST/PATH");
        }
    };
    let host = host(url);
    let local = match parsed.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_private(),
        Some(Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unique_local(),
        None => false,
    };
    match parsed.scheme() {
        "https" | "wss" => Finding::ok("url", format!("{host} is reached over TLS")),
        "http" | "ws" if local => Finding::ok("url", format!("{host} is near")),
        "http" | "ws" => Finding::warn("url", format!("{host} is reached in the clear"), danger),
        other => Finding::fail("url", format!("{host}: {other:?} is not known"), "use https"),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Level, *};

    #[test]
    fn what_others_can_reach_or_read_is_named_without_its_secret() {
        for (url, level) in [
            ("https://l1.example.org/v3/s3cret", Level::Ok),
            ("http://127.0.0.1:8545", Level::Ok),
            ("http://10.0.0.7:8545", Level::Ok),
            ("http://l1.example.org/v3/s3cret", Level::Warn),
            ("ftp://l1.example.org/v3/s3cret", Level::Fail),
            ("l1.example.org/s3cret", Level::Fail),
        ] {
            let finding = transport(url, "");
            assert_eq!(finding.level, level, "{url}");
            assert!(!format!("{finding:?}").contains("s3cret"));
        }
        assert_eq!(reach("rpc", "0.0.0.0:9545".parse().unwrap()).level, Level::Warn);
        assert_eq!(reach("rpc", "[::1]:9545".parse().unwrap()).level, Level::Ok);
    }

    #[test]
    fn a_port_in_use_fails() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(port("rpc", taken.local_addr().unwrap()).level, Level::Fail);
    }
}
