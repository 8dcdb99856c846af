//! What is read of a record: the lab's addresses, and what the client was told to do and when. No word of the
//! client's about what it got counts, but for the moment at which it said that an operation was over.

use crate::Trouble;
use serde_json::Value;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// A host of the lab.
#[derive(Debug, Clone)]
pub struct Host {
    /// `client`, `director`, or the name that the author gave to a director or a real server.
    pub name: String,
    /// Is it a director?
    pub director: bool,
    /// The Ethernet addresses of its interfaces.
    pub macs: Vec<[u8; 6]>,
    /// Its own IP address.
    pub address: IpAddr,
    /// All addresses of its first interface.
    pub addresses: Vec<IpAddr>,
    /// The first address of its second interface, if it has one.
    pub far: Option<IpAddr>,
}

/// What of a cell's record is needed to judge it.
#[derive(Debug, Clone)]
pub struct Record {
    /// The whole of it.
    pub json: Value,
    /// The address and port of the virtual service.
    pub service: (IpAddr, u16),
    /// The hosts.
    pub hosts: Vec<Host>,
    /// When times begin to count, in nanoseconds since 1970.
    pub epoch: i64,
    /// How long silence is borne, in nanoseconds.
    pub patience: i64,
    /// Is the client the driver of the harness? It has one connection for each name, and opens none by
    /// itself.
    pub driver: bool,
    /// Do echo servers listen? They say nothing before they are asked.
    pub echo: bool,
    /// The operations of the client, by number.
    pub operations: Vec<Operation>,
    /// The number of the operation that is judged; `None` if none was reached in `act`.
    pub judged: Option<u32>,
}

/// An operation of the client. Times are nanoseconds since 1970.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its number.
    pub number: u32,
    /// The name of its connection; empty for the plain one.
    pub on: String,
    /// Its statement, as far as it can be looked for in the packets; `None` for a connect.
    pub sql: Option<String>,
    /// When it began.
    pub began: i64,
    /// When patience begins to count: when it began, but not before `act` did; for a client that had stopped
    /// reading, when it goes on; for a statement that takes its time, after that.
    pub due: i64,
    /// Did the client stop reading in the middle of the result?
    pub paused: bool,
    /// When the client said that it was over, or the end of the observation.
    pub ended: i64,
    /// Did the client say that it failed?
    pub failed: bool,
    /// Was it still going on at the end of the observation?
    pub waiting: bool,
    /// The client's port, if the harness asked its kernel for it.
    pub port: Option<u16>,
}

impl Record {
    /// Is a host of this name a real server?
    #[must_use]
    pub fn is_real(&self, name: &str) -> bool {
        !["client", "probe", "router"].contains(&name) && !self.is_director(name)
    }

    /// Is a host of this name a director?
    #[must_use]
    pub fn is_director(&self, name: &str) -> bool {
        self.directors().any(|director| director == name)
    }

    /// The names of the directors.
    pub fn directors(&self) -> impl Iterator<Item = &str> {
        let directors = self.hosts.iter().filter(|host| host.director);
        directors.map(|host| host.name.as_str())
    }

    /// The address whose Ethernet address the client needs: its router's on the client's link, or the VIP.
    #[must_use]
    pub fn first_hop(&self) -> IpAddr {
        let router = self.host("router").and_then(|router| router.far);
        router.unwrap_or(self.service.0)
    }

    /// Reads the record of a cell's folder.
    ///
    /// # Errors
    /// If there is none, or it lacks something that is needed.
    pub fn read(folder: &Path) -> Result<Self, Trouble> {
        let path = folder.join("record.json");
        let text = fs::read(&path).map_err(|source| Trouble::at("read", &path, source))?;
        let json: Value = serde_json::from_slice(&text).map_err(|source| Trouble::Json {
            path: path.clone(),
            source,
        })?;
        let lacks = |what| Trouble::Record {
            path: path.clone(),
            what,
        };
        let plan = &json["plan"];
        let hosts = plan["hosts"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut record = Self {
            service: service(plan).ok_or_else(|| lacks("virtual service"))?,
            hosts: hosts.iter().filter_map(host).collect(),
            epoch: json["epoch-unix-nanos"].as_i64().ok_or_else(|| lacks("epoch"))?,
            patience: span(&plan["observe"]["patience"]).ok_or_else(|| lacks("patience"))?,
            driver: client_program(plan)
                .is_none_or(|program| ["mysql-async", "echo-client"].contains(&program)),
            echo: hosts
                .iter()
                .flat_map(|host| list(&host["runs"]))
                .any(|process| !process["server"]["echo"].is_null()),
            operations: Vec::new(),
            judged: None,
            json,
        };
        record.operations = record.all_operations();
        record.judged = record.last_in_act();
        Ok(record)
    }

    /// Is what is judged said in a language that this judge cannot read: over UDP, to an echo server, or to a
    /// program of the author's own?
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        let asks = |step: Step<'_>| step.operation == self.judged && !step.action.contains("connect");
        let udp = self.json["plan"]["services"][0]["protocol"] == "udp";
        let own = |process: &Value| !process["server"]["program"].is_null();
        let mut hosts = list(&self.json["plan"]["hosts"]).iter();
        let program = hosts.any(|host| list(&host["runs"]).iter().any(own));
        udp || (self.echo || program) && self.steps().any(asks)
    }

