//! A folder that stands for the cluster: read at the start, and again when something in it changes.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;

use crate::{
    admin::{Condition, Health},
    cli::args::Judging,
    engine::snapshot::Snapshot,
    files::{Refusal, manifests, paths, policies, world},
};

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_secs(1);

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
    let (first, refusals) = read(folder, judging);
    let first = first.map_err(|why| anyhow::anyhow!("{why}{}", listed(&refusals)))?;
    log_state(&first);
    current.store(Arc::new(first));
    health.set("manifests", Condition::Ready);
    tokio::spawn(follow_folder(folder.clone(), judging.clone(), Arc::clone(current), health.clone()));
    Ok(())
}

/// The state that the folder holds, or why it cannot be taken: a state with a hole in it would let things pass.
fn read(manifests: &PathBuf, judging: &Judging) -> (Result<Snapshot, String>, Vec<Refusal>) {
    let given = match judging.given(true) {
        Ok(given) => given,
        Err(message) => return (Err(message), Vec::new()),
    };
    let loaded = policies::load(&judging.policies);
    let (sources, mut refusals) = paths::read(std::slice::from_ref(manifests));
    let read = manifests::read(&sources, &judging.namespace, |_| {});
    refusals.extend(read.refusals);
    refusals.extend(loaded.refusals);
    if !refusals.is_empty() {
        return (Err("the folder or the policies cannot be read as they are".to_owned()), refusals);
    }
    let view = world::of(&read.objects, &given);
    (Ok(Snapshot { policies: loaded.policies, view }), refusals)
}

fn listed(refusals: &[Refusal]) -> String {
    refusals.iter().map(|refusal| format!("\n  {}: {}", refusal.file, refusal.message)).collect()
}

fn log_state(snapshot: &Snapshot) {
    let names: Vec<_> = snapshot.policies.policies().iter().map(|policy| policy.name.as_str()).collect();
    tracing::info!(policies = names.join(","), "policies in force");
    if names.is_empty() {
        tracing::warn!("no policy is in force: everything is allowed");
    }
}

/// Takes over what changes in the folder; a broken state is said, and the last good one stays.
async fn follow_folder(folder: PathBuf, judging: Judging, current: Arc<ArcSwap<Snapshot>>, health: Health) {
    let mut last = stamps(&folder, &judging);
    loop {
        tokio::time::sleep(LOOK).await;
        let now = stamps(&folder, &judging);
        if now == last {
            continue;
        }
        last = now;
        let (folder, judging) = (folder.clone(), judging.clone());
        let read = tokio::task::spawn_blocking(move || read(&folder, &judging)).await;
        match read {
            Ok((Ok(snapshot), _)) => {
                log_state(&snapshot);
                current.store(Arc::new(snapshot));
                health.set("manifests", Condition::Ready);
            }
            Ok((Err(why), refusals)) => {
                tracing::error!("{why}; the last good state stays{}", listed(&refusals));
                health.set("manifests", Condition::Degraded(format!("{why}; the last good state stays")));
            }
            Err(error) => tracing::error!(%error, "reading the folder failed; the last good state stays"),
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
