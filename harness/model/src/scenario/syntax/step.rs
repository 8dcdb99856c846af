//! A step as typed. Its actions, their fields and what is said of them stand in the entries of
//! [`crate::action`]; the reader and the schema are made from those here.

use crate::Name;
use crate::action::{
    Action, Chain, ClientAction, ClockAction, Closing, ControlStep, Counted, Edit, FirewallVerdict,
    HostAction, Matches, MysqldAction, Neighbours, NewConnections, Node as Host, Opening, Percent, Reaction,
    Request, ServiceEdit, Statement, StopSignal, SyncState, TableAction, Timed, TrafficAction, Until,
    WatchAction, client_actions, clock_actions, host_actions, mysqld_actions, opening_fields, request_fields,
    statement_fields, table_actions, traffic_actions, until_fields, watch_actions,
};
use crate::base::{DEFAULT_WEIGHT, Forwarding};
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes};
use crate::scenario::place::{At, Span};
use crate::scenario::read::{Input, Scalar};
use crate::scenario::scalar::{
    Bytes, ClientNumber, ConfigText, Line, Mss, Mtu, Port, Rows, Scheduler, Seconds, SysctlKey, SysctlValue,
    Text, Weight, Yes,
};
use crate::scenario::schema_parts::{self, Field};
use crate::scenario::table::{self, AFTER, BESIDE, ON, SERVICE, default, required};
use crate::scenario::yaml::Node;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;
use std::borrow::Cow;
use std::time::Duration;

/// A step: a map with one key, the action, and under it the action's fields.
#[derive(Debug, Clone)]
pub(in crate::scenario) struct Placed {
    pub(in crate::scenario) action: Action,
    /// The action's key.
    pub(in crate::scenario) span: Span,
    /// The gap before it, with its place.
    pub(in crate::scenario) after: Option<At<Duration>>,
    /// The virtual service that it is done to, with its place, if it is named.
    pub(in crate::scenario) service: Option<At<Name>>,
    /// Where the director of an edit of a table is named.
    pub(in crate::scenario) on: Option<Span>,
    places: Places,
}

