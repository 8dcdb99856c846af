//! The clients that work in this process: each serves on a runtime of its own, until it is to stop.

use super::{Desk, Inbox, fail_all};
use std::os::fd::OwnedFd;
use tokio::net::unix::pipe::Receiver;

/// Serves on a runtime of its own; it is made on the client's thread, so that every socket belongs to the
/// client's namespace.
pub(super) fn serve(inbox: Inbox, desk: &Desk, operate: impl AsyncFnOnce(Inbox, &Desk)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(async {
            tokio::select! {
                () = operate(inbox, desk) => {}
                () = stopped(desk) => {}
            }
        }),
        Err(error) => fail_all(inbox, desk, &error.to_string()),
    }
}

/// Returns when the client is to stop.
async fn stopped(desk: &Desk) {
    // An end of file can be read. Where it cannot be watched for, nothing is done at all, which the record
    // shows.
    if let Ok(stop) = desk.stop.try_clone()
        && let Ok(stop) = Receiver::from_owned_fd(OwnedFd::from(stop))
    {
        // Its error would be an end, too.
        let _ = stop.readable().await;
    }
}
