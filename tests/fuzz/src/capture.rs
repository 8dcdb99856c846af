//! A capture file, whatever is in it, beside a good record.

use crate::seeds::a_record;
use lvs_matrix_model::capture::read;

pub(crate) fn run(bytes: &[u8]) {
    let record = a_record();
    let packets = read(bytes, record);
    assert_eq!(
        read(bytes, record).ok(),
        packets.as_ref().ok().cloned(),
        "another result the second time"
    );
    if let Ok(packets) = packets {
        // Frame numbers are what evidence cites: each once, from 1 on.
        for (number, packet) in (1..).zip(&packets) {
            assert_eq!(packet.number, number);
            let _ = format!("{packet:?}");
        }
        assert!(
            packets.len() <= bytes.len() / 12,
            "more packets than blocks fit in"
        );
    }
}
