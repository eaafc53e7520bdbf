//! A folder that stands for the cluster: read at the start, and again when something in it changes.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;

use crate::{
    cli::args::Judging,
    engine::snapshot::Snapshot,
    files::{exceptions, manifests, paths, policies, refusal_line, world},
    health::{Condition, Health},
};

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How long after a failure the folder is read again although nothing in it seems to have changed.
const RETRY: Duration = Duration::from_secs(5);

/// Reads the folder and goes on following it.
///
/// # Errors
/// It cannot be read as it is now.
pub(super) fn serve(
    folder: &PathBuf,
    judging: &Judging,
    current: &Arc<ArcSwap<Snapshot>>,
    health: &Health,
) -> anyhow::Result<()> {
    let seen = stamps(folder, judging);
    let first = read(folder, judging).map_err(anyhow::Error::msg)?;
    log_state(&first);
    current.store(Arc::new(first));
    health.set("manifests", Condition::Ready);
    let followed = Followed { folder: folder.clone(), judging: judging.clone(), seen, failed: None };
    tokio::spawn(follow_folder(followed, Arc::clone(current), health.clone()));
    Ok(())
}

/// The state that the folder holds, or why it cannot be taken: a state with a hole in it would let things pass.
fn read(manifests: &PathBuf, judging: &Judging) -> Result<Snapshot, String> {
    let given = judging.given(true)?;
    let mut loaded = policies::load(&judging.policies);
    let (mut sources, mut refusals) = paths::read(std::slice::from_ref(manifests));
    let read = manifests::read(&sources, &judging.namespace, |_| {});
    refusals.extend(read.refusals);
    refusals.extend(exceptions::join(&mut loaded, &sources, &read.objects, &judging.namespace));
    refusals.extend(loaded.refusals.into_iter().map(|refusal| refusal.behind(sources.len())));
    if !refusals.is_empty() {
        sources.extend(loaded.sources);
        let listed: String =
            refusals.iter().map(|refusal| format!("\n  {}", refusal_line(refusal, &sources))).collect();
        return Err(format!("the folder or the policies cannot be read as they are{listed}"));
    }
    let view = world::of(&read.objects, &given);
    Ok(Snapshot { policies: loaded.policies, view })
}

fn log_state(snapshot: &Snapshot) {
    let names: Vec<_> = snapshot.policies.policies().iter().map(|policy| policy.name.as_str()).collect();
    tracing::info!(policies = names.join(","), "policies in force");
    if names.is_empty() {
        tracing::warn!("no policy is in force: everything is allowed");
    }
}

/// The folder, and what became of it when it was last read.
struct Followed {
    folder: PathBuf,
    judging: Judging,
    /// As it was when it was last read.
    seen: Stamps,
    /// Why it could not be taken over then, and when that was.
    failed: Option<(String, Instant)>,
}

/// Takes over what changes in the folder; a broken state is said once, and the last good one stays until it is mended.
async fn follow_folder(mut followed: Followed, current: Arc<ArcSwap<Snapshot>>, health: Health) {
    loop {
        tokio::time::sleep(LOOK).await;
        let now = stamps(&followed.folder, &followed.judging);
        // What failed may heal without a change that is to be seen, as where permissions were missing.
        let retry = followed.failed.as_ref().is_some_and(|(_, at)| at.elapsed() >= RETRY);
        if now == followed.seen && !retry {
            continue;
        }
        followed.seen = now;
        let (folder, judging) = (followed.folder.clone(), followed.judging.clone());
        let read = tokio::task::spawn_blocking(move || read(&folder, &judging)).await;
        match read.unwrap_or_else(|error| Err(format!("reading the folder failed: {error}"))) {
            Ok(snapshot) => {
                log_state(&snapshot);
                current.store(Arc::new(snapshot));
                followed.failed = None;
                health.set("manifests", Condition::Ready);
            }
            Err(why) => {
                if followed.failed.as_ref().is_none_or(|(known, _)| *known != why) {
                    tracing::error!("{why}\nthe last good state stays");
                }
                let first = why.lines().next().unwrap_or_default();
                health.set("manifests", Condition::Degraded(format!("{first}; the last good state stays")));
                followed.failed = Some((why, Instant::now()));
            }
        }
    }
}

type Stamps = BTreeMap<PathBuf, (u64, Option<std::time::SystemTime>)>;

/// Size and time of every file: enough to see a change without reading.
fn stamps(folder: &PathBuf, judging: &Judging) -> Stamps {
    let roots = std::iter::once(folder).chain(&judging.policies);
    let files =
        roots.flat_map(|root| walkdir::WalkDir::new(root).follow_links(true).into_iter().filter_map(Result::ok));
    files
        .filter_map(|entry| {
            let metadata = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
            Some((entry.into_path(), (metadata.len(), metadata.modified().ok())))
        })
        .collect()
}
