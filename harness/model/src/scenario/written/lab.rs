//! What a scenario says of its lab.

use super::super::{
    ClientAt, Director, Family, Forwarding, FurtherService, Lab, RealServer, ServerKind, TunnelType, Vip,
    Wiring,
};
use super::part::{Fields, Part, data, extend, insert};
use crate::client::{ClientChoice, Program};
use crate::probe::Probe;
use crate::serving::{Asked, ServerProgram};
use serde::Serialize;

pub(super) fn lab(lab: &Lab) -> Fields {
    let Lab {
        forwarding,
        tunnel_type,
        tunnel_port,
        tunnel_family,
        wired_for,
        wiring,
        vip,
        client_at,
        family,
        server,
        server_program: program,
        server_port,
        server_mtu,
        one_packet,
        persistence,
        persistence_prefix,
        firewall_mark,
        scheduler,
        scheduler_flags,
        services,
        real_servers: servers,
        misbuilt,
        keepalived,
        ldirectord,
        directors,
        clients,
        client: the_client,
        probes,
        mysqld,
        director_sysctls,
        client_sysctls,
        server_sysctls,
    } = lab;
    let mut map = Fields::new();
    let mut word = |key: &str, said: Option<&str>| {
        if let Some(said) = said {
            insert(&mut map, key, Part::Text(said.to_owned()));
        }
    };
    word("forwarding", forwarding.map(Forwarding::as_str));
    word("tunnel-type", tunnel_type.map(TunnelType::as_str));
    word("tunnel-family", tunnel_family.map(Family::as_str));
    word("wiring", wiring.map(Wiring::as_str));
    word("vip", vip.map(Vip::as_str));
    word("client-at", client_at.map(ClientAt::as_str));
    word("family", family.map(Family::as_str));
    word("server", server.map(ServerKind::as_str));
    word("scheduler", scheduler.as_deref());
    if let Some(persistence) = persistence {
        insert(&mut map, "persistence", data(persistence));
    }
    let number = |number: &dyn std::fmt::Display| Part::Plain(number.to_string());
    if let Some(program) = program {
        insert(&mut map, "server-program", server_program(program));
    }
    if let Some(port) = tunnel_port {
        insert(&mut map, "tunnel-port", number(port));
    }
    if let Some(port) = server_port {
        insert(&mut map, "server-port", number(port));
    }
    if let Some(mtu) = server_mtu {
        insert(&mut map, "server-mtu", number(mtu));
    }
    if let Some(length) = persistence_prefix {
        insert(&mut map, "persistence-prefix", number(length));
    }
    if let Some(directors) = directors {
        let each = |director: &Director| {
            let mut own = Fields::new();
            insert(&mut own, "sysctls", sysctls(&director.sysctls));
            (director.name.to_string(), Part::Map(own))
        };
        let part = match Director::only_counted(directors) {
            Some(count) => number(&count),
            None => Part::Map(directors.iter().map(each).collect()),
        };
        map.push(("directors".to_owned(), part));
    }
    if let Some(clients) = clients {
        insert(&mut map, "clients", number(clients));
    }
    if let Some(mark) = firewall_mark {
        insert(&mut map, "firewall-mark", number(mark));
    }
    if let Some(flags) = scheduler_flags {
        let flags = flags.iter().map(|flag| Part::Text(flag.clone()));
        map.push(("scheduler-flags".to_owned(), Part::List(flags.collect())));
    }
    if *one_packet {
        map.push(("one-packet".to_owned(), Part::Plain("true".to_owned())));
    }
    if let Some(methods) = wired_for {
        let methods = methods
            .iter()
            .map(|method| Part::Text(method.as_str().to_owned()));
        map.push(("wired-for".to_owned(), Part::List(methods.collect())));
    }
    insert(&mut map, "services", further_services(services));
    insert(&mut map, "real-servers", real_servers(servers));
    let mut wrong = Fields::new();
    for (host, how) in misbuilt {
        let how = Part::Text(how.as_str().to_owned());
        match wrong.iter_mut().find(|(known, _)| known == host.as_str()) {
            Some((_, Part::List(ways))) => ways.push(how),
            Some(_) | None => wrong.push((host.to_string(), Part::List(vec![how]))),
        }
    }
    insert(&mut map, "misbuilt", Part::Map(wrong));
    if let Some(said) = keepalived {
        map.push(("keepalived".to_owned(), control_part(said)));
    }
    if let Some(said) = ldirectord {
        map.push(("ldirectord".to_owned(), control_part(said)));
    }
    insert(&mut map, "client", client(the_client));
    insert(&mut map, "probes", all_probes(probes));
    insert(&mut map, "mysqld", data(mysqld));
    insert(&mut map, "director-sysctls", sysctls(director_sysctls));
    insert(&mut map, "client-sysctls", sysctls(client_sysctls));
    insert(&mut map, "server-sysctls", sysctls(server_sysctls));
    map
}

