//! Files with mistakes, and files that are no such files: what is not taken over is said with its place, and
//! nothing is taken over as something that nobody wrote.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

use lvs_matrix_setup::{Include, Lab, Role, Setup, Source, Unreadable, begun, read};
use rstest::rstest;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::Instant;

fn sources(texts: &[&str]) -> Vec<(Role, Source)> {
    let one = |(number, text): (usize, &&str)| {
        let source = Source {
            name: format!("file{}", number + 1),
            text: (*text).to_owned(),
        };
        (Role::Director, source)
    };
    texts.iter().enumerate().map(one).collect()
}

/// The files by their texts, `file1` and so on; they include nothing.
fn setup(texts: &[&str]) -> Result<Setup, Vec<Unreadable>> {
    read(&sources(texts), &mut |_| Ok(Vec::new()))
}

/// What is said of files of which a lab is made, a line each.
fn said(texts: &[&str], service: Option<&str>) -> String {
    let lab = Lab::of(&setup(texts).unwrap(), service).unwrap();
    begun(&lab, "own").unwrap();
    lab.notes.iter().fold(String::new(), |mut all, note| {
        writeln!(all, "{note}").unwrap();
        all
    })
}

const KEEPALIVED: &str = "virtual_server 10.0.0.1 3306 {\n  lvs_method DR\n  \
                          real_server 10.0.0.2 3306 {\n  }\n}\n";
const RULES: &str = "-A -t 10.0.0.1:3306 -s rr\n-a -t 10.0.0.1:3306 -r 10.0.0.2:3306 -g -w 1\n";

/// What is wrong with a line is said with its place.
#[rstest]
#[case::range_that_goes_down(
    "virtual_server_group G {\n  10.0.0.9 80\n  10.0.0.12-10 80\n}\n\
     virtual_server group G {\n  lvs_method DR\n  real_server 10.0.0.2 80 {\n  }\n}\n",
    "file1:3: 10.0.0.12-10 80: `10.0.0.12-10` goes down: a range goes up"
)]
#[case::group_without_addresses(
    "virtual_server_group G {\n}\nvirtual_server group G {\n  real_server 10.0.0.2 80 {\n  }\n}\n",
    "file1:3: virtual_server group G: its virtual_server_group has no address that was understood"
)]
#[case::group_that_nobody_names(
    "virtual_server_group G {\n  10.0.0.9 80\n}\n",
    "file1:1: virtual_server_group G: no virtual_server has this group"
)]
#[case::group_twice(
    "virtual_server_group G {\n  10.0.0.9 80\n}\nvirtual_server_group G {\n  10.0.0.8 80\n}\n\
     virtual_server group G {\n}\n",
    "file1:4: virtual_server_group G: a group of this name is there already, and that one counts"
)]
#[case::port_too_large(
    "virtual_server 10.0.0.1 65536 {\n}\n",
    "file1:1: virtual_server 10.0.0.1 65536: `65536` is no port: the largest is 65535"
)]
#[case::weight_below_0(
    "virtual_server 10.0.0.9 80 {\n  lvs_method DR\n  real_server 10.0.0.2 80 {\n    weight -1\n  }\n}\n",
    "file1:4: weight -1: `-1` is no number"
)]
fn mistakes_of_keepalived_are_said(#[case] text: &str, #[case] expected: &str) {
    let said = said(&[&format!("{text}{KEEPALIVED}")], Some("10.0.0.1:3306"));
    assert!(said.contains(expected), "{said}");
}

