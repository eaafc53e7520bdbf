//! `portcullis certs`: shows certificates, from files or as they are in a cluster, and makes them, so that nobody needs openssl.
#![expect(clippy::disallowed_methods, reason = "an edge: certificates are files")]

mod cluster;

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use crate::{
    cli::{
        args::tls::{Certs, MakeArgs, ShowArgs},
        check::Ended,
        output,
    },
    engine::limits::PEM_BYTES,
    tls::{
        bundle::{Authority, Bundle},
        load_pair, made,
        x509::Facts,
    },
};

/// What is shown.
#[derive(Debug, Default)]
struct Shown {
    /// Where it comes from.
    title: String,
    cert: String,
    /// None where there is no key to look at.
    key: Option<String>,
    /// All CAs to be believed; None where they are not known.
    authorities: Option<String>,
    /// The CA that comes next.
    coming: Option<Authority>,
    /// What the certificate must be for.
    names: Vec<String>,
    /// Each webhook entry, with its CAs.
    registered: Vec<(String, String)>,
    /// What could not be looked at, and why.
    unknown: Vec<String>,
    problems: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// Where its output cannot be written, or the API server does not answer.
pub fn run(command: &Certs, now: Timestamp, out: &mut dyn Write) -> anyhow::Result<Ended> {
    match command {
        Certs::Make(args) => match make(args, now) {
            Ok(paths) => {
                for path in paths {
                    writeln!(out, "{}", path.display())?;
                }
                out.flush()?;
                Ok(Ended::Clean)
            }
            Err(message) => output::refuse(&message),
        },
        Certs::Show(args) => {
            let shown = match &args.tls_cert {
                Some(cert) => match from_files(args, cert) {
                    Ok(shown) => shown,
                    Err(message) => return output::refuse(&message),
                },
                None => cluster::read(args)?,
            };
            let (text, problems) = shown.text(now);
            write!(out, "{text}")?;
            out.flush()?;
            Ok(if problems == 0 { Ended::Clean } else { Ended::Findings })
        }
    }
}

fn from_files(args: &ShowArgs, cert: &Path) -> Result<Shown, String> {
    let optional = |path: &Option<PathBuf>| path.as_deref().map(read).transpose();
    Ok(Shown {
        title: cert.display().to_string(),
        cert: read(cert)?,
        key: optional(&args.tls_key)?,
        authorities: optional(&args.tls_ca)?,
        names: args.name.clone(),
        ..Shown::default()
    })
}

fn read(path: &Path) -> Result<String, String> {
    let failed = |error: io::Error| format!("cannot read `{}`: {error}", path.display());
    let mut content = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    io::Read::read_to_end(&mut io::Read::take(file, PEM_BYTES), &mut content).map_err(failed)?;
    Ok(String::from_utf8_lossy(&content).into_owned())
}

/// The files that were written.
fn make(args: &MakeArgs, now: Timestamp) -> Result<Vec<PathBuf>, String> {
    let failed =
        |error: made::MakeError| format!("no certificate can be made for `{}`: {error}", args.name.join("`, `"));
    let lasts = made::days(args.days);
    let ca = made::ca("portcullis CA", now, lasts).map_err(failed)?;
    let leaf = made::leaf(&ca, &args.name, now, lasts).map_err(failed)?;
    fs::create_dir_all(&args.out).map_err(|error| format!("cannot make `{}`: {error}", args.out.display()))?;
    let files = [("ca.crt", &ca.cert), ("ca.key", &ca.key), ("tls.crt", &leaf.cert), ("tls.key", &leaf.key)];
    let files = files.map(|(name, text)| (args.out.join(name), text));
    if let Some((there, _)) = files.iter().find(|(path, _)| path.symlink_metadata().is_ok()) {
        return Err(format!("`{}` exists, and no file is overwritten", there.display()));
    }
    for (path, text) in &files {
        let is_key = path.extension().is_some_and(|extension| extension == "key");
        let mode = if is_key { 0o600 } else { 0o644 };
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| format!("cannot write `{}`: {error}", path.display()))?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

// === impl Shown ===

impl Shown {
    /// What is printed, and how many problems are in it.
    fn text(mut self, now: Timestamp) -> (String, usize) {
        let mut lines = vec![self.title.clone()];
        let (chain, unread) = Bundle::read(&self.cert);
        if unread > 0 || chain.is_empty() && !self.cert.trim().is_empty() {
            self.problems.push("the certificate cannot be read".to_owned());
        }
        for (place, certificate) in chain.authorities().iter().enumerate() {
            let what = if place == 0 { "certificate" } else { "between" };
            lines.extend(of_one(what, &certificate.facts, now));
        }
        let authorities = self.authorities.as_deref().map(|text| Bundle::read(text).0).unwrap_or_default();
        let ders: Vec<_> = chain.authorities().iter().map(|one| one.der.clone()).collect();
        let signer = authorities.signer(&ders, now).map(|signer| signer.der.clone());
        for ca in authorities.authorities() {
            let is_coming = self.coming.as_ref().is_some_and(|coming| coming.der == ca.der);
            let what = match &signer {
                _ if is_coming => "coming CA",
                Some(signer) if *signer != ca.der => "other CA",
                _ => "CA",
            };
            lines.extend(of_one(what, &ca.facts, now));
        }
        self.judge(&chain, &authorities, now);
        for (entry, bundle) in std::mem::take(&mut self.registered) {
            let registered = Bundle::read(&bundle).0;
            let lacking = authorities.authorities().iter().filter(|ca| !registered.holds(&ca.der)).count();
            let of = authorities.authorities().len();
            lines.push(format!("  registered   {entry} holds {} of {of} CAs", of - lacking));
            if !ders.is_empty() && registered.believes(&ders, now).is_err() {
                self.problems.push(format!("`{entry}` does not believe the certificate: every call by it fails"));
            }
        }
        lines.extend(self.unknown.iter().map(|unknown| format!("  not looked at: {unknown}")));
        lines.extend(self.problems.iter().map(|problem| format!("problem: {problem}")));
        (lines.join("\n") + "\n", self.problems.len())
    }

    fn judge(&mut self, chain: &Bundle, authorities: &Bundle, now: Timestamp) {
        let Some(leaf) = chain.authorities().first() else {
            if self.problems.is_empty() {
                self.problems.push("there is no certificate".to_owned());
            }
            return;
        };
        let ders: Vec<_> = chain.authorities().iter().map(|one| one.der.clone()).collect();
        if let Some(key) = &self.key {
            let pair = load_pair(self.cert.as_bytes(), key.as_bytes(), now);
            let why = pair.and_then(|pair| pair.is_for(&self.names)).err();
            self.problems.extend(why.map(|error| error.to_string()));
        } else {
            if !leaf.facts.is_valid(now) {
                self.problems.push("the certificate is not valid now".to_owned());
            }
            let lacking = self.names.iter().filter(|name| !leaf.facts.names.contains(name));
            self.problems.extend(lacking.map(|name| format!("the certificate is not for `{name}`")));
        }
        if leaf.facts.names.is_empty() {
            self.problems
                .push("the certificate is for no name: an API server looks only among alternative names".to_owned());
        }
        if self.authorities.is_some() && leaf.facts.is_valid(now) && authorities.believes(&ders, now).is_err() {
            self.problems.push("no CA that is shown has signed the certificate".to_owned());
        }
    }
}

fn of_one(what: &str, facts: &Facts, now: Timestamp) -> Vec<String> {
    let mut lines = vec![format!("  {what:<12} {}, signed by {}", facts.subject, facts.issuer)];
    if facts.subject == facts.issuer {
        lines = vec![format!("  {what:<12} {}", facts.subject)];
    }
    if !facts.names.is_empty() {
        lines.push(format!("    for        {}", facts.names.join(", ")));
    }
    lines.push(format!("    valid      {} to {}, {}", facts.not_before, facts.not_after, left(facts, now)));
    lines
}

fn left(facts: &Facts, now: Timestamp) -> String {
    if now < facts.not_before {
        return "not yet".to_owned();
    }
    let minutes = (facts.not_after.as_second() - now.as_second()) / 60;
    match minutes {
        minutes if facts.not_after < now => format!("expired {} days ago", -minutes / 60 / 24),
        0..=119 => format!("{minutes} minutes left"),
        120..=2879 => format!("{} hours left", minutes / 60),
        _ => format!("{} days left", minutes / 60 / 24),
    }
}

#[cfg(test)]
mod tests;
