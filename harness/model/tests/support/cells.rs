//! The cells that the tests begin with: each behaviour in its plainest form.

use super::s;
use super::world::*;
use lvs_matrix_model::action::{Action, HostAction, TableAction};
use lvs_matrix_model::record::{ClientErrorKind, ClientEventKind, StepOutcome};

/// Steps 1 connect, 2 remove rs1, 3 query.
pub fn execute(change: Action, at: f64) -> World {
    let mut world = World::new(
        vec![Action::connect()],
        vec![change],
        vec![Action::query(statement("select 1", 0.0))],
    );
    world.connects(1, 1, 0.1);
    world.step(2, 1.0, Some(1.1), done("it fired"));
    world.step(3, at, None, StepOutcome::Unfinished);
    world
}

/// A statement is answered in 2 ms.
pub fn answered() -> World {
    let mut world = execute(remove_rs1(), 2.0);
    world.sends(3, 2, 2.0, RS1, "select 1");
    world.answers(2, 2.001);
    world.step(3, 2.0, Some(2.002), done(""));
    world
}

/// The real server is removed: the statement hangs to the end of the observation, sent again five times.
pub fn hung() -> World {
    hung_for(1200.0)
}

/// The same, watched for this many seconds.
pub fn hung_for(time: f64) -> World {
    let mut world = execute(remove_rs1(), 2.0);
    world.sends(3, 2, 2.0, DIRECTOR, "select 1");
    for at in [2.2, 2.6, 3.4, 5.0, 8.2]
        .into_iter()
        .filter(|at| *at < 2.0 + time)
    {
        world.again(at, DIRECTOR, SELECT_1);
    }
    world.event(s(2.0 + time), 2, ClientEventKind::StillWaiting);
    world
}

/// The real server comes back after 310 s: a repetition is answered (the article's 5 min 25 s).
pub fn recovered() -> World {
    let mut world = execute(remove_rs1(), 2.0);
    world.sends(3, 2, 2.0, DIRECTOR, "select 1");
    for at in [2.2, 2.6, 3.4] {
        world.again(at, DIRECTOR, SELECT_1);
    }
    world.again(325.0, RS1, SELECT_1);
    world.answers(2, 325.5);
    world.step(3, 2.0, Some(325.501), done(""));
    world
}

/// expire_nodest_conn=1: the director itself resets the connection.
pub fn reset() -> World {
    let mut world = execute(remove_rs1(), 2.0);
    world.sends(3, 2, 2.0, DIRECTOR, "select 1");
    world.down(s(2.0), DIRECTOR, "R", &[]);
    world.event(s(2.001), 2, failed(io(104)));
    world.step(3, 2.0, Some(2.001), StepOutcome::ClientFailed);
    world
}

/// mysqld is stopped while the client is idle: FIN, then the statement finds the end of the connection.
pub fn closed() -> World {
    let mut world = execute(stop_rs1(), 2.0);
    world.down(s(1.05), RS1, "F.", &[]);
    world.up(s(1.05), RS1, ".", &[]);
    world.sends(3, 2, 2.0, RS1, "select 1");
    world.event(s(2.001), 2, failed(ClientErrorKind::Closed));
    world.step(3, 2.0, Some(2.001), StepOutcome::ClientFailed);
    world
}

/// The hang ends with the client's own TCP giving up after 900 s.
pub fn timed_out() -> World {
    let mut world = execute(remove_rs1(), 2.0);
    world.sends(3, 2, 2.0, DIRECTOR, "select 1");
    for at in [2.2, 2.6, 3.4, 803.0] {
        world.again(at, DIRECTOR, SELECT_1);
    }
    world.event(s(924.0), 2, failed(io(110)));
    world.step(3, 2.0, Some(924.0), StepOutcome::ClientFailed);
    world
}

/// Steps 1 change, 2 connect.
fn connect(change: Action) -> World {
    let mut world = World::new(Vec::new(), vec![change], vec![Action::connect()]);
    world.step(1, 1.0, Some(1.1), done("it fired"));
    world.step(2, 2.0, None, StepOutcome::Unfinished);
    world.operation(2, 1);
    world.event(s(2.0), 1, ClientEventKind::ConnectBegun);
    world
}

/// mysqld is down: the real server's kernel refuses the SYN.
pub fn refused_by_rst() -> World {
    let mut world = connect(stop_rs1());
    world.up(s(2.0), RS1, "S", &[]);
    world.down(s(2.001), RS1, "R.", &[]);
    world.event(s(2.002), 1, failed(io(111)));
    world.step(2, 2.0, Some(2.002), StepOutcome::ClientFailed);
    world
}