#[rstest]
#[case::edit_of_no_service("-E -t 10.0.0.9:80 -s rr", "it is not in the table")]
#[case::edit_of_no_server("-e -t 10.0.0.1:3306 -r 10.0.0.9:80 -g", "it is not in the table")]
#[case::variable_of_a_shell(
    "-A -t $VIP:80 -s rr",
    "`$VIP` is no address; variables of a shell are not replaced: give what `ipvsadm -Sn` prints"
)]
#[case::weight_below_0("-a -t 10.0.0.1:3306 -r 10.0.0.3 -g -w -1", "`-1` is no number")]
#[case::port_too_large("-A -t 10.0.0.1:65536 -s rr", "`65536` is no port: the largest is 65535")]
#[case::twice("-a -t 10.0.0.1:3306 -r 10.0.0.2 -g", "it is in the table already")]
fn mistakes_of_rules_are_said(#[case] line: &str, #[case] why: &str) {
    let said = said(&[&format!("{RULES}{line}\n")], None);
    assert!(said.contains(&format!("file1:3: {line}: {why}")), "{said}");
}

#[rstest]
#[case::weight_below_0("\treal=10.0.0.3:80 gate -1", "-1: no weight that IPVS takes; read as 1")]
#[case::weight_too_large(
    "\treal=10.0.0.3:80 gate 99999999999",
    "99999999999: no weight that IPVS takes"
)]
#[case::no_method(
    "\treal=10.0.0.3:80 route 5",
    "route: no method of ldirectord.cf(5): gate, masq or ipip"
)]
#[case::not_indented("real=10.0.0.3:80 gate", "a line of a service begins with a space or a tab")]
fn mistakes_of_ldirectord_are_said(#[case] line: &str, #[case] why: &str) {
    let text = format!("virtual=10.0.0.1:80\n\treal=10.0.0.2:80 gate\n{line}\n");
    let said = said(&[&text], None);
    assert!(
        said.lines()
            .any(|note| note.starts_with("file1:3: ") && note.contains(why)),
        "{said}"
    );
}

/// What a lab cannot have as it stands is said of the line that has it.
#[rstest]
#[case("-x 70000", "upper threshold 70000: the lab's largest is 65535")]
#[case(
    "-x 5 -y 10",
    "lower threshold 10: the kernel takes none above the upper one, 5"
)]
#[case("-y 10", "lower threshold 10: the kernel takes none above the upper one, 0")]
#[case("-w 70000", "weight 70000: the lab's largest is 65535")]
fn what_is_too_large_is_said(#[case] option: &str, #[case] expected: &str) {
    let said = said(
        &[&format!("{RULES}-a -t 10.0.0.1:3306 -r 10.0.0.3 -g {option}\n")],
        None,
    );
    assert!(said.contains(&format!("file1:3: {expected}")), "{said}");
}

/// A service of all ports has one in the lab, and so have its servers.
#[test]
fn a_service_of_all_ports_is_said_to_have_one() {
    let text = "-A -t 10.0.0.1:0 -s rr -p 60\n-a -t 10.0.0.1:0 -r 10.0.0.2:3306 -m -w 1\n";
    let said = said(&[text], None);
    let expected = "file1:1: 10.0.0.1:0: it has all ports of its address: in the lab it has one";
    assert!(said.contains(expected), "{said}");
    let lab = Lab::of(&setup(&[text]).unwrap(), None).unwrap();
    assert_eq!(lab.lab.real_servers[0].port, None);
}

/// Options of one letter may have their values at once, as ipvsadm(8) takes them.
#[test]
fn values_may_follow_their_options_at_once() {
    let joined = "-A -t10.0.0.1:3306 -swrr -p300\n-a -t10.0.0.1:3306 -r10.0.0.2:3306 -m -w5 -x9 -y7\n";
    let apart = "-A -t 10.0.0.1:3306 -s wrr -p 300\n-a -t 10.0.0.1:3306 -r 10.0.0.2:3306 -m -w 5 -x 9 -y 7\n";
    assert_eq!(
        setup(&[joined]).unwrap().services,
        setup(&[apart]).unwrap().services
    );
}

