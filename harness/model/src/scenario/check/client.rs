//! The client: a program and settings that fit together in every cell.

use super::findings::Findings;
use super::{Draft, client_steps, server};
use crate::client::{ClientChoice, Keepalive, Program, Setting, Settings};
use crate::duration::Human;
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes, listed};
use crate::scenario::place::{At, Span};
use crate::scenario::syntax::{KeepaliveInput, LabFields, ProgramInput};
use crate::scenario::table::Structure;
use std::time::Duration;

/// TCP takes keepalive times of up to this many seconds (`MAX_TCP_KEEPIDLE`, `MAX_TCP_KEEPINTVL`:
/// include/net/tcp.h).
const LONGEST_KEEPALIVE: u64 = 32_767;

/// What the lab, or a value, says of the client.
pub(super) struct ClientDraft {
    pub(super) choice: ClientChoice,
    program: Option<Span>,
    settings: Vec<(Setting, Span)>,
    /// Could all of it be read?
    pub(super) complete: bool,
}

impl ClientDraft {
    pub(super) fn of(lab: Option<LabFields<'_>>, mistakes: &mut Mistakes) -> Self {
        let known = lab.is_some_and(|lab| lab.client_known);
        let input = lab.and_then(|lab| lab.client);
        let before = mistakes.count();
        let mut said = Self {
            choice: ClientChoice::default(),
            program: None,
            settings: Vec::new(),
            complete: known,
        };
        let Some(input) = input else {
            return said;
        };
        if let Some(program) = input
            .program
            .as_ref()
            .and_then(|program| program_of(program, mistakes))
        {
            said.program = Some(program.span);
            said.choice.program = Some(program.value);
        }
        let mut time = |setting, time: &Option<At<Duration>>| {
            let time = time.as_ref()?;
            said.settings.push((setting, time.span));
            in_range(setting.key(), time, Duration::from_millis(1), mistakes)
        };
        said.choice.settings = Settings {
            connect_timeout: time(Setting::ConnectTimeout, &input.connect_timeout),
            read_timeout: time(Setting::ReadTimeout, &input.read_timeout),
            write_timeout: time(Setting::WriteTimeout, &input.write_timeout),
            tcp_user_timeout: time(Setting::TcpUserTimeout, &input.tcp_user_timeout),
            keepalive: None,
        };
        if let Some(input) = &input.keepalive {
            said.settings.push((Setting::Keepalive, input.span()));
            said.choice.settings.keepalive = keepalive(input, mistakes);
        }
        said.complete = known && input.complete() && mistakes.count() == before;
        said
    }
}

fn program_of(input: &ProgramInput, mistakes: &mut Mistakes) -> Option<At<Program>> {
    match input {
        ProgramInput::Word(word) => Some(At {
            value: word.value.0.clone(),
            span: word.span,
        }),
        ProgramInput::Own(own) => {
            let argv = own.value.argv.as_ref()?;
            if argv.items.is_empty() && argv.complete {
                mistakes.add(
                    Mistake::new(
                        MistakeKind::EmptyArgv,
                        argv.span,
                        "a program without a command line",
                        "at least the program, such as `[python3, driver.py]`",
                    )
                    .help("each word is an item of the list; no shell is involved"),
                );
            }
            (!argv.items.is_empty()).then(|| At {
                value: Program::Own {
                    argv: argv.items.iter().map(|word| word.value.0.clone()).collect(),
                },
                span: own.span,
            })
        }
    }
}

fn keepalive(input: &KeepaliveInput, mistakes: &mut Mistakes) -> Option<Keepalive> {
    let default = Keepalive::default();
    let mut time = |key, time: &Option<At<Duration>>, default| match time {
        None => Some(default),
        Some(time) => in_range(key, time, Duration::from_secs(1), mistakes),
    };
    Some(Keepalive {
        time: time("time", &input.time, default.time)?,
        interval: time("interval", &input.interval, default.interval)?,
        probes: input
            .probes
            .as_ref()
            .map_or(default.probes, |probes| probes.value.0),
    })
}

/// The time, if it is a whole number of `unit`s, and at least one.
fn in_range(key: &str, time: &At<Duration>, unit: Duration, mistakes: &mut Mistakes) -> Option<Duration> {
    let seconds = unit >= Duration::from_secs(1);
    let whole = time.value.as_nanos().is_multiple_of(unit.as_nanos());
    let short = !seconds || time.value.as_secs() <= LONGEST_KEEPALIVE;
    if whole && short && time.value >= unit {
        return Some(time.value);
    }
    let label = if seconds {
        format!(
            "whole seconds, from 1s to {}",
            Human(Duration::from_secs(LONGEST_KEEPALIVE))
        )
    } else {
        "whole milliseconds, at least 1ms".to_owned()
    };
    mistakes.add(Mistake::new(
        MistakeKind::DurationOutOfRange,
        time.span,
        format!("`{key}` cannot be this time"),
        label,
    ));
    None
}