    /// The operations that each step began which connects from every address, in order up to the judged one.
    #[must_use]
    pub fn rounds(&self) -> Vec<Vec<&Operation>> {
        let rounds = self.steps().filter(|step| step.action == "connect-each");
        let of = |step: Step<'_>| {
            let numbers = step.operations();
            let all = self.operations.iter();
            all.filter(|operation| numbers.contains(&operation.number))
                .collect()
        };
        rounds.map(of).collect()
    }

    /// The operation that is judged.
    #[must_use]
    pub fn operation(&self) -> Option<&Operation> {
        self.operations
            .iter()
            .find(|operation| Some(operation.number) == self.judged)
    }

    /// The name of the host with this Ethernet address.
    #[must_use]
    pub fn by_mac(&self, mac: [u8; 6]) -> Option<&str> {
        let host = self.hosts.iter().find(|host| host.macs.contains(&mac))?;
        Some(&host.name)
    }

    /// May it be an address of this host? Any director may have a virtual router's.
    #[must_use]
    pub fn may_be(&self, mac: [u8; 6], name: &str) -> bool {
        self.by_mac(mac) == Some(name) || is_virtual_router(mac) && self.is_director(name)
    }

    /// The host of this name.
    #[must_use]
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.iter().find(|host| host.name == name)
    }

    /// The steps, in order.
    pub fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        list(&self.json["steps"]).iter().filter_map(Step::of)
    }

    fn all_operations(&self) -> Vec<Operation> {
        let mut found: Vec<Operation> = Vec::new();
        for step in self.steps() {
            for operation in step.operations() {
                if let Some(known) = found.iter_mut().find(|known| known.number == operation) {
                    // A client that had stopped reading goes on.
                    if known.paused {
                        known.due = known.due.max(self.epoch + step.began);
                    }
                } else if let Some(new) = self.begun(operation, &step) {
                    found.push(new);
                }
            }
        }
        found
    }

    /// An operation that this step began.
    fn begun(&self, number: u32, step: &Step<'_>) -> Option<Operation> {
        let events = || {
            let events = list(&self.json["client-events"]).iter();
            events.filter(|event| event["operation"] == number)
        };
        let at = |event: &Value| event["at"].as_i64().map(|at| self.epoch + at);
        let first = events().find(|event| begins(event))?;
        let last = events().find(|event| ends(event));
        let began = at(first)?;
        let takes = span(&step.fields["takes"]).unwrap_or(0);
        let sql = step.fields["sql"].as_str().map(|sql| {
            // What is put in the place of the payload is not looked for.
            let cut = sql
                .find("{payload}")
                .filter(|_| !step.fields["payload"].is_null());
            sql[..cut.unwrap_or(sql.len())].to_owned()
        });
        let port = list(&self.json["client"]["sockets"])
            .iter()
            .find(|socket| socket["operation"] == number)
            .and_then(|socket| self::number(&socket["port"]));
        let end = self.json["ended"].as_i64()? + self.epoch;
        let mut acts = self.steps().filter(|step| step.phase == "act");
        let act = acts.next().map_or(began, |act| self.epoch + act.began);
        Some(Operation {
            number,
            on: text(&step.fields["on"])
                .or(text(&step.fields["as"]))
                .unwrap_or_default(),
            sql,
            began,
            due: act.max(began + takes),
            paused: !step.fields["pause-after"].is_null(),
            ended: last.and_then(at).unwrap_or(end),
            failed: last.is_some_and(|last| !last["kind"]["failed"].is_null()),
            waiting: last.is_none_or(|last| last["kind"] == "still-waiting"),
            port,
        })
    }

    /// The client's last operation that was reached in `act`; closing a connection is none.
    fn last_in_act(&self) -> Option<u32> {
        let steps = self.steps().filter(|step| step.phase == "act");
        let of_client = steps.filter(|step| step.action != "disconnect" && step.operation.is_some());
        let worst = self.json["plan"]["observe"]["judge"] == "worst";
        let all: Vec<Step<'_>> = of_client.collect();
        let step = all.last()?;
        let numbers: Vec<u32> = match worst {
            true => all.iter().flat_map(Step::operations).collect(),
            false => step.operations(),
        };
        let all = self
            .operations
            .iter()
            .filter(|operation| numbers.contains(&operation.number));
        // Of several the one that fared worst, and of equals the first.
        let fared = |operation: &Operation| {
            let lasted = operation.ended - operation.began;
            let silence = if operation.waiting || lasted > self.patience {
                lasted
            } else {
                0
            };
            (operation.waiting, silence, operation.failed)
        };
        let worst = all.rev().max_by_key(|operation| fared(operation));
        worst.map(|operation| operation.number).or(step.operation)
    }
}

fn begins(event: &Value) -> bool {
    event["kind"] == "connect-begun" || !event["kind"]["statement-begun"].is_null()
}

