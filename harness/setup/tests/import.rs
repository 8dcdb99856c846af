//! Ten configurations in the shape of public ones: what each becomes, and what of it is lost. The snapshots
//! have the whole scenario with its comments; what is said of each line that is not taken over is reviewed
//! there like code.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

use lvs_matrix_model::matrix::cells;
use lvs_matrix_model::plan::plan;
use lvs_matrix_model::scenario::load;
use lvs_matrix_setup::{Include, Lab, NoLab, Role, Setup, Source, Unreadable, begun, read};
use rstest::rstest;
use std::fs;
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The files of a folder, as an operator would name them in it.
fn files(folder: &Path) -> Vec<(Role, Source)> {
    let mut names: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    names.sort();
    let one = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let role = if name.starts_with("client") {
            Role::Client
        } else {
            Role::Director
        };
        let text = fs::read_to_string(path).unwrap();
        (role, Source { name, text })
    };
    names.into_iter().map(one).collect()
}

fn setup(name: &str) -> Result<Setup, Vec<Unreadable>> {
    let folder = fixtures().join(name);
    read(&files(&folder), &mut |include: Include<'_>| {
        // The folder of included files has the name that the pattern ends with.
        let Some((within, "*.conf")) = include.pattern.rsplit_once('/') else {
            return Err("no such pattern in these tests".to_owned());
        };
        let within = folder.join(Path::new(within).file_name().unwrap());
        let Ok(entries) = fs::read_dir(within) else {
            return Ok(Vec::new());
        };
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let one = |path: PathBuf| Source {
            name: path.strip_prefix(&folder).unwrap().display().to_string(),
            text: fs::read_to_string(&path).unwrap(),
        };
        Ok(paths.into_iter().map(one).collect())
    })
}

#[rstest]
#[case("01-mysql-persistent", None)]
#[case("02-keepalived-three-services", None)]
#[case("03-keepalived-nat", None)]
#[case("04-keepalived-tun", None)]
#[case("05-keepalived-includes", None)]
#[case("06-keepalived-broken", None)]
#[case("07-ipv6", None)]
#[case("08-ldirectord", None)]
#[case("08-ldirectord", Some("192.168.6.2:3307"))]
#[case("08-ldirectord", Some("2001:db8:6::2"))]
#[case("09-marks-and-dns", None)]
#[case("09-marks-and-dns", Some("3"))]
#[case("10-bundle", None)]
#[case("10-bundle", Some("db.example.com:https"))]
fn each_becomes_a_scenario(#[case] name: &str, #[case] service: Option<&str>) {
    let setup = setup(name).unwrap();
    let lab = Lab::of(&setup, service).unwrap();
    let text = begun(&lab, "own-set-up").unwrap();
    let scenario = load(&text).unwrap();
    assert_eq!(scenario.warnings, []);
    let plans: Vec<_> = cells(&scenario)
        .iter()
        .map(|cell| plan(&scenario, cell))
        .collect();
    assert_eq!(plans.len(), 8);
    let which = service.map_or_else(String::new, |service| {
        format!("-{}", service.replace([':', '.'], "-"))
    });
    insta::assert_snapshot!(format!("{name}{which}"), text);
}

/// Every line of the files is taken over, or is said to be lost, or has no bearing by itself (a brace, a
/// comment, a heading). Held for the lines whose loss would go unseen: those that name a real server.
#[test]
fn no_real_server_disappears() {
    for name in fs::read_dir(fixtures()).unwrap() {
        let name = name.unwrap().file_name().into_string().unwrap();
        let setup = setup(&name).unwrap();
        for service in &setup.services {
            let Ok(lab) = Lab::of(&setup, Some(&service.listen.to_string())) else {
                continue;
            };
            for server in &service.servers {
                let kept = lab.servers.iter().any(|(_, known)| known == server);
                let said = lab.notes.iter().any(|note| note.places.contains(&server.place));
                assert!(kept || said, "{name}: {} is lost without a word", server.endpoint);
            }
        }
    }
}

#[test]
fn what_is_no_such_file_is_refused_with_its_place() {
    let read_one = |text: &str| {
        let source = Source {
            name: "file".to_owned(),
            text: text.to_owned(),
        };
        read(&[(Role::Director, source)], &mut |_| Ok(Vec::new()))
            .unwrap_err()
            .iter()
            .map(Unreadable::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let all = [
        "name: drain\nclaim: no file of a director\n",
        "",
        "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port               Conns   InPkts  \
         OutPkts  InBytes OutBytes\n  -> RemoteAddress:Port\n",
        "IPVS connection entries\npro expire state       source             virtual            destination\n",
        "net.ipv4.vs.conntrack = 1\n",
    ];
    insta::assert_snapshot!(all.map(read_one).join("\n--\n"));
}

#[test]
fn a_service_that_is_not_there_is_answered_with_those_that_are() {
    let setup = setup("02-keepalived-three-services").unwrap();
    let NoLab::NoSuchService { wanted, there } = Lab::of(&setup, Some("10.0.0.1:3306")).unwrap_err() else {
        unreachable!("it is not there")
    };
    assert_eq!(wanted, "10.0.0.1:3306");
    assert_eq!(
        there,
        "192.168.200.16:3306, 192.168.200.17:3306, 192.168.200.16:80"
    );
    let sctp = self::setup("09-marks-and-dns").unwrap();
    let refused = Lab::of(&sctp, Some("192.0.2.54:3868")).unwrap_err();
    assert!(matches!(refused, NoLab::Unfit { .. }), "{refused}");
}
