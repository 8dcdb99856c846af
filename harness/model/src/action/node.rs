//! The hosts of a lab, by what they are for.

use crate::Name;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A host of the lab; each is a network namespace of its own.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(from = "Written", into = "Written")]
#[schemars(with = "Written")]
pub enum Node {
    /// The client.
    Client,
    /// The host whose probes ask again and again.
    Probe,
    /// A load balancer: a host with an IPVS table. `director`, and of two the other one is `director2`,
    /// unless the author gave them names.
    Director(Name),
    /// The router between the client and the director.
    Router,
    /// A real server with what serves on it.
    RealServer(Name),
}

/// A host of the lab; each is a network namespace of its own.
#[derive(Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Node")]
enum Written {
    /// The client.
    Client,
    /// The host whose probes ask again and again.
    Probe,
    /// The load balancer: the host with the IPVS table. Of two directors the one that has the VIP at first.
    Director,
    /// The second director of a lab with two.
    #[serde(rename = "director2")]
    SecondDirector,
    /// The router between the client and the director.
    Router,
    /// A real server with what serves on it.
    RealServer(Name),
    /// A director to which the author gave a name.
    NamedDirector(Name),
}

/// The name of the first director, if the author gave it none.
const FIRST: &str = "director";
/// That of the second.
const SECOND: &str = "director2";

impl Node {
    /// Its name if it is a real server.
    #[must_use]
    pub fn real_server(&self) -> Option<&Name> {
        match self {
            Self::RealServer(name) => Some(name),
            Self::Client | Self::Probe | Self::Director(_) | Self::Router => None,
        }
    }

    /// Its name if it is a director.
    #[must_use]
    pub fn director(&self) -> Option<&Name> {
        match self {
            Self::Director(name) => Some(name),
            Self::Client | Self::Probe | Self::RealServer(_) | Self::Router => None,
        }
    }

    /// Is it a director?
    #[must_use]
    pub fn is_director(&self) -> bool {
        self.director().is_some()
    }

    /// Is it the director that is meant where none is named: the first one, to which the author gave no name?
    #[must_use]
    pub fn goes_without_saying(&self) -> bool {
        self.director().is_some_and(|name| name.as_str() == FIRST)
    }

    /// The first director of a lab whose author gave it no name.
    #[must_use]
    pub fn first_director() -> Self {
        Self::Director(Name::of_our_own(FIRST))
    }

    /// The second director of such a lab.
    #[must_use]
    pub fn second_director() -> Self {
        Self::Director(Name::of_our_own(SECOND))
    }

    /// Becomes a director, if it has the name of one of these.
    pub(crate) fn know(&mut self, directors: &[Name]) {
        if let Self::RealServer(name) = self
            && directors.contains(name)
        {
            *self = Self::Director(name.clone());
        }
    }

    /// The director that is meant where none is named, in a lab whose directors have these names; `None` if
    /// it goes without saying.
    pub(crate) fn unsaid(directors: &[Name]) -> Option<Self> {
        let first = directors.first().cloned().map(Self::Director);
        first.filter(|first| !first.goes_without_saying())
    }
}

impl From<Name> for Node {
    /// The host of this name in a lab whose author gave the directors no names. No real server can have the
    /// name of another host.
    fn from(name: Name) -> Self {
        match name.as_str() {
            "client" => Self::Client,
            "probe" => Self::Probe,
            FIRST | SECOND => Self::Director(name),
            "router" => Self::Router,
            _ => Self::RealServer(name),
        }
    }
}

impl From<Written> for Node {
    fn from(written: Written) -> Self {
        match written {
            Written::Client => Self::Client,
            Written::Probe => Self::Probe,
            Written::Director => Self::first_director(),
            Written::SecondDirector => Self::second_director(),
            Written::Router => Self::Router,
            Written::RealServer(name) => Self::RealServer(name),
            Written::NamedDirector(name) => Self::Director(name),
        }
    }
}

impl From<Node> for Written {
    fn from(node: Node) -> Self {
        match node {
            Node::Client => Self::Client,
            Node::Probe => Self::Probe,
            Node::Director(name) => match name.as_str() {
                FIRST => Self::Director,
                SECOND => Self::SecondDirector,
                _ => Self::NamedDirector(name),
            },
            Node::Router => Self::Router,
            Node::RealServer(name) => Self::RealServer(name),
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => f.write_str("client"),
            Self::Probe => f.write_str("probe"),
            Self::Router => f.write_str("router"),
            Self::Director(name) | Self::RealServer(name) => write!(f, "{name}"),
        }
    }
}

/// A host whose power a step takes or gives. It is written down by its name alone, unless it is a director to
/// which the author gave a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(from = "PowerWritten", into = "PowerWritten")]
#[schemars(with = "PowerWritten")]
pub struct PoweredHost(pub Node);

/// A host whose power a step takes or gives, by its name.
#[derive(Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged, rename_all_fields = "kebab-case")]
#[schemars(rename = "PoweredHost")]
enum PowerWritten {
    /// A real server, or a director to which the author gave no name.
    Name(Name),
    /// A director to which the author gave a name.
    Named { named_director: Name },
}

impl From<Name> for PoweredHost {
    fn from(name: Name) -> Self {
        Self(name.into())
    }
}

impl From<PowerWritten> for PoweredHost {
    fn from(written: PowerWritten) -> Self {
        match written {
            PowerWritten::Name(name) => name.into(),
            PowerWritten::Named { named_director } => Self(Node::Director(named_director)),
        }
    }
}

impl From<PoweredHost> for PowerWritten {
    fn from(PoweredHost(node): PoweredHost) -> Self {
        match node {
            Node::Director(name) if !matches!(name.as_str(), FIRST | SECOND) => {
                Self::Named { named_director: name }
            }
            Node::Director(name) | Node::RealServer(name) => Self::Name(name),
            Node::Client => Self::Name(Name::of_our_own("client")),
            Node::Probe => Self::Name(Name::of_our_own("probe")),
            Node::Router => Self::Name(Name::of_our_own("router")),
        }
    }
}

impl fmt::Display for PoweredHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
