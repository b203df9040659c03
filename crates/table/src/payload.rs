//! Batches on the wire: the four tables as bytes, each encoded by `packed`.

use polars::prelude::DataFrame;

use crate::batch::Batch;
use crate::error::{PayloadFault, TableError};
use crate::frames;
use crate::packed::{Limits, decode, encode};
use crate::schema::TableName;

/// The four tables as bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    tables: [Vec<u8>; 4],
}

impl Payload {
    /// In the order of [`TableName::ALL`].
    pub fn from_tables(tables: [Vec<u8>; 4]) -> Payload {
        Payload { tables }
    }

    pub fn tables(&self) -> &[Vec<u8>; 4] {
        &self.tables
    }

    pub fn into_tables(self) -> [Vec<u8>; 4] {
        self.tables
    }

    /// Bytes of all tables.
    pub fn len(&self) -> usize {
        self.tables.iter().map(Vec::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Batch {
    /// Encodes the four tables.
    ///
    /// # Errors
    /// Where a column is not of its type, which the schema rules out.
    pub fn to_payload(&self) -> Result<Payload, TableError> {
        let mut payload = Payload::default();
        for table in TableName::ALL {
            let pieces = self
                .bundles()
                .iter()
                .map(|bundle| bundle.frame(table).clone());
            let frame = frames::concat(pieces.collect())?;
            encode(table, &frame, &mut payload.tables[table as usize])?;
        }
        Ok(payload)
    }

    /// Decodes what [`Batch::to_payload`] made. Bytes from outside are refused with a reason, whatever they are.
    ///
    /// # Errors
    /// [`TableError::Payload`] says which table does not decode and why. Whether the rows make sense is for
    /// [`Batch::check_consistent`].
    pub fn from_payload(payload: &Payload, limits: &Limits) -> Result<Batch, TableError> {
        let mut frames = [const { DataFrame::empty() }; 4];
        for table in TableName::ALL {
            let bytes = &payload.tables[table as usize];
            let fault = |fault| TableError::Payload {
                table: table.name(),
                fault,
            };
            frames[table as usize] = decode(table, bytes, limits).map_err(fault)?;
        }
        if frames[0].height() == 0 && frames.iter().any(|frame| frame.height() > 0) {
            return Err(TableError::Payload {
                table: TableName::Trials.name(),
                fault: PayloadFault::Truncated,
            });
        }
        Ok(Batch::of(frames))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use polars::prelude::Column;

    use super::*;
    use crate::batch::tests::batch;
    use crate::packed::tests::of_another_version;
    use crate::packed::{Header, append, take};

    fn payload() -> Payload {
        batch(10..40, &[13]).to_payload().unwrap()
    }

    fn decoded(payload: &Payload) -> Result<Batch, TableError> {
        Batch::from_payload(payload, &Limits::default())
    }

    fn check_fault(payload: &Payload, limits: &Limits, fits: impl Fn(&PayloadFault) -> bool) {
        match Batch::from_payload(payload, limits) {
            Err(TableError::Payload { fault, .. }) => assert!(fits(&fault), "{fault:?}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_encoded_decodes_to_the_same_bits() {
        for (trials, failing) in [
            (0..0, &[][..]),
            (5..6, &[]),
            (5..6, &[5]),
            (0..300, &[7, 8]),
        ] {
            let mut sent = batch(trials, failing);
            sent.append(batch(1000..1003, &[])).unwrap();
            let received = decoded(&sent.to_payload().unwrap()).unwrap();
            for table in TableName::ALL {
                let (sent, received) = (sent.frame(table).unwrap(), received.frame(table).unwrap());
                assert!(sent.equals_missing(&received), "{}", table.name());
                assert_eq!(sent.schema(), received.schema());
            }
            received.check_consistent().unwrap();
            assert_eq!(received.trial_numbers(), sent.trial_numbers());
        }
        assert!(decoded(&Payload::default()).unwrap().is_empty());
    }

    #[test]
    fn columns_of_one_value_cost_nothing() {
        let few = batch(0..1000, &[]).to_payload().unwrap();
        // Number, id, replicate, losses, seconds and time vary; sixty columns do not.
        assert!(
            few.tables()[0].len() < 1000 * 150 + 10_000,
            "{}",
            few.tables()[0].len()
        );
    }

    #[test]
    fn limits_hold_before_anything_is_decoded() {
        let limits = Limits::default();
        let small = Limits {
            trials: 29,
            ..limits
        };
        check_fault(&payload(), &small, |fault| {
            matches!(
                fault,
                PayloadFault::Rows {
                    found: 30,
                    allowed: 29
                }
            )
        });
        let small = Limits { rows: 10, ..limits };
        check_fault(&payload(), &small, |fault| {
            matches!(fault, PayloadFault::Rows { .. })
        });
        let small = Limits {
            text_bytes: 31,
            ..limits
        };
        check_fault(&payload(), &small, |fault| {
            matches!(
                fault,
                PayloadFault::Text {
                    column: "id",
                    found: 32,
                    ..
                }
            )
        });
    }

    #[test]
    fn foreign_bytes_are_refused_with_a_reason() {
        let limits = Limits::default();
        let [trials, history, spectra, layers] = payload().into_tables();
        let swapped = Payload::from_tables([history.clone(), trials.clone(), spectra, layers]);
        check_fault(&swapped, &limits, |_| true);

        let alone = Payload::from_tables([Vec::new(), history, Vec::new(), Vec::new()]);
        check_fault(&alone, &limits, |fault| {
            matches!(fault, PayloadFault::Truncated)
        });

        let mut longer = trials.clone();
        longer.push(0);
        let longer = Payload::from_tables([longer, Vec::new(), Vec::new(), Vec::new()]);
        check_fault(&longer, &limits, |fault| {
            matches!(fault, PayloadFault::Trailing { extra: 1 })
        });

        let mut sent = trials.as_slice();
        let header: Header = take(&mut sent).unwrap();
        let rows = sent;
        let with_header = |header: Header| {
            let mut bytes = Vec::new();
            append(&header, &mut bytes);
            bytes.extend_from_slice(rows);
            Payload::from_tables([bytes, Vec::new(), Vec::new(), Vec::new()])
        };
        let other = of_another_version(TableName::Trials);
        let other = Payload::from_tables([other, Vec::new(), Vec::new(), Vec::new()]);
        check_fault(&other, &limits, |fault| {
            matches!(fault, PayloadFault::Schema)
        });
        for rows in [29, 31] {
            check_fault(&with_header(Header { rows, ..header }), &limits, |fault| {
                matches!(fault, PayloadFault::Values { column: "trial" })
            });
        }
    }

    /// A report of which one column of a table was changed.
    fn changed(table: TableName, change: impl Fn(&DataFrame) -> DataFrame) -> Payload {
        let mut tables = payload().into_tables();
        let all = batch(10..40, &[13]);
        let frame = change(all.bundles()[0].frame(table));
        tables[table as usize].clear();
        encode(table, &frame, &mut tables[table as usize]).unwrap();
        Payload::from_tables(tables)
    }

    /// The same rows with a number in the last ones of a column.
    fn with_last(frame: &DataFrame, name: &str, number: i64, rows: usize) -> DataFrame {
        let column = frame.column(name).unwrap().i64().unwrap();
        let mut values: Vec<Option<i64>> = column.iter().collect();
        for value in values.iter_mut().rev().take(rows) {
            *value = Some(number);
        }
        let mut frame = frame.clone();
        frame.with_column(Column::new(name.into(), values)).unwrap();
        frame
    }

    #[track_caller]
    fn check_count(table: TableName, name: &'static str, found: i64, largest: i64) {
        for rows in [1, usize::MAX] {
            let payload = changed(table, |frame| with_last(frame, name, found, rows));
            check_fault(&payload, &Limits::default(), |fault| {
                matches!(fault, PayloadFault::Count { column, found: f, largest: l }
                    if *column == name && *f == found && *l == largest)
            });
        }
    }

    #[test]
    fn counts_that_are_none_are_refused() {
        let most = i64::MAX;
        let few = i64::from(u32::MAX);
        check_count(TableName::Trials, "trial", -1, most);
        check_count(TableName::Trials, "steps", i64::MIN, most);
        check_count(TableName::Trials, "attempt", few + 1, few);
        check_count(TableName::History, "step", -7, most);
        check_count(TableName::Spectra, "layer", -1, few);
        check_count(TableName::Spectra, "index", few + 1, few);
        check_count(TableName::Spectra, "multiplicity", -1, few);
        check_count(TableName::Layers, "trial", -1, most);
        // A number that takes the bit of the sign, as it was handed in.
        let beyond = batch([i64::MAX.cast_unsigned() + 1], &[])
            .to_payload()
            .unwrap();
        check_fault(&beyond, &Limits::default(), |fault| {
            matches!(
                fault,
                PayloadFault::Count {
                    column: "trial",
                    found: i64::MIN,
                    ..
                }
            )
        });
        let largest = changed(TableName::History, |frame| {
            with_last(frame, "step", most, 1)
        });
        assert!(decoded(&largest).is_ok());
    }

    #[test]
    fn every_truncation_is_refused() {
        let trials = payload().into_tables()[0].clone();
        for length in (1..trials.len()).step_by(7) {
            let cut = trials[..length].to_vec();
            let cut = Payload::from_tables([cut, Vec::new(), Vec::new(), Vec::new()]);
            assert!(decoded(&cut).is_err(), "{length} of {} bytes", trials.len());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever bytes change, decoding ends with an answer, and what it accepts can be checked and encoded.
        #[test]
        fn changed_bytes_never_harm(
            table in 0_usize..4,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        ) {
            let mut tables = payload().into_tables();
            for (at, byte) in changes {
                let at = at.index(tables[table].len());
                tables[table][at] = byte;
            }
            if let Ok(batch) = decoded(&Payload::from_tables(tables))
                && batch.check_consistent().is_ok()
            {
                prop_assert!(batch.to_payload().is_ok());
            }
        }
    }
}
