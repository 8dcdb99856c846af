//! What must be shown of the client program and of the servers for a hand-made cell to be determined.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::record::{ClientEventKind, ClientRecord, MysqldState, ServerView, SettingShown};
use support::plain::{plain, reasons, spoils_every_cell};
use support::world::*;
use support::{name, seconds};

fn client_that(set: impl Fn(&mut ClientRecord)) -> ClientRecord {
    let mut client = ClientRecord {
        version: None,
        sockets: Vec::new(),
        settings: Vec::new(),
        transcripts: Vec::new(),
        misconduct: Vec::new(),
    };
    set(&mut client);
    client
}

#[test]
fn the_client_program_must_behave() {
    spoils_every_cell("the client program flooded", |world| {
        world.record.client = Some(client_that(|client| client.misconduct.push("flooded".into())));
    });
    // Of the program that a scenario has by default nothing need be recorded; of any other it must.
    spoils_every_cell("nothing was recorded of the client program", |world| {
        world.record.plan.client_mut().unwrap().settings.connect_timeout = Some(seconds(10.0));
    });
}

#[test]
fn a_setting_must_be_shown_to_be_in_force() {
    let shown = |setting: &str, shown: bool, doubt: bool| SettingShown {
        setting: setting.to_owned(),
        shown: shown.then(|| "getsockopt".into()),
        doubt: doubt.then(|| "it is another".into()),
    };
    let of_the_connect = |world: &mut World, seen: Vec<SettingShown>| {
        world.record.plan.client_mut().unwrap().settings.connect_timeout = Some(seconds(10.0));
        world.record.client = Some(client_that(|client| client.settings.clone_from(&seen)));
    };
    let of_the_connection = |world: &mut World, seen: Vec<SettingShown>| {
        world.record.plan.client_mut().unwrap().settings.read_timeout = Some(seconds(10.0));
        world.record.client = Some(client_that(|client| client.settings.clone_from(&seen)));
    };
    let nothing = "`connect-timeout` is not shown to be in force: nothing shows it";
    spoils_every_cell(nothing, |world| of_the_connect(world, Vec::new()));
    spoils_every_cell(nothing, |world| {
        of_the_connect(world, vec![shown("connect-timeout", false, false)]);
    });
    spoils_every_cell(nothing, |world| {
        of_the_connect(world, vec![shown("read-timeout", true, false)]);
    });
    for seen in [true, false] {
        spoils_every_cell("is not shown to be in force: it is another", |world| {
            of_the_connect(world, vec![shown("connect-timeout", seen, true)]);
        });
    }
    let mut without_connection = 0;
    for (what, mut world) in plain() {
        let plainly = world.observe().behaviour;
        of_the_connect(&mut world, vec![shown("connect-timeout", true, false)]);
        assert_eq!(world.observe().behaviour, plainly, "{what}");

        // Without a connection there is no socket that could show what is of a connection.
        let (_, mut world) = plain().into_iter().find(|(name, _)| *name == what).unwrap();
        let connected = |kind: &ClientEventKind| matches!(kind, ClientEventKind::Connected { .. });
        of_the_connection(&mut world, Vec::new());
        if world
            .record
            .client_events
            .iter()
            .any(|event| connected(&event.kind))
        {
            let reasons = reasons(&world.observe());
            assert!(
                reasons.contains("`read-timeout` is not shown"),
                "{what}: {reasons}"
            );
        } else {
            assert_eq!(world.observe().behaviour, plainly, "{what}");
            without_connection += 1;
        }
    }
    assert!(without_connection >= 3, "{without_connection}");
}

#[test]
fn what_was_seen_of_another_server_is_undetermined() {
    let view = |world: &World, server: &str, more: u32| {
        let node = lvs_matrix_model::action::Node::RealServer(name(server));
        let host = world.record.plan.hosts.iter().find(|host| host.node == node);
        ServerView {
            server: name(server),
            server_id: host.map_or(0, |host| host.server_id().unwrap()) + more,
            mysqld: MysqldState::Running,
            sockets: Vec::new(),
            sessions: None,
            timeouts: std::collections::BTreeMap::new(),
            earlier_cells: 0,
            log: None,
        }
    };
    spoils_every_cell(
        "what was seen of rs2 at the end is of a server with server_id",
        |world| {
            world.record.server_views = vec![view(world, "rs1", 0), view(world, "rs2", 1)];
        },
    );
    spoils_every_cell("what was seen of rs7", |world| {
        world.record.server_views = vec![view(world, "rs7", 7)];
    });
    for (what, mut world) in plain() {
        let plainly = world.observe().behaviour;
        world.record.server_views = vec![view(&world, "rs1", 0), view(&world, "rs2", 0)];
        assert_eq!(world.observe().behaviour, plainly, "{what}");
    }
}
