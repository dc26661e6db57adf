//! A certificate as one page that prints well: no script, nothing fetched, and everything escaped.

use super::certificate::{Certificate, Ended, Line};
use super::outcome::Asked;
use super::remains::Remains;

const STYLE: &str = "\
@page{size:A4;margin:18mm 16mm}\
body{font:10.5pt/1.45 Georgia,'Times New Roman',serif;color:#111;max-width:178mm;margin:2em auto;padding:0 1em}\
h1{font-size:17pt;margin:0 0 .2em}h2{font-size:12pt;margin:1.5em 0 .4em;border-bottom:1px solid #999;break-after:avoid}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.25em .8em .25em 0}\
tr{break-inside:avoid}thead th{font-weight:normal;color:#555;border-bottom:1px solid #ccc}th[scope=row]{white-space:nowrap;font-weight:normal;color:#555}\
code{font:8.5pt/1.4 ui-monospace,Consolas,monospace;overflow-wrap:anywhere}.at{white-space:nowrap}.no{text-align:right}\
.trial{border:2px solid #a00;color:#a00;padding:.5em .8em;font-weight:bold}p.small,td.small{font-size:9pt;color:#444}\
@media print{body{margin:0;padding:0;max-width:none}}";

/// The page of a certificate with this signature.
pub fn page(certificate: &Certificate, signature: &str) -> String {
    let mut out = String::with_capacity(16 * 1024);
    let title = format!("Certificate of request {}", escaped(&certificate.request));
    out.push_str("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    out.push_str("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n");
    out.push_str(&format!(
        "<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    ));
    out.push_str(&format!(
        "<p class=\"small\">Made by privaflow from its ledger at {}. It names no person: who was meant stands in the \
         request, and here only as digests.</p>\n",
        escaped(&certificate.issued_at)
    ));
    match certificate.trial.as_deref() {
        Some("sandbox") => out.push_str(
            "<p class=\"trial\">This was a trial in the sandbox: nobody's data was touched, and this certifies nothing.</p>\n",
        ),
        Some(_) => out.push_str("<p class=\"trial\">This job only looked: nothing was written anywhere.</p>\n"),
        None => {}
    }
    results(&mut out, &certificate.results);
    asked(&mut out, &certificate.asked);
    story(&mut out, &certificate.story);
    remains(&mut out, &certificate.remains);
    check(&mut out, certificate, signature);
    out.push_str("</body>\n</html>\n");
    out
}

fn results(out: &mut String, results: &[Ended]) {
    out.push_str("<h2>What it came to</h2>\n<table>\n<thead><tr><th>run</th><th>result</th><th>accepted</th><th>verified</th></tr></thead>\n<tbody>\n");
    for Ended { run, result, reason, accepted, verified } in results {
        let reason = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let yes = |is_so: bool| if is_so { "yes" } else { "no" };
        let (run, result) = (escaped(run), escaped(&format!("{result}{reason}")));
        out.push_str(&format!(
            "<tr><td>{run}</td><td><strong>{result}</strong></td><td>{}</td><td>{}</td></tr>\n",
            yes(*accepted),
            yes(*verified)
        ));
    }
    out.push_str("</tbody>\n</table>\n");
}

fn asked(out: &mut String, asked: &[Asked]) {
    out.push_str("<h2>What was asked</h2>\n");
    if asked.is_empty() {
        out.push_str("<p>The request came in a bulk job, of which the ledger keeps no single requests as they were asked.</p>\n");
        return;
    }
    for Asked { run, request, subject, kind, received_at, due_at } in asked {
        let unknown = || "not said".to_owned();
        let rows = [
            ("run", escaped(run)),
            ("kind", escaped(kind)),
            ("received", received_at.as_deref().map_or_else(unknown, escaped)),
            ("due", due_at.as_deref().map_or_else(unknown, escaped)),
            ("digest of the request", format!("<code>{}</code>", escaped(request))),
            (
                "digests of the subject's identifiers",
                subject
                    .iter()
                    .map(|digest| format!("<code>{}</code>", escaped(digest)))
                    .collect::<Vec<_>>()
                    .join("<br>"),
            ),
        ];
        out.push_str("<table>\n<tbody>\n");
        for (name, value) in rows {
            out.push_str(&format!("<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>\n"));
        }
        out.push_str("</tbody>\n</table>\n");
    }
}

fn story(out: &mut String, story: &[Line]) {
    out.push_str("<h2>What was done, and when</h2>\n<table>\n<thead><tr><th>when (UTC)</th><th>what</th><th class=\"no\">entry</th></tr></thead>\n<tbody>\n");
    // That something was about to be sent is told again by its answer; only the last such line says more.
    let last = story.len().saturating_sub(1);
    let told = story.iter().enumerate().filter(|(number, line)| line.what != "planned" || *number == last);
    for (_, Line { at, text, request_id, entry, proof, .. }) in told {
        let id = request_id.as_ref().map(|id| format!("<br><code>service request {}</code>", escaped(id)));
        let proof =
            proof.as_ref().map_or("", |_| "<br><span class=\"small\">by proof, one leaf of a batch</span>");
        out.push_str(&format!(
            "<tr><td class=\"at\">{}</td><td>{}{}{proof}</td><td class=\"no\">{entry}</td></tr>\n",
            escaped(at),
            escaped(text),
            id.unwrap_or_default()
        ));
    }
    out.push_str("</tbody>\n</table>\n");
}

fn remains(out: &mut String, remains: &[Remains]) {
    if remains.is_empty() {
        return;
    }
    out.push_str("<h2>What remains at Braze after the erasure</h2>\n<p class=\"small\">As Braze documents it; the dates count from the accepted erasure.</p>\n<table>\n<tbody>\n");
    for Remains { what, how_long, until } in remains {
        let until = until.as_ref().map(|until| format!("; at the latest until {until}")).unwrap_or_default();
        out.push_str(&format!(
            "<tr><td>{}</td><td>{}</td></tr>\n",
            escaped(what),
            escaped(&format!("{how_long}{until}"))
        ));
    }
    out.push_str("</tbody>\n</table>\n");
}

fn check(out: &mut String, certificate: &Certificate, signature: &str) {
    out.push_str(&format!(
        "<h2>How to check this</h2>\n\
         <p>The facts above are entries of a ledger in which every entry carries the SHA-256 of the one before. Keep \
         the JSON that was made with this page, an export of the ledger (<code>privaflow ledger export ledger.ndjson</code>) \
         and the public key (<code>privaflow ledger key</code>), the key in another place. Then, without any access to \
         the system:</p>\n\
         <p><code>privaflow ledger verify ledger.ndjson --key ledger.pem --certificate certificate.json</code></p>\n\
         <table>\n<tbody>\n\
         <tr><th scope=\"row\">last entry</th><td>{} <code>{}</code></td></tr>\n\
         <tr><th scope=\"row\">key</th><td><code>{}</code></td></tr>\n\
         <tr><th scope=\"row\">public key</th><td><code>{}</code></td></tr>\n\
         <tr><th scope=\"row\">signature (Ed25519)</th><td><code>{}</code></td></tr>\n\
         </tbody>\n</table>\n",
        certificate.ledger.of,
        escaped(&certificate.ledger.hash),
        escaped(&certificate.key),
        escaped(&certificate.public_key),
        escaped(signature),
    ));
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter => out.push(letter),
        }
    }
    out
}
