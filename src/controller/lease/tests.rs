//! The Lease on virtual time, against a model of one Lease object with versions and conflicts.
