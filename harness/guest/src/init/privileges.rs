//! What a sandbox's first process may do, and what it hands on.
//!
//! ```text
//! first process   root by its number, and nothing else once the payload runs: no capability at all
//! └─ payload      an ordinary user with KEPT, ambient: ip(8), tc(8), ipvsadm(8) and ss(8) have them, too
//!    └─ servers and clients: the same user without any; the payload drops them (capabilities(7))
//! ```
//! no_new_privs is set since before the first process was started (prctl(2)), so no program can give anything
//! back.

use super::InitError;
use rustix::io::Errno;
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, capability_is_in_bounding_set,
    clear_ambient_capability_set, configure_capability_in_ambient_set, remove_capability_from_bounding_set,
    set_capabilities, set_capabilities_secure_bits,
};

/// What the payload needs: a lab's links, addresses, sysctls and IPVS (net/netfilter/ipvs/ip_vs_ctl.c asks
/// for `NET_ADMIN` in the initial user namespace); packet sockets; unshare(2) of network namespaces.
pub(crate) const KEPT: CapabilitySet = CapabilitySet::NET_ADMIN
    .union(CapabilitySet::NET_RAW)
    .union(CapabilitySet::SYS_ADMIN);

/// What only the way there needs: to become another user, and to give up the rest.
pub(crate) const ON_THE_WAY: CapabilitySet = CapabilitySet::SETUID
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETPCAP);

/// Leaves the calling thread, which must be the only one, and its children with what the payload needs, and
/// with what starting it as another user takes.
pub(super) fn reduce() -> Result<(), InitError> {
    let failed = || InitError::step("give up capabilities");
    // Neither does being root give any, nor does becoming another user take any away.
    set_capabilities_secure_bits(
        CapabilitiesSecureBits::NO_ROOT
            | CapabilitiesSecureBits::NO_ROOT_LOCKED
            | CapabilitiesSecureBits::NO_SETUID_FIXUP
            | CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED,
    )
    .map_err(failed())?;
    for number in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        match capability_is_in_bounding_set(capability) {
            Ok(true) if !KEPT.contains(capability) => {
                remove_capability_from_bounding_set(capability).map_err(failed())?;
            }
            Ok(_) => {}
            // The kernel's last capability was the one before.
            Err(Errno::INVAL) => break,
            Err(error) => return Err(failed()(error)),
        }
    }
    let own = KEPT.union(CapabilitySet::SETUID).union(CapabilitySet::SETGID);
    set_capabilities(
        None,
        CapabilitySets {
            effective: own,
            permitted: own,
            inheritable: KEPT,
        },
    )
    .map_err(failed())?;
    for capability in KEPT.iter() {
        configure_capability_in_ambient_set(capability, true).map_err(failed())?;
    }
    Ok(())
}

/// Leaves the calling thread with no capability.
pub(super) fn drop_all() -> Result<(), InitError> {
    let failed = || InitError::step("give up the last capabilities");
    clear_ambient_capability_set().map_err(failed())?;
    let none = CapabilitySet::empty();
    set_capabilities(
        None,
        CapabilitySets {
            effective: none,
            permitted: none,
            inheritable: none,
        },
    )
    .map_err(failed())
}
