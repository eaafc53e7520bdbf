//! How a test comes to its control plane: the first one starts it, all share it, and it ends with the last.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use libtest_mimic::{Completion, Failed, Trial};

use crate::{
    control_plane::ControlPlane,
    parts::{self, Source},
    sandbox::Sandbox,
};

/// One test.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    name: &'static str,
    run: fn(&Sandbox<'_>),
    needs_controllers: bool,
    /// What else it needs that may not be here: an error says what.
    needs: Option<fn() -> Result<(), String>>,
    runs_alone: bool,
    takes_long: bool,
}

// === impl Case ===

impl Case {
    pub(crate) const fn new(name: &'static str, run: fn(&Sandbox<'_>)) -> Self {
        Self { name, run, needs_controllers: false, needs: None, runs_alone: false, takes_long: false }
    }

    /// It waits for what kube-controller-manager does.
    pub(crate) const fn with_controllers(self) -> Self {
        Self { needs_controllers: true, ..self }
    }

    /// It takes many minutes, and runs only with `PORTCULLIS_LONG=1`.
    pub(crate) const fn long(self) -> Self {
        Self { takes_long: true, ..self }
    }

    /// It is ignored where this is an error, which says why.
    pub(crate) const fn needing(self, needs: fn() -> Result<(), String>) -> Self {
        Self { needs: Some(needs), ..self }
    }

    /// It does something to the control plane that no other test would bear, such as stopping it.
    pub(crate) const fn alone(self) -> Self {
        Self { runs_alone: true, ..self }
    }
}

/// The cases as trials; those that cannot be run here are ignored, with the reason, or fail where they are required.
pub(crate) fn of(cases: &[Case]) -> Vec<Trial> {
    let source = Arc::new(parts::find());
    let has_time = std::env::var("PORTCULLIS_LONG").is_ok_and(|value| value == "1");
    let required = std::env::var("PORTCULLIS_E2E").is_ok_and(|value| value == "require");
    let trial = |case: Case| {
        let source = Arc::clone(&source);
        Trial::ignorable_test(case.name, move || match runnable(case, &source) {
            _ if case.takes_long && !has_time => {
                Ok(Completion::ignored_with("it takes many minutes: set PORTCULLIS_LONG=1".to_owned()))
            }
            Ok(source) => run(case, source).map(|()| Completion::Completed),
            Err(why) if required => Err(Failed::from(format!("PORTCULLIS_E2E=require, and {why}"))),
            Err(why) => Ok(Completion::ignored_with(why)),
        })
    };
    cases.iter().copied().map(trial).collect()
}

/// The control plane, if there is one; it ends where it is dropped.
pub(crate) fn take_plane() -> Option<ControlPlane> {
    PLANE.write().unwrap_or_else(PoisonError::into_inner).take()?.ok()
}

static PLANE: RwLock<Option<Result<ControlPlane, String>>> = RwLock::new(None);
static STARTING: Mutex<()> = Mutex::new(());

fn runnable(case: Case, source: &Result<Source, String>) -> Result<&Source, String> {
    let source = source.as_ref().map_err(Clone::clone)?;
    if case.needs_controllers && !source.has_controllers() {
        return Err("it needs a kube-controller-manager in KUBEBUILDER_ASSETS".to_owned());
    }
    if let Some(needs) = case.needs {
        needs()?;
    }
    Ok(source)
}

fn run(case: Case, source: &Source) -> Result<(), Failed> {
    start(source);
    if case.runs_alone {
        within(case, PLANE.write().unwrap_or_else(PoisonError::into_inner).as_ref())
    } else {
        within(case, PLANE.read().unwrap_or_else(PoisonError::into_inner).as_ref())
    }
}

fn within(case: Case, plane: Option<&Result<ControlPlane, String>>) -> Result<(), Failed> {
    match plane {
        Some(Ok(plane)) => {
            (case.run)(&Sandbox::new(plane));
            Ok(())
        }
        Some(Err(why)) => Err(Failed::from(why.clone())),
        None => Err(Failed::from("the control plane is gone already")),
    }
}

/// Starts the control plane where nobody has; what fails once fails for everyone.
fn start(source: &Source) {
    let _one = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    let is_there = PLANE.read().unwrap_or_else(PoisonError::into_inner).is_some();
    if !is_there {
        let plane = source.programs().and_then(ControlPlane::start);
        *PLANE.write().unwrap_or_else(PoisonError::into_inner) = Some(plane);
    }
}
