//! The kinds of mistakes. Each has a bad file in tests/fixtures/invalid, named for it.

use serde::Serialize;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident,)+) => {
        /// The kinds of mistakes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum MistakeKind {
            $($(#[doc = $doc])+ $kind,)+
        }

        impl MistakeKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind,)+];
        }
    };
}

kinds! {
    /// The file is larger than [`super::MAX_BYTES`].
    TooLarge,
    /// The file is not UTF-8.
    NotUtf8,
    /// A character that no text has: NUL, an escape, a change of the writing direction.
    ControlCharacter,
    /// There is nothing in the file.
    NothingInFile,
    /// The text is not YAML.
    Syntax,
    /// A tab where YAML wants blanks.
    Tab,
    /// Collections in collections, too many times.
    TooDeep,
    /// More keys and values than any scenario has.
    TooManyNodes,
    /// An anchor or an alias.
    Alias,
    /// A tag such as `!include`.
    Tag,
    /// The same key twice.
    DuplicateKey,
    /// A key that is no text.
    BadKey,
    /// More than one document.
    SeveralDocuments,
    /// A list, a map, a text or nothing where something else is expected.
    WrongType,
    /// A field that is not known there.
    UnknownField,
    /// A field that must be there.
    MissingField,
    /// A step that is not one action with its fields.
    NotOneAction,
    /// An action that is not known.
    UnknownAction,
    /// Not a name.
    BadName,
    /// Text that is empty or cannot be shown.
    BadText,
    /// Not a whole number, or out of range.
    BadNumber,
    /// Not a duration.
    BadDuration,
    /// A duration out of range.
    DurationOutOfRange,
    /// None of the words that are accepted there.
    UnknownWord,
    /// Not the name of a sysctl of a network namespace.
    BadSysctlKey,
    /// Not a sysctl's value.
    BadSysctlValue,
    /// A sysctl that the network namespaces of the guests' kernel do not have.
    UnknownSysctl,
    /// A value that the guests' kernel refuses for a sysctl.
    SysctlRefused,
    /// A lab without a real server.
    NoRealServer,
    /// A real server with the name of another host.
    ReservedName,
    /// More real servers than the lab has addresses for.
    TooManyRealServers,
    /// A real server that is in the lab already.
    RealServerTwice,
    /// Something that a real server cannot have in the director's table.
    InTable,
    /// Two values of different axes set the same sysctl differently.
    SysctlConflict,
    /// Two axes say different things of the same part of the lab.
    LabConflict,
    /// The hosts cannot be wired so.
    Wiring,
    /// A keepalived.conf of the author's that does not fit the lab, or cannot be read.
    KeepalivedConfig,
    /// A client program of one's own without a command line.
    EmptyArgv,
    /// Two values of different axes say different things of the client.
    ClientConflict,
    /// A setting that the client program does not have, or not so.
    NoSuchSetting,
    /// Something that the client program cannot be told to do.
    NoSuchAction,
    /// A statement that cannot be given to the client program as it stands.
    UntypableStatement,
    /// Something that does not fit the kind of the lab's servers.
    WrongServer,
    /// An axis without values.
    NoValue,
    /// More cells than can be run.
    TooManyCells,
    /// More alternatives of an action than are searched.
    TooManyAlternatives,
    /// A search without actions, or without anything that it looks for.
    NothingToExplore,
    /// Names of values too long to name a folder together.
    LongCellName,
    /// Patience that is not shorter than the observation.
    PatienceTooLong,
    /// An observation too short for the steps it watches.
    ObservationTooShort,
    /// No expectation at all.
    NoExpectation,
    /// An axis that is not there.
    UnknownAxis,
    /// A value that the axis does not have.
    UnknownValue,
    /// The same value twice in a condition.
    ValueTwice,
    /// Two expectations for the same cell.
    Overlap,
    /// An expectation that speaks of no cell, or of none that is left to it.
    CoversNothing,
    /// Cells without an expectation.
    Uncovered,
    /// Details of an expectation that cannot be true together.
    Contradiction,
    /// An expectation that no run of its cells can meet.
    NeverMet,
    /// A real server that the lab does not have.
    UnknownServer,
    /// A statement without a connection.
    NotConnected,
    /// An operation on a connection on which a statement or the connect itself is running.
    StatementRunning,
    /// Waiting for a statement or a connect that was not started.
    NoStatement,
    /// A statement or a connect that nobody waits for.
    NeverAwaited,
    /// Nothing that the client does after the change.
    NothingToClassify,
    /// An operation before `act` that certainly fails or hangs.
    NeverAnswered,
    /// A statement that takes longer than it says.
    SlowStatement,
    /// More connections at a time than the client has ports.
    NoPort,
    /// A step that waits for no fact, or for two.
    NothingAwaited,
    /// What was taken out of the table is put back, and no time passes in between.
    NoGap,
    /// Values of an axis that add the same.
    SameValues,
    /// A mysqld that is already as the step wants it.
    MysqldState,
    /// A table that is already as the step wants it.
    TableState,
    /// A link that is already as the step wants it.
    LinkState,
    /// A firewall without a rule to flush.
    FirewallState,
    /// Something done on a host that is off.
    HostOff,
    /// More mistakes than are shown.
    More,
}
