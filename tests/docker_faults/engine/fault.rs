//! What goes wrong, as tests want it.

use std::{
    fmt::Display,
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use super::{Call, PATIENCE, locked, pull::Said};

/// What goes wrong, in the order in which it was asked for.
#[derive(Default)]
pub struct Faults(Mutex<Vec<Fault>>);

struct Fault {
    concerns: Box<dyn Fn(&Call) -> bool + Send>,
    /// How many calls pass before it begins.
    passing: usize,
    /// For how many calls it lasts.
    lasting: usize,
    effect: Effect,
}

/// What comes of a call.
#[derive(Clone)]
pub enum Effect {
    /// It is refused.
    Refuse(u16, String),
    /// Nothing comes, and the connection stays.
    Hang,
    /// The connection ends before anything is done.
    CutBefore,
    /// The connection ends after all is done.
    CutAfter,
    /// It is done later.
    Delay(Duration),
    /// It waits until the test has done something.
    Pause(Arc<Gate>),
    /// A pull says this.
    Say(Vec<Said>),
}

/// A place where a call waits.
#[derive(Default)]
pub struct Gate {
    state: Mutex<GateState>,
    moved: Condvar,
    opened: tokio::sync::Notify,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum GateState {
    #[default]
    Waiting,
    Reached,
    Open,
}

impl Gate {
    /// A call gets here: it goes on when the gate is open.
    pub async fn pass(&self) {
        let opened = self.opened.notified();
        {
            let mut state = locked(&self.state);
            if *state == GateState::Open {
                return;
            }
            *state = GateState::Reached;
            self.moved.notify_all();
        }
        opened.await;
    }

    fn open(&self) {
        *locked(&self.state) = GateState::Open;
        self.opened.notify_waiters();
    }
}

/// A call that is going to wait, for the test.
pub struct Pause(Arc<Gate>);

impl Pause {
    /// Waits until the call has come; gives whether it did within the test's patience, unless
    /// `given_up` by then.
    pub fn is_reached(&self, mut given_up: impl FnMut() -> bool) -> bool {
        let step = Duration::from_millis(10);
        let mut waited = Duration::ZERO;
        let mut state = locked(&self.0.state);
        while *state == GateState::Waiting && waited < PATIENCE {
            if given_up() {
                return false;
            }
            state = match self.0.moved.wait_timeout(state, step) {
                Ok((state, _)) => state,
                Err(error) => error.into_inner().0,
            };
            waited += step;
        }
        *state == GateState::Reached
    }

    /// Waits until the call has come, which it must.
    pub fn reached(&self) {
        assert!(self.is_reached(|| false), "the call never came");
    }

    /// Lets it go on.
    pub fn go_on(self) {
        drop(self);
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// Calls of which something is about to be made. By default it is made of all of them.
pub struct On<'e> {
    faults: &'e Faults,
    concerns: Box<dyn Fn(&Call) -> bool + Send>,
    passing: usize,
    lasting: usize,
}

impl On<'_> {
    /// After this many have passed.
    #[must_use]
    pub fn after(self, passing: usize) -> Self {
        Self { passing, ..self }
    }

    /// For this many only.
    #[must_use]
    pub fn times(self, lasting: usize) -> Self {
        Self { lasting, ..self }
    }

    pub fn refuse(self, status: u16, message: impl Display) {
        self.add(Effect::Refuse(status, message.to_string()));
    }

    pub fn hang(self) {
        self.add(Effect::Hang);
    }

    /// The connection is cut before anything is done.
    pub fn cut_before(self) {
        self.add(Effect::CutBefore);
    }

    /// The call is carried out, and the connection is cut before it is answered.
    pub fn cut_after(self) {
        self.add(Effect::CutAfter);
    }

    pub fn delay(self, delay: Duration) {
        self.add(Effect::Delay(delay));
    }

    /// Pulls say this.
    pub fn say(self, said: impl IntoIterator<Item = Said>) {
        self.add(Effect::Say(said.into_iter().collect()));
    }

    /// The first of them waits until the test lets it go on.
    pub fn pause(self) -> Pause {
        let gate = Arc::new(Gate::default());
        self.times(1).add(Effect::Pause(gate.clone()));
        Pause(gate)
    }

    fn add(self, effect: Effect) {
        locked(&self.faults.0).push(Fault {
            concerns: self.concerns,
            passing: self.passing,
            lasting: self.lasting,
            effect,
        });
    }
}

impl Faults {
    /// The calls that match: `METHOD PATH`, and `?name=…` or `?fromImage=…` where the call has
    /// that; `*` stands for anything.
    pub fn on(&self, pattern: &str) -> On<'_> {
        let pattern = pattern.to_owned();
        self.concerning(move |call| matches(&pattern, &call.to_string()))
    }

    /// The calls that change something.
    pub fn on_change(&self) -> On<'_> {
        self.concerning(Call::changes)
    }

    fn concerning(&self, concerns: impl Fn(&Call) -> bool + Send + 'static) -> On<'_> {
        On {
            faults: self,
            concerns: Box::new(concerns),
            passing: 0,
            lasting: usize::MAX,
        }
    }

    pub fn clear(&self) {
        locked(&self.0).clear();
    }

    /// What comes of this call: the first fault that concerns it and has begun.
    pub fn of(&self, call: &Call) -> Option<Effect> {
        let mut faults = locked(&self.0);
        let mut effect = None;
        for fault in faults.iter_mut().filter(|fault| (fault.concerns)(call)) {
            if fault.passing > 0 {
                fault.passing -= 1;
            } else if fault.lasting > 0 && effect.is_none() {
                fault.lasting -= 1;
                effect = Some(fault.effect.clone());
            }
        }
        effect
    }
}

/// Whether `text` is what `pattern` says, where `*` is anything.
pub fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => {
            let Some(text) = text.strip_prefix(start) else {
                return false;
            };
            let mut places = (0..=text.len()).filter(|at| text.is_char_boundary(*at));
            places.any(|at| matches(rest, &text[at..]))
        }
    }
}