/// No real server is left: the director answers the SYN with ICMP port unreachable.
pub fn refused_by_icmp() -> World {
    let mut world = connect(remove_rs1());
    world.up(s(2.0), DIRECTOR, "S", &[]);
    world.unreachable(s(2.0), 3);
    world.event(s(2.001), 1, failed(io(111)));
    world.step(2, 2.0, Some(2.001), StepOutcome::ClientFailed);
    world
}

/// A new connection is answered.
pub fn connected_anew() -> World {
    let mut world = connect(remove_rs1());
    world.handshake(2.0);
    world.event(s(2.004), 1, connected());
    world.step(2, 2.0, Some(2.004), done(""));
    world
}

/// The SYN goes nowhere.
pub fn connect_hung() -> World {
    let mut world = connect(remove_rs1());
    world.up_again(s(2.0), DIRECTOR, "S", &[]);
    for at in [3.0, 5.0, 9.0] {
        world.up_again(s(at), DIRECTOR, "S", &[]);
    }
    world.event(s(1202.0), 1, ClientEventKind::StillWaiting);
    world
}

/// Nobody answers the client's ARP requests.
pub fn no_route() -> World {
    let mut world = connect(remove_rs1());
    for at in [2.0, 3.0, 4.0] {
        world.arp_request(s(at));
    }
    world.event(s(5.0), 1, failed(io(113)));
    world.step(2, 2.0, Some(5.0), StepOutcome::ClientFailed);
    world
}

/// Steps 1 connect, 2 start `select sleep(20)`, 3 change, 4 await its result. The statement was sent at 1 s.
fn waiting(change: Action) -> World {
    let mut world = World::new(
        vec![
            Action::connect(),
            Action::start_query(statement("select sleep(20)", 20.0)),
        ],
        vec![change],
        vec![Action::await_result()],
    );
    world.connects(1, 1, 0.1);
    world.step(2, 1.0, Some(1.001), done(""));
    world.sends(2, 2, 1.0, RS1, "select sleep(20)");
    world.down(s(1.0), RS1, ".", &[]);
    world.step(3, 2.0, Some(2.1), done("it fired"));
    world.step(4, 3.0, None, StepOutcome::Unfinished);
    world.operation(4, 2);
    world
}

/// The result comes after its 20 s although the real server was removed.
pub fn waited() -> World {
    let mut world = waiting(remove_rs1());
    world.answers(2, 21.0);
    world.step(4, 3.0, Some(21.001), done(""));
    world
}

/// mysqld is stopped while the client waits.
pub fn lost_while_waiting() -> World {
    let mut world = waiting(stop_rs1());
    world.down(s(3.5), RS1, "F.", &[]);
    world.up(s(3.5), RS1, ".", &[]);
    world.event(s(3.501), 2, failed(ClientErrorKind::Closed));
    world.step(4, 3.0, Some(3.501), StepOutcome::ClientFailed);
    world
}

/// The host is off while the client waits: it sends nothing, and waits to the end.
pub fn waiting_for_ever() -> World {
    let mut world = waiting(Action::Host(HostAction::PowerOff {
        server: super::name("rs1").into(),
        neighbours: lvs_matrix_model::action::Neighbours::Permanent,
    }));
    world.event(s(1203.0), 2, ClientEventKind::StillWaiting);
    world
}

/// Steps 1 connect, 2 remove rs1, 3 start `select 1`, 4 wait 310 s, 5 add rs1 again, 6 await the result, as
/// in the shipped scenario: the statement is answered at a repetition after 325 s.
pub fn re_added() -> World {
    let mut world = removed_for(310.0);
    world.step(4, 2.001, Some(312.001), done(""));
    world.step(5, 312.001, Some(312.1), done("rs1 is in ipvsadm -Ln again"));
    world.step(6, 312.1, Some(325.501), done(""));
    world.again(325.0, RS1, SELECT_1);
    world.answers(2, 325.5);
    world
}

/// The same, but the observation ends while the time line still waits.
pub fn never_added() -> World {
    let mut world = removed_for(3600.0);
    world.step(4, 2.001, None, StepOutcome::Unfinished);
    world.event(s(1202.0), 2, ClientEventKind::StillWaiting);
    world
}

fn removed_for(wait: f64) -> World {
    let mut world = World::new(
        vec![Action::connect()],
        vec![remove_rs1()],
        vec![
            Action::start_query(statement("select 1", 0.0)),
            Action::wait(super::seconds(wait)),
            Action::from(TableAction::AddRealServer {
                server: super::name("rs1"),
                weight: 1,
            }),
            Action::await_result(),
        ],
    );
    world.connects(1, 1, 0.1);
    world.step(2, 1.0, Some(1.1), done("it fired"));
    world.step(3, 2.0, Some(2.001), done(""));
    world.operation(6, 2);
    world.sends(3, 2, 2.0, DIRECTOR, "select 1");
    for at in [2.2, 2.6, 3.4] {
        world.again(at, DIRECTOR, SELECT_1);
    }
    world
}