/// TCP and UDP may have one address: each can be named.
#[rstest]
#[case("10.0.0.53:53", false)]
#[case("10.0.0.53:53 (UDP)", true)]
#[case("-u 10.0.0.53:53", true)]
#[case("-t 10.0.0.53:53", false)]
#[case("mark 3 (IPv6)", false)]
fn every_service_can_be_named(#[case] wanted: &str, #[case] udp: bool) {
    let rules = "-A -u 10.0.0.53:53 -s rr\n-a -u 10.0.0.53:53 -r 10.0.0.2 -m\n-A -t 10.0.0.53:53 -s rr\n\
                 -a -t 10.0.0.53:53 -r 10.0.0.2 -m\n-A -f 3 -s rr\n-a -f 3 -r 10.0.0.2 -g\n-A -f 3 -6 -s rr\n\
                 -a -f 3 -6 -r [2001:db8::2] -g\n";
    let lab = Lab::of(&setup(&[rules]).unwrap(), Some(wanted)).unwrap();
    let shown = lab.service.listen.to_string();
    assert_eq!(shown.contains("UDP"), udp, "{shown}");
    assert!(shown == wanted || lab.service.listen.words() == wanted, "{shown}");
}

/// Who names none of hundreds of services is not shown them all.
#[test]
fn many_services_are_not_all_listed() {
    let rules = (0..200).fold(String::new(), |mut all, port| {
        writeln!(all, "-A -t 10.0.0.1:{} -s rr", 1000 + port).unwrap();
        all
    });
    let refused = Lab::of(&setup(&[&rules]).unwrap(), Some("10.0.0.2"))
        .unwrap_err()
        .to_string();
    assert!(refused.ends_with("10.0.0.1:1039, and 160 more"), "{refused}");
}

/// Of a sysctl the last word counts, in one file and in several, also if it is the kernel's own value.
#[test]
fn the_last_value_of_a_sysctl_counts() {
    let value = |texts: &[&str]| {
        let lab = Lab::of(&setup(texts).unwrap(), None).unwrap();
        begun(&lab, "own").unwrap();
        lab.lab.director_sysctls
    };
    let on = "net.ipv4.vs.expire_nodest_conn = 1\n";
    let off = "net.ipv4.vs.expire_nodest_conn = 0\n";
    let set = vec![("net.ipv4.vs.expire_nodest_conn".to_owned(), "1".to_owned())];
    assert_eq!(value(&[RULES, &format!("{off}{on}")]), set);
    assert_eq!(value(&[RULES, &format!("{on}{off}")]), []);
    assert_eq!(value(&[RULES, off, on]), set);
    assert_eq!(value(&[RULES, on, on]), set);
    assert_eq!(value(&[RULES, on, off]), []);
    let said = said(&[RULES, on, off], None);
    let expected =
        "file2:1: net.ipv4.vs.expire_nodest_conn = 1: file3:1 has another value, and that counts: 0";
    assert!(said.contains(expected), "{said}");
}