fn ends(event: &Value) -> bool {
    let kind = &event["kind"];
    kind == "still-waiting"
        || ["connected", "result-received", "failed"]
            .iter()
            .any(|name| !kind[name].is_null())
}

/// A step that was begun.
#[derive(Debug)]
pub struct Step<'a> {
    /// Its number.
    pub number: u32,
    /// `before`, `change` or `act`.
    pub phase: &'a str,
    /// The action's key.
    pub action: &'a str,
    /// Its fields.
    pub fields: &'a Value,
    /// When it began, in nanoseconds of the cell.
    pub began: i64,
    /// When it ended, if it did.
    pub ended: Option<i64>,
    /// The client's operation that it is about.
    pub operation: Option<u32>,
    /// How many further ones it began.
    further: u32,
}

impl<'a> Step<'a> {
    fn of(json: &'a Value) -> Option<Self> {
        let (action, fields) = match &json["action"] {
            Value::String(word) => (word.as_str(), &Value::Null),
            Value::Object(map) => map.iter().next().map(|(key, fields)| (key.as_str(), fields))?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => return None,
        };
        Some(Self {
            number: number(&json["number"])?,
            phase: json["phase"].as_str()?,
            action,
            fields,
            began: json["began"].as_i64()?,
            ended: json["ended"].as_i64(),
            operation: number(&json["operation"]),
            further: number(&json["further-operations"]).unwrap_or(0),
        })
    }

    /// The numbers of its operations.
    #[must_use]
    pub fn operations(&self) -> Vec<u32> {
        let first = self.operation.into_iter();
        first.flat_map(|first| first..=first + self.further).collect()
    }

    /// The name of the host that it is done to.
    #[must_use]
    pub fn node(&self) -> Option<String> {
        node(&self.fields["node"])
    }
}

/// The name of a node: `client`, `director`, `{"named-director": NAME}` or `{"real-server": NAME}`.
#[must_use]
pub fn node(json: &Value) -> Option<String> {
    let named = || text(&json["named-director"]);
    text(json).or_else(named).or(text(&json["real-server"]))
}

/// A list; an empty one if it is none.
#[must_use]
pub fn list(json: &Value) -> &[Value] {
    json.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(json: &Value) -> Option<String> {
    json.as_str().map(str::to_owned)
}

fn number<T: TryFrom<u64>>(json: &Value) -> Option<T> {
    T::try_from(json.as_u64()?).ok()
}

/// A span of time: `{secs, nanos}`.
fn span(json: &Value) -> Option<i64> {
    let (secs, nanos) = (json["secs"].as_i64()?, json["nanos"].as_i64()?);
    Some(secs * 1_000_000_000 + nanos)
}

/// The address and port of the service that the client speaks to: the first one of the plan, or the only one
/// of plans from before.
fn service(plan: &Value) -> Option<(IpAddr, u16)> {
    let Some(text) = plan["services"][0]["address"].as_str() else {
        return Some((address(&plan["vip"])?, number(&plan["port"])?));
    };
    let socket: SocketAddr = text.parse().ok()?;
    Some((socket.ip(), socket.port()))
}

/// The name of the client program, if it is not the harness's own driver.
fn client_program(plan: &Value) -> Option<&str> {
    let hosts = list(&plan["hosts"]).iter();
    let mut programs = hosts.flat_map(|host| list(&host["runs"]));
    let program = programs.find_map(|process| process.get("client"));
    program.unwrap_or(&plan["client"])["program"].as_str()
}

fn address(json: &Value) -> Option<IpAddr> {
    json.as_str()?.parse().ok()
}

/// `192.0.2.10/24`, without the prefix.
fn with_prefix(json: &Value) -> Option<IpAddr> {
    address(&json.as_str()?.split('/').next()?.into())
}

fn mac(card: &Value) -> Option<[u8; 6]> {
    let mut mac = [0; 6];
    for (byte, text) in mac.iter_mut().zip(card["mac"].as_str()?.split(':')) {
        *byte = u8::from_str_radix(text, 16).ok()?;
    }
    Some(mac)
}

fn host(json: &Value) -> Option<Host> {
    // Its first card; in plans from before the host itself is the card.
    let card = json["nics"].get(0).unwrap_or(json);
    let cards = list(&json["nics"]).iter().skip(1);
    let addresses = list(&card["addresses"]).iter().filter_map(with_prefix);
    Some(Host {
        addresses: addresses.collect(),
        far: with_prefix(&json["nics"][1]["addresses"][0]),
        director: json["node"]["named-director"].is_string()
            || ["director", "director2"].map(Value::from).contains(&json["node"]),
        name: node(&json["node"])?,
        macs: std::iter::once(card)
            .chain(cards)
            .map(mac)
            .collect::<Option<_>>()?,
        address: address(&json["address"]).or_else(|| with_prefix(&card["addresses"][0]))?,
    })
}

/// An address that keepalived gives to a director with the VIP (`use_vmac`): RFC 5798, 7.3.
#[must_use]
pub fn is_virtual_router(mac: [u8; 6]) -> bool {
    matches!(mac, [0, 0, 0x5e, 0, 1 | 2, _])
}
