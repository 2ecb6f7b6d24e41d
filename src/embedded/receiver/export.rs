//! What makes an export request known again, in this process and in the next.
//!
//! Each row bears the id of the request that brought it. A crash between the commit and the
//! answer makes the client send the request again; the next process asks the tables which
//! requests they have lately got ([`recall`](super::recall)), so it knows such a request. The same
//! question is asked when an insert has failed.
//!
//! What one insert writes is committed day by day, because tables are partitioned by day: of a
//! request with several days, a crash or a failure may leave some. So the ids are recalled with
//! their days, and when such a request comes again, only rows of the other days are stored.
//!
//! So a request that is sent until it is acknowledged is stored once, be the process killed, as
//! long as the request is among those that are recalled. A power cut is another matter: nothing
//! waits for the disk.

use xxhash_rust::xxh3::xxh3_64;

/// An export request, known by the 64-bit XXH3 of its decompressed body; never 0, which is what
/// rows have that came another way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ExportId(pub u64);

impl ExportId {
    /// The identity of a request with this body.
    pub fn of(body: &[u8]) -> Self {
        Self(xxh3_64(body).max(1))
    }
}

/// A partition of a table: days since 1970, within the years that the tables tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day(pub u16);

impl Day {
    /// The first and the last: in the year 2000 and in 2100.
    const RANGE: (u64, u64) = (10_957, 47_482);

    /// The day of a Unix time in nanoseconds.
    fn of(nanoseconds: u64) -> Self {
        const NANOSECONDS: u64 = 86_400_000_000_000;
        let day = (nanoseconds / NANOSECONDS).clamp(Self::RANGE.0, Self::RANGE.1);
        Self(u16::try_from(day).expect("the range is within 16 bits"))
    }
}

/// A request whose rows are to be made.
#[derive(Clone, Debug, Default)]
pub struct Export {
    /// Its id.
    pub id: ExportId,
    /// When it came, in seconds since 1970.
    pub received_at: u32,
    /// The days of which its rows are stored already.
    pub stored: Vec<Day>,
}

impl Export {
    /// Whether the row of this time, in nanoseconds since 1970, is stored already.
    pub fn has_stored(&self, nanoseconds: u64) -> bool {
        !self.stored.is_empty() && self.stored.contains(&Day::of(nanoseconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_partition_of_the_tables() {
        for (seconds, day) in [
            (0, 10_957),
            (946_684_800, 10_957),
            (1_764_115_200, 20_418),
            (1_764_201_599, 20_418),
            (4_102_444_800, 47_482),
            (u64::MAX / 1_000_000_000, 47_482),
        ] {
            assert_eq!(Day::of(seconds * 1_000_000_000), Day(day), "{seconds}");
        }
    }

    #[test]
    fn only_what_is_of_a_stored_day_is_stored() {
        let export = Export {
            id: ExportId(1),
            received_at: 0,
            stored: vec![Day(20_418)],
        };
        assert!(export.has_stored(1_764_115_200_000_000_000));
        assert!(!export.has_stored(1_764_201_600_000_000_000));
        assert!(!Export::default().has_stored(1_764_115_200_000_000_000));
    }
}