/// Where the values of an action's fields stand.
type Places = Vec<(&'static str, Span)>;

impl Placed {
    /// Where the value of this field stands, if it was given.
    fn place(&self, field: &str) -> Option<Span> {
        let mut places = self.places.iter();
        places.find(|(key, _)| *key == field).map(|(_, span)| *span)
    }

    /// What it makes of the time line.
    pub(in crate::scenario) fn into_timed(self) -> Timed {
        Timed {
            after: self.after.map(|at| at.value),
            action: self.action,
        }
    }

    /// The virtual service that it names, of an edit or of a connect, with the place.
    pub(in crate::scenario) fn named_service(&self) -> Option<(&Name, Span)> {
        let of_edit = self.service.as_ref().map(|at| (&at.value, at.span));
        let of_connect = self.action.of_client().and_then(ClientAction::service);
        of_edit.or_else(|| Some((of_connect?, self.place("service")?)))
    }

    /// How long it takes by the clock where all is well: its gap, and what the action itself takes.
    pub(in crate::scenario) fn gap(&self) -> Duration {
        self.after.as_ref().map_or(Duration::ZERO, |at| at.value)
    }

    /// The real server that it names.
    pub(in crate::scenario) fn server(&self) -> Option<&Name> {
        let to = self.action.of_client().and_then(ClientAction::to);
        let without = match &self.action {
            Action::Host(action) => match action.of_control() {
                Some((_, ControlStep::Reload { without, .. })) => without,
                Some((_, ControlStep::Stop(_) | ControlStep::Start)) | None => None,
            },
            Action::Table(_)
            | Action::Other(_)
            | Action::Mysqld(_)
            | Action::Traffic(_)
            | Action::Client(_)
            | Action::Watch(_)
            | Action::Wait(_) => None,
        };
        to.or(without).or_else(|| self.action.server())
    }

    /// Where the name of its host stands.
    pub(in crate::scenario) fn host(&self) -> Option<Span> {
        [
            "server",
            "node",
            "to",
            "no-connections-to",
            "in-table",
            "not-in-table",
            "without",
        ]
        .iter()
        .find_map(|field| self.place(field))
        .or(self.on)
    }

    /// The director of a wait or of a connect, with the place.
    pub(in crate::scenario) fn director(&self) -> Option<(&Host, Span)> {
        let named = match &self.action {
            Action::Watch(action) => action.until().director.as_ref(),
            Action::Client(action) => action.opening().and_then(|opening| opening.director.as_ref()),
            Action::Host(_)
            | Action::Table(_)
            | Action::Other(_)
            | Action::Mysqld(_)
            | Action::Traffic(_)
            | Action::Wait(_) => None,
        };
        named.zip(self.place("director"))
    }

    /// Where what it waits for is said.
    pub(in crate::scenario) fn conditions(&self) -> impl Iterator<Item = Span> {
        let keys = ["no-connections-to", "no-entry", "in-table", "not-in-table"];
        keys.into_iter().filter_map(|key| self.place(key))
    }

    /// Where its configuration of keepalived is said.
    pub(in crate::scenario) fn config(&self) -> Option<Span> {
        self.place("config")
    }

    /// Where the name and the value of the sysctl that it sets stand.
    pub(in crate::scenario) fn sysctl(&self) -> Option<(Span, Span)> {
        self.place("key").zip(self.place("value"))
    }
}

/// What authors read of a step.
const STEP_SAYS: &str = "A step: a map with one key, the action, and under it the action's fields. Beside \
    the action `after` may stand: `{ after: 50ms, set-weight: { server: rs1, weight: 0 } }`. So long after \
    the end of the step before it begins; without that it begins at once. Beside an edit of one virtual \
    service `service` may stand, the name of another one than the lab's own. Beside an edit of a director's \
    table `on` may stand, with the director: `{ on: director2, set-weight: { server: rs1, weight: 0 } }`.";

/// What authors read of `service`.
const SERVICE_SAYS: &str = "The virtual service that is edited, by its name in `services`. Without it, the \
    lab's own, whose name is `service`.";

/// What authors read of `after`.
const AFTER_SAYS: &str =
    "How long after the end of the step before it begins. Without it the step begins at once.";

/// What authors read of `on`.
const ON_SAYS: &str = "The director whose table is edited. Only beside an action that edits a table. \
    Default: the first one.";

impl Input for Placed {
    /// All of the step or nothing: with a mistake in it no action is known.
    fn read(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let keys = keys();
        let ([after, service, on], entry) = table::action(node, BESIDE, &keys, mistakes)?;
        let after = match after {
            Some(node) => Some(At::<Duration>::read(node, mistakes)?),
            None => None,
        };
        let mut name = |node: Option<&Node>| match node {
            Some(node) => At::<Name>::read(node, mistakes).map(Some),
            None => Some(None),
        };
        let (service, on) = (name(service)?, name(on)?);
        let (key, fields) = (entry.key.value.as_str(), &entry.value);
        let (action, places) = if !keys.contains(&key) {
            table::unknown_action(&entry.key, &keys, mistakes);
            return None;
        } else if TableAction::KEYS.contains(&key) {
            action::<TableAction>(key, fields, mistakes)?
        } else if MysqldAction::KEYS.contains(&key) {
            action::<MysqldAction>(key, fields, mistakes)?
        } else if HostAction::KEYS.contains(&key) {
            action::<HostAction>(key, fields, mistakes)?
        } else if TrafficAction::KEYS.contains(&key) {
            action::<TrafficAction>(key, fields, mistakes)?
        } else if WatchAction::KEYS.contains(&key) {
            action::<WatchAction>(key, fields, mistakes)?
        } else if ClientAction::KEYS.contains(&key) {
            action::<ClientAction>(key, fields, mistakes)?
        } else {
            action::<ClockAction>(key, fields, mistakes)?
        };
        let span = entry.key.span;
        let action = match (&service, action) {
            (None, action) => action,
            (Some(at), Action::Table(Edit { action: edit, .. })) if edit.is_of_one_service() => {
                let service = at.value.clone();
                Action::Other(ServiceEdit { service, edit })
            }
            (Some(at), action) => {
                let message = format!("`service` beside `{}`", action.key());
                let label = "it is not done to one virtual service";
                mistakes.add(Mistake::new(MistakeKind::NotOneAction, at.span, message, label));
                return None;
            }
        };
        let action = match on.as_ref() {
            None => action,
            Some(on) => edit_on(&action, on, span, mistakes)?,
        };
        Some(Self {
            action,
            span,
            after,
            service,
            on: on.map(|on| on.span),
            places,
        })
    }
}

/// The edit of the table of the director that `on` names.
fn edit_on(action: &Action, on: &At<Name>, span: Span, mistakes: &mut Mistakes) -> Option<Action> {
    let node = Host::from(on.value.clone());
    let wrong = |message: String, label: &str, at: Span| {
        Mistake::new(MistakeKind::NotOneAction, at, message, label).help(
            "`on` stands beside an action that edits a table, and names the director; `wait-until` and \
                 `connect` have `director` among their fields",
        )
    };
    let Some(Edit { action, .. }) = action.edit() else {
        let message = format!("`{}` with `on`", action.key());
        mistakes.add(wrong(message, "it edits no table", span));
        return None;
    };
    let (on, action) = (node, action.clone());
    Some(Edit { on, action }.into())
}

fn action<T: Entries>(key: &str, fields: &Node, mistakes: &mut Mistakes) -> Option<(Action, Places)> {
    let (action, places) = T::read(key, fields, mistakes)?;
    Some((action.into(), places))
}

/// The keys of all actions, in the order in which they are shown.
pub(super) fn keys() -> Vec<&'static str> {
    let groups = [
        TableAction::KEYS,
        MysqldAction::KEYS,
        HostAction::KEYS,
        TrafficAction::KEYS,
        ClientAction::KEYS,
        WatchAction::KEYS,
        ClockAction::KEYS,
    ];
    groups.concat()
}