/// Where two files speak of one service, every difference is named.
#[test]
fn differences_of_two_files_are_named() {
    let rules = "-A -t 10.0.0.1:3306 -s sh -b sh-port -p 60 -M 255.255.255.0\n\
                 -a -t 10.0.0.1:3306 -r 10.0.0.2:3306 -g -w 1 -x 9\n";
    let keepalived = "virtual_server 10.0.0.1 3306 {\n  lvs_method DR\n  lvs_sched sh\n  ops\n  \
                      persistence_timeout 60\n  real_server 10.0.0.2 3306 {\n    uthreshold 8\n  }\n}\n";
    let said = said(&[rules, keepalived], None);
    for expected in [
        "file2:1: flags of the scheduler of 10.0.0.1:3306: file1:1 has another, and that counts: sh-port",
        "file2:1: scheduling of packets (ops) of 10.0.0.1:3306: file1:1 has another, and that counts: by \
         connection",
        "file2:1: mask of the persistence of 10.0.0.1:3306: file1:1 has another, and that counts: /24",
        "file2:6: thresholds of 10.0.0.2:3306 of 10.0.0.1:3306: file1:1 has another, and that counts: 9, \
         0",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
}

/// A file all of whose services are wrong says why it has none.
#[test]
fn a_file_without_a_good_service_says_why() {
    let wrong = setup(&["virtual_server 10.0.0.1 66000 {\n}\nvirtual_server 10.0.0.2 {\n}\n"]).unwrap_err();
    let [wrong] = wrong.as_slice() else {
        panic!("{wrong:?}");
    };
    assert_eq!(
        wrong.to_string(),
        "no file has a virtual service that can be taken over:\n  \
         file1:1: virtual_server 10.0.0.1 66000: `66000` is no port: the largest is 65535\n  \
         file1:3: virtual_server 10.0.0.2: it names no address and port\n\
         mend that; add what `ipvsadm -Sn` prints on the director, or its keepalived.conf"
    );
}

/// Files that include each other in a circle are read once; what stands after the circle is read, too.
#[test]
fn a_circle_of_includes_is_said() {
    let of = |name: &str, text: &str| Source {
        name: name.to_owned(),
        text: text.to_owned(),
    };
    let first = format!("include b\ninclude c\n{KEEPALIVED}");
    let files = [(Role::Director, of("a", &first))];
    let mut resolve = |include: Include<'_>| {
        Ok(vec![match include.pattern {
            "a" => of("a", &first),
            "b" => of("b", "include a\ninclude b\n"),
            _ => of("c", "global_defs {\n  lvs_timeouts tcp 60\n}\n"),
        }])
    };
    let setup = read(&files, &mut resolve).unwrap();
    let said: Vec<String> = setup.notes().iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "b:1: include a: a circle: a is being read already",
            "b:2: include b: a circle: b is being read already"
        ]
    );
    assert!(setup.timeouts.is_some(), "what stands after the circle is read");
    let names: Vec<&str> = setup.files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

/// Definitions have comments, and go on where a line ends with a backslash (keepalived.conf(5)).
#[test]
fn definitions_have_comments_and_several_lines() {
    let text = "$VIP=10.0.0.1   # the service\n\
                $ONE=\\\n  real_server 10.0.0.2 3306 { \\\n    weight 7 \\\n  }\n\
                virtual_server ${VIP} 3306 {\n  lvs_method DR  ! direct\n  $ONE\n}\n";
    let setup = setup(&[text]).unwrap();
    assert_eq!(setup.notes(), []);
    let server = &setup.services[0].servers[0];
    assert_eq!(
        (server.endpoint.to_string().as_str(), server.weight),
        ("10.0.0.2:3306", 7)
    );
}

/// An address of IPv6 may have its brackets in keepalived.conf.
#[test]
fn brackets_around_an_address_are_taken() {
    let text =
        "virtual_server [2001:db8::1] 3306 {\n  lvs_method DR\n  real_server [2001:db8::2] 3306 {\n  }\n}\n";
    let setup = setup(&[text]).unwrap();
    assert_eq!(setup.services[0].listen.to_string(), "[2001:db8::1]:3306");
    assert_eq!(setup.services[0].servers.len(), 1);
}

fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0000 + number)
}

/// Megabytes of anything are read in seconds, and make no megabytes of notes.
#[rstest]
#[case::lines_that_differ(|number| format!("line{number}\n"))]
#[case::lines_alike(|_| "line\n".to_owned())]
#[case::services(|number| format!("-A -t {}:80 -s rr\n", address(number)))]
#[case::servers(|number| format!("-a -t 10.0.0.1:3306 -r {} -g\n", address(number)))]
fn a_long_file_is_read_in_time(#[case] line: fn(u32) -> String) {
    let mut text = RULES.to_owned();
    for number in 0..10_000 {
        text.push_str(&line(number));
    }
    let began = Instant::now();
    let said = said(&[&text], None);
    assert!(said.len() < 200_000, "{} bytes are said", said.len());
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}