fn all_probes(probes: &[Probe]) -> Part {
    let part = |probe: &Probe| {
        let Probe {
            name,
            asks,
            every,
            timeout,
        } = probe;
        let mut fields = vec![("asks".to_owned(), Part::Text(asks.as_str().to_owned()))];
        insert(&mut fields, "every", data(every));
        insert(&mut fields, "timeout", data(timeout));
        (name.to_string(), Part::Map(fields))
    };
    Part::Map(probes.iter().map(part).collect())
}

fn server_program(program: &ServerProgram) -> Part {
    let argv = program.argv.iter().cloned().map(Part::Text);
    let mut fields = Fields::new();
    insert(&mut fields, "argv", Part::List(argv.collect()));
    if let Some(Asked { send, expect }) = &program.ready {
        let mut ready = Fields::new();
        insert(&mut ready, "send", Part::Text(send.clone()));
        insert(&mut ready, "expect", Part::Text(expect.clone()));
        insert(&mut fields, "ready", Part::Map(ready));
    }
    Part::Map(fields)
}

/// `{}` says something, too: that there is one.
fn control_part(said: &impl Serialize) -> Part {
    match data(said) {
        Part::Map(fields) => Part::Map(fields),
        Part::Plain(_) | Part::Text(_) | Part::List(_) => Part::Map(Fields::new()),
    }
}

fn further_services(services: &[FurtherService]) -> Part {
    let part = |service: &FurtherService| {
        let FurtherService {
            name,
            port,
            same_mark,
            scheduler,
            persistence,
        } = service;
        let mut fields = vec![("port".to_owned(), Part::Plain(port.to_string()))];
        if *same_mark {
            fields.push(("same-mark".to_owned(), Part::Plain("true".to_owned())));
        }
        if let Some(scheduler) = scheduler {
            insert(&mut fields, "scheduler", Part::Text(scheduler.clone()));
        }
        if let Some(persistence) = persistence {
            insert(&mut fields, "persistence", data(persistence));
        }
        (name.to_string(), Part::Map(fields))
    };
    Part::Map(services.iter().map(part).collect())
}

fn real_servers(servers: &[RealServer]) -> Part {
    let servers = servers.iter().map(|server| {
        let RealServer {
            name,
            weight,
            stands_by,
            upper_threshold,
            lower_threshold,
            forwarding,
            tunnel_type,
            tunnel_port,
            tunnel_family,
            port,
            services,
        } = server;
        // A server outside the table has no weight.
        let mut fields = vec![if *stands_by {
            ("stands-by".to_owned(), Part::Plain("true".to_owned()))
        } else {
            ("weight".to_owned(), Part::Plain(weight.to_string()))
        }];
        let numbers = [
            ("upper-threshold", upper_threshold),
            ("lower-threshold", lower_threshold),
            ("tunnel-port", tunnel_port),
        ];
        for (key, number) in numbers {
            fields.extend(number.map(|number| (key.to_owned(), Part::Plain(number.to_string()))));
        }
        let words = [
            ("forwarding", forwarding.map(Forwarding::as_str)),
            ("tunnel-type", tunnel_type.map(TunnelType::as_str)),
            ("tunnel-family", tunnel_family.map(Family::as_str)),
        ];
        for (key, word) in words {
            if let Some(word) = word {
                insert(&mut fields, key, Part::Text(word.to_owned()));
            }
        }
        if let Some(port) = port {
            insert(&mut fields, "port", Part::Plain(port.to_string()));
        }
        if let Some(services) = services {
            let names = services.iter().map(|name| Part::Text(name.to_string()));
            insert(&mut fields, "services", Part::List(names.collect()));
        }
        (name.to_string(), Part::Map(fields))
    });
    Part::Map(servers.collect())
}

fn client(choice: &ClientChoice) -> Part {
    let ClientChoice { program, settings } = choice;
    let mut map = Fields::new();
    match program {
        None => {}
        Some(Program::Own { argv }) => {
            let argv = argv.iter().cloned().map(Part::Text).collect();
            let own = vec![("argv".to_owned(), Part::List(argv))];
            insert(&mut map, "program", Part::Map(own));
        }
        Some(
            named @ (Program::MysqlAsync
            | Program::EchoClient
            | Program::StreamClient
            | Program::InteractiveCli
            | Program::BatchCli),
        ) => {
            insert(&mut map, "program", Part::Text(named.name().to_owned()));
        }
    }
    extend(&mut map, data(settings));
    Part::Map(map)
}

fn sysctls(list: &[(String, String)]) -> Part {
    let list = list.iter();
    Part::Map(
        list.map(|(key, value)| (key.clone(), Part::Text(value.clone())))
            .collect(),
    )
}