impl JsonSchema for Placed {
    fn schema_name() -> Cow<'static, str> {
        "Step".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut actions = TableAction::schemas(generator);
        actions.extend(MysqldAction::schemas(generator));
        actions.extend(HostAction::schemas(generator));
        actions.extend(TrafficAction::schemas(generator));
        actions.extend(ClientAction::schemas(generator));
        actions.extend(WatchAction::schemas(generator));
        actions.extend(ClockAction::schemas(generator));
        schema_parts::actions(
            STEP_SAYS,
            actions,
            vec![
                (AFTER, AFTER_SAYS, generator.subschema_for::<At<Duration>>()),
                (SERVICE, SERVICE_SAYS, generator.subschema_for::<At<Name>>()),
                (ON, ON_SAYS, generator.subschema_for::<At<Name>>()),
            ],
        )
    }
}

/// A group's entries, read from a scenario and shown to its author.
trait Entries: Sized + Into<Action> {
    /// The keys of its actions.
    const KEYS: &'static [&'static str];
    /// The action of this key, with where its fields stand. If that fails, a mistake has been added.
    fn read(key: &str, fields: &Node, mistakes: &mut Mistakes) -> Option<(Self, Places)>;
    /// Each action's key, what it is for, and the schema of its fields.
    fn schemas(generator: &mut SchemaGenerator) -> Vec<(&'static str, &'static str, Schema)>;
}