/// Every two values of different axes meet in some cell: what one says of the client, the other must not say
/// differently.
pub(super) fn conflicts(draft: &Draft, mistakes: &mut Mistakes) {
    let of_axis = |axis: usize| draft.axes.iter().skip(axis).take(1).flat_map(|axis| &axis.values);
    for later in 0..draft.axes.len() {
        for value in of_axis(later) {
            let others = || (0..later).flat_map(of_axis).map(|value| &value.client);
            let said = &value.client;
            for (what, span) in said.places() {
                let other = others().find_map(|other| {
                    let (_, there) = other.places().find(|(known, _)| *known == what)?;
                    (!said.agrees(other, what)).then_some(there)
                });
                if let Some(there) = other {
                    mistakes.add(
                        Mistake::new(
                            MistakeKind::ClientConflict,
                            span,
                            format!("two axes set the client's {what} differently"),
                            "in some cell both values meet",
                        )
                        .second(there, "another axis sets it here")
                        .help("vary it in one axis only"),
                    );
                }
            }
        }
    }
}

impl ClientDraft {
    /// What is said, by its key, and where.
    pub(super) fn places(&self) -> impl Iterator<Item = (&'static str, Span)> {
        let program = self.program.map(|span| ("program", span));
        let settings = self.settings.iter().map(|(setting, span)| (setting.key(), *span));
        program.into_iter().chain(settings)
    }

    fn agrees(&self, other: &Self, what: &str) -> bool {
        let (mine, theirs) = (&self.choice, &other.choice);
        match Setting::ALL.iter().find(|setting| setting.key() == what) {
            None => mine.program == theirs.program,
            Some(Setting::ConnectTimeout) => mine.settings.connect_timeout == theirs.settings.connect_timeout,
            Some(Setting::ReadTimeout) => mine.settings.read_timeout == theirs.settings.read_timeout,
            Some(Setting::WriteTimeout) => mine.settings.write_timeout == theirs.settings.write_timeout,
            Some(Setting::Keepalive) => mine.settings.keepalive == theirs.settings.keepalive,
            Some(Setting::TcpUserTimeout) => {
                mine.settings.tcp_user_timeout == theirs.settings.tcp_user_timeout
            }
        }
    }
}

/// In every cell the program must have what is set of it, and its statements must be such that it can be
/// given them.
pub(super) fn check(draft: &Draft, sizes: &[usize], mistakes: &mut Mistakes) {
    let mut findings = Findings::default();
    for choice in Draft::cells(sizes) {
        let said: Vec<&ClientDraft> = std::iter::once(&draft.client)
            .chain(draft.chosen(&choice).map(|(_, value)| &value.client))
            .collect();
        if said.iter().all(|said| said.complete) {
            let kind = server::kind(draft, &choice);
            let client = ClientChoice::merged(kind, said.iter().map(|said| &said.choice));
            let places: Vec<_> = said.iter().flat_map(|said| said.places()).collect();
            server::check(draft, &choice, kind, &client, &places, &mut findings);
            for (setting, span) in said.iter().flat_map(|said| &said.settings) {
                if let Some(mistake) = unfit(&client.program, *setting, &client.settings, *span) {
                    findings.add(
                        || draft.slug(&choice),
                        *span,
                        MistakeKind::NoSuchSetting,
                        || mistake,
                    );
                }
            }
            client_steps::check(draft, &choice, &client.program, &mut findings);
        }
    }
    findings.report(draft, mistakes);
}

fn unfit(program: &Program, setting: Setting, settings: &Settings, span: Span) -> Option<Mistake> {
    let key = setting.key();
    if !program.settings().contains(&setting) {
        let has = program.settings().iter().map(|setting| setting.key());
        let help = match setting {
            Setting::ConnectTimeout | Setting::ReadTimeout | Setting::WriteTimeout => {
                "a program of your own (`program: { argv: […] }`) is told all settings"
            }
            Setting::Keepalive | Setting::TcpUserTimeout => {
                "sysctls of the client's namespace work for every program: `client-sysctls`"
            }
        };
        return Some(
            Mistake::new(
                MistakeKind::NoSuchSetting,
                span,
                format!("`{}` has no setting `{key}`", program.name()),
                format!("its settings: {}", listed(has)),
            )
            .help(help),
        );
    }
    let whole = |time: Duration| time.subsec_nanos() == 0;
    let time = settings
        .connect_timeout
        .filter(|_| setting == Setting::ConnectTimeout)?;
    (program.is_cli() && !whole(time)).then(|| {
        Mistake::new(
            MistakeKind::NoSuchSetting,
            span,
            format!("`{}` takes whole seconds for `{key}`", program.name()),
            "whole seconds",
        )
    })
}
