//! Bytes that claim to be a data file: reading ends with an answer, and an array it accepts is finite.

use sweep::{ArrayRef, Columns, Role};

const ENDINGS: [&str; 5] = ["npy", "npz", "csv", "csv.gz", "parquet"];

pub fn fuzz(data: &[u8]) {
    let Some((&choice, bytes)) = data.split_first() else {
        return;
    };
    let ending = ENDINGS[usize::from(choice) % ENDINGS.len()];
    let array = ArrayRef {
        role: if choice & 0x80 == 0 {
            Role::Inputs
        } else {
            Role::Labels
        },
        file: format!("x.{ending}"),
        array: None,
        columns: (choice & 0x40 != 0).then(|| Columns::range(0, 2)),
        scale_text: None,
        transpose: choice & 0x20 != 0,
        header: choice & 0x10 != 0,
    };
    if let Ok(array) = table::read_array(bytes, &array) {
        assert!(array.iter().all(|x| x.is_finite()));
    }
}