/// Fields that several actions have.
trait Shared: Sized {
    /// The fields, all of them or nothing, with where they stand.
    fn read(fields: &Node, mistakes: &mut Mistakes) -> Option<(Self, Places)>;
    /// Their schema.
    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

/// An action of which only the time is to be said has no map of fields, but the time in its place.
impl Shared for Duration {
    fn read(fields: &Node, mistakes: &mut Mistakes) -> Option<(Self, Places)> {
        let time = At::<Self>::read(fields, mistakes)?;
        Some((time.value, Places::new()))
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<At<Self>>()
    }
}

/// A field's default, written as an author would write it.
fn written<T: Scalar>(default: &Value) -> Option<T> {
    let text = default
        .as_str()
        .map_or_else(|| default.to_string(), str::to_owned);
    T::parse(&text).ok()
}

/// The scalar that a field is read as.
macro_rules! scalar {
    (flag, $type:ty) => {
        Yes
    };
    ($need:ident, $type:ty, $scalar:ident) => {
        $scalar
    };
    ($need:ident, $type:ty) => {
        $type
    };
}

/// What becomes of a field's value.
macro_rules! kept {
    ($value:ident, required) => {
        $value?.value.into()
    };
    ($value:ident, optional) => {
        $value.map(|at| at.value.into())
    };
    ($value:ident, flag) => {
        $value.is_some()
    };
    ($value:ident, default, $default:expr) => {
        $value
            .map(|at| at.value)
            .or_else(|| written(&serde_json::json!($default)))?
            .into()
    };
}

/// Reads the fields of an action, or of a struct that several share.
macro_rules! read {
    ($from:ident, $mistakes:ident, [$($made:tt)+]) => {{
        let complete = table::fields($from, &[], $mistakes)?.complete();
        complete.then_some(($($made)+, Places::new()))
    }};
    ($from:ident, $mistakes:ident, [$($made:tt)+] ($fields:ident)) => {{
        let (fields, places) = <$fields as Shared>::read($from, $mistakes)?;
        Some(($($made)+(fields), places))
    }};
    ($from:ident, $mistakes:ident, [$($made:tt)+] {
        $(
            $(#[doc = $doc:literal])+
            $(#[serde($($serde:tt)*)])?
            $need:ident $(($default:expr))? $key:literal $field:ident: $type:ty $(as $scalar:ident)?;
        )+
    }) => {{
        let mut fields = table::fields($from, fields!($($need $key)+), $mistakes)?;
        $(let $field: Option<At<scalar!($need, $type $(, $scalar)?)>> = fields.next();)+
        if !fields.complete() {
            return None;
        }
        let mut places = Places::new();
        $(places.extend($field.as_ref().map(|at| ($key, at.span)));)+
        Some(($($made)+ { $($field: kept!($field, $need $(, $default)?),)+ }, places))
    }};
}

/// The schema of such fields.
macro_rules! shown {
    ($generator:ident) => {
        schema_parts::structure("", &[], [])
    };
    ($generator:ident ($fields:ident)) => {
        <$fields as Shared>::schema($generator)
    };
    ($generator:ident {
        $(
            $(#[doc = $doc:literal])+
            $(#[serde($($serde:tt)*)])?
            $need:ident $(($default:expr))? $key:literal $field:ident: $type:ty $(as $scalar:ident)?;
        )+
    }) => {
        schema_parts::structure("", fields!($($need $key)+), [$((
            concat!($($doc, "\n"),+),
            $generator.subschema_for::<At<scalar!($need, $type $(, $scalar)?)>>(),
            default!($($default)?),
        ),)+])
    };
}

macro_rules! fields {
    ($($need:ident $key:literal)+) => {
        &[$(Field { key: $key, required: required!($need) },)+]
    };
}

macro_rules! entries {
    (
        $(#[doc = $doc:literal])+
        $group:ident $(($($attribute:meta),+))? {
            $(
                $(#[doc = $action_doc:literal])+
                $key:literal $action:ident $({ $($own:tt)+ })? $(($fields:ident))? says $says:tt
            )+
        }
    ) => {
        impl Entries for $group {
            const KEYS: &'static [&'static str] = &[$($key),+];

            fn read(key: &str, fields: &Node, mistakes: &mut Mistakes) -> Option<(Self, Places)> {
                match key {
                    $($key => {
                        read!(fields, mistakes, [$group::$action] $({ $($own)+ })? $(($fields))?)
                    })+
                    _ => None,
                }
            }

            fn schemas(generator: &mut SchemaGenerator) -> Vec<(&'static str, &'static str, Schema)> {
                vec![$((
                    $key,
                    concat!($($action_doc, "\n"),+),
                    shown!(generator $({ $($own)+ })? $(($fields))?),
                ),)+]
            }
        }
    };
}

macro_rules! shared {
    ($(#[doc = $doc:literal])+ $name:ident $own:tt) => {
        impl Shared for $name {
            fn read(fields: &Node, mistakes: &mut Mistakes) -> Option<(Self, Places)> {
                read!(fields, mistakes, [$name] $own)
            }

            fn schema(generator: &mut SchemaGenerator) -> Schema {
                shown!(generator $own)
            }
        }
    };
}

table_actions!(entries);
mysqld_actions!(entries);
host_actions!(entries);
traffic_actions!(entries);
client_actions!(entries);
clock_actions!(entries);
watch_actions!(entries);
opening_fields!(shared);
statement_fields!(shared);
request_fields!(shared);
until_fields!(shared);
